use super::*;
use es_core::{Expected, Metadata, Payload};
use uuid::Uuid;

fn stream(key: &str) -> StreamId {
    StreamId::new("account", key).unwrap()
}

fn append(key: &str, expected: Expected, ids: &[u128]) -> Append {
    let events = ids.iter().map(|id| NewEvent {
        event_id: EventId::new(Uuid::from_u128(*id)),
        name: "account.opened".into(),
        schema_version: 1,
        payload: Payload::new("{}"),
        metadata: Metadata::new(),
    });
    Append::new(stream(key), expected, events.collect())
}

fn command(key: &str, id: &str, ids: &[u128]) -> Append {
    Append { command_id: Some(CommandId::new(id).unwrap()), ..append(key, Expected::Any, ids) }
}

/// Decides each call after the other, in one batch.
fn decide(calls: &[Vec<Append>]) -> (Vec<Result<Vec<Appended>, String>>, usize) {
    let (mut facts, mut writes) = (Facts::default(), Writes::default());
    let answers = calls.iter().map(|call| facts.decide(call, &mut writes).map_err(reason)).collect();
    (answers, writes.events.len())
}

fn reason(error: AppendError) -> String {
    match error {
        AppendError::Conflict(conflict) => conflict.to_string(),
        AppendError::Store(error) => error.to_string(),
    }
}

fn positions(answer: &Result<Vec<Appended>, String>) -> Vec<u64> {
    let appended = answer.as_ref().unwrap();
    appended.iter().flat_map(|appended| &appended.positions).map(|position| position.value()).collect()
}

#[test]
fn a_conflict_leaves_the_other_calls_of_a_batch_alone() {
    let (answers, rows) = decide(&[
        vec![append("a", Expected::Empty, &[1, 2])],
        vec![append("a", Expected::Empty, &[3])],
        vec![append("a", Expected::Exactly(Version::new(2)), &[4]), append("b", Expected::Any, &[5])],
    ]);
    assert_eq!(positions(&answers[0]), [1, 2]);
    assert_eq!(
        answers[1].as_ref().unwrap_err(),
        "stream `account-a` is at version 2, expected an empty stream: load it and decide again"
    );
    assert_eq!(positions(&answers[2]), [3, 4]);
    assert_eq!(rows, 4);
}

#[test]
fn a_call_that_is_refused_writes_none_of_its_appends() {
    let (answers, rows) =
        decide(&[vec![append("a", Expected::Any, &[1]), append("b", Expected::Exists, &[2])]]);
    assert!(answers[0].is_err());
    assert_eq!(rows, 0);
}

#[test]
fn the_same_events_again_are_answered_as_before() {
    let (answers, rows) = decide(&[
        vec![append("a", Expected::Empty, &[1, 2])],
        vec![append("a", Expected::Empty, &[3])],
        vec![append("a", Expected::Any, &[3])],
        vec![append("a", Expected::Empty, &[1, 2])],
    ]);
    let again = &answers[3].as_ref().unwrap()[0];
    assert_eq!((again.version, again.repeated), (Version::new(2), true));
    assert_eq!(positions(&answers[3]), [1, 2]);
    assert_eq!(rows, 3);
}

#[test]
fn half_a_retry_is_refused() {
    let (answers, rows) = decide(&[
        vec![append("a", Expected::Any, &[1, 2])],
        vec![append("a", Expected::Any, &[2, 3])],
        vec![append("a", Expected::Any, &[2, 1])],
        vec![append("a", Expected::Any, &[1, 2]), append("b", Expected::Any, &[4])],
    ]);
    let text = |index: usize| answers[index].as_ref().unwrap_err().clone();
    assert!(text(1).starts_with("1 of the 2 events for stream `account-a`"), "{}", text(1));
    assert!(text(2).starts_with("2 of the 2 events for stream `account-a`"), "{}", text(2));
    assert!(text(3).starts_with("0 of the 1 events for stream `account-b`"), "{}", text(3));
    assert_eq!(rows, 2);
}

#[test]
fn an_event_id_is_used_once() {
    let (answers, rows) = decide(&[
        vec![append("a", Expected::Any, &[1])],
        vec![append("b", Expected::Any, &[1])],
        vec![append("b", Expected::Any, &[2]), append("c", Expected::Any, &[2])],
    ]);
    assert!(answers[1].as_ref().unwrap_err().contains("taken by an event of stream `account-a`"));
    assert!(answers[2].as_ref().unwrap_err().contains("taken by an event of stream `account-b`"));
    assert_eq!(rows, 1);
}

#[test]
fn a_command_is_carried_out_once() {
    let (answers, rows) = decide(&[
        vec![command("a", "c", &[1])],
        vec![command("a", "c", &[2])],
        vec![command("b", "c", &[3])],
        vec![command("a", "nothing", &[])],
        vec![command("a", "nothing", &[4])],
    ]);
    assert_eq!(positions(&answers[1]), [1]);
    assert!(answers[1].as_ref().unwrap()[0].repeated);
    assert!(answers[2].as_ref().unwrap_err().contains("taken by a command for stream `account-a`"));
    assert_eq!(positions(&answers[4]), [0; 0]);
    assert!(answers[4].as_ref().unwrap()[0].repeated);
    assert_eq!(rows, 1);
}

#[test]
fn an_empty_append_says_where_the_stream_and_the_log_are() {
    let (answers, _) =
        decide(&[vec![append("a", Expected::Any, &[1, 2])], vec![append("b", Expected::Empty, &[])]]);
    let empty = &answers[1].as_ref().unwrap()[0];
    assert_eq!((empty.version, empty.position), (Version::ZERO, Position::new(2)));
}
