//! The file `.env` of the working folder, of which only single values are read.

use crate::{Failure, FailureKind};
use std::io::ErrorKind;
use std::path::Path;

/// The value of the first of these variables that the file sets; nothing where there is no such file.
///
/// The environment of the process is left as it is. What is in the file is a secret: no error shows a line of it. Lines
/// that set other variables need not make sense.
pub(crate) fn first_of(names: &[&str], file: &Path) -> Result<Option<String>, Failure> {
    if !file.is_file() {
        return Ok(None);
    }
    let text = match std::fs::read_to_string(file) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        text => text.map_err(|error| Failure::from(error).within("the file .env cannot be read"))?,
    };
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let (mut found, mut has_unreadable) = (vec![None; names.len()], false);
    for line in dotenvy::from_read_iter(text.as_bytes()) {
        let Ok((name, value)) = line else {
            has_unreadable = true;
            continue;
        };
        if let Some(index) = names.iter().position(|known| *known == name) {
            // The first line counts, as everywhere where this file is read.
            found[index].get_or_insert(value);
        }
    }
    for (name, value) in names.iter().zip(found) {
        match value {
            Some(value) if !value.is_empty() => return Ok(Some(value)),
            None if has_unreadable && text.lines().any(|line| sets(line, name)) => {
                return Err(unreadable(name));
            }
            _ => (),
        }
    }
    Ok(None)
}

fn sets(line: &str, name: &str) -> bool {
    let line = line.trim_start();
    let line = line.strip_prefix("export ").unwrap_or(line).trim_start();
    line.strip_prefix(name).is_some_and(|rest| rest.trim_start().starts_with('='))
}

fn unreadable(name: &str) -> Failure {
    let message = format!("the file .env sets {name} in a way that cannot be read");
    Failure::new(FailureKind::Usage, message)
        .with_hint(format!("write {name}='…', the value in single quotes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(text: &str) -> Result<Option<String>, Failure> {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join(".env");
        std::fs::write(&file, text).unwrap();
        first_of(&["ES_STORE_URL", "DATABASE_URL"], &file)
    }

    #[test]
    fn the_first_name_counts_wherever_its_line_stands() {
        let texts = [
            ("DATABASE_URL=b\nexport ES_STORE_URL='a $x'\n", Some("a $x")),
            ("\u{feff}DATABASE_URL=\"b\" # why\r\n", Some("b")),
            ("DATABASE_URL=b\nDATABASE_URL=c\nES_STORE_URL=\n", Some("b")),
            ("# ES_STORE_URL=a\nOTHER=x y z\nDATABASE_URL=b", Some("b")),
            ("ES_STORE_URLS=a\n", None),
            ("", None),
        ];
        for (text, expected) in texts {
            assert_eq!(first(text).unwrap().as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn a_line_that_cannot_be_read_is_named_but_not_shown() {
        for text in ["ES_STORE_URL=s3cret and more\n", "A='open\nexport ES_STORE_URL=s3cret\n"] {
            let failure = first(text).unwrap_err();
            let expected = "error: the file .env sets ES_STORE_URL in a way that cannot be read\n\
                            hint: write ES_STORE_URL='…', the value in single quotes\n";
            assert_eq!(failure.report(), expected);
        }
    }

    #[test]
    fn what_is_no_file_says_nothing() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(first_of(&["A"], directory.path()).unwrap(), None);
        assert_eq!(first_of(&["A"], &directory.path().join(".env")).unwrap(), None);
        let file = directory.path().join("bytes");
        std::fs::write(&file, b"A=\xff").unwrap();
        assert_eq!(first_of(&["A"], &file).unwrap_err().kind(), FailureKind::Failed);
    }
}
