//! [`StoreArgs`].

use crate::{Command, Failure, StoreUrl, dot_env, recorder, unknown};
use es_core::Store;
use std::path::Path;
use std::sync::Arc;

/// The variables that name the store of an application that says nothing else.
const ES_STORE_URL: &str = "ES_STORE_URL";
const DATABASE_URL: &str = "DATABASE_URL";
/// The file of the working folder that may set them where the environment does not.
const DOT_ENV: &str = ".env";

/// The option `--store URL`, for an application's own arguments: `#[command(flatten)] store: es_cli::StoreArgs`.
///
/// It works before and behind a subcommand. Without it `ES_STORE_URL` counts, then `DATABASE_URL`, then what the file `.env`
/// of the working folder sets either to, then the application's default.
#[derive(Debug, Clone, Default, clap::Args)]
// These docs are for the application's author: they are no help for its users.
#[command(about = None, long_about = None)]
pub struct StoreArgs {
    /// The store: `sqlite:PATH`, `postgres://…` or `memory`; .env is read too [env: ES_STORE_URL, DATABASE_URL]
    #[arg(
        long = "store",
        value_name = "URL",
        global = true,
        env = ES_STORE_URL,
        hide_env = true,
        display_order = 900
    )]
    url: Option<StoreUrl>,
}

impl StoreArgs {
    /// Which store is meant, where the command line, the environment or the file `.env` names one.
    ///
    /// # Errors
    /// [`Failure`] when nothing else names one and the file `.env` cannot be read.
    pub fn url(&self) -> Result<Option<StoreUrl>, Failure> {
        self.choose(std::env::var(DATABASE_URL).ok(), Path::new(DOT_ENV))
    }

    /// Which store is meant; `default` where nothing names one.
    ///
    /// # Errors
    /// As [`url`](Self::url).
    pub fn url_or(&self, default: &str) -> Result<StoreUrl, Failure> {
        Ok(self.url()?.unwrap_or_else(|| default.into()))
    }

    /// Opens the store that is meant; `default` where nothing names one.
    ///
    /// Before that it installs a recorder of [metrics](es_core::metrics), once per process and with the meaning of each,
    /// so that `run --listen` can answer `/metrics`. It records all that goes through the facade of the crate `metrics`,
    /// also what the application itself counts. An application with another recorder installs that one before it comes
    /// here: it stays, and `/metrics` answers 404. Must be called on a runtime of tokio, where a task tidies up the
    /// histograms every 5 seconds.
    ///
    /// # Errors
    /// [`Failure`], as in [`url`](Self::url) and in [`StoreUrl::open`].
    pub async fn open_or(&self, default: &str) -> Result<Arc<dyn Store>, Failure> {
        let url = self.url_or(default)?;
        recorder::install();
        url.open().await
    }

    /// Opens the store for a command, or for what the application does without one. As [`open_or`](Self::open_or) where
    /// events may come; a command that needs what is there is refused where there is no store, and does not make an empty
    /// one. A `check` is then answered with UNKNOWN.
    ///
    /// # Errors
    /// As [`open_or`](Self::open_or), and [`FailureKind::NotFound`](crate::FailureKind::NotFound) where there is no store;
    /// [`FailureKind::Unknown`](crate::FailureKind::Unknown) for a `check`.
    pub async fn open_for(
        &self,
        command: Option<&Command>,
        default: &str,
    ) -> Result<Arc<dyn Store>, Failure> {
        match command {
            None | Some(Command::Run(_)) => self.open_or(default).await,
            Some(Command::Completions(_)) => self.for_nothing(default)?.open().await,
            Some(Command::Check(check)) => {
                self.existing(default).await.map_err(|failure| unknown(check, failure))
            }
            Some(_) => self.existing(default).await,
        }
    }

    async fn existing(&self, default: &str) -> Result<Arc<dyn Store>, Failure> {
        self.url_or(default)?.open_existing().await
    }

    /// A store for what needs none.
    fn for_nothing(&self, default: &str) -> Result<StoreUrl, Failure> {
        match () {
            () if cfg!(feature = "memory") => Ok("memory".into()),
            () if cfg!(feature = "sqlite") => Ok("sqlite::memory:".into()),
            () => self.url_or(default),
        }
    }

    /// What is empty says nothing.
    fn choose(&self, database_url: Option<String>, dot_env: &Path) -> Result<Option<StoreUrl>, Failure> {
        let given = self.url.clone().filter(|url| !url.is_empty());
        let database_url = database_url.filter(|url| !url.is_empty()).map(StoreUrl::from);
        match given.or(database_url) {
            Some(url) => Ok(Some(url)),
            None => Ok(dot_env::first_of(&[ES_STORE_URL, DATABASE_URL], dot_env)?.map(StoreUrl::from)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_given_counts_before_the_environment_and_what_is_empty_says_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let [none, file] = ["none", "some"].map(|name| directory.path().join(name));
        std::fs::write(&file, "DATABASE_URL=sqlite:c.db").unwrap();
        let args = |url: &str| StoreArgs { url: Some(url.into()) };
        let environment = |url: &str| Some(url.to_owned());
        let chosen = [
            args("memory").choose(environment("sqlite:b.db"), &file),
            args("").choose(environment("sqlite:b.db"), &file),
            StoreArgs::default().choose(environment("sqlite:b.db"), &file),
            StoreArgs::default().choose(environment(""), &file),
            StoreArgs::default().choose(None, &none),
        ];
        let chosen = chosen.map(|url| url.unwrap().map(|url| url.to_string()));
        let expected = [Some("memory"), Some("sqlite:b.db"), Some("sqlite:b.db"), Some("sqlite:c.db"), None];
        assert_eq!(chosen, expected.map(|url| url.map(str::to_owned)));
    }
}
