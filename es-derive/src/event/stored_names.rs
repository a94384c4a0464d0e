//! [`StoredNames`]: the names of one enum, whole and distinct.

use crate::mistakes::Mistakes;
use crate::names::{NAME_BYTES_MAX, check_dotted, shown, snake_case};
use crate::words::{Word, Words};
use proc_macro2::Ident;
use quote::ToTokens;
use std::collections::HashMap;
use syn::LitStr;
use syn::ext::IdentExt;

/// Makes the stored names of an enum and remembers which variant has which.
pub(crate) struct StoredNames {
    prefix: String,
    owners: HashMap<String, Ident>,
}

impl StoredNames {
    /// Names that begin with the `prefix` of `words`. Without a good one, what follows is checked with a likely one.
    pub(crate) fn of(words: &Words, event: &Ident, mistakes: &mut Mistakes) -> Self {
        let likely = likely_prefix(event);
        if words.lack("prefix") {
            let message = format!("stored names need a prefix: write `#[event(prefix = \"{likely}\")]`");
            mistakes.add(event, message);
        }
        let literal = words.get("prefix").and_then(|word| word.value(mistakes));
        let prefix = literal.and_then(|literal| checked(&literal, mistakes));
        Self { prefix: prefix.unwrap_or(likely), owners: HashMap::new() }
    }

    /// The name that new events of the variant are stored under.
    pub(crate) fn name(
        &mut self,
        variant: &Ident,
        rename: Option<&Word>,
        mistakes: &mut Mistakes,
    ) -> Option<String> {
        if let Some(rename) = rename {
            return self.written(variant, rename, mistakes);
        }
        let name = snake_case(&variant.unraw().to_string());
        match check_dotted(&name) {
            Ok(()) => self.claim(variant, &name, variant, mistakes),
            Err(problem) => {
                mistakes.add(variant, format!("{problem}: write `#[event(rename = \"…\")]`"));
                None
            }
        }
    }

    /// A name that old events of the variant were stored under.
    pub(crate) fn alias(&mut self, variant: &Ident, alias: &Word, mistakes: &mut Mistakes) -> Option<String> {
        self.written(variant, alias, mistakes)
    }

    fn written(&mut self, variant: &Ident, word: &Word, mistakes: &mut Mistakes) -> Option<String> {
        let literal: LitStr = word.value(mistakes)?;
        let name = checked(&literal, mistakes)?;
        self.claim(variant, &name, &literal, mistakes)
    }

    /// The whole name, if no other variant has it; one with a `.` is whole already.
    fn claim(
        &mut self,
        variant: &Ident,
        name: &str,
        at: impl ToTokens,
        mistakes: &mut Mistakes,
    ) -> Option<String> {
        let whole = if name.contains('.') { name.to_owned() } else { format!("{}.{name}", self.prefix) };
        if whole.len() > NAME_BYTES_MAX {
            let message = format!(
                "`{}` has {} bytes, at most {NAME_BYTES_MAX} are allowed",
                shown(&whole),
                whole.len()
            );
            mistakes.add(at, message);
            return None;
        }
        if let Some(owner) = self.owners.get(&whole) {
            mistakes.add(at, format!("`{}` is a name of `{owner}` already", shown(&whole)));
            return None;
        }
        self.owners.insert(whole.clone(), variant.clone());
        Some(whole)
    }
}

fn checked(literal: &LitStr, mistakes: &mut Mistakes) -> Option<String> {
    let name = literal.value();
    match check_dotted(&name) {
        Ok(()) => Some(name),
        Err(problem) => {
            mistakes.add(literal, problem);
            None
        }
    }
}

/// `account` for `AccountEvent`.
fn likely_prefix(event: &Ident) -> String {
    let name = event.unraw().to_string();
    match name.strip_suffix("Event") {
        Some(stem) if !stem.is_empty() => snake_case(stem),
        _ => snake_case(&name),
    }
}
