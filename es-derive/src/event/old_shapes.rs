//! [`OldShape`]: `upcast(1 = OpenedV1, 2 = OpenedV2)`, the types that old payloads are read as.

use crate::mistakes::Mistakes;
use crate::words::{Word, read_version};
use proc_macro2::TokenTree;
use syn::parse::{Parse, ParseStream};
use syn::{LitInt, Token, Type};

/// The payload of an old version.
pub(crate) struct OldShape {
    /// The version that was stored with it.
    pub(crate) version: u32,
    /// The type it deserializes into.
    pub(crate) ty: Type,
}

/// Reads the shapes of an `upcast`: in order, none left out between the first and the last.
pub(crate) fn read(upcast: &Word, mistakes: &mut Mistakes) -> Vec<OldShape> {
    let mut shapes: Vec<OldShape> = Vec::new();
    let Some(pieces) = upcast.list(mistakes) else { return shapes };
    if pieces.is_empty() {
        upcast.refuse_form(&upcast.ident, mistakes);
    }
    for piece in pieces {
        let Some((version, Entry { number, ty })) = read_entry(piece, upcast, mistakes) else { continue };
        let expected = shapes.last().map_or(version, |before| before.version.saturating_add(1));
        if version != expected {
            mistakes.add(&number, format!("expected version {expected}: old shapes go up one by one"));
        }
        shapes.push(OldShape { version, ty });
    }
    shapes
}

/// The newest old shape is the one just before `version`; `at` is the word to correct.
pub(crate) fn check_newest(shapes: &[OldShape], version: Option<u32>, at: &Word, mistakes: &mut Mistakes) {
    let (Some(newest), Some(version)) = (shapes.last(), version) else { return };
    let next = newest.version.saturating_add(1);
    if next != version {
        let message = format!(
            "the newest old shape is version {}, so the variant is `version = {next}`, found {version}",
            newest.version
        );
        mistakes.add(&at.ident, message);
    }
}

struct Entry {
    number: LitInt,
    ty: Type,
}

impl Parse for Entry {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let number = input.parse()?;
        input.parse::<Token![=]>()?;
        Ok(Self { number, ty: input.parse()? })
    }
}

fn read_entry(piece: Vec<TokenTree>, upcast: &Word, mistakes: &mut Mistakes) -> Option<(u32, Entry)> {
    let tokens = piece.into_iter().collect();
    match syn::parse2::<Entry>(proc_macro2::TokenStream::clone(&tokens)) {
        Ok(entry) => Some((read_version(&entry.number, &entry.number, mistakes)?, entry)),
        Err(_) => {
            upcast.refuse_form(tokens, mistakes);
            None
        }
    }
}
