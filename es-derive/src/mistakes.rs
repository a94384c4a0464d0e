//! [`Mistakes`]: everything that is wrong with one derive, reported at once.

use proc_macro2::TokenStream;
use quote::ToTokens;
use std::fmt::Display;

/// What the user wrote wrong so far, each mistake at its own token.
#[derive(Default)]
pub(crate) struct Mistakes(Option<syn::Error>);

impl Mistakes {
    /// Adds one, shown under the tokens of `at`.
    pub(crate) fn add(&mut self, at: impl ToTokens, message: impl Display) {
        let mistake = syn::Error::new_spanned(at, message);
        match &mut self.0 {
            Some(earlier) => earlier.combine(mistake),
            None => self.0 = Some(mistake),
        }
    }

    /// One `compile_error!` for each, or nothing.
    pub(crate) fn into_compile_errors(self) -> Option<TokenStream> {
        self.0.map(|mistakes| mistakes.into_compile_error())
    }
}
