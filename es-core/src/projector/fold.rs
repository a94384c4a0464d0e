//! [`Fold`]: the part of a batch that runs the projection's own code.

use super::at::{At, Stage};
use super::letters::{Letters, letter};
use super::unreadable;
use crate::name::{self, NameKind};
use crate::{
    Fate, Key, KeyError, LetterPlace, LetterQueue, OnFailure, Parked, Payload, Position, Projection,
    ProjectionId, ProjectorError, Recorded, Slices, ViewWrite,
};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

/// Folds the events of a batch into views. Whoever runs it does so until it is [`Folded::Done`].
pub(super) struct Fold<P: Projection> {
    pub(super) projection: ProjectionId,
    pub(super) events: Arc<Vec<Recorded<Payload>>>,
    /// The only view that is folded, in a retry of its letters.
    pub(super) only: Option<String>,
    /// Views with keys in other slices are folded by others.
    pub(super) slices: Slices,
    pub(super) letters: Letters,
    /// What is known to fail at these events, and must not be tried again in this batch.
    pub(super) known: Arc<HashMap<LetterPlace, String>>,
    /// Whether each view is encoded after each event, to find out which event is to blame.
    pub(super) careful: bool,
    pub(super) views: HashMap<String, Option<P>>,
    /// Views as they are stored, to be put among the others.
    pub(super) loaded: Vec<(String, Option<String>)>,
    /// Which views are missing, and the first event that wants each.
    wanted: BTreeMap<String, Position>,
    pub(super) at: Arc<At>,
    items: Option<Arc<Vec<Item<P>>>>,
    /// The letters that the batch gives.
    pub(super) parked: Vec<Parked>,
}

/// How far a fold has come.
pub(super) enum Folded {
    /// These views must be loaded.
    Missing(Vec<String>),
    /// What has changed.
    Done(Vec<ViewWrite>),
    /// An event cannot be taken.
    Failed(Box<Failed>),
}

/// What cannot be taken, and why.
pub(super) struct Failed {
    /// Nothing where only a fold with more care tells the event.
    pub(super) place: Option<LetterPlace>,
    pub(super) error: ProjectorError,
}

impl Failed {
    fn at(place: impl Into<Option<LetterPlace>>, error: ProjectorError) -> Box<Self> {
        Box::new(Self { place: place.into(), error })
    }
}

/// An event with its number in the batch, and the keys of the views that it goes to.
struct Item<P: Projection> {
    number: usize,
    keys: Arc<Vec<String>>,
    event: Readable<P::Event>,
}

/// An event, or why it cannot be read, which counts when its turn comes.
enum Readable<E> {
    Event(Recorded<E>),
    Not(String),
}

impl<P: Projection> Item<P> {
    fn unreadable(number: usize, cause: String) -> Self {
        Self { number, keys: Arc::default(), event: Readable::Not(cause) }
    }
}

impl<P: Projection> Fold<P> {
    pub(super) fn new(
        projection: ProjectionId,
        events: Arc<Vec<Recorded<Payload>>>,
        slices: Slices,
        letters: Letters,
        views: HashMap<String, Option<P>>,
    ) -> Self {
        Self {
            projection,
            events,
            only: None,
            slices,
            letters,
            known: Arc::default(),
            careful: false,
            views,
            loaded: Vec::new(),
            wanted: BTreeMap::new(),
            at: Arc::default(),
            items: None,
            parked: Vec::new(),
        }
    }

    pub(super) fn run(&mut self) -> Folded {
        self.try_run().unwrap_or_else(Folded::Failed)
    }

    fn try_run(&mut self) -> Result<Folded, Box<Failed>> {
        let items = match self.items.take() {
            Some(items) => items,
            None => Arc::new(self.decode()?),
        };
        self.items = Some(Arc::clone(&items));
        self.parse_loaded()?;
        self.wanted = self.missing(&items);
        if !self.wanted.is_empty() {
            return Ok(Folded::Missing(self.wanted.keys().cloned().collect()));
        }
        let touched = self.project(&items)?;
        self.at.set(Stage::Views);
        let writes = touched.into_iter().map(|key| self.write(key).map_err(|error| Failed::at(None, error)));
        Ok(Folded::Done(writes.collect::<Result<_, _>>()?))
    }

