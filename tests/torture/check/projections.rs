//! What projectors did, and what their views say.

use super::Anomaly;
use crate::history::{History, Model, Row};
use crate::line::{Batch, BatchFate};
use crate::views::{Everything, Sum, WHOLE};
use es_core::Projection;
use std::collections::{BTreeMap, BTreeSet};

/// Looks at a read model that found it behind its checkpoint, or before it, or going back.
pub fn checkpoints(history: &History) -> Vec<Anomaly> {
    let mut found = Vec::new();
    for watched in &history.watched {
        let what = if watched.view < watched.before {
            ("checkpoint ahead of effects", format!("before {}", watched.before))
        } else if watched.view > watched.after {
            ("double apply", format!("behind {}, where the checkpoint was later", watched.after))
        } else if watched.after < watched.before || watched.epochs.1 < watched.epochs.0 {
            ("zombie write", "and the checkpoint or its epoch went back".to_owned())
        } else {
            continue;
        };
        let (name, what) = what;
        let what = format!("the view of {} was at position {}, {what}", watched.projection, watched.view);
        found.push(Anomaly::new(name, what).with([watched]));
    }
    found
}

/// Batches that were committed by an owner that had been replaced, and events that are in two batches.
pub fn owners(history: &History) -> Vec<Anomaly> {
    let mut generations: BTreeMap<i64, Vec<&Batch>> = BTreeMap::new();
    for batch in history.batches.iter().filter(|batch| batch.fate == BatchFate::Done) {
        generations.entry(batch.generation).or_default().push(batch);
    }
    let mut found = Vec::new();
    for (generation, mut batches) in generations {
        batches.sort_by_key(|batch| (batch.from, batch.to));
        for (one, other) in overlapping(&batches) {
            let what = format!(
                "two batches of {} hold the events behind {} up to {}",
                one.projection,
                other.from,
                one.to.min(other.to)
            );
            found.push(Anomaly::new("double apply", what).with([one, other]));
        }
        for batch in batches {
            let later = history.grants.iter().find(|(_, grant)| {
                grant.generation == generation
                    && share(grant.slices, batch.slices)
                    && grant.epoch > batch.epoch
                    && grant.from < batch.to
            });
            if let Some((_, grant)) = later {
                let what = format!(
                    "epoch {} of {} moved the checkpoint to {} after epoch {} had taken it over at {}",
                    batch.epoch, batch.projection, batch.to, grant.epoch, grant.from
                );
                let shown = [format!("{grant:?}"), format!("{batch:?}")];
                found.push(Anomaly::new("zombie write", what).with(shown));
            }
        }
    }
    found
}

/// Whether two checkpoints are of a slice that is the same.
fn share(one: (u16, u16), other: (u16, u16)) -> bool {
    one.0 < other.1 && other.0 < one.1
}

/// Batches of the same slice that hold the same events, by where they begin.
fn overlapping<'a>(batches: &[&'a Batch]) -> Vec<(&'a Batch, &'a Batch)> {
    let mut found = Vec::new();
    let mut open: Vec<&Batch> = Vec::new();
    for batch in batches {
        open.retain(|before| before.to > batch.from);
        let both = open.iter().filter(|before| share(before.slices, batch.slices));
        found.extend(both.map(|before| (*before, *batch)));
        open.push(batch);
    }
    found
}

/// Views that are not what the log gives up to their checkpoint. Where somebody was stuck, each shard is where it is, and
/// there is no position of all.
pub fn views(history: &History) -> Vec<Anomaly> {
    if !history.stuck.is_empty() {
        return Vec::new();
    }
    let mut found = Vec::new();
    for model in &history.models {
        let expected = fold(&history.log, model);
        let keys: BTreeSet<_> = expected.keys().chain(model.views.keys()).collect();
        let all = keys.into_iter().filter_map(|key| {
            let (wanted, is) = (expected.get(key).copied(), model.views.get(key).copied());
            let (wanted, is) = (wanted.unwrap_or_default(), is.unwrap_or_default());
            (wanted != is).then_some((key, wanted, is))
        });
        let wrong: Vec<_> = all.collect();
        if let Some((key, wanted, is)) = wrong.first() {
            let name = match is.count.cmp(&wanted.count) {
                std::cmp::Ordering::Greater => "double apply",
                std::cmp::Ordering::Less => "checkpoint ahead of effects",
                std::cmp::Ordering::Equal => "applied out of order",
            };
            let what = format!(
                "{} views of {} at position {} are wrong, such as `{key}`",
                wrong.len(),
                model.projection,
                model.position
            );
            let shown = [format!("the log gives {wanted:?}"), format!("the view has {is:?}")];
            let mut anomaly = Anomaly::new(name, what);
            anomaly.history = shown.into();
            found.push(anomaly);
        }
    }
    found
}

