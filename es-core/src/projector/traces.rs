//! The traces that the events of a batch belong to.

use crate::{Payload, Recorded, TraceParent};
use std::collections::HashSet;
use std::fmt::Write;
use tracing::Span;

/// How many traces the span of a batch names.
const TRACES_MAX: usize = 16;

/// Records in the span of a batch the first distinct `traceparent`s of its events, and how many others there are. What
/// is not recorded is not looked for.
pub(super) fn record_in(span: &Span, events: &[Recorded<Payload>]) {
    if span.is_disabled() {
        return;
    }
    let (named, others) = named(events.iter().filter_map(|event| event.metadata.traceparent));
    if !named.is_empty() {
        span.record("traceparents", named);
        span.record("traceparents_more", others);
    }
}

/// The first distinct ones, separated by commas, and the number of the others.
fn named(traces: impl Iterator<Item = TraceParent>) -> (String, usize) {
    let (mut seen, mut text) = (HashSet::new(), String::new());
    for trace in traces {
        if seen.insert(trace) && seen.len() <= TRACES_MAX {
            let comma = if text.is_empty() { "" } else { "," };
            write!(text, "{comma}{trace}").expect("a string takes all that is written");
        }
    }
    (text, seen.len().saturating_sub(TRACES_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_trace_is_named_once_and_no_more_than_the_maximum() {
        let trace = |number: usize| format!("00-{number:032x}-b7ad6b7169203331-01").parse().unwrap();
        assert_eq!(named(std::iter::empty()), (String::new(), 0));
        let (text, others) = named([1, 2, 1].into_iter().map(trace));
        assert_eq!((text.split(',').count(), others), (2, 0));
        let (text, others) = named((1..=20).chain(1..=20).map(trace));
        assert_eq!((text.split(',').count(), others), (TRACES_MAX, 4));
    }
}
