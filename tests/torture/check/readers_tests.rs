//! Histories in which readers were given something else than what is there.

use super::super::fixtures::{good, id, names};
use super::*;

/// The good history, with other pages for the reader of everything.
fn with(change: impl FnOnce(&mut Vec<Given>)) -> History {
    let mut history = good();
    change(history.readers.get_mut("all").unwrap());
    history
}

#[test]
fn an_event_that_was_passed_over_is_skipped() {
    let history = with(|pages| {
        pages[0].rows.remove(1);
    });
    assert_eq!(names(&skipped(&history)), ["skipped"]);
    assert_eq!(count(&history), (1, 0, 0));
    let shown = skipped(&history)[0].to_string();
    assert!(shown.contains("all passed over 1 committed events, the first at position 2"), "{shown}");
}

#[test]
fn an_event_behind_the_cursor_or_of_another_category_is_not_skipped() {
    let history = with(|pages| {
        pages.pop();
    });
    assert_eq!(skipped(&history), []);
    let mut history = good();
    history.readers.get_mut("hot").unwrap()[0].category = None;
    assert_eq!(names(&skipped(&history)), ["skipped"], "nobody has said that it wants `hot` alone");
}

#[test]
fn a_position_that_comes_again_is_a_non_monotonic_poll() {
    let history = with(|pages| pages[1].rows[0] = (3, id(4)));
    assert_eq!(names(&polls(&history)), ["non-monotonic poll"]);
    assert_eq!(count(&history), (0, 0, 1));
    let history = with(|pages| pages.push(pages[1].clone()));
    assert_eq!(names(&polls(&history)), ["non-monotonic poll"; 4]);
    assert_eq!(count(&history), (0, 4, 4));
}

#[test]
fn an_event_that_is_not_in_the_log_is_an_aborted_read() {
    let history = with(|pages| pages[0].rows.push((5, id(77))));
    assert_eq!(names(&aborted(&history)), ["aborted read"]);
}

#[test]
fn two_events_at_one_position_are_divergent() {
    let history = with(|pages| pages[0].rows[0].1 = id(2));
    assert_eq!(names(&divergent(&history)), ["divergent readers"]);
}

#[test]
fn a_stream_that_was_read_otherwise_than_it_is_was_an_aborted_read() {
    let mut history = good();
    history.reads[0].ids = vec![id(77)];
    assert_eq!(names(&stream_reads(&history)), ["aborted read"]);
}

#[test]
fn a_stream_that_ends_within_an_append_is_torn() {
    let mut history = good();
    history.reads[0].after = 0;
    history.reads[0].ids = vec![id(3)];
    assert_eq!(names(&stream_reads(&history)), ["torn"]);
}

#[test]
fn a_stream_without_what_was_acknowledged_before_is_a_stale_read() {
    let mut history = good();
    history.reads[0].stream = "hot-1".parse().unwrap();
    history.reads[0].ids = Vec::new();
    assert_eq!(names(&stream_reads(&history)), ["stale read"]);
    history.reads[0].began = 12;
    assert_eq!(stream_reads(&history), []);
}
