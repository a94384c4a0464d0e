//! Histories in which answers are wrong.

use super::super::fixtures::{answer, call, good, id, names, part};
use super::*;

#[test]
fn what_was_acknowledged_and_is_not_there_is_lost() {
    let mut history = good();
    history.log.drain(..2);
    assert_eq!(names(&lost(&history)), ["lost"]);
    history.calls[0].outcome = Outcome::Unknown(String::new());
    assert_eq!(lost(&history), [], "an unknown outcome may be absent");
}

#[test]
fn a_command_that_was_answered_again_needs_no_events_of_its_own() {
    let mut history = good();
    let mut again = history.calls[2].clone();
    again.parts[0].ids = vec![id(66)];
    again.outcome = Outcome::Ok(vec![Answer { repeated: true, ..answer(1, &[8]) }]);
    history.calls.push(again);
    assert_eq!(lost(&history), []);
    assert_eq!(wrong_answers(&history), []);
    history.log[5].command = None;
    assert_eq!(names(&lost(&history)), ["lost"]);
}

#[test]
fn what_was_refused_or_never_sent_is_a_phantom() {
    let mut history = good();
    history.calls[0].outcome = Outcome::Refused(String::new());
    assert_eq!(names(&phantoms(&history)), ["phantom"]);
    let mut again = history.calls[0].clone();
    again.outcome = Outcome::Unknown(String::new());
    history.calls.push(again);
    assert_eq!(phantoms(&history), [], "one of its tries may have been stored");
    history.log[0].id = id(1_000);
    assert_eq!(names(&phantoms(&history)), ["phantom"]);
}

#[test]
fn a_part_of_an_append_is_torn() {
    let mut history = good();
    history.log.remove(3);
    assert_eq!(names(&torn(&history)), ["torn"]);
}

#[test]
fn events_of_an_append_in_another_order_or_stream_are_torn() {
    let mut history = good();
    history.calls[0].parts[0].ids.reverse();
    assert_eq!(names(&torn(&history)), ["torn"]);
    let mut history = good();
    history.calls[0].parts[0].stream = "hot-3".parse().unwrap();
    assert_eq!(names(&torn(&history)), ["torn"]);
}

#[test]
fn an_answer_with_another_place_is_wrong() {
    for wrong in [answer(3, &[1, 2]), answer(2, &[1, 3]), answer(2, &[1])] {
        let mut history = good();
        history.calls[0].outcome = Outcome::Ok(vec![wrong]);
        assert_eq!(names(&wrong_answers(&history)), ["wrong answer"]);
    }
}

#[test]
fn an_answer_of_that_time_to_what_was_never_sent_before_is_wrong() {
    let again = |history: &History| Call {
        outcome: Outcome::Ok(vec![Answer { repeated: true, ..answer(2, &[1, 2]) }]),
        ..history.calls[0].clone()
    };
    let mut history = good();
    history.calls.push(again(&history));
    assert_eq!(wrong_answers(&history), []);
    history.calls.swap_remove(0);
    assert_eq!(names(&wrong_answers(&history)), ["wrong answer"]);
}

#[test]
fn two_calls_that_both_say_that_they_stored_the_same_are_a_duplicate() {
    let mut history = good();
    history.calls.push(history.calls[0].clone());
    assert_eq!(names(&wrong_answers(&history)), ["duplicate"]);
}

#[test]
fn a_command_with_two_effects_is_a_duplicate() {
    let mut history = good();
    history.calls[3].parts[0].command = history.calls[2].parts[0].command.clone();
    assert_eq!(names(&wrong_answers(&history)), ["duplicate"]);
}

#[test]
fn what_began_after_an_answer_and_comes_before_it_is_unlike_real_time() {
    let mut history = good();
    history.calls[2].ended = Some(9);
    assert_eq!(names(&real_time(&history)), ["order unlike real time"; 2]);
}

#[test]
fn an_append_to_a_stream_that_was_not_as_expected_is_a_stale_decision() {
    for expected in [Expect::Exists, Expect::Exactly(1)] {
        let mut history = good();
        history.calls[0].parts[0].expected = expected;
        assert_eq!(names(&expectations(&history)), ["stale decision"]);
    }
    let mut history = good();
    history.calls[3].parts[0].expected = Expect::Empty;
    assert_eq!(names(&expectations(&history)), ["stale decision"]);
}

#[test]
fn calls_without_events_say_nothing() {
    let mut history = good();
    let done = Outcome::Ok(vec![answer(2, &[])]);
    history.calls.push(call((1, 2), vec![part("hot-1", Expect::Any, &[])], done));
    assert_eq!(super::super::check(&history), []);
}
