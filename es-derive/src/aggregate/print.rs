//! Prints a [`Model`] as the `impl Aggregate` that a person could have written.

use super::model::{Init, InitField, Model};
use crate::span::at;
use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};

/// The whole implementation.
pub(crate) fn aggregate(model: &Model) -> TokenStream {
    match &model.init {
        Init::Call(path) => implementation(model, &quote!(id), &quote!(#path(id))),
        Init::Fields(fields) => {
            let id = if fields.iter().any(|field| field.holds_id) { quote!(id) } else { quote!(_id) };
            let fields = fields.iter().map(init_field);
            implementation(model, &id, &quote!(Self { #(#fields),* }))
        }
    }
}

/// An implementation that stands in while there are mistakes, so that no use of the aggregate is reported as well.
pub(crate) fn stub(model: &Model) -> TokenStream {
    implementation(model, &quote!(_id), &quote!(::core::unreachable!("this does not compile")))
}

/// The parameter of `init` is not of the type `Self::Id`, which would report a missing `Apply` once more.
fn implementation(model: &Model, id: &TokenStream, init: &TokenStream) -> TokenStream {
    let Model { ident, name, id: id_type, event, error, .. } = model;
    let snapshot_version =
        model.snapshot_version.map(|version| quote!(const SNAPSHOT_VERSION: u32 = #version;));
    quote! {
        #[automatically_derived]
        #[allow(deprecated)]
        impl ::es_core::Aggregate for #ident {
            const NAME: &'static str = #name;
            #snapshot_version
            type Id = #id_type;
            type Event = #event;
            type Error = #error;

            fn init(#id: &#id_type) -> Self {
                #init
            }
        }
    }
}

fn init_field(InitField { ident, ty, holds_id }: &InitField) -> TokenStream {
    let value = match holds_id {
        true => quote_spanned!(at(ty)=> ::core::clone::Clone::clone(id)),
        false => quote_spanned!(at(ty)=> <#ty as ::core::default::Default>::default()),
    };
    quote!(#ident: #value)
}
