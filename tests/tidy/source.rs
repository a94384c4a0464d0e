//! [`Source`].

use proc_macro2::TokenStream;
use std::ops::RangeInclusive;
use syn::spanned::Spanned;
use syn::{Attribute, Item};

/// One file of Rust: as text, as tokens (which see into macros) and as items.
pub struct Source {
    /// From the root of the workspace, with `/`.
    pub path: String,
    pub text: String,
    pub tokens: TokenStream,
    pub items: Vec<Item>,
}

impl Source {
    /// Reads `text` as the file at `path`; a file that is no Rust fails the test.
    pub fn parse(path: &str, text: &str) -> Self {
        let tokens: TokenStream = text.parse().unwrap_or_else(|error| panic!("{path}: {error}"));
        let file = syn::parse_file(text).unwrap_or_else(|error| panic!("{path}: {error}"));
        Self { path: path.to_owned(), text: text.to_owned(), tokens, items: file.items }
    }

    /// The folder of the crate: `es-core`.
    pub fn member(&self) -> &str {
        self.path.split('/').next().unwrap_or_default()
    }

    /// Whether this is code that others can call: `es-*/src`.
    pub fn is_library(&self) -> bool {
        self.member().starts_with("es-") && self.path.split('/').nth(1) == Some("src")
    }

    /// Whether the file belongs to a package or a folder of tests.
    pub fn is_test(&self) -> bool {
        self.path.split('/').any(|part| part == "tests")
    }

    /// The lines of each `#[cfg(test)] mod tests { .. }` at the end of a file.
    pub fn test_modules(&self) -> Vec<RangeInclusive<usize>> {
        let modules = self.items.iter().filter_map(|item| match item {
            Item::Mod(module) if module.content.is_some() && module.attrs.iter().any(is_cfg_test) => {
                Some(module)
            }
            _ => None,
        });
        modules.map(|module| module.span().start().line..=module.span().end().line).collect()
    }
}

fn is_cfg_test(attribute: &Attribute) -> bool {
    let list = attribute.meta.require_list();
    list.is_ok_and(|list| list.path.is_ident("cfg") && list.tokens.to_string() == "test")
}

#[test]
fn a_test_module_spans_its_attribute_and_its_braces() {
    let source =
        Source::parse("es-core/src/a.rs", "fn a() {}\n\n#[cfg(test)]\nmod tests {\n}\n\nfn b() {}\n");
    assert_eq!(source.test_modules(), [3..=5]);
    assert_eq!(source.member(), "es-core");
    assert!(source.is_library() && !source.is_test());
}
