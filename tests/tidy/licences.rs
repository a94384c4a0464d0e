//! Every package we build on has a licence that `deny.toml` allows.

use super::{assert_none, metadata, tree};

/// The list `allow` of the section `[licenses]` in `deny.toml`, which cargo-deny reads too.
fn allowed(deny: &str) -> Vec<String> {
    let section = deny.split_once("\n[licenses]\n").map_or("", |(_, rest)| rest);
    let section = section.split("\n[").next().unwrap_or_default();
    let list = section.split_once("allow = [\n").map_or("", |(_, rest)| rest);
    let lines = list.lines().take_while(|line| *line != "]");
    lines.filter_map(|line| line.split('"').nth(1)).map(str::to_owned).collect()
}

/// Evaluates an SPDX expression: `OR` binds weaker than `AND`, `/` is an old `OR`.
struct Expression<'a> {
    words: Vec<String>,
    at: usize,
    allowed: &'a [String],
}

impl<'a> Expression<'a> {
    fn is_allowed(text: &str, allowed: &'a [String]) -> bool {
        let text = text.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
        let words = text.split_whitespace().map(str::to_owned).collect();
        let mut expression = Self { words, at: 0, allowed };
        let verdict = expression.any();
        verdict && expression.at == expression.words.len()
    }

    fn any(&mut self) -> bool {
        let mut verdict = self.all();
        while self.take("OR") {
            verdict |= self.all();
        }
        verdict
    }

    fn all(&mut self) -> bool {
        let mut verdict = self.one();
        while self.take("AND") {
            verdict &= self.one();
        }
        verdict
    }

    fn one(&mut self) -> bool {
        if self.take("(") {
            let verdict = self.any();
            return self.take(")") && verdict;
        }
        let mut licence = self.next();
        if self.take("WITH") {
            licence = format!("{licence} WITH {}", self.next());
        }
        self.allowed.contains(&licence)
    }

    fn take(&mut self, word: &str) -> bool {
        let is_next = self.words.get(self.at).is_some_and(|next| next == word);
        self.at += usize::from(is_next);
        is_next
    }

    fn next(&mut self) -> String {
        let word = self.words.get(self.at).cloned().unwrap_or_default();
        self.at += 1;
        word
    }
}

#[test]
fn every_dependency_has_an_allowed_licence() {
    let allowed = allowed(&tree::read("deny.toml"));
    let packages = metadata::packages();
    let wrong = packages.iter().filter(|package| {
        !package.license.as_ref().is_some_and(|license| Expression::is_allowed(license, &allowed))
    });
    let lines = wrong.map(|package| format!("{} {}: {:?}", package.name, package.version, package.license));
    assert_none(&lines.collect::<Vec<_>>());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_allowed(text: &str) -> bool {
        let allowed = ["MIT", "Apache-2.0", "Apache-2.0 WITH LLVM-exception", "Zlib"].map(str::to_owned);
        Expression::is_allowed(text, &allowed)
    }

    #[test]
    fn one_allowed_choice_is_enough() {
        for text in [
            "MIT",
            "MIT/GPL-3.0",
            "GPL-3.0 OR MIT",
            "(MIT OR GPL-3.0) AND Zlib",
            "MIT OR GPL-3.0 AND MPL-2.0",
        ] {
            assert!(is_allowed(text), "{text}");
        }
        assert!(is_allowed("Apache-2.0 WITH LLVM-exception"));
    }

    #[test]
    fn a_licence_that_is_not_listed_is_found() {
        for text in ["GPL-3.0", "MIT AND GPL-3.0", "Zlib AND (GPL-3.0 OR MPL-2.0)", "MIT WITH LLVM-exception"]
        {
            assert!(!is_allowed(text), "{text}");
        }
    }

    #[test]
    fn a_broken_expression_allows_nothing() {
        for text in ["", "MIT OR", "MIT AND", "(MIT", "MIT)", "MIT MIT", "OR MIT", "Apache-2.0 WITH"] {
            assert!(!is_allowed(text), "{text}");
        }
    }

    #[test]
    fn the_first_line_of_the_section_may_be_the_list() {
        assert_eq!(allowed("\n[licenses]\nallow = [\n    \"MIT\",\n    \"Zlib\",\n]\n"), ["MIT", "Zlib"]);
    }

    #[test]
    fn the_list_is_read_from_its_own_section_only() {
        let deny = "\n[bans]\nallow = [\n \"GPL-3.0\",\n]\n\n[licenses]\nx = 1\nallow = [\n  \"MIT\", # \"b\"\n]\n\n[c]\n";
        assert_eq!(allowed(deny), ["MIT"]);
        assert!(allowed("\n[licenses]\n\n[other]\nallow = [\n \"MIT\",\n]\n").is_empty());
    }
}
