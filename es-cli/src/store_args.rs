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
    /// The store: `sqlite:PATH` or `memory` [env: ES_STORE_URL, DATABASE_URL]
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
    /// Which store is meant; `default` where neither the command line nor the environment names one.
    pub fn url_or(&self, default: &str) -> StoreUrl {
        self.choose(std::env::var(DATABASE_URL).ok(), default)
    }

    /// Opens the store that is meant; `default` where neither the command line nor the environment names one.
    ///
    /// # Errors
    /// [`Failure`], as in [`StoreUrl::open`].
    pub async fn open_or(&self, default: &str) -> Result<Arc<dyn Store>, Failure> {
        self.url_or(default).open().await
    }

    /// What is empty says nothing.
    fn choose(&self, database_url: Option<String>, default: &str) -> StoreUrl {
        let given = self.url.clone().filter(|url| !url.is_empty());
        let database_url = database_url.filter(|url| !url.is_empty()).map(StoreUrl::from);
        given.or(database_url).unwrap_or_else(|| default.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_given_counts_before_the_environment_and_that_before_the_default() {
        let args = |url: &str| StoreArgs { url: Some(url.into()) };
        let environment = |url: &str| Some(url.to_owned());
        let chosen = [
            args("memory").choose(environment("sqlite:b.db"), "sqlite:c.db"),
            args("").choose(environment("sqlite:b.db"), "sqlite:c.db"),
            StoreArgs::default().choose(environment("sqlite:b.db"), "sqlite:c.db"),
            StoreArgs::default().choose(environment(""), "sqlite:c.db"),
            StoreArgs::default().choose(None, "sqlite:c.db"),
        ];
        let chosen = chosen.map(|url| url.to_string());
        assert_eq!(chosen, ["memory", "sqlite:b.db", "sqlite:b.db", "sqlite:c.db", "sqlite:c.db"]);
    }
}
