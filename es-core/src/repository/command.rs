//! Carrying out one command: load, decide, append, and again when another writer was first.

use super::Repository;
use super::metrics::{append_outcome, command_outcome};
use crate::{
    Aggregate, Append, AppendError, Appended, Committed, Conflict, EncodeError, EventId, ExecuteError,
    Expected, Loaded, NewEvent, Position, Recorded, StoreError, StreamId, StreamRange,
};
use std::time::Instant;
use tracing::field::{Empty, display};
use tracing::{Instrument, debug_span, info_span};

/// What came of deciding once.
enum Attempt<A: Aggregate> {
    Done(Committed<A>),
    /// The state came from the cache, and may not be the newest: decide again on a fresh one.
    Stale,
}

/// What a command is decided on.
struct Basis<A> {
    loaded: Loaded<A>,
    /// How many events were folded for it; nothing when it came from the cache.
    folded: Option<u64>,
}

impl<A: Aggregate> Repository<A> {
    pub(super) async fn run<F>(
        &self,
        id: &A::Id,
        decision: &F,
    ) -> Result<Committed<A>, ExecuteError<A::Error>>
    where
        F: Fn(&A) -> Result<Vec<A::Event>, A::Error>,
    {
        let traceparent = self.metadata.traceparent.map(display);
        let span = info_span!("execute", category = A::NAME, traceparent, outcome = Empty);
        let began = Instant::now();
        let ended = self.run_until_it_ends(id, decision).instrument(span.clone()).await;
        let outcome = command_outcome::<A>(&ended);
        span.record("outcome", outcome);
        self.metrics.command(outcome, began.elapsed());
        ended
    }

    async fn run_until_it_ends<F>(
        &self,
        id: &A::Id,
        decision: &F,
    ) -> Result<Committed<A>, ExecuteError<A::Error>>
    where
        F: Fn(&A) -> Result<Vec<A::Event>, A::Error>,
    {
        let stream = StreamId::of::<A>(id).map_err(StoreError::from)?;
        let mut cached = self.cached(&stream);
        let mut failed = 0;
        loop {
            let from_cache = cached.is_some();
            let basis = match cached.take() {
                Some(loaded) => Basis { loaded, folded: None },
                None => {
                    let (loaded, folded) = self.load_newest(id, &stream).await?;
                    Basis { loaded, folded: Some(folded) }
                }
            };
            let attempt = self.attempt(id, &stream, basis, decision).await;
            if from_cache {
                self.metrics.cache(if matches!(attempt, Ok(Attempt::Stale)) { "stale" } else { "hit" });
            }
            match attempt {
                Ok(Attempt::Done(committed)) => return Ok(committed),
                Ok(Attempt::Stale) => self.forget(&stream),
                Err(ExecuteError::Conflict(_))
                    if self.expected.is_none() && self.retry.allows_after(failed + 1) =>
                {
                    failed += 1;
                    self.metrics.retries.increment(1);
                    tracing::debug!(%stream, failed, "another writer was first: deciding again");
                    self.retry.back_off(failed).await;
                }
                Err(ExecuteError::Store(error)) => return Err(ExecuteError::Store(error)),
                // A command that was carried out before is often refused the second time: its answer is the first one.
                Err(refusal) => return self.answer_of_that_time(id, &stream).await?.ok_or(refusal),
            }
        }
    }

    async fn attempt<F>(
        &self,
        id: &A::Id,
        stream: &StreamId,
        basis: Basis<A>,
        decision: &F,
    ) -> Result<Attempt<A>, ExecuteError<A::Error>>
    where
        F: Fn(&A) -> Result<Vec<A::Event>, A::Error>,
    {
        let (loaded, from_cache) = (&basis.loaded, basis.folded.is_none());
        let decided = self.decide_on(stream, loaded, decision);
        if from_cache && !matches!(&decided, Ok(events) if !events.is_empty()) {
            return Ok(Attempt::Stale);
        }
        let events = decided?;
        if events.is_empty() && self.metadata.command_id.is_none() {
            return self.nothing_happened(basis.loaded).await.map(Attempt::Done);
        }
        let (encoded, events) = self.encode(&events).map_err(StoreError::from)?;
        let append = Append {
            stream: stream.clone(),
            expected: Expected::Exactly(loaded.version),
            events: encoded.clone(),
            command_id: self.metadata.command_id.clone(),
        };
        match self.append(append).await {
            Ok(appended) if appended.repeated => {
                let mut committed = self.answer(id, stream, appended).await?;
                // The same event ids: it was this very command, whose first answer was lost on the way.
                let ours = encoded.first().map(|event| event.event_id);
                committed.repeated =
                    ours.is_none() || ours != committed.events.first().map(|event| event.event_id);
                Ok(Attempt::Done(committed))
            }
            Ok(appended) => Ok(Attempt::Done(self.committed(stream, basis, events, encoded, &appended))),
            Err(AppendError::Conflict(_)) if from_cache => Ok(Attempt::Stale),
            Err(error) => Err(error.into()),
        }
    }

    fn decide_on<F>(
        &self,
        stream: &StreamId,
        loaded: &Loaded<A>,
        decision: &F,
    ) -> Result<Vec<A::Event>, ExecuteError<A::Error>>
    where
        F: Fn(&A) -> Result<Vec<A::Event>, A::Error>,
    {
        match self.expected {
            Some(version) if version != loaded.version => Err(ExecuteError::Conflict(Conflict {
                stream: stream.clone(),
                expected: Expected::Exactly(version),
                found: loaded.version,
            })),
            _ => decision(&loaded.state).map_err(ExecuteError::Rejected),
        }
    }

