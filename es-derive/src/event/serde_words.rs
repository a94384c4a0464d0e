//! The words of `#[serde(…)]` that would change what is stored, refused with the reason.

use crate::mistakes::Mistakes;
use syn::punctuated::Punctuated;
use syn::{Attribute, Meta, Token};

const TAG: &str = "an event is stored under its own name with its fields alone, without a tag: remove this";
const OTHER_TYPE: &str = "an event is stored as itself, not through another type: remove this, \
    and read old shapes with `#[event(version = 2, upcast(1 = …))]`";
const SKIPPED: &str = "every variant of an event can be stored and read: remove this, or remove the variant";

/// The words that are refused on the enum.
const ON_ENUM: &[(&str, &str)] = &[
    ("tag", TAG),
    ("content", TAG),
    ("untagged", TAG),
    ("from", OTHER_TYPE),
    ("try_from", OTHER_TYPE),
    ("into", OTHER_TYPE),
    ("remote", "an event is an enum of your own: remove this, and convert where the event is made"),
    ("transparent", "an enum whose variants hold other events is `#[event(transparent)]`"),
];

/// The words that are refused on a variant.
const ON_VARIANT: &[(&str, &str)] = &[
    ("skip", SKIPPED),
    ("skip_serializing", SKIPPED),
    ("skip_deserializing", SKIPPED),
    ("other", "an unknown event is an error, it is never read as another: remove this"),
    ("untagged", TAG),
    ("rename", "serde's name is not stored: write `#[event(rename = \"…\")]`"),
    ("alias", "serde's names are not stored: write `#[event(alias = \"…\")]`"),
];

/// Refuses what cannot stand on the enum.
pub(crate) fn refuse_on_enum(attributes: &[Attribute], mistakes: &mut Mistakes) {
    refuse(ON_ENUM, attributes, mistakes);
}

/// Refuses what cannot stand on a variant.
pub(crate) fn refuse_on_variant(attributes: &[Attribute], mistakes: &mut Mistakes) {
    refuse(ON_VARIANT, attributes, mistakes);
}

/// What does not parse is left to serde, which says so itself.
fn refuse(refused: &[(&str, &str)], attributes: &[Attribute], mistakes: &mut Mistakes) {
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("serde")) {
        let words = attribute.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated);
        for word in words.into_iter().flatten() {
            if let Some((_, reason)) = refused.iter().find(|(refused, _)| word.path().is_ident(refused)) {
                mistakes.add(word.path(), reason);
            }
        }
    }
}
