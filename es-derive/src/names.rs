//! The names that are stored: how they are made from Rust's names, and the alphabet they must keep to.

/// The most bytes a stored event name may have (`es_core::NAME_BYTES_MAX`).
pub(crate) const NAME_BYTES_MAX: usize = 512;

/// The most bytes an aggregate's name may have: a stream id also holds a `-` and at least one byte of key.
pub(crate) const CATEGORY_BYTES_MAX: usize = NAME_BYTES_MAX - 2;

/// The Rust name in snake case: `IbanChanged` is `iban_changed`, `HTTPFailed` is `http_failed`, `OpenedV2` is
/// `opened_v2`.
pub(crate) fn snake_case(name: &str) -> String {
    let mut snake = String::with_capacity(name.len() + 4);
    let mut letters = name.chars().peekable();
    let mut before = '_';
    while let Some(letter) = letters.next() {
        let begins_word = letter.is_uppercase()
            && before != '_'
            && (!before.is_uppercase() || letters.peek().is_some_and(|next| next.is_lowercase()));
        if begins_word {
            snake.push('_');
        }
        snake.extend(letter.to_lowercase());
        before = letter;
    }
    snake
}

/// Says what is wrong with a stored event name or its prefix.
pub(crate) fn check_dotted(name: &str) -> Result<(), String> {
    check(name, NAME_BYTES_MAX, |c| c == '.', "a to z, 0 to 9, `_` and `.`")?;
    if name.split('.').any(str::is_empty) {
        return Err(format!("`{}` has a `.` without a word on both of its sides", shown(name)));
    }
    Ok(())
}

/// Says what is wrong with an aggregate's name.
pub(crate) fn check_category(name: &str) -> Result<(), String> {
    check(name, CATEGORY_BYTES_MAX, |_| false, "a to z, 0 to 9 and `_`")
}

fn check(name: &str, bytes_max: usize, also: fn(char) -> bool, alphabet: &str) -> Result<(), String> {
    if name.is_empty() {
        return Err("expected a name, found an empty string".to_owned());
    }
    if name.len() > bytes_max {
        return Err(format!("`{}` has {} bytes, at most {bytes_max} are allowed", shown(name), name.len()));
    }
    let allowed = |c: char| matches!(c, 'a'..='z' | '0'..='9' | '_') || also(c);
    match name.chars().find(|c| !allowed(*c)) {
        Some(c) => {
            Err(format!("`{}` has the character `{}`, allowed are {alphabet}", shown(name), c.escape_debug()))
        }
        None => Ok(()),
    }
}

/// The name escaped, and cut if it is long.
pub(crate) fn shown(name: &str) -> String {
    let mut shown: String = name.chars().take(48).flat_map(char::escape_debug).collect();
    if name.chars().nth(48).is_some() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn snake_case_keeps_acronyms_and_numbers_together() {
        for (name, snake) in [
            ("Opened", "opened"),
            ("IbanChanged", "iban_changed"),
            ("IBANChanged", "iban_changed"),
            ("ChangedIBAN", "changed_iban"),
            ("OpenedV2", "opened_v2"),
            ("Sepa2Paid", "sepa2_paid"),
            ("A_B", "a_b"),
            ("already_snake", "already_snake"),
        ] {
            assert_eq!(snake_case(name), snake);
        }
    }

    #[test]
    fn a_name_outside_of_its_alphabet_is_refused_with_the_reason() {
        assert_eq!(check_dotted("bank.account_2"), Ok(()));
        assert_eq!(
            check_dotted("bank-account").unwrap_err(),
            "`bank-account` has the character `-`, allowed are a to z, 0 to 9, `_` and `.`"
        );
        for dots in [".", ".a", "a.", "a..b"] {
            assert!(check_dotted(dots).unwrap_err().contains("without a word"), "{dots}");
        }
        assert!(check_dotted("").unwrap_err().contains("empty"));
        assert!(
            check_dotted(&"x".repeat(513)).unwrap_err().ends_with("has 513 bytes, at most 512 are allowed")
        );
        assert!(check_category("bank.account").is_err());
        assert_eq!(check_category(&"x".repeat(510)), Ok(()));
    }
}
