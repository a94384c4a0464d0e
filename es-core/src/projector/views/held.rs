//! [`HeldViews`]: the views of many pages, folded in memory.

use crate::name::{self, NameKind};
use crate::projector::unreadable;
use crate::{Fate, KeyError, Payload, Projection, ProjectionId, ProjectorError, Recorded, Slices, ViewWrite};
use serde::Serialize;
use std::collections::{HashMap, HashSet};
use std::fmt::Write;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What a view takes in memory beside its key and the bytes of its JSON, about.
const VIEW_BYTES: usize = 128;

/// Where a fold is now: it grows with each event and each view.
pub(super) type Stage = AtomicUsize;

/// Views that are folded, and which of them are not written.
pub(super) struct HeldViews<P> {
    views: HashMap<String, View<P>>,
    /// How many bytes they have at most, about: an event adds no more to a view than it has itself.
    bytes: usize,
    /// How many events were folded.
    folded: u64,
}

struct View<P> {
    view: Option<P>,
    /// The number of the event that it was folded with last.
    folded: u64,
    /// Whether it is as it was written.
    is_written: bool,
}

/// A page whose events are decoded, and the keys of the views that they go to.
pub(super) struct Page<P: Projection> {
    events: Vec<(Recorded<P::Event>, usize)>,
    texts: String,
    /// The number of an event in the page, and where a key of it ends in the texts.
    keys: Vec<(usize, usize)>,
}

impl<P> Default for HeldViews<P> {
    fn default() -> Self {
        Self { views: HashMap::new(), bytes: 0, folded: 0 }
    }
}

impl<P: Projection> Page<P> {
    pub(super) fn decode(
        projection: &ProjectionId,
        slices: Slices,
        events: Vec<Recorded<Payload>>,
        stage: &Stage,
    ) -> Result<Self, ProjectorError> {
        let count = events.len();
        let mut page = Self {
            events: Vec::with_capacity(count),
            texts: String::with_capacity(count * 16),
            keys: Vec::with_capacity(count),
        };
        for event in events {
            stage.fetch_add(1, Ordering::Relaxed);
            let bytes = event.data.as_bytes().len();
            let event = event.decode().map_err(|source| ProjectorError::undecodable(projection, source))?;
            let named = page.name_keys(slices, &event);
            named.map_err(|source| ProjectorError::no_key(projection, &event, source))?;
            page.events.push((event, bytes));
        }
        Ok(page)
    }

    fn name_keys(&mut self, slices: Slices, event: &Recorded<P::Event>) -> Result<(), KeyError> {
        for key in P::keys(event)? {
            let begin = self.texts.len();
            write!(self.texts, "{key}").map_err(|_| KeyError::new("a key cannot be written".to_owned()))?;
            let key = &self.texts[begin..];
            name::check_text(NameKind::ViewKey, key).map_err(|invalid| KeyError::new(invalid.to_string()))?;
            if slices == Slices::ALL || slices.contains(Slices::of_key(key)) {
                self.keys.push((self.events.len(), self.texts.len()));
            } else {
                self.texts.truncate(begin);
            }
        }
        Ok(())
    }

    fn keys(&self) -> impl Iterator<Item = (usize, &str)> {
        let mut begin = 0;
        self.keys
            .iter()
            .map(move |(event, end)| (*event, &self.texts[std::mem::replace(&mut begin, *end)..*end]))
    }
}

impl<P: Projection> HeldViews<P> {
    /// The keys of the page whose views are not held.
    pub(super) fn missing(&self, page: &Page<P>) -> Vec<String> {
        let keys = page.keys().map(|(_, key)| key).filter(|key| !self.views.contains_key(*key));
        keys.collect::<HashSet<_>>().into_iter().map(str::to_owned).collect()
    }