    /// Events with their keys. What cannot be decoded or has no key stands for its stream.
    fn decode(&mut self) -> Result<Vec<Item<P>>, Box<Failed>> {
        let events = Arc::clone(&self.events);
        let mut items = Vec::with_capacity(events.len());
        for (number, event) in events.iter().enumerate() {
            self.at.set(Stage::Decoding(number));
            let has_letters = !(self.letters.is_empty() && self.known.is_empty());
            if self.only.is_some() {
                // Its place is that of its view, where the order is kept: below.
                if let Some(cause) = self.known.get(&self.place(event)).cloned() {
                    items.push(Item::unreadable(number, cause));
                    continue;
                }
            } else if has_letters && self.passes(event) {
                continue;
            }
            match with_keys::<P>(&self.projection, event.clone()) {
                Ok((event, mut keys)) => {
                    keys.retain(|key| self.is_wanted(key));
                    items.push(Item { number, keys: Arc::new(keys), event: Readable::Event(event) });
                }
                Err(error) if !self.parks(&self.place(event)) => {
                    return Err(Failed::at(self.place(event), error));
                }
                Err(error) if self.only.is_some() => items.push(Item::unreadable(number, error.chain())),
                Err(error) => self.park(event, self.place(event).queue, Some(error.chain())),
            }
        }
        self.at.set_keys(items.iter().map(|item| (item.number, Arc::clone(&item.keys))).collect());
        Ok(items)
    }

    fn is_wanted(&self, key: &str) -> bool {
        self.only.as_ref().is_none_or(|only| only == key)
            && (self.slices == Slices::ALL || self.slices.contains(Slices::of_key(key)))
    }

    fn parks(&self, place: &LetterPlace) -> bool {
        parks(self.letters.on_failure, self.slices, place)
    }

    /// Where an event stands whose keys cannot be told: in line of its stream, or of the only view that is folded.
    fn place(&self, event: &Recorded<Payload>) -> LetterPlace {
        let stream = || LetterQueue::Stream(event.stream.clone());
        let queue = self.only.clone().map_or_else(stream, LetterQueue::Key);
        LetterPlace { queue, position: event.position }
    }

    /// Whether nobody needs to look into the event: it is discarded, known to fail, or its stream waits.
    fn passes(&mut self, event: &Recorded<Payload>) -> bool {
        let place = self.place(event);
        let waits = self.letters.is_parked(&place.queue);
        self.passes_at(event, place, waits)
    }

    fn passes_at<D>(&mut self, event: &Recorded<D>, place: LetterPlace, waits: bool) -> bool {
        if self.letters.is_discarded(&place) {
            return true;
        }
        let cause = self.known.get(&place).filter(|_| !waits).cloned();
        let passes = waits || cause.is_some();
        if passes {
            self.park(event, place.queue, cause);
        }
        passes
    }

    fn park<D>(&mut self, event: &Recorded<D>, queue: LetterQueue, cause: Option<String>) {
        self.letters.park(queue.clone());
        self.parked.push(letter(event, queue, cause));
    }

    /// Puts loaded views among the others. One that cannot be read is the failure of the first event that wants it.
    fn parse_loaded(&mut self) -> Result<(), Box<Failed>> {
        for (number, (key, json)) in std::mem::take(&mut self.loaded).into_iter().enumerate() {
            let position = self.wanted.get(&key).copied();
            let place =
                position.map(|position| LetterPlace { queue: LetterQueue::Key(key.clone()), position });
            self.at.load(number, place.clone());
            let view = json.as_deref().map(serde_json::from_str).transpose();
            let unfit = |_| unreadable(&self.projection, &key, position, "its JSON does not fit");
            let view = view.map_err(|error| Failed::at(place, unfit(error)))?;
            self.views.insert(key, view);
        }
        Ok(())
    }

    /// The keys whose views are wanted and are not in memory, with the first event that wants each.
    fn missing(&self, items: &[Item<P>]) -> BTreeMap<String, Position> {
        let (mut missing, mut waiting) = (BTreeMap::new(), HashSet::new());
        for Item { number, keys, .. } in items {
            for key in keys.iter() {
                if self.views.contains_key(key) || missing.contains_key(key) || waiting.contains(key) {
                    continue;
                }
                let position = self.events[*number].position;
                let place = LetterPlace { queue: LetterQueue::Key(key.clone()), position };
                if self.letters.is_parked(&place.queue) {
                    waiting.insert(key);
                } else if self.letters.is_discarded(&place) {
                    continue;
                } else if !self.known.contains_key(&place) {
                    missing.insert(key.clone(), position);
                } else if self.letters.on_failure != OnFailure::Skip {
                    waiting.insert(key);
                }
            }
        }
        missing
    }

