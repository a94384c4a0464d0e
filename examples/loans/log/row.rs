//! [`Row`].

use crate::domain::{CaseId, Employee, Euros, Step, Submission, UnknownStep};
use chrono::{DateTime, FixedOffset};
use std::io::{self, BufRead, BufReader, Read};

/// What the first line says.
pub const COLUMNS: [&str; 7] =
    ["case_id", "amount_requested", "registered_at", "activity", "lifecycle", "resource", "occurred_at"];

/// The most bytes a line may have. The longest of the real log has 141.
const LINE_BYTES_MAX: u64 = 4_096;

/// A line of the log: which command it is, for whom, by whom and when.
#[derive(Debug, Clone)]
pub struct Row {
    /// Counted from 1; the header is line 1.
    pub line: u64,
    pub case_id: CaseId,
    pub step: Step,
    pub employee: Option<Employee>,
    pub occurred_at: DateTime<FixedOffset>,
}

/// Why a line is no row. Shows the column, and of the value no more than a few characters.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    #[error("it is longer than {LINE_BYTES_MAX} bytes")]
    Length,
    #[error("expected {} columns, found {found}", COLUMNS.len())]
    Columns { found: usize },
    #[error("{column} is no UTF-8 text")]
    Text { column: &'static str },
    #[error("{column} is `{found}`: {reason}")]
    Value { column: &'static str, found: String, reason: String },
}

/// Every line behind the header, whole or damaged, one at a time.
///
/// A row is a line and a line is a row: quotes are no more than characters around a value, so that a stray one spoils
/// its own line and not the rest of the file. That is also why this is not left to a CSV library.
///
/// # Errors
/// When the log cannot be read, or its first line is not the header.
pub fn rows(log: impl Read) -> io::Result<impl Iterator<Item = io::Result<(u64, Result<Row, Damage>)>>> {
    let mut lines = Lines { log: BufReader::new(log), number: 0, text: Vec::new() };
    let header = lines.next_line()?.map(|_| lines.text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&lines.text));
    if header.is_none_or(|header| !fields(header).eq(COLUMNS.map(str::as_bytes))) {
        let expected = COLUMNS.join(",");
        return Err(io::Error::other(format!("the first line is not the header `{expected}`")));
    }
    Ok(std::iter::from_fn(move || match lines.next_line() {
        Ok(None) => None,
        Ok(Some(Line::Whole)) => Some(Ok((lines.number, Row::parse(lines.number, &lines.text)))),
        Ok(Some(Line::TooLong)) => Some(Ok((lines.number, Err(Damage::Length)))),
        Err(error) => Some(Err(error)),
    }))
}

/// The lines that are not empty, in one buffer.
struct Lines<R> {
    log: BufReader<R>,
    number: u64,
    text: Vec<u8>,
}

enum Line {
    Whole,
    TooLong,
}

impl<R: Read> Lines<R> {
    fn next_line(&mut self) -> io::Result<Option<Line>> {
        loop {
            self.text.clear();
            if self.log.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut self.text)? == 0 {
                return Ok(None);
            }
            self.number += 1;
            if self.text.last() != Some(&b'\n') && self.text.len() as u64 == LINE_BYTES_MAX {
                self.log.skip_until(b'\n')?;
                return Ok(Some(Line::TooLong));
            }
            while let Some(b'\n' | b'\r') = self.text.last() {
                self.text.pop();
            }
            if !self.text.is_empty() {
                return Ok(Some(Line::Whole));
            }
        }
    }
}

fn fields(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(|byte| *byte == b',').map(unquoted)
}

impl Row {
    fn parse(line: u64, text: &[u8]) -> Result<Self, Damage> {
        let found = fields(text).count();
        if found != COLUMNS.len() {
            return Err(Damage::Columns { found });
        }
        let mut texts = [""; COLUMNS.len()];
        for ((text, column), bytes) in texts.iter_mut().zip(COLUMNS).zip(fields(text)) {
            *text = std::str::from_utf8(bytes).map_err(|_| Damage::Text { column })?;
        }
        let [case_id, amount, registered_at, activity, lifecycle, resource, occurred_at] = texts;

        let case_id: CaseId = case_id.parse().map_err(|error| damage("case_id", case_id, error))?;
        let amount: Euros = amount.parse().map_err(|error| damage("amount_requested", amount, error))?;
        time("registered_at", registered_at)?;
        let occurred_at = time("occurred_at", occurred_at)?;
        let employee = match resource {
            "" => None,
            _ => Some(
                resource
                    .parse()
                    .map_err(|_| damage("resource", resource, "expected the number of an employee"))?,
            ),
        };
        // The day of the submission is the event's own: `registered_at` differs by a millisecond here and there.
        let submission = Submission { submitted_at: occurred_at, amount };
        let step =
            Step::from_label(activity, lifecycle, submission, employee).map_err(|unknown| match unknown {
                UnknownStep::Activity => damage("activity", activity, unknown),
                UnknownStep::Lifecycle => damage("lifecycle", lifecycle, unknown),
            })?;
        Ok(Self { line, case_id, step, employee, occurred_at })
    }
}

/// Local time with its offset from UTC.
fn time(column: &'static str, text: &str) -> Result<DateTime<FixedOffset>, Damage> {
    let time = DateTime::parse_from_rfc3339(text);
    time.map_err(|_| damage(column, text, "expected a time such as 2011-10-01T00:38:44.546+02:00"))
}

fn unquoted(field: &[u8]) -> &[u8] {
    field.strip_prefix(b"\"").and_then(|field| field.strip_suffix(b"\"")).unwrap_or(field)
}

/// How much of a damaged value is shown.
const SHOWN_CHARACTERS_MAX: usize = 40;

