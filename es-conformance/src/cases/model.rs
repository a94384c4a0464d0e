//! Random calls, on the store and on a plain list: both answer the same.

use crate::Subject;
use crate::fixtures::{command_id, events, for_all, new_ids, stream};
use es_core::{
    Append, AppendError, EventId, EventStore, Expected, Filter, Position, Store, StoreError, StreamId,
    StreamRange, Version,
};
use proptest::prelude::*;
use std::collections::HashMap;
use std::sync::Arc;

const STREAMS: usize = 3;

#[derive(Debug, Clone)]
enum Call {
    /// Appends so many events to these streams, with expectations and perhaps a command id.
    Append(Vec<(usize, Expectation, usize)>, Option<u8>),
    /// Sends an earlier call again.
    Again(prop::sample::Index),
    Read(usize, u64, u64, usize, bool),
    ReadAll(u8, usize),
}

#[derive(Debug, Clone, Copy)]
enum Expectation {
    Any,
    Empty,
    Exists,
    Right,
    Wrong(u64),
}

fn calls() -> impl Strategy<Value = Vec<Call>> {
    let expectation = prop_oneof![
        2 => Just(Expectation::Any),
        1 => Just(Expectation::Empty),
        2 => Just(Expectation::Exists),
        4 => Just(Expectation::Right),
        1 => (0..9_u64).prop_map(Expectation::Wrong),
    ];
    let one = (0..STREAMS, expectation, 0..4_usize);
    let append = prop::collection::vec(one, 1..4).prop_map(|mut all| {
        all.sort_by_key(|(stream, ..)| *stream);
        all.dedup_by_key(|(stream, ..)| *stream);
        all
    });
    let call = prop_oneof![
        5 => (append, prop::option::weighted(0.3, 0..6_u8)).prop_map(|(all, command)| Call::Append(all, command)),
        1 => any::<prop::sample::Index>().prop_map(Call::Again),
        2 => (0..STREAMS, 0..9_u64, 0..9_u64, 1..5_usize, any::<bool>())
            .prop_map(|(stream, after, up_to, limit, back)| Call::Read(stream, after, up_to, limit, back)),
        2 => (0..4_u8, 1..6_usize).prop_map(|(filter, limit)| Call::ReadAll(filter, limit)),
    ];
    prop::collection::vec(call, 1..25)
}

/// What a store is: a list of events, and the calls that were answered.
#[derive(Default)]
struct Model {
    log: Vec<(usize, EventId)>,
    commands: HashMap<u8, usize>,
    sent: Vec<(Vec<Append>, Outcome)>,
}

#[derive(Debug, Clone, PartialEq)]
enum Outcome {
    /// The versions after each append.
    Stored(Vec<u64>),
    Conflict,
    /// The command is another stream's.
    Taken,
}

impl Model {
    fn version(&self, stream: usize) -> u64 {
        self.log.iter().filter(|(of, _)| *of == stream).count() as u64
    }

    fn expected(&self, stream: usize, expectation: Expectation) -> Expected {
        match expectation {
            Expectation::Any => Expected::Any,
            Expectation::Empty => Expected::Empty,
            Expectation::Exists => Expected::Exists,
            Expectation::Right => Expected::Exactly(Version::new(self.version(stream))),
            Expectation::Wrong(version) => Expected::Exactly(Version::new(version)),
        }
    }

    fn append(&mut self, appends: &[Append], streams: &[usize], command: Option<u8>) -> Outcome {
        let admits =
            |(append, stream): (&Append, &usize)| append.expected.admits(Version::new(self.version(*stream)));
        if !appends.iter().zip(streams).all(admits) {
            return Outcome::Conflict;
        }
        for (append, stream) in appends.iter().zip(streams) {
            self.log.extend(append.events.iter().map(|event| (*stream, event.event_id)));
        }
        if let Some(command) = command {
            self.commands.insert(command, streams[0]);
        }
        Outcome::Stored(streams.iter().map(|stream| self.version(*stream)).collect())
    }
}

fn name(index: usize) -> StreamId {
    stream(["a", "a-1", "A"][index])
}

async fn outcome(store: &Arc<dyn Store>, appends: Vec<Append>, repeated: bool) -> Outcome {
    match store.append_all(appends.clone()).await {
        Ok(answers) => {
            for (answer, append) in answers.iter().zip(&appends) {
                let marked = answer.repeated == repeated;
                assert!(marked || append.events.is_empty(), "repeated is {}", answer.repeated);
            }
            Outcome::Stored(answers.iter().map(|answer| answer.version.value()).collect())
        }
        Err(AppendError::Conflict(_)) => Outcome::Conflict,
        Err(AppendError::Store(StoreError::CommandIdTaken { .. })) => Outcome::Taken,
        Err(other) => panic!("{other:?}"),
    }
}

