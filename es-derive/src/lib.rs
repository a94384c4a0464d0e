//! Derives `Event` and `Aggregate` for es-core.
use proc_macro::TokenStream;

/// Derives `Event`.
#[proc_macro_derive(Event, attributes(event, serde))]
pub fn event(_: TokenStream) -> TokenStream {
    TokenStream::new()
}

/// Derives `Aggregate`.
#[proc_macro_derive(Aggregate, attributes(aggregate))]
pub fn aggregate(_: TokenStream) -> TokenStream {
    TokenStream::new()
}
