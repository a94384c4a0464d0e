//! [`Inlines`]: the projections that are kept inside of appends, and how they fold a stream.

use es_core::{
    Append, BackendError, Fate, Filter, Key, KeyError, Payload, Projection, ProjectionId, Recorded,
    StoreError, StreamId, Version,
};
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// A key is in an index together with the projection's name.
const KEY_BYTES_MAX: usize = 1_024;

/// The projections of one store.
#[derive(Clone, Default)]
pub(crate) struct Inlines(Vec<Arc<dyn AnyInline>>);

impl Inlines {
    pub(crate) fn add<P: Projection>(&mut self) -> Result<(), StoreError> {
        let inline = Inline::<P>::new()?;
        if self.has(inline.projection()) {
            let projection = inline.projection();
            return Err(StoreError::Unusable(format!("projection {projection} is declared twice")));
        }
        self.0.push(Arc::new(inline));
        Ok(())
    }

    pub(crate) fn has(&self, projection: &ProjectionId) -> bool {
        self.0.iter().any(|inline| inline.projection() == projection)
    }

    /// Whether there is one that wants an event of these.
    pub(crate) fn want(&self, appends: &[Append]) -> bool {
        appends.iter().any(|append| self.of(append).next().is_some())
    }

    /// Those that want an event of this append.
    pub(crate) fn of(&self, append: &Append) -> impl Iterator<Item = &dyn AnyInline> {
        let wants = |inline: &&Arc<dyn AnyInline>| {
            append.events.iter().any(|event| inline.wants(&append.stream, &event.name))
        };
        self.0.iter().filter(wants).map(|inline| &**inline)
    }
}

/// What a stream was folded to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct StreamView {
    /// The key of its view, once an event had one.
    pub(crate) key: Option<String>,
    /// The view as JSON, where there is one.
    pub(crate) view: Option<String>,
    /// How many events have been folded.
    pub(crate) version: Version,
}

/// A projection without its type.
pub(crate) trait AnyInline: Send + Sync {
    fn projection(&self) -> &ProjectionId;

    fn wants(&self, stream: &StreamId, name: &str) -> bool;

    /// Folds a stream's next events into its view.
    ///
    /// # Errors
    /// [`StoreError::Inline`] when one cannot be folded; [`StoreError::Gap`] when one is missing.
    fn fold(&self, before: StreamView, events: Vec<Recorded<Payload>>) -> Result<StreamView, StoreError>;
}

pub(crate) struct Inline<P> {
    projection: ProjectionId,
    filter: Filter,
    projects: PhantomData<fn() -> P>,
}

impl<P: Projection> Inline<P> {
    pub(crate) fn new() -> Result<Self, StoreError> {
        let projection = ProjectionId::new(P::NAME, P::VERSION)?;
        Ok(Self { projection, filter: P::filter(), projects: PhantomData })
    }

    /// Folds one event; `key` is that of the stream.
    fn project(
        &self,
        view: &mut Option<P>,
        key: &mut Option<String>,
        event: Recorded<Payload>,
    ) -> Result<(), StoreError> {
        let (stream, version) = (event.stream.clone(), event.version);
        let folded = catch_unwind(AssertUnwindSafe(|| -> Result<(), BackendError> {
            let event = event.decode::<P::Event>()?;
            if let Some(named) = only_key(P::keys(&event))? {
                match key {
                    Some(known) if *known != named => Err(two_keys())?,
                    Some(_) => {}
                    None => *key = Some(named),
                }
                if view.get_or_insert_default().project(&event) == Fate::Delete {
                    *view = None;
                }
            }
            Ok(())
        }));
        let folded = folded.unwrap_or_else(|_| Err("its code panicked".into()));
        folded.map_err(|source| self.refused(stream, version, source))
    }

    fn refused(&self, stream: StreamId, version: Version, source: BackendError) -> StoreError {
        StoreError::Inline { projection: self.projection.to_string(), stream, version, source }
    }
}

impl<P: Projection> AnyInline for Inline<P> {
    fn projection(&self) -> &ProjectionId {
        &self.projection
    }

    fn wants(&self, stream: &StreamId, name: &str) -> bool {
        self.filter.wants(stream, name)
    }

    fn fold(&self, before: StreamView, events: Vec<Recorded<Payload>>) -> Result<StreamView, StoreError> {
        let Some(stream) = events.first().map(|event| event.stream.clone()) else { return Ok(before) };
        let StreamView { mut key, view, mut version } = before;
        let unreadable = |version, what: &'static str| self.refused(stream.clone(), version, what.into());
        let read = |json: &String| serde_json::from_str::<P>(json);
        let view = view.as_ref().map(read).transpose();
        let mut view = view.map_err(|_| unreadable(version, "the JSON of its view does not fit"))?;
        for event in events {
            if event.version != version.plus(1) {
                let (stream, expected) = (event.stream, version.plus(1));
                let (found, position) = (event.version, event.position);
                return Err(StoreError::Gap { stream, expected, found, position });
            }
            version = event.version;
            if self.wants(&event.stream, &event.name) {
                self.project(&mut view, &mut key, event)?;
            }
        }
        let json = view.as_ref().map(serde_json::to_string).transpose();
        let json = json.map_err(|_| unreadable(version, "its view has no JSON form"))?;
        // A view that cannot be read is found before it is written.
        if json.as_ref().is_some_and(|json| read(json).is_err()) {
            return Err(unreadable(version, "the JSON of its view cannot be read again"));
        }
        Ok(StreamView { key, view: json, version })
    }
}

/// The text of the one key, if there is one.
fn only_key<K: Key>(
    keys: Result<impl IntoIterator<Item = K>, KeyError>,
) -> Result<Option<String>, BackendError> {
    let mut only = None::<String>;
    for key in keys? {
        let key = key.to_string();
        if key.is_empty() || key.len() > KEY_BYTES_MAX || key.contains(char::is_control) {
            let wanted = format!("a view's key has 1 to {KEY_BYTES_MAX} bytes without control characters");
            return Err(KeyError::new(wanted).into());
        }
        match &only {
            Some(known) if *known != key => return Err(two_keys()),
            _ => only = Some(key),
        }
    }
    Ok(only)
}

fn two_keys() -> BackendError {
    KeyError::new("a projection inside of appends has one key for each stream, found two").into()
}

/// What a stream is refused with whose key belongs to another one.
pub(crate) fn key_taken(inline: &dyn AnyInline, stream: &StreamId, version: Version) -> StoreError {
    StoreError::Inline {
        projection: inline.projection().to_string(),
        stream: stream.clone(),
        version,
        source: KeyError::new("another stream has the same key, and each must have its own").into(),
    }
}
