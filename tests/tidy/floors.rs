//! The floors of the house: who may depend on whom, and which modules of es-core are pure.

use super::metadata::{self, Dependency, Package};
use super::source::Source;
use super::{assert_none, tokens, tree};

const SQL: [&str; 7] =
    ["diesel", "libsqlite3-sys", "postgres", "rusqlite", "sea-orm", "sqlx", "tokio-postgres"];
const STORES: [&str; 3] = ["es-memory", "es-sqlite", "es-postgres"];

/// Modules of es-core that decide and fold and never wait.
const PURE: [&str; 22] = [
    "aggregate",
    "append",
    "clock",
    "command_id",
    "draft",
    "error",
    "event",
    "event_id",
    "expected",
    "filter",
    "id",
    "json",
    "key",
    "limits",
    "metadata",
    "name",
    "payload",
    "position",
    "recorded",
    "stream_id",
    "trace_parent",
    "version",
];

/// The dependencies of a member that lead up or sideways; what only its own tests use is free.
fn wrong_dependencies(package: &Package) -> Vec<String> {
    let wrong =
        package.dependencies.iter().filter(|other| !other.development && !is_below(&package.name, other));
    wrong.map(|other| format!("{} must not depend on {}", package.name, other.name)).collect()
}

fn is_below(name: &str, other: &Dependency) -> bool {
    match name {
        _ if !name.starts_with("es-") => true,
        "es-core" | "es-derive" if SQL.contains(&other.name.as_str()) => false,
        _ if !other.name.starts_with("es-") => true,
        "es-core" => other.name == "es-derive",
        "es-derive" => false,
        "es-cli" if STORES.contains(&other.name.as_str()) => other.optional,
        _ => other.name == "es-core",
    }
}

/// Words of waiting in a pure module.
fn impurities(source: &Source) -> Vec<String> {
    if !is_pure(&source.path) {
        return Vec::new();
    }
    let trees = tokens::flat(&source.tokens);
    let words = trees.iter().filter(|tree| ["async", "await", "tokio"].contains(&&*tree.to_string()));
    words
        .map(|word| format!("{}:{}: `{word}` in a pure module", source.path, word.span().start().line))
        .collect()
}

/// `es-core/src/event.rs` and everything in `es-core/src/event/`.
fn is_pure(path: &str) -> bool {
    let module = path.strip_prefix("es-core/src/").and_then(|path| path.split(['/', '.']).next());
    module.is_some_and(|module| PURE.contains(&module))
}

#[test]
fn every_crate_depends_only_on_the_floors_below() {
    assert_none(&metadata::members().iter().flat_map(wrong_dependencies).collect::<Vec<_>>());
}

#[test]
fn the_pure_modules_never_wait() {
    let sources = tree::sources();
    assert!(sources.iter().any(|source| is_pure(&source.path)), "no pure module was found");
    assert_none(&sources.iter().flat_map(impurities).collect::<Vec<_>>());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn depends(name: &str, other: &str, development: bool, optional: bool) -> Vec<String> {
        let dependency = Dependency { name: other.into(), development, optional };
        let (license, version, folder) = (None, String::new(), "".into());
        wrong_dependencies(&Package {
            name: name.into(),
            version,
            license,
            folder,
            dependencies: vec![dependency],
        })
    }

    #[test]
    fn a_dependency_up_or_sideways_is_found() {
        let pairs = [
            ("es-core", "sqlx"),
            ("es-core", "rusqlite"),
            ("es-core", "es-memory"),
            ("es-derive", "es-core"),
            ("es-sqlite", "es-memory"),
            ("es-conformance", "es-memory"),
            ("es-memory", "es-cli"),
            ("es-cli", "es-conformance"),
            ("es-cli", "es-sqlite"),
        ];
        for (name, other) in pairs {
            assert_eq!(depends(name, other, false, false), [format!("{name} must not depend on {other}")]);
        }
    }

    #[test]
    fn a_dependency_down_is_right() {
        let pairs =
            [("es-core", "es-derive"), ("es-sqlite", "sqlx"), ("es-memory", "es-core"), ("tests", "es-cli")];
        for (name, other) in pairs {
            assert_none(&depends(name, other, false, false));
        }
        assert_none(&depends("es-cli", "es-sqlite", false, true));
        assert_none(&depends("es-core", "es-memory", true, false));
    }

    #[test]
    fn waiting_is_found_in_pure_modules_only() {
        let text = "async fn a() { b().await; tokio::spawn(c); } // async\n/// tokio\nfn d() {}";
        assert_eq!(impurities(&Source::parse("es-core/src/event/codec.rs", text)).len(), 3);
        assert_eq!(impurities(&Source::parse("es-core/src/version.rs", text)).len(), 3);
        assert_none(&impurities(&Source::parse("es-core/src/store.rs", text)));
        assert_none(&impurities(&Source::parse("es-sqlite/src/event.rs", text)));
    }
}
