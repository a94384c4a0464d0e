//! Words that say nothing, or that another concept already has, name no public item.

use super::source::Source;
use super::{assert_none, tree};
use proc_macro2::Ident;
use syn::visit::{self, Visit};
use syn::{ImplItemConst, ImplItemFn, Item, TraitItem, Visibility};

const BANNED: [&str; 10] =
    ["manager", "framework", "bus", "envelope", "service", "context", "util", "helper", "info", "data"];

/// Collects the names of public items.
#[derive(Default)]
struct Names<'a>(Vec<&'a Ident>);

impl<'a> Names<'a> {
    fn push(&mut self, visibility: &Visibility, name: &'a Ident) {
        if matches!(visibility, Visibility::Public(_)) {
            self.0.push(name);
        }
    }
}

impl<'a> Visit<'a> for Names<'a> {
    fn visit_item(&mut self, item: &'a Item) {
        match item {
            Item::Const(item) => self.push(&item.vis, &item.ident),
            Item::Enum(item) => self.push(&item.vis, &item.ident),
            Item::Fn(item) => self.push(&item.vis, &item.sig.ident),
            Item::Mod(item) => self.push(&item.vis, &item.ident),
            Item::Static(item) => self.push(&item.vis, &item.ident),
            Item::Struct(item) => self.push(&item.vis, &item.ident),
            Item::Trait(item) => {
                self.push(&item.vis, &item.ident);
                for inner in &item.items {
                    inner_name(inner).into_iter().for_each(|name| self.push(&item.vis, name));
                }
            }
            Item::Type(item) => self.push(&item.vis, &item.ident),
            _ => {}
        }
        visit::visit_item(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'a ImplItemFn) {
        self.push(&item.vis, &item.sig.ident);
    }

    fn visit_impl_item_const(&mut self, item: &'a ImplItemConst) {
        self.push(&item.vis, &item.ident);
    }
}

fn inner_name(item: &TraitItem) -> Option<&Ident> {
    match item {
        TraitItem::Const(item) => Some(&item.ident),
        TraitItem::Fn(item) => Some(&item.sig.ident),
        TraitItem::Type(item) => Some(&item.ident),
        _ => None,
    }
}

fn banned_names(source: &Source) -> Vec<String> {
    let mut names = Names::default();
    source.items.iter().for_each(|item| names.visit_item(item));
    let banned = names.0.into_iter().filter_map(|name| Some((name, banned_word(&name.to_string())?)));
    banned
        .map(|(name, word)| {
            let line = name.span().start().line;
            format!("{}:{line}: `{name}` uses the banned word `{word}`", source.path)
        })
        .collect()
}

/// The banned word in a name; a process manager is the one manager there is.
fn banned_word(name: &str) -> Option<&'static str> {
    let words = split(name);
    let is_process = |at: usize| at > 0 && words[at - 1] == "process" && words[at] == "manager";
    let (_, word) =
        words.iter().enumerate().find(|(at, word)| BANNED.contains(&&***word) && !is_process(*at))?;
    BANNED.into_iter().find(|banned| banned == word)
}

/// `HTTPRouteName`, `route_name` and `ROUTE_NAME` as words in lower case.
fn split(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let letters: Vec<char> = name.chars().collect();
    for (at, letter) in letters.iter().enumerate() {
        let after_lower = at > 0 && letters[at - 1].is_lowercase();
        let before_lower = letters.get(at + 1).is_some_and(|next| next.is_lowercase());
        if *letter == '_' || letter.is_uppercase() && (after_lower || before_lower) {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut().filter(|_| *letter != '_') {
            word.extend(letter.to_lowercase());
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

#[test]
fn no_public_name_uses_a_banned_word() {
    let sources = tree::sources();
    let libraries = sources.iter().filter(|source| source.is_library());
    assert_none(&libraries.flat_map(banned_names).collect::<Vec<_>>());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_banned_word_is_found_as_a_whole_word_in_every_spelling() {
        for name in ["EventBus", "bus", "event_data", "DATA_MAX", "UTILHelper", "ServiceName", "manager"] {
            assert!(banned_word(name).is_some(), "{name}");
        }
        for name in ["Metadata", "Database", "business", "Utility", "ProcessManager", "process_manager"] {
            assert_eq!(banned_word(name), None, "{name}");
        }
    }

    #[test]
    fn every_kind_of_public_item_is_looked_at() {
        let kinds = [
            "pub fn info() {}",
            "pub struct Info;",
            "pub enum Info {}",
            "pub trait Info {}",
            "pub const INFO: u8 = 0;",
            "pub static INFO: u8 = 0;",
            "pub type Info = u8;",
            "pub mod info {}",
            "mod a { pub struct Info; }",
            "impl A { pub fn info() {} }",
            "impl A { pub const INFO: u8 = 0; }",
            "pub trait A { fn info(); }",
            "pub trait A { type Info; }",
        ];
        for text in kinds {
            assert_eq!(banned_names(&Source::parse("a.rs", text)).len(), 1, "{text}");
        }
    }

    #[test]
    fn private_names_are_free() {
        let text = "fn info() {} pub(crate) struct Info; impl A { fn data() {} } trait B { fn info(); }";
        assert_none(&banned_names(&Source::parse("a.rs", text)));
    }
}
