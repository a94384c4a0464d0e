//! `#[derive(Event)]`.

mod model;
mod old_shapes;
mod print;
mod serde_words;
mod stored_names;

use crate::mistakes::Mistakes;
use model::Model;
use proc_macro2::TokenStream;
use quote::quote;
use syn::DeriveInput;

/// The `impl Event`, or every mistake in `input`.
pub(crate) fn derive(input: &DeriveInput) -> TokenStream {
    let mut mistakes = Mistakes::default();
    let model = Model::of(input, &mut mistakes);
    match (mistakes.into_compile_errors(), model) {
        (None, Some(model)) => print::event(&model),
        (errors, _) => {
            let stub = input.generics.params.is_empty().then(|| print::stub(&input.ident));
            quote!(#errors #stub)
        }
    }
}
