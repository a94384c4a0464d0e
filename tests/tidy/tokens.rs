//! Looking at tokens: unlike text they know strings and comments, unlike items they see into macros.

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// A function with a name, wherever it is written.
#[derive(Debug, PartialEq, Eq)]
pub struct Function {
    pub name: String,
    pub line: usize,
    /// From `fn` to the end of the body.
    pub lines: usize,
}

/// Every token in the order of the text; a group comes before its content.
pub fn flat(tokens: &TokenStream) -> Vec<TokenTree> {
    let mut trees = Vec::new();
    for tree in tokens.clone() {
        let inside = match &tree {
            TokenTree::Group(group) => flat(&group.stream()),
            _ => Vec::new(),
        };
        trees.push(tree);
        trees.extend(inside);
    }
    trees
}

/// Every function, also in other functions, in impls and in the arguments of macros.
pub fn functions(tokens: &TokenStream) -> Vec<Function> {
    let trees: Vec<TokenTree> = tokens.clone().into_iter().collect();
    let mut found = Vec::new();
    for (at, tree) in trees.iter().enumerate() {
        match tree {
            TokenTree::Ident(word) if word == "fn" => found.extend(function(&trees[at..])),
            TokenTree::Group(group) => found.extend(functions(&group.stream())),
            _ => {}
        }
    }
    found
}

/// The function that begins with the `fn` at the front; `fn(A) -> B` is a type and `fn $name` a pattern.
fn function(trees: &[TokenTree]) -> Option<Function> {
    let TokenTree::Ident(name) = trees.get(1)? else { return None };
    let last = trees.iter().find(|tree| match tree {
        TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
        TokenTree::Punct(mark) => mark.as_char() == ';',
        _ => false,
    })?;
    let line = trees[0].span().start().line;
    Some(Function { name: name.to_string(), line, lines: last.span().end().line + 1 - line })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Vec<(String, usize)> {
        let found = functions(&text.parse().unwrap());
        found.into_iter().map(|function| (function.name, function.lines)).collect()
    }

    #[test]
    fn functions_in_impls_functions_and_macros_are_found() {
        let text = "impl A { fn a() {\n fn b();\n } }\nproptest! { fn c(x in 0..1) { } }";
        assert_eq!(names(text), [("a".into(), 3), ("b".into(), 1), ("c".into(), 1)]);
    }

    #[test]
    fn braces_in_strings_and_comments_do_not_count() {
        assert_eq!(names("fn a() {\n '{'; \"}\"; r#\"\"}\"#; // }\n /* } */\n}"), [("a".into(), 4)]);
    }

    #[test]
    fn types_and_text_are_no_functions() {
        assert_eq!(names("/// fn a() {}\nstatic A: fn(u8) -> u8 = b; // fn c() {}"), []);
    }
}