fn damage(column: &'static str, found: &str, reason: impl ToString) -> Damage {
    let mut shown: String = found.chars().take(SHOWN_CHARACTERS_MAX).flat_map(char::escape_debug).collect();
    if found.chars().nth(SHOWN_CHARACTERS_MAX).is_some() {
        shown.push('…');
    }
    Damage::Value { column, found: shown, reason: reason.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str =
        "173688,20000,2011-10-01T00:38:44.546+02:00,A_SUBMITTED,COMPLETE,112,2011-10-01T00:38:44.546+02:00";

    fn parsed(lines: &[&str]) -> Vec<(u64, Result<Row, Damage>)> {
        let text = format!("{}\n{}\n", COLUMNS.join(","), lines.join("\n"));
        rows(text.as_bytes()).unwrap().map(Result::unwrap).collect()
    }

    #[test]
    fn a_row_keeps_the_local_time_of_the_submission() {
        let (line, row) = parsed(&[GOOD]).remove(0);
        let row = row.unwrap();
        assert_eq!((line, row.line, row.case_id.to_string().as_str()), (2, 2, "173688"));
        assert_eq!(row.employee, Some(Employee::new(112)));
        let Step::Submit(submit) = row.step else { panic!("expected a submission, found {:?}", row.step) };
        assert_eq!(submit.0.submitted_at.to_rfc3339(), "2011-10-01T00:38:44.546+02:00");
        assert_eq!(submit.0.amount, Euros::new(20_000));
    }

    #[test]
    fn every_damage_is_named_with_its_line() {
        let table: [(String, &str); 15] = [
            (GOOD.replace(",112", ""), "expected 7 columns, found 6"),
            (format!("{GOOD},"), "expected 7 columns, found 8"),
            ("garbage".to_owned(), "expected 7 columns, found 1"),
            (GOOD.replace("173688", ""), "case_id is ``: it is empty"),
            (
                GOOD.replace("173688", "17 36"),
                "case_id is `17 36`: it has a character other than letters and digits",
            ),
            (
                GOOD.replace("173688", &"7".repeat(65)),
                "case_id is `7777777777777777777777777777777777777777…`: it is longer than 64 bytes",
            ),
            (
                GOOD.replace("20000", "2e4"),
                "amount_requested is `2e4`: expected whole euros up to 1000000000",
            ),
            (GOOD.replace("20000", "-5"), "amount_requested is `-5`: expected whole euros up to 1000000000"),
            (
                GOOD.replace("20000", "1000000001"),
                "amount_requested is `1000000001`: expected whole euros up to 1000000000",
            ),
            (
                GOOD.replacen("2011-10-01T", "2011-13-01T", 1),
                "registered_at is `2011-13-01T00:38:44.546+02:00`: expected a time such as 2011-10-01T00:38:44.546+02:00",
            ),
            (
                GOOD.replace("12,2011-10-01T00", "12,2011-10-01T25"),
                "occurred_at is `2011-10-01T25:38:44.546+02:00`: expected a time such as 2011-10-01T00:38:44.546+02:00",
            ),
            (GOOD.replace("A_SUBMITTED", "A_SUBMITED"), "activity is `A_SUBMITED`: unknown activity"),
            (GOOD.replace("COMPLETE", "START"), "lifecycle is `START`: unknown lifecycle"),
            (
                GOOD.replace("112", "1\u{1b}12"),
                "resource is `1\\u{1b}12`: expected the number of an employee",
            ),
            (
                GOOD.replace("173688", "\"173688"),
                "case_id is `\\\"173688`: it has a character other than letters and digits",
            ),
        ];
        for (damaged, reason) in table {
            let found = parsed(&[GOOD, &damaged, GOOD]);
            assert_eq!(found.len(), 3, "{damaged} spoils only itself");
            assert_eq!(found[1].0, 3);
            assert_eq!(found[1].1.as_ref().unwrap_err().to_string(), reason);
            assert!(found[0].1.is_ok() && found[2].1.is_ok(), "{damaged} spoils only itself");
        }
    }

    #[test]
    fn bytes_that_are_no_text_spoil_only_their_line() {
        let mut text = format!("{}\n{GOOD}\n{GOOD}\n", COLUMNS.join(",")).into_bytes();
        let at = text.windows(6).position(|bytes| bytes == b"173688").unwrap();
        text[at] = 0xff;
        let found: Vec<_> = rows(text.as_slice()).unwrap().map(Result::unwrap).collect();
        assert_eq!(found[0].1.as_ref().unwrap_err(), &Damage::Text { column: "case_id" });
        assert!(found[1].1.is_ok());
    }

    #[test]
    fn quoted_values_carriage_returns_and_empty_lines_are_read() {
        let quoted = GOOD.split(',').map(|field| format!("\"{field}\"")).collect::<Vec<_>>().join(",");
        let found = parsed(&[&format!("{GOOD}\r"), "", &quoted]);
        assert_eq!(
            found.iter().map(|(line, row)| (*line, row.is_ok())).collect::<Vec<_>>(),
            [(2, true), (4, true)]
        );
    }

    #[test]
    fn a_line_without_end_fills_no_memory() {
        let long = "7".repeat(100_000);
        let found = parsed(&[GOOD, &long, GOOD]);
        assert_eq!(
            found.iter().map(|(line, row)| (*line, row.is_ok())).collect::<Vec<_>>(),
            [(2, true), (3, false), (4, true)]
        );
        assert_eq!(found[1].1.as_ref().unwrap_err(), &Damage::Length);
    }

    #[test]
    fn another_header_is_no_log() {
        for text in ["", "case_id,amount\n", GOOD] {
            assert!(rows(text.as_bytes()).is_err(), "{text}");
        }
    }
}
