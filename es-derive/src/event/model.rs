//! [`Model`]: what the user's enum says, checked.

use super::old_shapes::{self, OldShape};
use super::serde_words;
use super::stored_names::StoredNames;
use crate::mistakes::Mistakes;
use crate::words::{Known, Place, Words};
use proc_macro2::Ident;
use syn::{Attribute, Data, DataEnum, DeriveInput, Fields, Type, Variant};

static ON_ENUM: Place = Place {
    attribute: "event",
    on: "the enum",
    example: r#"prefix = "account""#,
    words: &[Known::once("prefix", r#"prefix = "account""#), Known::once("transparent", "transparent")],
    other: Some(&ON_VARIANT),
};

static ON_VARIANT: Place = Place {
    attribute: "event",
    on: "a variant",
    example: r#"rename = "paid_in""#,
    words: &[
        Known::once("rename", r#"rename = "paid_in""#),
        Known::repeatable("alias", r#"alias = "deposited""#),
        Known::once("version", "version = 2"),
        Known::once("upcast", "upcast(1 = OpenedV1)"),
    ],
    other: Some(&ON_ENUM),
};

/// An enum that is an event.
pub(crate) struct Model {
    /// The enum's name.
    pub(crate) ident: Ident,
    /// Where its names and payloads come from.
    pub(crate) kind: Kind,
}

/// Whether the enum's variants are events or enums of events.
pub(crate) enum Kind {
    /// Each variant has a stored name and a payload.
    Own(Vec<EventVariant>),
    /// `#[event(transparent)]`: each variant holds another event.
    Union(Vec<Member>),
}

/// A variant that is stored.
pub(crate) struct EventVariant {
    /// The variant's name in Rust.
    pub(crate) ident: Ident,
    /// The name it is stored under.
    pub(crate) name: String,
    /// The names it was stored under.
    pub(crate) aliases: Vec<String>,
    /// The schema version of today.
    pub(crate) version: u32,
    /// The shapes of the versions before, oldest first and without a gap.
    pub(crate) old_shapes: Vec<OldShape>,
}

/// A variant of a union.
pub(crate) struct Member {
    /// The variant's name.
    pub(crate) ident: Ident,
    /// The event it holds.
    pub(crate) event: Type,
}

impl Model {
    /// Reads `input`; there is a model of whatever could be understood, but it counts only without mistakes.
    pub(crate) fn of(input: &DeriveInput, mistakes: &mut Mistakes) -> Option<Self> {
        let data = expect_enum(input, mistakes)?;
        if !input.generics.params.is_empty() {
            mistakes.add(&input.generics, "an event is stored, so its types are known: remove the generics");
        }
        if data.variants.is_empty() {
            mistakes.add(&input.ident, "an event has at least one variant: write what can happen");
        }
        refuse_on_fields(data, mistakes);
        let words = Words::read(&ON_ENUM, &input.attrs, mistakes);
        let kind = match is_union(&words) {
            true => union(&words, data, mistakes),
            false => own(&words, input, data, mistakes),
        };
        Some(Self { ident: input.ident.clone(), kind })
    }
}

fn expect_enum<'i>(input: &'i DeriveInput, mistakes: &mut Mistakes) -> Option<&'i DataEnum> {
    let message = format!(
        "an event is an enum: write `enum {}` with a variant for each thing that can happen",
        input.ident
    );
    match &input.data {
        Data::Enum(data) => return Some(data),
        Data::Struct(data) => mistakes.add(data.struct_token, message),
        Data::Union(data) => mistakes.add(data.union_token, message),
    }
    None
}

fn refuse_on_fields(data: &DataEnum, mistakes: &mut Mistakes) {
    for attribute in data.variants.iter().flat_map(|v| &v.fields).flat_map(|field| event_words(&field.attrs))
    {
        mistakes.add(attribute, "`#[event(…)]` belongs on the enum or a variant, this is on a field");
    }
}

fn event_words(attributes: &[Attribute]) -> impl Iterator<Item = &Attribute> {
    attributes.iter().filter(|attribute| attribute.path().is_ident("event"))
}

/// Also where `transparent` was only meant: then its members are not told that they need a prefix.
fn is_union(words: &Words) -> bool {
    words.get("transparent").is_some() || (words.lack("prefix") && !words.lack("transparent"))
}

fn union(words: &Words, data: &DataEnum, mistakes: &mut Mistakes) -> Kind {
    if let Some(transparent) = words.get("transparent") {
        transparent.stands_alone(mistakes);
    }
    if let Some(prefix) = words.get("prefix") {
        mistakes.add(&prefix.ident, "a union has no names of its own: remove `prefix` or `transparent`");
    }
    let mut members = Vec::new();
    for variant in &data.variants {
        for attribute in event_words(&variant.attrs) {
            mistakes.add(attribute, "a union has no names of its own: write this in the member");
        }
        members.extend(member(variant, mistakes));
    }
    Kind::Union(members)
}

fn member(variant: &Variant, mistakes: &mut Mistakes) -> Option<Member> {
    match &variant.fields {
        Fields::Unnamed(fields) if fields.unnamed.len() == 1 => {
            Some(Member { ident: variant.ident.clone(), event: fields.unnamed[0].ty.clone() })
        }
        _ => {
            let ident = &variant.ident;
            let message = format!("a member of a union holds one other event: write `{ident}({ident}Event)`");
            mistakes.add(variant_without_attributes(variant), message);
            None
        }
    }
}

fn variant_without_attributes(variant: &Variant) -> Variant {
    Variant { attrs: Vec::new(), ..variant.clone() }
}

fn own(words: &Words, input: &DeriveInput, data: &DataEnum, mistakes: &mut Mistakes) -> Kind {
    serde_words::refuse_on_enum(&input.attrs, mistakes);
    let mut names = StoredNames::of(words, &input.ident, mistakes);
    let mut variants = Vec::new();
    for variant in &data.variants {
        serde_words::refuse_on_variant(&variant.attrs, mistakes);
        let words = Words::read(&ON_VARIANT, &variant.attrs, mistakes);
        variants.extend(event_variant(variant, &words, &mut names, mistakes));
    }
    Kind::Own(variants)
}

fn event_variant(
    variant: &Variant,
    words: &Words,
    names: &mut StoredNames,
    mistakes: &mut Mistakes,
) -> Option<EventVariant> {
    let name = names.name(&variant.ident, words.get("rename"), mistakes);
    let aliases =
        words.all("alias").filter_map(|alias| names.alias(&variant.ident, alias, mistakes)).collect();
    let version = match words.get("version") {
        Some(word) => word.version(mistakes),
        None => Some(1),
    };
    let old_shapes = match words.get("upcast") {
        Some(upcast) => {
            let shapes = old_shapes::read(upcast, mistakes);
            let at = words.get("version").unwrap_or(upcast);
            old_shapes::check_newest(&shapes, version, at, mistakes);
            shapes
        }
        None => Vec::new(),
    };
    Some(EventVariant { ident: variant.ident.clone(), name: name?, aliases, version: version?, old_shapes })
}
