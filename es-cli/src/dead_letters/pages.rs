//! [`Letters`]: the dead letters of a generation, each with how many wait behind it.

use crate::Failure;
use crate::streams::time;
use chrono::{DateTime, SecondsFormat, Utc};
use es_core::{DeadLetter, DeadLetterStore, Generation, GenerationId, LetterPlace, ProjectionId, Store};
use std::sync::Arc;

/// How many letters are read at a time.
const PAGE_LETTERS: usize = 500;

/// A dead letter, and what stands behind it.
pub(super) struct Letter {
    pub(super) projection: ProjectionId,
    pub(super) letter: DeadLetter,
    /// How many wait behind it, up to the next that has failed by itself.
    pub(super) waiting: u64,
}

/// Reads the letters of a generation from a place on, a page at a time.
pub(super) struct Letters {
    store: Arc<dyn Store>,
    projection: ProjectionId,
    generation: GenerationId,
    after: Option<LetterPlace>,
    page: std::vec::IntoIter<DeadLetter>,
    held: Option<DeadLetter>,
}

impl Letters {
    pub(super) fn behind(store: &Arc<dyn Store>, of: &Generation, after: Option<LetterPlace>) -> Self {
        let (projection, generation) = (of.projection.clone(), of.id);
        Self { store: store.clone(), projection, generation, after, page: Vec::new().into_iter(), held: None }
    }

    /// The next letter, also one that only waits, with those that wait behind it.
    pub(super) async fn next(&mut self) -> Result<Option<Letter>, Failure> {
        let first = match self.held.take() {
            Some(held) => Some(held),
            None => self.next_one().await?,
        };
        let Some(letter) = first else { return Ok(None) };
        let mut waiting = 0;
        while let Some(behind) = self.next_one().await? {
            if behind.cause.is_some() || behind.place.queue != letter.place.queue {
                self.held = Some(behind);
                break;
            }
            waiting += 1;
        }
        Ok(Some(Letter { projection: self.projection.clone(), letter, waiting }))
    }

    async fn next_one(&mut self) -> Result<Option<DeadLetter>, Failure> {
        if let Some(letter) = self.page.next() {
            return Ok(Some(letter));
        }
        let page = self.store.letters(self.generation, self.after.as_ref(), PAGE_LETTERS).await?;
        if let Some(last) = page.last() {
            self.after = Some(last.place.clone());
        }
        self.page = page.into_iter();
        Ok(self.page.next())
    }
}

pub(super) fn micros(at: DateTime<Utc>) -> String {
    time(at, SecondsFormat::Micros)
}

pub(super) fn millis(at: DateTime<Utc>) -> String {
    time(at, SecondsFormat::Millis)
}