fn fold(log: &[Row], model: &Model) -> BTreeMap<String, Sum> {
    let mut views: BTreeMap<String, Sum> = BTreeMap::new();
    for row in log.iter().filter(|row| row.position <= model.position) {
        let key = if model.projection == Everything::NAME { WHOLE } else { row.stream.as_str() };
        let view = views.entry(key.to_owned()).or_default();
        view.add(row.id, row.position, row.version, row.amount);
    }
    views
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{good, names};
    use super::*;
    use crate::line::{Granted, Watched};

    fn watched(before: u64, view: u64, after: u64) -> Watched {
        let projection = Everything::NAME.to_owned();
        Watched { projection, generation: 1, before, view, after, epochs: (1, 1) }
    }

    fn batch(epoch: i64, from: u64, to: u64) -> Batch {
        let projection = Everything::NAME.to_owned();
        Batch { projection, generation: 1, slices: (0, 1024), epoch, from, to, fate: BatchFate::Done }
    }

    #[test]
    fn a_view_outside_its_checkpoint_is_found() {
        for (look, name) in [
            (watched(5, 4, 6), "checkpoint ahead of effects"),
            (watched(5, 7, 6), "double apply"),
            (watched(5, 5, 5), ""),
            (watched(5, 6, 7), ""),
        ] {
            let history = History { watched: vec![look], ..History::default() };
            assert_eq!(names(&checkpoints(&history)).concat(), name);
        }
        let back = Watched { epochs: (2, 1), ..watched(5, 5, 5) };
        let history = History { watched: vec![back], ..History::default() };
        assert_eq!(names(&checkpoints(&history)), ["zombie write"]);
    }

    #[test]
    fn an_owner_that_writes_after_it_was_replaced_is_a_zombie() {
        let mut history = History::default();
        let projection = Everything::NAME.to_owned();
        history
            .grants
            .push((2, Granted { projection, generation: 1, slices: (512, 1024), epoch: 2, from: 5 }));
        history.batches = vec![batch(1, 0, 5), batch(2, 5, 9)];
        assert_eq!(owners(&history), []);
        history.batches.push(batch(1, 9, 12));
        assert_eq!(names(&owners(&history)), ["zombie write"]);
        history.batches[2].slices = (0, 512);
        assert_eq!(owners(&history), [], "another shard");
        history.batches[2].slices = (0, 1024);
        history.batches[2].fate = BatchFate::Fenced;
        assert_eq!(owners(&history), []);
    }

    #[test]
    fn events_in_two_batches_are_applied_twice() {
        let history = History { batches: vec![batch(1, 0, 5), batch(1, 4, 9)], ..History::default() };
        assert_eq!(names(&owners(&history)), ["double apply"]);
        let of_half = |slices, from, to| Batch { slices, ..batch(1, from, to) };
        let batches = vec![of_half((0, 512), 0, 9), of_half((512, 1024), 2, 5), of_half((512, 1024), 5, 6)];
        let mut history = History { batches, ..History::default() };
        assert_eq!(owners(&history), [], "shards each have their own");
        history.batches.push(of_half((256, 1024), 8, 9));
        assert_eq!(names(&owners(&history)), ["double apply"]);
    }

    #[test]
    fn a_view_that_the_log_does_not_give_is_named_by_its_count() {
        let find = |change: fn(&mut Sum)| {
            let mut history = good();
            change(history.models[0].views.get_mut(WHOLE).unwrap());
            names(&views(&history)).concat()
        };
        assert_eq!(find(|_| ()), "");
        assert_eq!(find(|view| view.count += 1), "double apply");
        assert_eq!(find(|view| view.count -= 1), "checkpoint ahead of effects");
        assert_eq!(find(|view| view.digest += 1), "applied out of order");
        let mut history = good();
        history.models[1].views.clear();
        assert_eq!(names(&views(&history)), ["checkpoint ahead of effects"]);
    }
}
