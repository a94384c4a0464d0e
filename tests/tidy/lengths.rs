//! A file has at most 400 lines without its tests, a function at most 70: both fit into a reader's head.

use super::source::Source;
use super::{assert_none, tokens, tree};

const FILE_LINES_MAX: usize = 400;
const FUNCTION_LINES_MAX: usize = 70;

fn long_file(source: &Source) -> Option<String> {
    let tests: usize = source.test_modules().into_iter().map(|lines| lines.count()).sum();
    let lines = source.text.lines().count() - tests;
    (lines > FILE_LINES_MAX).then(|| format!("{}: {lines} lines, at most {FILE_LINES_MAX}", source.path))
}

fn long_functions(source: &Source) -> Vec<String> {
    let functions = tokens::functions(&source.tokens).into_iter();
    let long = functions.filter(|function| function.lines > FUNCTION_LINES_MAX);
    long.map(|function| {
        let tokens::Function { name, line, lines } = function;
        format!("{}:{line}: fn {name} has {lines} lines, at most {FUNCTION_LINES_MAX}", source.path)
    })
    .collect()
}

#[test]
fn no_file_is_too_long() {
    assert_none(&tree::sources().iter().filter_map(long_file).collect::<Vec<_>>());
}

#[test]
fn no_function_is_too_long() {
    assert_none(&tree::sources().iter().flat_map(long_functions).collect::<Vec<_>>());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_401_is_too_much_unless_it_is_a_test() {
        let at_most = "const A: u8 = 0;\n".repeat(400);
        let tests = format!("{at_most}#[cfg(test)]\nmod tests {{\n{at_most}}}\n");
        assert_eq!(long_file(&Source::parse("a.rs", &tests)), None);
        let long = Source::parse("a.rs", &format!("{at_most}\n"));
        assert_eq!(long_file(&long).as_deref(), Some("a.rs: 401 lines, at most 400"));
    }

    #[test]
    fn line_71_of_a_function_is_too_much() {
        let function = |lines: usize| format!("\nfn a() {{{}}}\n", "\n".repeat(lines - 1));
        assert_none(&long_functions(&Source::parse("a.rs", &function(70))));
        let long = long_functions(&Source::parse("a.rs", &function(71)));
        assert_eq!(long, ["a.rs:2: fn a has 71 lines, at most 70"]);
    }
}
