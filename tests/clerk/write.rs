//! Appends number after number until it is killed.

use super::journal::Journal;
use anyhow::{Result, bail};
use es_core::{AppendError, EventStore, StoreError};
use es_postgres::PostgresStore;
use std::path::Path;
use tests::tally;

/// Goes on where the journal ends. A number that was in doubt at the end of an earlier life is tried again if it is
/// even, and left in doubt if it is odd.
pub async fn append(store: PostgresStore, journal: &Path, writer: &str) -> Result<()> {
    let before = std::fs::read_to_string(journal).unwrap_or_default();
    let numbers = |word: &str| {
        let of_word = before.lines().filter_map(|line| line.strip_prefix(word)).map(str::trim);
        of_word.filter_map(|rest| rest.split(' ').next()?.parse::<u64>().ok()).max().unwrap_or(0)
    };
    let (tried, known) = (numbers("try"), numbers("ok"));
    let first = if tried > known && tried % 2 == 0 { tried } else { tried + 1 };
    let (journal, stream) = (Journal::open(journal)?, tally::stream(writer));
    for number in first.. {
        journal.say(format_args!("try {number}"))?;
        loop {
            match store.append(tally::append(&stream, number)).await {
                Ok(appended) => {
                    let again = if appended.repeated { "repeated" } else { "new" };
                    journal.say(format_args!("ok {number} {} {again}", appended.position))?;
                    break;
                }
                Err(AppendError::Store(StoreError::OutcomeUnknown { .. })) => {
                    journal.say(format_args!("unknown {number}"))?;
                }
                Err(AppendError::Store(error @ StoreError::Unavailable { .. })) => {
                    journal.say(format_args!("unavailable {number} {error}"))?;
                }
                Err(error) => {
                    journal.say(format_args!("failed {number} {error}"))?;
                    bail!(error);
                }
            }
        }
    }
    Ok(())
}
