//! [`SelectionArgs`].

use es_core::Filter;

/// Which events of the log are meant: all, unless categories or types are named.
#[derive(Debug, Clone, Default, clap::Args)]
// These docs are for the application's author: they are no help for its users.
#[command(about = None, long_about = None)]
pub struct SelectionArgs {
    /// Only streams of this category; may be given several times
    #[arg(long = "category", value_name = "CATEGORY")]
    categories: Vec<String>,
    /// Only events of this type, as in account.deposited, or account.* for all that begin so; may be given several times
    #[arg(long = "type", value_name = "TYPE")]
    types: Vec<String>,
}

impl SelectionArgs {
    pub(crate) fn filter(&self) -> Filter {
        let filter = self.categories.iter().fold(Filter::default(), Filter::category);
        self.types.iter().fold(filter, |filter, name| match name.strip_suffix(".*") {
            Some(prefix) => filter.names_under(prefix),
            None => filter.name(name),
        })
    }
}