    /// Folds, and gives the keys of the views that were changed.
    fn project(&mut self, items: &[Item<P>]) -> Result<BTreeSet<String>, Box<Failed>> {
        let mut touched = BTreeSet::new();
        for (index, Item { number, keys, event }) in items.iter().enumerate() {
            let event = match event {
                Readable::Event(event) => event,
                Readable::Not(cause) => {
                    self.stands_unreadable(*number, cause);
                    continue;
                }
            };
            for (key_number, key) in keys.iter().enumerate() {
                self.at.set(Stage::Folding(index, key_number));
                if !(self.letters.is_empty() && self.known.is_empty()) && self.stands_in_line(event, key) {
                    continue;
                }
                let view = self.views.get_mut(key).expect("the views of all keys of the batch are loaded");
                if view.get_or_insert_default().project(event) == Fate::Delete {
                    *view = None;
                }
                if self.careful {
                    let place =
                        LetterPlace { queue: LetterQueue::Key(key.clone()), position: event.position };
                    self.encode(key, Some(event.position)).map_err(|error| Failed::at(place, error))?;
                }
                if !touched.contains(key) {
                    touched.insert(key.clone());
                }
            }
        }
        Ok(touched)
    }

    /// An event of the only view that is folded, whose turn has come and which cannot be read.
    fn stands_unreadable(&mut self, number: usize, cause: &str) {
        let events = Arc::clone(&self.events);
        let place = self.place(&events[number]);
        let waits = self.letters.is_parked(&place.queue);
        if !self.letters.is_discarded(&place) {
            self.park(&events[number], place.queue, (!waits).then(|| cause.to_owned()));
        }
    }

    /// Whether the event is not folded into the view of `key`: it is discarded, known to fail, or the view waits.
    fn stands_in_line(&mut self, event: &Recorded<P::Event>, key: &str) -> bool {
        let place = LetterPlace { queue: LetterQueue::Key(key.to_owned()), position: event.position };
        let waits = self.letters.is_parked(&place.queue);
        self.passes_at(event, place, waits)
    }

    /// Encodes a view, and keeps it as it will be read: a view that cannot be is found before it is written, and serde
    /// may round what it writes.
    fn write(&mut self, key: String) -> Result<ViewWrite, ProjectorError> {
        let view = self.encode(&key, None)?;
        Ok(ViewWrite { key, view })
    }

    fn encode(&mut self, key: &str, at: Option<Position>) -> Result<Option<String>, ProjectorError> {
        let projection = &self.projection;
        let kept = self.views.get_mut(key).expect("what was touched is there");
        let Some(view) = kept else { return Ok(None) };
        let json = serde_json::to_string(view)
            .map_err(|_| unreadable(projection, key, at, "it has no JSON form"))?;
        *view = serde_json::from_str(&json)
            .map_err(|_| unreadable(projection, key, at, "its JSON cannot be read again"))?;
        Ok(Some(json))
    }
}

/// Whether what cannot be taken at `place` becomes a dead letter, where some of all slices are folded: of several shards
/// none can tell whether it has an event without a key.
pub(super) fn parks(on_failure: OnFailure, slices: Slices, place: &LetterPlace) -> bool {
    on_failure != OnFailure::Halt && (slices == Slices::ALL || matches!(place.queue, LetterQueue::Key(_)))
}

fn with_keys<P: Projection>(
    projection: &ProjectionId,
    event: Recorded<Payload>,
) -> Result<(Recorded<P::Event>, Vec<String>), ProjectorError> {
    let event = event.decode().map_err(|source| ProjectorError::undecodable(projection, source))?;
    let keys = texts(P::keys(&event));
    let keys = keys.map_err(|source| ProjectorError::no_key(projection, &event, source))?;
    Ok((event, keys))
}

/// The texts that keys are stored under.
fn texts<K: Key>(keys: Result<impl IntoIterator<Item = K>, KeyError>) -> Result<Vec<String>, KeyError> {
    let text = |key: K| {
        let text = key.to_string();
        match name::check_text(NameKind::ViewKey, &text) {
            Ok(()) => Ok(text),
            Err(invalid) => Err(KeyError::new(invalid.to_string())),
        }
    };
    let mut texts = Vec::new();
    for key in keys? {
        let text = text(key)?;
        // One event changes a view once, also when it names it twice.
        if !texts.contains(&text) {
            texts.push(text);
        }
    }
    Ok(texts)
}
