//! `#[derive(Aggregate)]`.

mod model;
mod print;

use crate::mistakes::Mistakes;
use model::Model;
use proc_macro2::TokenStream;
use quote::quote;
use syn::DeriveInput;

/// The `impl Aggregate`, or every mistake in `input`.
pub(crate) fn derive(input: &DeriveInput) -> TokenStream {
    let mut mistakes = Mistakes::default();
    let model = Model::of(input, &mut mistakes);
    match (mistakes.into_compile_errors(), model) {
        (None, Some(model)) => print::aggregate(&model),
        (errors, model) => {
            let stub = model.filter(|_| input.generics.params.is_empty()).map(|model| print::stub(&model));
            quote!(#errors #stub)
        }
    }
}