async fn append(
    store: &Arc<dyn Store>,
    model: &mut Model,
    all: Vec<(usize, Expectation, usize)>,
    command: Option<u8>,
) {
    let streams: Vec<_> = all.iter().map(|(stream, ..)| *stream).collect();
    let mut appends: Vec<_> = all
        .into_iter()
        .map(|(stream, expectation, count)| {
            Append::new(name(stream), model.expected(stream, expectation), events(count))
        })
        .collect();
    // A command that was carried out before is the business of other cases, but for a stream it is not of.
    let taken = command.and_then(|command| model.commands.get(&command).copied());
    let taken_id = command.map(|command| command_id(&format!("c-{command}")));
    let command = command.filter(|_| taken.is_none());
    appends[0].command_id = command.and(taken_id.clone());
    let expected = match taken.filter(|of| *of != streams[0]) {
        Some(_) => {
            // Of two reasons to refuse, a store may name either.
            appends.iter_mut().for_each(|append| append.expected = Expected::Any);
            appends[0].command_id = taken_id;
            Outcome::Taken
        }
        None => model.append(&appends, &streams, command),
    };
    assert_eq!(outcome(store, appends.clone(), false).await, expected);
    model.sent.push((appends, expected));
}

async fn send_again(store: &Arc<dyn Store>, model: &Model, index: prop::sample::Index) {
    if model.sent.is_empty() {
        return;
    }
    let (appends, first) = index.get(&model.sent);
    let stored = appends.iter().all(|append| !append.events.is_empty());
    if stored && matches!(first, Outcome::Stored(_)) {
        assert_eq!(outcome(store, appends.clone(), true).await, *first);
    }
}

async fn read(
    store: &Arc<dyn Store>,
    model: &Model,
    (stream, after, up_to, limit, back): (usize, u64, u64, usize, bool),
) {
    let all: Vec<_> = model.log.iter().filter(|(of, _)| *of == stream).map(|(_, id)| *id).collect();
    let up = (up_to as usize).min(all.len());
    let mut wanted = all[(after as usize).min(up)..up].to_vec();
    let range = StreamRange::after(Version::new(after)).up_to(Version::new(up_to)).limit(limit);
    if back {
        wanted.reverse();
    }
    let range = if back { range.backwards() } else { range };
    let page = store.read(&name(stream), range).await.unwrap();
    assert_eq!(page.more, wanted.len() > limit, "{range:?}");
    wanted.truncate(limit);
    assert_eq!(crate::fixtures::ids(&page.events), wanted, "{range:?}");
}

async fn read_all(store: &Arc<dyn Store>, model: &Model, kind: u8, limit: usize) {
    let filter = match kind {
        0 => Filter::default(),
        1 => Filter::default().category("account"),
        2 => Filter::default().names_under("account"),
        _ => Filter::default().name("nothing"),
    };
    let all = crate::fixtures::filtered_log(store, &filter, limit).await;
    let wanted: Vec<_> = if kind < 3 { model.log.iter().map(|(_, id)| *id).collect() } else { Vec::new() };
    assert_eq!(crate::fixtures::ids(&all), wanted);
    let head = store.head().await.unwrap();
    assert_eq!(head.map(|head| head.event_id), model.log.last().map(|(_, id)| *id));
    assert!(head.is_none_or(|head| head.position > Position::START));
}

pub async fn st_46_the_store_behaves_like_a_plain_list(subject: &dyn Subject) {
    for_all(48, calls(), async |calls| {
        let store = crate::fixtures::store(subject).await;
        let mut model = Model::default();
        for call in calls {
            match call {
                Call::Append(all, command) => append(&store, &mut model, all, command).await,
                Call::Again(index) => send_again(&store, &model, index).await,
                Call::Read(stream, after, up_to, limit, back) => {
                    read(&store, &model, (stream, after, up_to, limit, back)).await;
                }
                Call::ReadAll(filter, limit) => read_all(&store, &model, filter, limit).await,
            }
        }
        let sent = model.sent.iter().filter(|(_, outcome)| matches!(outcome, Outcome::Stored(_)));
        let stored: Vec<_> =
            sent.flat_map(|(appends, _)| appends).flat_map(|append| new_ids(&append.events)).collect();
        assert_eq!(crate::fixtures::ids(&crate::fixtures::whole_log(&store).await), stored);
        crate::fixtures::assert_whole(&store).await;
    });
}
