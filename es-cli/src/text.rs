//! What was stored by strangers, in a form that a terminal does not obey.

use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt::Write;

/// `text` with what a terminal would obey, or a reader would not see, as `\u{…}`, `\n` and the like.
pub(crate) fn escaped(text: &str) -> Cow<'_, str> {
    if !text.contains(is_unsafe) {
        return Cow::Borrowed(text);
    }
    let escape = |mut safe: String, c: char| {
        if is_unsafe(c) {
            safe.extend(c.escape_default());
        } else {
            safe.push(c);
        }
        safe
    };
    Cow::Owned(text.chars().fold(String::new(), escape))
}

/// A JSON text in one line: the same document, with what a terminal would obey as `\uXXXX`.
pub(crate) fn json_line(text: &str) -> String {
    Layout::Line.lay_out(text)
}

/// A JSON text as [`json_line`] has it, and any other text escaped.
pub(crate) fn json_or_text(text: &str) -> String {
    match serde_json::from_str::<&RawValue>(text) {
        Ok(_) => json_line(text),
        Err(_) => escaped(text).into_owned(),
    }
}

/// A JSON text as people read it: the same document, its fields in their order and its numbers as they are written.
pub(crate) fn json_indented(text: &str) -> String {
    Layout::Indented.lay_out(text)
}

/// `1234567` as `1,234,567`.
pub(crate) fn grouped(amount: u64) -> String {
    let digits = amount.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Layout {
    Line,
    Indented,
}

impl Layout {
    /// Safe for any text, but only for JSON it keeps what the text says.
    fn lay_out(self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut rest = text.chars().peekable();
        let mut depth = 0_usize;
        while let Some(c) = rest.next() {
            match c {
                '"' => {
                    out.push('"');
                    push_string(&mut out, &mut rest);
                }
                '{' | '[' => {
                    out.push(c);
                    while rest.next_if(|next| next.is_ascii_whitespace()).is_some() {}
                    match rest.next_if(|next| matches!(next, '}' | ']')) {
                        Some(end) => out.push(end),
                        None => {
                            depth += 1;
                            self.break_line(&mut out, depth);
                        }
                    }
                }
                '}' | ']' => {
                    depth = depth.saturating_sub(1);
                    self.break_line(&mut out, depth);
                    out.push(c);
                }
                ',' => {
                    out.push(',');
                    self.break_line(&mut out, depth);
                }
                ':' => out.push_str(if self == Self::Indented { ": " } else { ":" }),
                c if c.is_ascii_whitespace() => (),
                c => push_safe(&mut out, c),
            }
        }
        out
    }

    fn break_line(self, out: &mut String, depth: usize) {
        if self == Self::Indented {
            out.push('\n');
            out.extend(std::iter::repeat_n("  ", depth));
        }
    }
}

/// Copies the rest of a string, and its closing quote.
fn push_string(out: &mut String, rest: &mut impl Iterator<Item = char>) {
    let mut is_escaped = false;
    for c in rest {
        push_safe(out, c);
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            '"' => return,
            _ => (),
        }
    }
}

fn push_safe(out: &mut String, c: char) {
    if is_unsafe(c) {
        for unit in c.encode_utf16(&mut [0; 2]) {
            // Writing to a string cannot fail.
            let _ = write!(out, "\\u{unit:04x}");
        }
    } else {
        out.push(c);
    }
}

/// Control characters, and characters that hide or turn around what is beside them.
fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_escaped() {
        assert_eq!(escaped("plain ünïcödé"), "plain ünïcödé");
        assert_eq!(
            escaped("a\u{1b}[31m\n\u{9b}2J\u{202e}\u{7f}"),
            "a\\u{1b}[31m\\n\\u{9b}2J\\u{202e}\\u{7f}"
        );
    }

    #[test]
    fn json_in_a_line_is_the_same_document() {
        let text = "{ \"a\\\"\" : [ 1.50 , { } ] ,\n\t\"b\": \"x: y, \u{7f}\u{9b}\u{202e}\u{e0041}[\" }";
        let line = json_line(text);
        assert_eq!(line, r#"{"a\"":[1.50,{}],"b":"x: y, \u007f\u009b\u202e\udb40\udc41["}"#);
        let parse = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        assert_eq!(parse(&line), parse(text));
    }

    #[test]
    fn indented_json_keeps_the_order_and_the_numbers() {
        let text = r#"{"b":[],"a":{"n":18446744073709551616,"l":[1,{}]},"s":"{\\"}"#;
        let expected = r#"{
  "b": [],
  "a": {
    "n": 18446744073709551616,
    "l": [
      1,
      {}
    ]
  },
  "s": "{\\"
}"#;
        assert_eq!(json_indented(text), expected);
    }

    #[test]
    fn what_is_no_json_is_shown_safely_too() {
        assert_eq!(json_line("}\u{1b}[2J\"\u{1b}"), "}\\u001b[2J\"\\u001b");
        assert_eq!(json_or_text("5 rows,\u{1b} 1 more"), "5 rows,\\u{1b} 1 more");
        assert_eq!(json_or_text("[ 5, 1 ]"), "[5,1]");
    }

    #[test]
    fn amounts_are_grouped_by_thousands() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
    }
}
