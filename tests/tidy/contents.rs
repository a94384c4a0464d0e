//! A `lib.rs` is a table of contents: docs, `mod`, `pub use`.

use super::source::Source;
use super::{assert_none, tree};
use syn::spanned::Spanned;
use syn::{Item, Visibility};

/// Procedural macros must stand in the root of their crate.
const EXEMPT: &str = "es-derive";

/// The suite is a macro that stores call by the crate's name.
const EXPORTS_MACROS: &str = "es-conformance";

fn misplaced(source: &Source) -> Vec<String> {
    let items = source.items.iter().filter(|item| !belongs(item, source.member() == EXPORTS_MACROS));
    let lines = items.map(|item| item.span().start().line);
    lines.map(|line| format!("{}:{line}: belongs in a module of its own", source.path)).collect()
}

fn belongs(item: &Item, exports_macros: bool) -> bool {
    match item {
        Item::Mod(module) => module.content.is_none(),
        Item::Use(import) => !matches!(import.vis, Visibility::Inherited),
        Item::ExternCrate(_) => true,
        Item::Macro(_) => exports_macros,
        _ => false,
    }
}

#[test]
fn every_lib_is_a_table_of_contents() {
    let sources = tree::sources();
    let roots = sources.iter().filter(|source| source.is_library() && source.path.ends_with("/src/lib.rs"));
    let roots: Vec<&Source> = roots.filter(|source| source.member() != EXEMPT).collect();
    assert!(roots.iter().any(|source| source.member() == "es-core"), "es-core has no lib.rs");
    assert_none(&roots.into_iter().flat_map(misplaced).collect::<Vec<_>>());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_a_type_an_import_and_an_inline_module_are_misplaced() {
        let text = "//! A.\nmod a;\npub use a::A;\nextern crate self as b;\nfn c() {}\nstruct D;\nuse e::E;\nmod f {}\n";
        let lines = misplaced(&Source::parse("es-core/src/lib.rs", text));
        assert_eq!(lines.len(), 4, "{lines:?}");
        assert!(lines[0].starts_with("es-core/src/lib.rs:5:"), "{lines:?}");
    }

    #[test]
    fn only_the_conformance_suite_may_export_macros() {
        let text = "#[macro_export]\nmacro_rules! conformance { () => {} }\n";
        assert_none(&misplaced(&Source::parse("es-conformance/src/lib.rs", text)));
        assert_eq!(misplaced(&Source::parse("es-core/src/lib.rs", text)).len(), 1);
    }
}
