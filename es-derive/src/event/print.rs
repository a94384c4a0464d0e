//! Prints a [`Model`] as the `impl Event` that a person could have written.

use super::model::{EventVariant, Kind, Member, Model};
use super::old_shapes::OldShape;
use crate::span::at;
use proc_macro2::{Ident, TokenStream};
use quote::{quote, quote_spanned};
use syn::Type;

/// The whole implementation.
pub(crate) fn event(model: &Model) -> TokenStream {
    let ident = &model.ident;
    match &model.kind {
        Kind::Own(variants) => implementation(ident, &own(ident, variants)),
        Kind::Union(members) => {
            let implementation = implementation(ident, &union(ident, members));
            let checked_now = quote_spanned! {at(ident)=>
                const _: &[::es_core::EventType] = <#ident as ::es_core::Event>::TYPES;
            };
            quote!(#implementation #checked_now)
        }
    }
}

/// An implementation that stands in while there are mistakes, so that no use of the enum is reported as well.
pub(crate) fn stub(ident: &Ident) -> TokenStream {
    let unreachable = quote!(::core::unreachable!("this does not compile"));
    let body = Body {
        types: quote!(&[]),
        event_type: unreachable.clone(),
        encode: unreachable.clone(),
        decode: quote!(let _ = (name, version, payload); #unreachable),
    };
    implementation(ident, &body)
}

struct Body {
    types: TokenStream,
    event_type: TokenStream,
    encode: TokenStream,
    decode: TokenStream,
}

fn implementation(ident: &Ident, body: &Body) -> TokenStream {
    let Body { types, event_type, encode, decode } = body;
    quote! {
        #[automatically_derived]
        #[allow(deprecated)]
        impl ::es_core::Event for #ident {
            const TYPES: &'static [::es_core::EventType] = #types;

            fn event_type(&self) -> &'static ::es_core::EventType {
                #event_type
            }

            fn encode(&self) -> ::core::result::Result<::std::vec::Vec<u8>, ::es_core::EncodeProblem> {
                #encode
            }

            fn decode(
                name: &str,
                version: u32,
                payload: &[u8],
            ) -> ::core::result::Result<Self, ::es_core::DecodeProblem> {
                #decode
            }
        }
    }
}

fn own(ident: &Ident, variants: &[EventVariant]) -> Body {
    let types = variants.iter().map(|EventVariant { name, aliases, version, .. }| {
        quote!(::es_core::EventType { name: #name, aliases: &[#(#aliases),*], version: #version })
    });
    let numbered = (0_usize..).zip(variants);
    let arms = numbered.map(|(index, EventVariant { ident, .. })| {
        quote!(Self::#ident { .. } => &<Self as ::es_core::Event>::TYPES[#index])
    });
    let decoders = (0_u32..).zip(variants).map(|(index, variant)| decode_variant(ident, index, variant));
    Body {
        types: quote!(&[#(#types),*]),
        event_type: quote!(match self { #(#arms,)* }),
        encode: quote_spanned!(at(ident)=> ::es_core::__derive::encode_variant(self)),
        decode: quote! {
            match name {
                #(#decoders)*
                _ => ::core::result::Result::Err(::es_core::DecodeProblem::UnknownName),
            }
        },
    }
}

/// The arm that reads one variant, in every version.
fn decode_variant(event: &Ident, index: u32, variant: &EventVariant) -> TokenStream {
    let EventVariant { name, aliases, version, old_shapes, .. } = variant;
    let oldest = old_shapes.first().map_or(*version, |shape| shape.version);
    let today = quote_spanned! {at(event)=>
        ::es_core::__derive::decode_variant::<Self>(#index, payload)
    };
    let old = (0..old_shapes.len())
        .filter_map(|first| old_shapes[first..].split_first())
        .map(|(stored, later)| decode_old(stored, later));
    quote! {
        #name #(| #aliases)* => match version {
            #version => #today,
            #(#old)*
            found => ::core::result::Result::Err(::es_core::DecodeProblem::UnknownVersion {
                found,
                oldest: #oldest,
                newest: #version,
            }),
        },
    }
}

/// The arm that reads `stored` and upcasts it through the `later` shapes to the event.
fn decode_old(stored: &OldShape, later: &[OldShape]) -> TokenStream {
    let OldShape { version, ty } = stored;
    let read = quote_spanned!(at(ty)=> let shape: #ty = ::es_core::__derive::decode_old(payload)?;);
    let mut newest = stored;
    let mut steps = TokenStream::new();
    for next in later {
        let upcast = upcast(newest);
        let ty = &next.ty;
        steps.extend(quote_spanned!(at(ty)=> let shape: #ty = #upcast?;));
        newest = next;
    }
    let last = upcast(newest);
    quote!(#version => { #read #steps #last })
}

fn upcast(OldShape { version, ty }: &OldShape) -> TokenStream {
    quote_spanned!(at(ty)=> ::es_core::__derive::upcast(#version, shape))
}

fn union(ident: &Ident, members: &[Member]) -> Body {
    let events: Vec<_> = members.iter().map(|member| as_event(&member.event)).collect();
    let lists: Vec<_> = events.iter().map(|event| quote!(#event::TYPES)).collect();
    let variants: Vec<_> = members.iter().map(|member| &member.ident).collect();
    let decoders = members.iter().map(|Member { ident, event }| {
        let member = as_event(event);
        quote_spanned! {at(event)=>
            if #member::TYPES.iter().any(|known| known.name == name || known.aliases.contains(&name)) {
                return #member::decode(name, version, payload).map(Self::#ident);
            }
        }
    });
    Body {
        types: quote_spanned! {at(ident)=>
            &::es_core::__derive::concat::<{ #(#lists.len())+* }>(&[#(#lists),*])
        },
        event_type: quote!(match self { #(Self::#variants(event) => #events::event_type(event),)* }),
        encode: quote!(match self { #(Self::#variants(event) => #events::encode(event),)* }),
        decode: quote! {
            #(#decoders)*
            ::core::result::Result::Err(::es_core::DecodeProblem::UnknownName)
        },
    }
}

fn as_event(member: &Type) -> TokenStream {
    quote_spanned!(at(member)=> <#member as ::es_core::Event>)
}
