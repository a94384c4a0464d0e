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
pub struct StoreArgs {
    /// The store: `sqlite:PATH` or `memory` [env: ES_STORE_URL, DATABASE_URL]
    #[arg(long = "store", value_name = "URL", global = true, env = "ES_STORE_URL", hide_env = true)]
    url: Option<StoreUrl>,
}

impl StoreArgs {
    /// Which store is meant; `default` where neither the command line nor the environment names one.
    pub fn url_or(&self, default: &str) -> StoreUrl {
        let from_environment = || std::env::var(DATABASE_URL).ok().filter(|url| !url.is_empty());
        let url = self.url.clone().filter(|url| !url.is_empty());
        url.or_else(|| from_environment().map(StoreUrl::from)).unwrap_or_else(|| default.into())
    }

    /// Opens the store that is meant; `default` where neither the command line nor the environment names one.
    ///
    /// # Errors
    /// [`Failure`], as in [`StoreUrl::open`].
    pub async fn open_or(&self, default: &str) -> Result<Arc<dyn Store>, Failure> {
        self.url_or(default).open().await
    }
}
