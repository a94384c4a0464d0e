//! [`StoreArgs`].

use crate::{Failure, StoreUrl};
use es_core::Store;
use std::sync::Arc;

/// The variable that names the store of an application that says nothing else.
const DATABASE_URL: &str = "DATABASE_URL";

/// The option `--store URL`, for an application's own arguments: `#[command(flatten)] store: es_cli::StoreArgs`.
///
/// It works before and behind a subcommand. Without it `ES_STORE_URL` counts, then `DATABASE_URL`, then the
/// application's default.
#[derive(Debug, Clone, Default, clap::Args)]
// These docs are for the application's author: they are no help for its users.
#[command(about = None, long_about = None)]
pub struct StoreArgs {
    /// The store: `sqlite:PATH`, `postgres://…` or `memory` [env: ES_STORE_URL, DATABASE_URL]
    #[arg(
        long = "store",
        value_name = "URL",
        global = true,
        env = "ES_STORE_URL",
        hide_env = true,
        display_order = 900
    )]
    url: Option<StoreUrl>,
}

impl StoreArgs {
    /// Which store is meant, where the command line or the environment names one.
    pub fn url(&self) -> Option<StoreUrl> {
        self.choose(std::env::var(DATABASE_URL).ok())
    }

    /// Which store is meant; `default` where neither the command line nor the environment names one.
    pub fn url_or(&self, default: &str) -> StoreUrl {
        self.url().unwrap_or_else(|| default.into())
    }

    /// Opens the store that is meant; `default` where neither the command line nor the environment names one.
    ///
    /// # Errors
    /// [`Failure`], as in [`StoreUrl::open`].
    pub async fn open_or(&self, default: &str) -> Result<Arc<dyn Store>, Failure> {
        self.url_or(default).open().await
    }

    /// What is empty says nothing.
    fn choose(&self, database_url: Option<String>) -> Option<StoreUrl> {
        let given = self.url.clone().filter(|url| !url.is_empty());
        let database_url = database_url.filter(|url| !url.is_empty()).map(StoreUrl::from);
        given.or(database_url)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_given_counts_before_the_environment_and_what_is_empty_says_nothing() {
        let args = |url: &str| StoreArgs { url: Some(url.into()) };
        let environment = |url: &str| Some(url.to_owned());
        let chosen = [
            args("memory").choose(environment("sqlite:b.db")),
            args("").choose(environment("sqlite:b.db")),
            StoreArgs::default().choose(environment("sqlite:b.db")),
            StoreArgs::default().choose(environment("")),
            StoreArgs::default().choose(None),
        ];
        let chosen = chosen.map(|url| url.map(|url| url.to_string()));
        let expected = [Some("memory"), Some("sqlite:b.db"), Some("sqlite:b.db"), None, None];
        assert_eq!(chosen, expected.map(|url| url.map(str::to_owned)));
    }
}