    /// Takes in views as they are stored.
    pub(super) fn put(
        &mut self,
        projection: &ProjectionId,
        stored: Vec<(String, Option<String>)>,
        stage: &Stage,
    ) -> Result<(), ProjectorError> {
        for (key, json) in stored {
            stage.fetch_add(1, Ordering::Relaxed);
            let view = json.as_deref().map(serde_json::from_str).transpose();
            let view = view.map_err(|_| unreadable(projection, &key, None, "its JSON does not fit"))?;
            self.bytes += key.len() + VIEW_BYTES + json.map_or(0, |json| json.len());
            self.views.insert(key, View { view, folded: 0, is_written: true });
        }
        Ok(())
    }

    /// Folds a page. Views that are not held do not exist.
    pub(super) fn project(&mut self, page: Page<P>, stage: &Stage) {
        let before = self.folded;
        self.folded += page.events.len() as u64;
        for (number, key) in page.keys() {
            stage.fetch_add(1, Ordering::Relaxed);
            let (event, bytes) = &page.events[number];
            let folded = before + number as u64 + 1;
            self.bytes += bytes;
            match self.views.get_mut(key) {
                // One event changes a view once, also when it names it twice.
                Some(view) if view.folded == folded => (),
                Some(view) => view.fold(event, folded),
                None => {
                    self.bytes += key.len() + VIEW_BYTES;
                    let mut view = View { view: None, folded, is_written: false };
                    view.fold(event, folded);
                    self.views.insert(key.to_owned(), view);
                }
            }
        }
    }

    /// Whether it holds about as many bytes as it may. They are counted only where there may be so many.
    pub(super) fn is_full(&mut self, bytes_max: usize, stage: &Stage) -> bool {
        if self.bytes <= bytes_max {
            return false;
        }
        let bytes = self.views.iter().map(|(key, view)| {
            stage.fetch_add(1, Ordering::Relaxed);
            key.len() + VIEW_BYTES + view.view.as_ref().map_or(0, json_bytes)
        });
        self.bytes = bytes.sum();
        self.is_half_full(bytes_max)
    }

    fn is_half_full(&self, bytes_max: usize) -> bool {
        self.bytes > bytes_max / 2
    }

    /// Encodes what is not written, by key, and keeps it as it will be read: a view that cannot be is found before it is
    /// written, and serde may round what it writes. Where nothing was `written_before`, nothing is taken away.
    pub(super) fn encode(
        &mut self,
        projection: &ProjectionId,
        written_before: bool,
        stage: &Stage,
    ) -> Result<Vec<ViewWrite>, ProjectorError> {
        let changed = self.views.iter_mut().filter(|(_, view)| !view.is_written);
        let mut changed: Vec<_> = changed.collect();
        changed.sort_unstable_by_key(|(key, _)| *key);
        let mut writes = Vec::with_capacity(changed.len());
        for (key, view) in changed {
            stage.fetch_add(1, Ordering::Relaxed);
            view.is_written = true;
            let json = match &mut view.view {
                None if !written_before => continue,
                None => None,
                Some(view) => {
                    let unfit = |reason| move |_| unreadable(projection, key, None, reason);
                    let json = serde_json::to_string(view).map_err(unfit("it has no JSON form"))?;
                    *view = serde_json::from_str(&json).map_err(unfit("its JSON cannot be read again"))?;
                    Some(json)
                }
            };
            writes.push(ViewWrite { key: key.clone(), view: json });
        }
        Ok(writes)
    }

    /// After they were written: makes room for others where they are many.
    pub(super) fn make_room(&mut self, bytes_max: usize) {
        if self.is_half_full(bytes_max) {
            *self = Self::default();
        }
    }
}

impl<P: Projection> View<P> {
    fn fold(&mut self, event: &Recorded<P::Event>, folded: u64) {
        if self.view.get_or_insert_default().project(event) == Fate::Delete {
            self.view = None;
        }
        self.folded = folded;
        self.is_written = false;
    }
}

/// How long the JSON of a view is. One that has none is found when it is written.
fn json_bytes(view: &impl Serialize) -> usize {
    struct Count(usize);

    impl io::Write for Count {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    let mut count = Count(0);
    match serde_json::to_writer(&mut count, view) {
        Ok(()) | Err(_) => count.0,
    }
}
