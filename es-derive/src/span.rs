//! Where the compiler points when printed code does not fit the user's types.

use proc_macro2::Span;
use syn::spanned::Spanned;

/// The place of the user's `tokens`, for code that the user did not write.
pub(crate) fn at(tokens: &impl Spanned) -> Span {
    Span::call_site().located_at(tokens.span())
}
