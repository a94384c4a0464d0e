//! A short history in which everything is right, for tests that break it.

use super::Anomaly;
use crate::history::{Call, Command, History, Model, Row};
use crate::line::{Answer, Expect, Given, Outcome, Part, StreamRead, Verdict};
use crate::views::{Everything, PerStream, Sum, WHOLE};
use es_core::{CommandId, EventId, Projection, StreamId};
use std::collections::BTreeMap;
use uuid::Uuid;

pub fn names(found: &[Anomaly]) -> Vec<&'static str> {
    found.iter().map(|anomaly| anomaly.name).collect()
}

pub fn id(number: u128) -> EventId {
    EventId::new(Uuid::from_u128(number))
}

pub fn stream(name: &str) -> StreamId {
    name.parse().unwrap()
}

/// A call that began and ended at these times.
pub fn call(times: (u64, u64), parts: Vec<Part>, outcome: Outcome) -> Call {
    Call { worker: 1, began: times.0, ended: Some(times.1), parts, outcome }
}

pub fn part(name: &str, expected: Expect, ids: &[u128]) -> Part {
    Part { stream: stream(name), expected, ids: ids.iter().copied().map(id).collect(), command: None }
}

pub fn answer(version: u64, positions: &[u64]) -> Answer {
    Answer { version, positions: positions.into(), repeated: false }
}

fn row(position: u64, number: u128, name: &str, version: u64) -> Row {
    let (command, total) = (None, None);
    Row { position, id: id(number), stream: stream(name), version, command, amount: 3, total }
}

/// Seven events: two appended to `hot-1`, three to `hot-2` and `cold-1` together, and two that commands decided.
pub fn good() -> History {
    let command = |number: u64| CommandId::new(format!("c{number}")).unwrap();
    let counted = |position: u64, number: u128, version: u64, total: u64| Row {
        command: Some(command(version)),
        total: Some(total),
        ..row(position, number, "counter-1", version)
    };
    let log = vec![
        row(1, 1, "hot-1", 1),
        row(2, 2, "hot-1", 2),
        row(4, 3, "hot-2", 1),
        row(5, 4, "hot-2", 2),
        row(6, 5, "cold-1", 1),
        counted(8, 6, 1, 3),
        counted(9, 7, 2, 6),
    ];
    let both = vec![part("hot-2", Expect::Empty, &[3, 4]), part("cold-1", Expect::Any, &[5])];
    let decided = |version: u64, number: u128| Part {
        command: Some(command(version)),
        ..part("counter-1", Expect::Exactly(version - 1), &[number])
    };
    let calls = vec![
        call((10, 20), vec![part("hot-1", Expect::Any, &[1, 2])], Outcome::Ok(vec![answer(2, &[1, 2])])),
        call((15, 30), both, Outcome::Unknown("cut".to_owned())),
        call((40, 50), vec![decided(1, 6)], Outcome::Ok(vec![answer(1, &[8])])),
        call((60, 70), vec![decided(2, 7)], Outcome::Ok(vec![answer(2, &[9])])),
        call((80, 90), vec![part("hot-1", Expect::Exactly(1), &[90])], Outcome::Refused("at 2".to_owned())),
    ];
    let done = |version: u64, total: u64| Command {
        command: command(version),
        counter: "1".to_owned(),
        verdict: Verdict::Done { total, version },
    };
    let reads = vec![StreamRead { stream: stream("hot-2"), began: 95, after: 1, ids: vec![id(4)] }];
    History {
        readers: readers(&log),
        models: models(&log),
        commands: vec![done(1, 3), done(2, 6)],
        calls,
        reads,
        log,
        ..History::default()
    }
}

fn readers(log: &[Row]) -> BTreeMap<String, Vec<Given>> {
    let page = |reader: &str, category: Option<&str>, rows: &[Row], after: u64, cursor: u64| Given {
        reader: reader.to_owned(),
        at: 0,
        category: category.map(str::to_owned),
        after,
        cursor,
        more: cursor < 9,
        rows: rows.iter().map(|row| (row.position, row.id)).collect(),
    };
    let all = vec![page("all", None, &log[..3], 0, 4), page("all", None, &log[3..], 4, 9)];
    let hot = vec![page("hot", Some("hot"), &log[..4], 0, 9)];
    BTreeMap::from([("all".to_owned(), all), ("hot".to_owned(), hot)])
}

fn models(log: &[Row]) -> Vec<Model> {
    let (mut whole, mut streams) = (Sum::default(), BTreeMap::<String, Sum>::new());
    for row in log {
        whole.add(row.id, row.position, row.version, row.amount);
        let view = streams.entry(row.stream.to_string()).or_default();
        view.add(row.id, row.position, row.version, row.amount);
    }
    let whole = BTreeMap::from([(WHOLE.to_owned(), whole)]);
    vec![
        Model { projection: Everything::NAME.to_owned(), position: 9, views: whole },
        Model { projection: PerStream::NAME.to_owned(), position: 9, views: streams },
    ]
}
