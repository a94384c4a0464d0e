//! [`branches`]: events under what caused them.

use serde::Serialize;
use std::collections::HashMap;
use uuid::Uuid;

/// From here on a branch is not moved further to the right, so that long chains stay readable.
const INDENT_MAX: usize = 40;

/// An event in its place in the tree.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Branch {
    pub(super) index: usize,
    pub(super) depth: usize,
    pub(super) link: Link,
    /// What is drawn on its left.
    pub(super) lines: String,
}

/// How an event hangs together with what is above it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Link {
    /// It names no cause.
    Root,
    /// The event above caused it.
    Event,
    /// What caused it is none of these events: a command, a message, or an event of another trace.
    Outside,
    /// It caused itself, or what caused it.
    Cycle,
}

/// The tree of events that are given by id and cause in the order of the log: an event, then what it caused.
///
/// Every event is in it once. A cycle is cut above its first event, and comes behind all else.
pub(super) fn branches(events: &[(Uuid, Option<Uuid>)]) -> Vec<Branch> {
    let places: HashMap<_, _> = events.iter().enumerate().map(|(index, (id, _))| (*id, index)).collect();
    let parents: Vec<_> = events.iter().map(|(_, cause)| places.get(&(*cause)?).copied()).collect();
    let mut children = vec![Vec::new(); events.len()];
    for (index, parent) in parents.iter().enumerate() {
        parent.iter().for_each(|parent| children[*parent].push(index));
    }
    let mut tree = Tree { children, is_placed: vec![false; events.len()], branches: Vec::new() };
    for (index, (_, cause)) in events.iter().enumerate() {
        if parents[index].is_none() {
            tree.grow(index, if cause.is_some() { Link::Outside } else { Link::Root });
        }
    }
    for index in 0..events.len() {
        if !tree.is_placed[index] {
            tree.grow(first_of_cycle(index, &parents), Link::Cycle);
        }
    }
    tree.branches
}

/// The first event of the cycle that the causes of this one end in.
fn first_of_cycle(index: usize, parents: &[Option<usize>]) -> usize {
    let cause = |index: usize| parents[index].expect("what has no cause among the events is a root");
    // After as many steps as there are events, one is on the cycle for sure.
    let on_cycle = (0..parents.len()).fold(index, |index, _| cause(index));
    let around =
        std::iter::successors(Some(cause(on_cycle)), |&index| (index != on_cycle).then(|| cause(index)));
    around.min().unwrap_or(on_cycle)
}

struct Tree {
    children: Vec<Vec<usize>>,
    is_placed: Vec<bool>,
    branches: Vec<Branch>,
}

impl Tree {
    /// Places a root and all that is below it; without recursion, since chains may be long.
    fn grow(&mut self, root: usize, link: Link) {
        let mut waiting = vec![(Branch { index: root, depth: 0, link, lines: String::new() }, String::new())];
        while let Some((branch, below)) = waiting.pop() {
            let (index, depth) = (branch.index, branch.depth + 1);
            self.is_placed[index] = true;
            self.branches.push(branch);
            let children: Vec<_> =
                self.children[index].iter().copied().filter(|child| !self.is_placed[*child]).collect();
            // What is pushed last comes first.
            for (nth, child) in children.into_iter().rev().enumerate() {
                let (own, further) = match (depth > INDENT_MAX, nth) {
                    (true, _) => ("", ""),
                    (false, 0) => ("└─ ", "   "),
                    (false, _) => ("├─ ", "│  "),
                };
                let lines = format!("{below}{own}");
                let branch = Branch { index: child, depth, link: Link::Event, lines };
                waiting.push((branch, format!("{below}{further}")));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Events by number, 0 for a cause that is none of them; each as `lines number` and its link.
    fn drawn(events: &[(u128, Option<u128>)]) -> Vec<(String, Link)> {
        let events: Vec<_> =
            events.iter().map(|(id, cause)| (Uuid::from_u128(*id), cause.map(Uuid::from_u128))).collect();
        let shown =
            |branch: Branch| (format!("{}{}", branch.lines, events[branch.index].0.as_u128()), branch.link);
        branches(&events).into_iter().map(shown).collect()
    }

    #[test]
    fn an_event_stands_under_what_caused_it_in_the_order_of_the_log() {
        let drawn = drawn(&[(1, None), (2, Some(1)), (3, Some(0)), (4, Some(2)), (5, Some(1)), (6, Some(5))]);
        let (texts, links): (Vec<_>, Vec<_>) = drawn.into_iter().unzip();
        assert_eq!(texts, ["1", "├─ 2", "│  └─ 4", "└─ 5", "   └─ 6", "3"]);
        assert_eq!(links[0], Link::Root);
        assert_eq!(links[1..5], [Link::Event; 4]);
        assert_eq!(links[5], Link::Outside);
    }

    #[test]
    fn a_cause_may_come_later_in_the_log() {
        let texts: Vec<_> = drawn(&[(1, Some(2)), (2, None)]).into_iter().map(|(text, _)| text).collect();
        assert_eq!(texts, ["2", "└─ 1"]);
    }

    #[test]
    fn a_cycle_is_cut_above_its_first_event_and_loses_none() {
        let drawn = drawn(&[(1, Some(3)), (2, Some(4)), (3, Some(4)), (4, Some(3)), (5, None), (6, Some(6))]);
        let expected = [
            ("5", Link::Root),
            ("3", Link::Cycle),
            ("├─ 1", Link::Event),
            ("└─ 4", Link::Event),
            ("   └─ 2", Link::Event),
            ("6", Link::Cycle),
        ];
        assert_eq!(drawn, expected.map(|(text, link)| (text.to_owned(), link)));
    }

    #[test]
    fn a_long_chain_is_not_moved_to_the_right_for_ever() {
        let chain: Vec<_> = (1..=5_000).map(|id| (id, (id > 1).then(|| id - 1))).collect();
        let drawn = drawn(&chain);
        assert_eq!(drawn.len(), 5_000);
        assert!(drawn.iter().all(|(text, _)| text.chars().count() <= 3 * INDENT_MAX + 4));
    }
}