    /// The events to append, and each as it will be read: the state after the command is folded from those.
    fn encode(&self, events: &[A::Event]) -> Result<(Vec<NewEvent>, Vec<A::Event>), EncodeError> {
        let mut metadata = self.metadata.clone();
        let encode = |event| {
            let event_id = EventId::new(self.ids.next());
            metadata.correlation_id.get_or_insert(event_id.uuid());
            NewEvent::encode_and_read(event, event_id, metadata.clone())
        };
        events.iter().map(encode).collect()
    }

    /// Appends, and when the store was not available or the answer was lost, again with the same event ids.
    async fn append(&self, append: Append) -> Result<Appended, AppendError> {
        let mut failed = 0;
        let mut unknown = None;
        loop {
            let error = match self.append_once(append.clone()).await {
                Err(AppendError::Store(error)) => error,
                // An answer and a conflict are both proof of what is stored.
                proof => return proof,
            };
            failed += 1;
            let again = error.is_transient() && self.retry.allows_after(failed);
            // Once an outcome is unknown, no later failure tells that nothing was stored.
            let error = unknown.take().unwrap_or(error);
            if !again {
                return Err(error.into());
            }
            tracing::warn!(stream = %append.stream, failed, %error, "append failed: sending it again");
            unknown = Some(error).filter(|error| matches!(error, StoreError::OutcomeUnknown { .. }));
            self.retry.back_off(failed).await;
        }
    }

    async fn append_once(&self, append: Append) -> Result<Appended, AppendError> {
        let events = append.events.len();
        let span = debug_span!("append", category = A::NAME, events, outcome = Empty);
        let began = Instant::now();
        let answer = self.store.append(append).instrument(span.clone()).await;
        let outcome = append_outcome(&answer);
        span.record("outcome", outcome);
        self.metrics.append(outcome, events, began.elapsed());
        answer
    }

    fn committed(
        &self,
        stream: &StreamId,
        basis: Basis<A>,
        events: Vec<A::Event>,
        encoded: Vec<NewEvent>,
        appended: &Appended,
    ) -> Committed<A> {
        let begun = (basis.loaded.version, basis.folded.unwrap_or_default());
        let mut to = basis.loaded;
        let mut recorded = Vec::with_capacity(events.len());
        for ((data, new), position) in events.into_iter().zip(encoded).zip(&appended.positions) {
            to.state.apply(&data);
            to.version = to.version.plus(1);
            to.position = *position;
            recorded.push(stamped(new, data, stream, &to, *position, appended));
        }
        if let (Some(snapshotter), Some(last)) = (&self.snapshotter, recorded.last()) {
            snapshotter.save_behind(&self.store, stream, begun, &to, last.event_id);
        }
        if let Some(cache) = &self.cache {
            cache.put(stream, &to);
        }
        Committed {
            state: to.state,
            version: to.version,
            position: appended.position,
            events: recorded,
            repeated: false,
        }
    }

    async fn nothing_happened(&self, loaded: Loaded<A>) -> Result<Committed<A>, ExecuteError<A::Error>> {
        let head = self.store.head().await?.map_or(Position::START, |head| head.position);
        Ok(Committed {
            state: loaded.state,
            version: loaded.version,
            position: head.max(loaded.position),
            events: Vec::new(),
            repeated: false,
        })
    }

    async fn answer_of_that_time(
        &self,
        id: &A::Id,
        stream: &StreamId,
    ) -> Result<Option<Committed<A>>, ExecuteError<A::Error>> {
        let Some(command_id) = &self.metadata.command_id else {
            return Ok(None);
        };
        match self.store.answered(command_id).await? {
            None => Ok(None),
            Some((found, appended)) if found == *stream => self.answer(id, stream, appended).await.map(Some),
            Some((stream, _)) => {
                Err(StoreError::CommandIdTaken { command_id: command_id.clone(), stream }.into())
            }
        }
    }

    /// The answer to a command that was carried out before, read from what it recorded.
    async fn answer(
        &self,
        id: &A::Id,
        stream: &StreamId,
        appended: Appended,
    ) -> Result<Committed<A>, ExecuteError<A::Error>> {
        let Loaded { state, version, .. } = self.load_while(id, appended.version, |_| true).await?;
        let before = version.minus(appended.positions.len() as u64);
        let mut events = Vec::with_capacity(appended.positions.len());
        let mut after = before;
        while after < version {
            let page = self.store.read(stream, StreamRange::after(after).up_to(version)).await?;
            for event in page.events {
                after = event.version;
                events.push(event.decode().map_err(StoreError::from)?);
            }
            if !page.more {
                break;
            }
        }
        Ok(Committed { state, version, position: appended.position, events, repeated: true })
    }

    fn cached(&self, stream: &StreamId) -> Option<Loaded<A>> {
        let cache = self.cache.as_ref()?;
        let cached = cache.get(stream);
        if cached.is_none() {
            self.metrics.cache("miss");
        }
        cached
    }

    fn forget(&self, stream: &StreamId) {
        if let Some(cache) = &self.cache {
            cache.forget(stream);
        }
    }
}

fn stamped<A: Aggregate>(
    new: NewEvent,
    data: A::Event,
    stream: &StreamId,
    to: &Loaded<A>,
    position: Position,
    appended: &Appended,
) -> Recorded<A::Event> {
    Recorded {
        event_id: new.event_id,
        stream: stream.clone(),
        version: to.version,
        position,
        name: new.name,
        schema_version: new.schema_version,
        recorded_at: appended.recorded_at,
        metadata: new.metadata,
        data,
    }
}
