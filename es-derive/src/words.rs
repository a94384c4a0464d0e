//! [`Words`]: the words of an attribute, such as `prefix = "account"` in `#[event(prefix = "account")]`.
//!
//! The tokens are split at the commas first and each word is read on its own, so that one mistake does not hide
//! the next.

use crate::mistakes::Mistakes;
use proc_macro2::{Delimiter, Ident, Spacing, TokenStream, TokenTree};
use quote::ToTokens;
use syn::parse::Parse;
use syn::{Attribute, LitInt, Meta};

/// How alike two words are, of 1, for one to be taken for a slip of the other.
const LIKENESS_MIN: f64 = 0.8;

/// A word that may be written in a place.
pub(crate) struct Known {
    /// The word itself.
    pub(crate) word: &'static str,
    /// The word as it is written, with a value if it takes one.
    pub(crate) example: &'static str,
    /// Whether it may be written more than once.
    pub(crate) repeatable: bool,
}

impl Known {
    /// A word that is written once at most.
    pub(crate) const fn once(word: &'static str, example: &'static str) -> Self {
        Self { word, example, repeatable: false }
    }

    /// A word that may be repeated.
    pub(crate) const fn repeatable(word: &'static str, example: &'static str) -> Self {
        Self { word, example, repeatable: true }
    }
}

/// Somewhere an attribute can stand, and the words it has there.
pub(crate) struct Place {
    /// The attribute: `event` or `aggregate`.
    pub(crate) attribute: &'static str,
    /// What it stands on, with an article.
    pub(crate) on: &'static str,
    /// The attribute's words as one usually writes them here.
    pub(crate) example: &'static str,
    /// The words that belong here.
    pub(crate) words: &'static [Known],
    /// The place where the attribute's other words belong.
    pub(crate) other: Option<&'static Place>,
}

impl Place {
    fn find(&self, word: &str) -> Option<&'static Known> {
        self.words.iter().find(|known| known.word == word)
    }

    /// The word of this place that `word` was probably meant to be.
    fn meant(&self, word: &str) -> Option<&'static str> {
        let alike = self.words.iter().map(|known| (strsim::jaro_winkler(known.word, word), known.word));
        let (likeness, known) = alike.max_by(|(a, _), (b, _)| a.total_cmp(b))?;
        (likeness >= LIKENESS_MIN).then_some(known)
    }

    /// Why `word` is not one of this place.
    fn refusal(&self, word: &str) -> String {
        if let Some(other) = self.other.filter(|other| other.find(word).is_some()) {
            return format!("`{word}` belongs on {}, this is on {}", other.on, self.on);
        }
        if let Some(meant) = self.meant(word) {
            return format!("unknown word `{word}`: did you mean `{meant}`?");
        }
        let words: Vec<_> = self.words.iter().map(|known| format!("`{}`", known.word)).collect();
        format!("unknown word `{word}`: {} can have {}", self.on, words.join(", "))
    }
}

/// The words that were found in one place.
pub(crate) struct Words {
    found: Vec<Word>,
    garbled: Vec<&'static str>,
}

impl Words {
    /// Reads the words that `attributes` have for `place`; unknown and repeated ones are mistakes.
    pub(crate) fn read(place: &'static Place, attributes: &[Attribute], mistakes: &mut Mistakes) -> Self {
        let mut words = Self { found: Vec::new(), garbled: Vec::new() };
        for attribute in attributes.iter().filter(|a| a.path().is_ident(place.attribute)) {
            match &attribute.meta {
                Meta::List(list) => {
                    for piece in split_at_commas(list.tokens.clone()) {
                        words.read_word(place, piece, mistakes);
                    }
                }
                bare => {
                    mistakes.add(bare, format!("write it as `#[{}({})]`", place.attribute, place.example));
                    words.garbled.extend(place.words.iter().map(|known| known.word));
                }
            }
        }
        words.refuse_repeated(mistakes);
        words
    }

    /// The word, if it was written.
    pub(crate) fn get(&self, word: &'static str) -> Option<&Word> {
        self.all(word).next()
    }

    /// Every time the word was written.
    pub(crate) fn all(&self, word: &'static str) -> impl Iterator<Item = &Word> {
        self.found.iter().filter(move |found| found.known.word == word)
    }

    /// Whether the word is neither written nor what a mistake of the user was meant to be.
    pub(crate) fn lack(&self, word: &'static str) -> bool {
        self.get(word).is_none() && !self.garbled.contains(&word)
    }

    fn read_word(&mut self, place: &Place, piece: Vec<TokenTree>, mistakes: &mut Mistakes) {
        let mut tokens = piece.into_iter();
        let ident = match tokens.next() {
            Some(TokenTree::Ident(ident)) => ident,
            other => return mistakes.add(other, format!("expected a word of `#[{}(…)]`", place.attribute)),
        };
        let word = ident.to_string();
        let Some(known) = place.find(&word) else {
            self.garbled.extend(place.meant(&word));
            return mistakes.add(&ident, place.refusal(&word));
        };
        match Form::read(tokens) {
            Ok(form) => self.found.push(Word { ident, known, form }),
            Err(unexpected) => {
                self.garbled.push(known.word);
                mistakes.add(unexpected, format!("write it as `{}`", known.example));
            }
        }
    }

