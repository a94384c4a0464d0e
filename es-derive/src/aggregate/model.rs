//! [`Model`]: what the user's struct says, checked.

use crate::mistakes::Mistakes;
use crate::names::{check_category, snake_case};
use crate::words::{Known, Place, Words};
use proc_macro2::Ident;
use syn::ext::IdentExt;
use syn::{Attribute, Data, DeriveInput, Fields, FieldsNamed, LitStr, Path, Type, parse_quote};

static ON_STRUCT: Place = Place {
    attribute: "aggregate",
    on: "the struct",
    example: "event = AccountEvent, error = AccountError",
    words: &[
        Known::once("event", "event = AccountEvent"),
        Known::once("error", "error = AccountError"),
        Known::once("id", "id = Iban"),
        Known::once("name", r#"name = "account""#),
        Known::once("init", "init = Account::closed"),
        Known::once("snapshot_version", "snapshot_version = 2"),
    ],
    other: None,
};

static ON_FIELD: Place = Place {
    attribute: "aggregate",
    on: "a field",
    example: "id",
    words: &[Known::once("id", "id")],
    other: Some(&ON_STRUCT),
};

/// A struct that is an aggregate.
pub(crate) struct Model {
    /// The struct's name.
    pub(crate) ident: Ident,
    /// The category of its streams.
    pub(crate) name: String,
    /// The version of its snapshots, if it is not the trait's own.
    pub(crate) snapshot_version: Option<u32>,
    /// What names one of them.
    pub(crate) id: Type,
    /// What can happen to it.
    pub(crate) event: Type,
    /// Why it says no.
    pub(crate) error: Type,
    /// How it begins.
    pub(crate) init: Init,
}

/// The state before the first event.
pub(crate) enum Init {
    /// What the user's function returns.
    Call(Path),
    /// Every field by `Default`, but the one that holds the id.
    Fields(Vec<InitField>),
}

/// A field of the first state.
pub(crate) struct InitField {
    /// Its name.
    pub(crate) ident: Ident,
    /// Its type.
    pub(crate) ty: Type,
    /// Whether it holds the aggregate's id.
    pub(crate) holds_id: bool,
}

impl Model {
    /// Reads `input`; what could be understood counts only without mistakes.
    pub(crate) fn of(input: &DeriveInput, mistakes: &mut Mistakes) -> Option<Self> {
        if !input.generics.params.is_empty() {
            let message = "an aggregate is stored, so its types are known: remove the generics";
            mistakes.add(&input.generics, message);
        }
        let words = Words::read(&ON_STRUCT, &input.attrs, mistakes);
        refuse_missing(&words, &input.ident, mistakes);
        let init = init(&words, input, mistakes);
        let name = name(&words, &input.ident, mistakes);
        let snapshot_version = words.get("snapshot_version").and_then(|word| word.version(mistakes));
        let [id, event, error] =
            ["id", "event", "error"].map(|word| words.get(word).and_then(|word| word.value(mistakes)));
        let id = id.unwrap_or_else(|| parse_quote!(::es_core::Id<Self>));
        let ident = input.ident.clone();
        Some(Self { ident, name, snapshot_version, id, event: event?, error: error?, init })
    }
}

fn refuse_missing(words: &Words, aggregate: &Ident, mistakes: &mut Mistakes) {
    let missing: Vec<_> = [("event", "Event"), ("error", "Error")]
        .into_iter()
        .filter(|(word, _)| words.lack(word))
        .map(|(word, suffix)| format!("{word} = {}{suffix}", aggregate.unraw()))
        .collect();
    if !missing.is_empty() {
        let message = format!(
            "what can happen to it, and why it says no? write `#[aggregate({})]`",
            missing.join(", ")
        );
        mistakes.add(aggregate, message);
    }
}

fn name(words: &Words, aggregate: &Ident, mistakes: &mut Mistakes) -> String {
    let Some(word) = words.get("name") else {
        let name = snake_case(&aggregate.unraw().to_string());
        if let Err(problem) = check_category(&name) {
            mistakes.add(aggregate, format!("{problem}: write `#[aggregate(name = \"…\")]`"));
        }
        return name;
    };
    let Some(literal) = word.value::<LitStr>(mistakes) else { return String::new() };
    if let Err(problem) = check_category(&literal.value()) {
        mistakes.add(&literal, problem);
    }
    literal.value()
}

fn init(words: &Words, input: &DeriveInput, mistakes: &mut Mistakes) -> Init {
    let fields = match &input.data {
        Data::Struct(data) => Some(&data.fields),
        Data::Enum(_) => None,
        Data::Union(data) => {
            mistakes.add(data.union_token, "an aggregate is a struct or an enum");
            return Init::Fields(Vec::new());
        }
    };
    if let Some(word) = words.get("init") {
        for attribute in fields.into_iter().flatten().flat_map(|field| aggregate_words(&field.attrs)) {
            mistakes.add(attribute, "`init` says where the id goes: remove `init` or this");
        }
        let path = word.value(mistakes);
        return path.map_or(Init::Fields(Vec::new()), Init::Call);
    }
    match fields {
        Some(Fields::Named(fields)) => Init::Fields(init_fields(fields, mistakes)),
        _ => {
            let message = format!(
                "no named fields, so say how it begins: write `#[aggregate(init = {}::…)]`, \
                 a function from `&Self::Id` to `Self`",
                input.ident
            );
            mistakes.add(&input.ident, message);
            Init::Fields(Vec::new())
        }
    }
}

fn aggregate_words(attributes: &[Attribute]) -> impl Iterator<Item = &Attribute> {
    attributes.iter().filter(|attribute| attribute.path().is_ident("aggregate"))
}

/// The marked field holds the id; if none is marked, the field with the name `id` does.
fn init_fields(fields: &FieldsNamed, mistakes: &mut Mistakes) -> Vec<InitField> {
    let mut marked: Option<&Ident> = None;
    let named = fields.named.iter().filter_map(|field| Some((field, field.ident.as_ref()?)));
    for (field, ident) in named.clone() {
        let words = Words::read(&ON_FIELD, &field.attrs, mistakes);
        let Some(id) = words.get("id") else { continue };
        id.stands_alone(mistakes);
        match marked {
            Some(first) => mistakes.add(&id.ident, format!("the id is in `{first}` already")),
            None => marked = Some(ident),
        }
    }
    let holds_id = |ident: &Ident| marked.map_or(ident == "id", |marked| marked == ident);
    named
        .map(|(field, ident)| InitField {
            ident: ident.clone(),
            ty: field.ty.clone(),
            holds_id: holds_id(ident),
        })
        .collect()
}
