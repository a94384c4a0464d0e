//! What hides a broken promise: examples that do not run, tests that are skipped, code that is not written, and
//! sleeps, which make a test slow when it passes and unclear when it fails.

use super::source::Source;
use super::{assert_none, tokens, tree};
use proc_macro2::{Delimiter, TokenStream, TokenTree};

const ATTRIBUTES: [&str; 2] = ["ignore", "should_panic"];
const MACROS: [&str; 3] = ["todo", "unimplemented", "dbg"];
const SLEEPS: [&str; 4] = ["sleep", "sleep_ms", "sleep_until", "park_timeout"];

/// Code fences marked `ignore`, in a page or in the docs of a Rust file.
fn ignored_fences(path: &str, text: &str) -> Vec<String> {
    let lines = text.lines().enumerate().filter(|(_, line)| is_ignored_fence(line));
    lines.map(|(at, _)| format!("{path}:{}: this example never runs", at + 1)).collect()
}

fn is_ignored_fence(line: &str) -> bool {
    let line = line.trim_start_matches([' ', '/', '!', '*', '>']);
    let words = line.trim_start_matches(['`', '~']);
    let is_fence = line.starts_with("```") || line.starts_with("~~~");
    is_fence && words.split([',', ' ', '{', '}']).any(|word| word == "ignore" || word.starts_with("ignore-"))
}

/// Forbidden attributes and macros, and in tests every mention of a sleep.
fn forbidden_tokens(source: &Source) -> Vec<String> {
    let trees = tokens::flat(&source.tokens);
    let mut found = Vec::new();
    for (at, tree) in trees.iter().enumerate() {
        let name = match (tree, trees.get(at + 1)) {
            (TokenTree::Punct(mark), Some(TokenTree::Group(group)))
                if mark.as_char() == '#' && group.delimiter() == Delimiter::Bracket =>
            {
                attribute(&group.stream()).map(|word| format!("#[{word}]"))
            }
            (TokenTree::Ident(word), Some(TokenTree::Punct(mark)))
                if mark.as_char() == '!' && MACROS.iter().any(|name| word == name) =>
            {
                Some(format!("{word}!"))
            }
            (TokenTree::Ident(word), _) if source.is_test() && SLEEPS.iter().any(|name| word == name) => {
                Some(format!("{word} in a test: wait on a condition"))
            }
            _ => None,
        };
        let line = tree.span().start().line;
        found.extend(name.map(|name| format!("{}:{line}: {name}", source.path)));
    }
    found
}

/// The forbidden word of an attribute, also behind `cfg_attr`.
fn attribute(content: &TokenStream) -> Option<String> {
    let words: Vec<TokenTree> = tokens::flat(content);
    let is_conditional = matches!(words.first(), Some(TokenTree::Ident(word)) if word == "cfg_attr");
    let words = if is_conditional { &words[..] } else { &words[..words.len().min(1)] };
    words.iter().map(ToString::to_string).find(|word| ATTRIBUTES.contains(&word.as_str()))
}

#[test]
fn every_example_in_the_docs_runs() {
    let sources = tree::sources();
    let texts = sources.iter().map(|source| (source.path.clone(), source.text.clone()));
    let all = texts.chain(tree::pages());
    assert_none(&all.flat_map(|(path, text)| ignored_fences(&path, &text)).collect::<Vec<_>>());
}

#[test]
fn nothing_is_skipped_unwritten_or_asleep() {
    assert_none(&tree::sources().iter().flat_map(forbidden_tokens).collect::<Vec<_>>());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> Vec<String> {
        forbidden_tokens(&Source::parse(path, text))
    }

    #[test]
    fn an_ignored_fence_is_found_in_docs_and_pages() {
        for line in ["/// ```ignore", "    //! ```rust,ignore", "~~~ ignore", "> ```ignore-windows"] {
            assert_eq!(
                ignored_fences("a", &format!("x\n{line}\n")),
                ["a:2: this example never runs"],
                "{line}"
            );
        }
        for line in ["/// ```", "```text", "```no_run", "no ```ignore here", "// ignore"] {
            assert_eq!(ignored_fences("a", line), [""; 0], "{line}");
        }
    }

    #[test]
    fn a_skipped_test_is_found() {
        assert_eq!(found("a.rs", "#[ignore = \"slow\"]\nfn a() {}"), ["a.rs:1: #[ignore]"]);
        assert_eq!(found("a.rs", "#[cfg_attr(miri, ignore)]\nfn a() {}"), ["a.rs:1: #[ignore]"]);
        assert_eq!(found("a.rs", "#[test]\n#[should_panic]\nfn a() {}"), ["a.rs:2: #[should_panic]"]);
        assert_eq!(found("a.rs", "#[serde(ignore)] struct A; const B: &str = \"#[ignore]\";"), [""; 0]);
    }

    #[test]
    fn unwritten_code_is_found_also_inside_a_macro() {
        assert_eq!(found("a.rs", "fn a() { todo!() }"), ["a.rs:1: todo!"]);
        assert_eq!(found("a.rs", "fn a() { assert!(\n dbg!(1) > 0) }"), ["a.rs:2: dbg!"]);
        assert_eq!(found("a.rs", "fn todo() {} // unimplemented!()"), [""; 0]);
    }

    #[test]
    fn a_sleep_is_found_in_tests_only() {
        let text = "async fn a() { tokio::time::sleep(ONE).await }";
        assert_eq!(found("es-core/tests/a.rs", text).len(), 1);
        assert_eq!(found("tests/races.rs", "use std::thread::sleep as nap;").len(), 1);
        assert_eq!(found("es-core/src/a.rs", text), [""; 0]);
    }
}