    fn refuse_repeated(&self, mistakes: &mut Mistakes) {
        for (index, word) in self.found.iter().enumerate() {
            let earlier = &self.found[..index];
            if !word.known.repeatable && earlier.iter().any(|e| e.known.word == word.known.word) {
                mistakes.add(&word.ident, format!("`{}` was written before", word.known.word));
            }
        }
    }
}

/// One word with what follows it.
pub(crate) struct Word {
    /// The word as the user wrote it.
    pub(crate) ident: Ident,
    known: &'static Known,
    form: Form,
}

enum Form {
    /// `transparent`
    Alone,
    /// `prefix = "account"`
    Value(TokenStream),
    /// `upcast(1 = OpenedV1)`
    List(TokenStream),
}

impl Form {
    /// The form of what follows a word, or the token that has no place there.
    fn read(mut tokens: impl Iterator<Item = TokenTree>) -> Result<Self, TokenTree> {
        match (tokens.next(), tokens.next()) {
            (None, _) => Ok(Self::Alone),
            (Some(TokenTree::Punct(equals)), first) if equals.as_char() == '=' => {
                Ok(Self::Value(first.into_iter().chain(tokens).collect()))
            }
            (Some(TokenTree::Group(list)), None) if list.delimiter() == Delimiter::Parenthesis => {
                Ok(Self::List(list.stream()))
            }
            (Some(TokenTree::Group(_)), Some(unexpected)) | (Some(unexpected), _) => Err(unexpected),
        }
    }
}

impl Word {
    /// The value after `=`.
    pub(crate) fn value<T: Parse>(&self, mistakes: &mut Mistakes) -> Option<T> {
        match &self.form {
            Form::Value(tokens) if !tokens.is_empty() => match syn::parse2(tokens.clone()) {
                Ok(value) => return Some(value),
                Err(_) => self.refuse_form(tokens, mistakes),
            },
            Form::List(tokens) if !tokens.is_empty() => self.refuse_form(tokens, mistakes),
            _ => self.refuse_form(&self.ident, mistakes),
        }
        None
    }

    /// The value after `=` as a version: a whole number from 1.
    pub(crate) fn version(&self, mistakes: &mut Mistakes) -> Option<u32> {
        let number: LitInt = self.value(mistakes)?;
        let Form::Value(tokens) = &self.form else { return None };
        read_version(&number, tokens, mistakes)
    }

    /// The pieces between the commas of its parentheses.
    pub(crate) fn list(&self, mistakes: &mut Mistakes) -> Option<Vec<Vec<TokenTree>>> {
        match &self.form {
            Form::List(tokens) => return Some(split_at_commas(tokens.clone())),
            Form::Value(tokens) if !tokens.is_empty() => self.refuse_form(tokens, mistakes),
            _ => self.refuse_form(&self.ident, mistakes),
        }
        None
    }

    /// Refuses a value or a list after a word that takes none.
    pub(crate) fn stands_alone(&self, mistakes: &mut Mistakes) {
        match &self.form {
            Form::Alone => {}
            Form::Value(tokens) | Form::List(tokens) if !tokens.is_empty() => {
                self.refuse_form(tokens, mistakes);
            }
            _ => self.refuse_form(&self.ident, mistakes),
        }
    }

    /// Says how the word is written, under the tokens that are something else.
    pub(crate) fn refuse_form(&self, at: impl ToTokens, mistakes: &mut Mistakes) {
        mistakes.add(at, format!("write it as `{}`", self.known.example));
    }
}

/// The number as a version: a whole number from 1. `at` are its tokens, with the sign if it has one.
pub(crate) fn read_version(number: &LitInt, at: impl ToTokens, mistakes: &mut Mistakes) -> Option<u32> {
    match number.base10_parse() {
        Ok(version) if version > 0 => Some(version),
        _ => {
            mistakes.add(at, format!("a version is a whole number from 1 to {}", u32::MAX));
            None
        }
    }
}

/// Splits at the commas that stand outside of brackets, also angle brackets: `event = Either<A, B>` is one piece.
fn split_at_commas(tokens: TokenStream) -> Vec<Vec<TokenTree>> {
    let (mut pieces, mut piece) = (Vec::new(), Vec::new());
    let (mut depth, mut after_dash) = (0_u32, false);
    for token in tokens {
        let mut dash = false;
        if let TokenTree::Punct(punct) = &token {
            match punct.as_char() {
                ',' if depth == 0 => {
                    pieces.push(std::mem::take(&mut piece));
                    continue;
                }
                '<' => depth += 1,
                '>' if !after_dash => depth = depth.saturating_sub(1),
                '-' => dash = punct.spacing() == Spacing::Joint,
                _ => {}
            }
        }
        after_dash = dash;
        piece.push(token);
    }
    pieces.push(piece);
    pieces.retain(|piece| !piece.is_empty());
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commas_inside_of_brackets_do_not_split() {
        let split = |tokens: &str| split_at_commas(tokens.parse().unwrap()).len();
        assert_eq!(split(""), 0);
        assert_eq!(split("a, b = (1, 2),"), 2);
        assert_eq!(split("a = Either<X<1, 2>, Y>, b"), 2);
        assert_eq!(split("a = Box<dyn Fn(u8) -> Option<u8>>, b"), 2);
    }
}
