//! [`Waiting`]: the calls that wait for a lane, and which of them go out together.

use es_core::{Append, AppendError, Appended, StreamId};
use std::collections::{HashMap, HashSet, VecDeque};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// How many calls go into one statement at most.
const BATCH_CALLS_MAX: usize = 256;
/// The events after which a statement takes no further call.
const BATCH_EVENTS_MAX: usize = 10_000;
/// The bytes of payloads and metadata after which a statement takes no further call.
const BATCH_BYTES_MAX: usize = 8 * 1024 * 1024;
/// How long a stream on which a race was lost is appended to by itself, so that others do not suffer.
const CONTENDED_FOR: Duration = Duration::from_secs(1);
/// How many such streams are remembered.
const CONTENDED_MAX: usize = 1_024;

pub(crate) struct Call {
    pub(crate) appends: Vec<Append>,
    bytes: usize,
    answer: oneshot::Sender<Answered>,
}

pub(crate) type Answered = Result<Vec<Appended>, AppendError>;

impl Call {
    pub(crate) fn new(appends: Vec<Append>, answer: oneshot::Sender<Answered>) -> Self {
        let bytes = |event: &es_core::NewEvent| {
            let metadata = event.metadata.to_json_without_ids().map_or(0, |json| json.len());
            event.payload.as_bytes().len() + metadata
        };
        let bytes = appends.iter().flat_map(|append| &append.events).map(bytes).sum();
        Self { appends, bytes, answer }
    }

    pub(crate) fn answer(self, answer: Answered) {
        // A caller that went away needs no answer.
        let _ = self.answer.send(answer);
    }
}

/// The calls of one lane.
#[derive(Default)]
pub(crate) struct Waiting {
    calls: VecDeque<Call>,
    /// Streams that other processes append to as well, and until when they are appended to by themselves.
    contended: HashMap<StreamId, Instant>,
}

impl Waiting {
    pub(crate) fn len(&self) -> usize {
        self.calls.len()
    }

    pub(crate) fn push(&mut self, call: Call) {
        self.calls.push_back(call);
    }

    /// Other processes append to these streams.
    pub(crate) fn is_contended(&mut self, appends: &[Append]) {
        if self.contended.len() < CONTENDED_MAX {
            let until = Instant::now() + CONTENDED_FOR;
            self.contended.extend(appends.iter().map(|append| (append.stream.clone(), until)));
        }
    }

    /// The calls of the next statement: a stream occurs once, calls for one stream keep their order, and a contended
    /// stream's call goes alone.
    pub(crate) fn next_batch(&mut self, now: Instant) -> Vec<Call> {
        self.contended.retain(|_, until| *until > now);
        let (mut batch, mut rest) = (Vec::new(), VecDeque::new());
        let mut streams = HashSet::new();
        let (mut events, mut bytes) = (0, 0);
        while let Some(call) = self.calls.pop_front() {
            let alone = call.appends.iter().any(|append| self.contended.contains_key(&append.stream));
            let free = call.appends.iter().all(|append| !streams.contains(&append.stream));
            streams.extend(call.appends.iter().map(|append| append.stream.clone()));
            let full =
                events >= BATCH_EVENTS_MAX || bytes >= BATCH_BYTES_MAX || batch.len() >= BATCH_CALLS_MAX;
            if !free || full || (alone && !batch.is_empty()) {
                rest.push_back(call);
                continue;
            }
            events += call.appends.iter().map(|append| append.events.len()).sum::<usize>();
            bytes += call.bytes;
            batch.push(call);
            if alone {
                break;
            }
        }
        rest.append(&mut self.calls);
        self.calls = rest;
        batch
    }
}
