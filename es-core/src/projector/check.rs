//! Comparing a rebuilt read model with the live one.

use super::any::LOOK_INTERVAL;
use super::follow::Follower;
use super::rebuild::Build;
use super::{AnyProjector, Progress, ProjectorError, Stall};
use crate::{Cursor, Generation, GenerationId, GenerationState, Position, Store, StoreError, json};

/// How many views are compared at a time.
const PAGE_VIEWS: usize = 1_000;

/// How often the live read model may move on during the comparison before it is given up.
const COMPARISONS_MAX: u32 = 20;

/// How often the shards of the live one may be at different rows when it is looked at.
const LOOKS_MAX: u32 = 1_000;

/// How a rebuilt read model compares with the live one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Comparison {
    /// They say the same.
    Identical {
        /// How many views were compared, or rows of tables.
        compared: u64,
        /// The position both were at.
        position: Position,
    },
    /// They differ.
    Different(Difference),
}

/// The first view, by key, or the first table that differs. It shows payload: for the person who asked, not for a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Its key.
    pub key: String,
    /// What is live; nothing where there is no such view.
    pub live: Option<String>,
    /// What the replay gave; nothing where there is no such view.
    pub rebuilt: Option<String>,
}

impl AnyProjector {
    /// Replays the log beside the live read model, compares the two view by view at one position, and drops what was
    /// built. Objects are compared whatever the order of their keys, and numbers as they are written.
    ///
    /// # Errors
    /// [`ProjectorError::Held`] when it is being rebuilt elsewhere; [`ProjectorError::Behind`] when the live one moved
    /// on each time; others as in [`Projector::catch_up`](super::Projector::catch_up).
    pub async fn check(&self, mut each: impl FnMut(Progress)) -> Result<Comparison, ProjectorError> {
        self.catch_up().await?;
        let mut follower = self.begin_building_alone().await?;
        let outcome = self.build_and_compare(&mut follower, &mut each).await;
        let discarded = follower.target.discard(&follower.grant).await;
        let comparison = outcome?;
        discarded.map_err(|error| follower.commit_failed(error))?;
        Ok(comparison)
    }

    async fn build_and_compare(
        &self,
        follower: &mut Follower,
        each: &mut impl FnMut(Progress),
    ) -> Result<Comparison, ProjectorError> {
        let mut build = Build::begin(self.head().await?, follower.grant.position());
        let mut live = self.generation(GenerationState::Live).await?;
        let (mut comparisons, mut looks) = (0, 0);
        while comparisons < COMPARISONS_MAX && looks < LOOKS_MAX {
            let Some(before) = live else {
                return Ok(Comparison::Identical { compared: 0, position: Position::START });
            };
            if cursors(&before).iter().any(|cursor| *cursor != before.cursor()) {
                // One shard is ahead of another for a moment.
                looks += 1;
                tokio::time::sleep(LOOK_INTERVAL).await;
                live = self.generation(GenerationState::Live).await?;
                continue;
            }
            comparisons += 1;
            self.build(follower, Some(before.position()), &mut build, each).await?;
            let compared = follower.target.compare(&before, &follower.grant).await;
            let comparison = compared.map_err(|source| self.cannot_go_on(source))?;
            live = self.generation(GenerationState::Live).await?;
            let unmoved =
                live.as_ref().is_some_and(|now| now.id == before.id && cursors(now) == cursors(&before));
            if unmoved && follower.grant.cursor == before.cursor() {
                return Ok(comparison);
            }
        }
        let found = follower.grant.position();
        Err(ProjectorError::Behind {
            projection: self.projection().clone(),
            found,
            wanted: live.map_or(Position::START, |live| live.position()),
            why: Stall::Running,
        })
    }
}

/// Compares the views of two generations, page by page.
pub(super) async fn compare_views(
    store: &dyn Store,
    live: &Generation,
    rebuilt: GenerationId,
) -> Result<Comparison, StoreError> {
    let (mut after, mut views): (Option<String>, u64) = (None, 0);
    loop {
        let ours = store.generation_views(live.id, after.as_deref(), PAGE_VIEWS).await?;
        let theirs = store.generation_views(rebuilt, after.as_deref(), PAGE_VIEWS).await?;
        if let Some(difference) = first_difference(&ours, &theirs) {
            return Ok(Comparison::Different(difference));
        }
        views += ours.len() as u64;
        match ours.last() {
            Some((key, _)) if ours.len() == PAGE_VIEWS => after = Some(key.clone()),
            _ => return Ok(Comparison::Identical { compared: views, position: live.position() }),
        }
    }
}

/// Where its shards are.
pub(super) fn cursors(generation: &Generation) -> Vec<Option<Cursor>> {
    generation.checkpoints.iter().map(|checkpoint| checkpoint.cursor).collect()
}

type Views = [(String, String)];

fn first_difference(live: &Views, rebuilt: &Views) -> Option<Difference> {
    for index in 0..live.len().max(rebuilt.len()) {
        let (ours, theirs) = (live.get(index), rebuilt.get(index));
        let key = ours.iter().chain(theirs.iter()).map(|(key, _)| key).min()?;
        let view = |side: Option<&(String, String)>| {
            side.filter(|(found, _)| found == key).map(|(_, view)| view.clone())
        };
        let difference = Difference { key: key.clone(), live: view(ours), rebuilt: view(theirs) };
        if !same(difference.live.as_deref(), difference.rebuilt.as_deref()) {
            return Some(difference);
        }
    }
    None
}

fn same(live: Option<&str>, rebuilt: Option<&str>) -> bool {
    match (live, rebuilt) {
        (Some(live), Some(rebuilt)) => {
            live == rebuilt
                || matches!((json::canonical(live), json::canonical(rebuilt)), (Ok(live), Ok(rebuilt)) if live == rebuilt)
        }
        (live, rebuilt) => live == rebuilt,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn views(views: &[(&str, &str)]) -> Vec<(String, String)> {
        views.iter().map(|(key, view)| (key.to_string(), view.to_string())).collect()
    }

    #[test]
    fn the_first_view_that_differs_is_named() {
        let live = views(&[("a", r#"{"x":1,"y":2}"#), ("b", "1")]);
        assert_eq!(first_difference(&live, &views(&[("a", r#"{"y":2,"x":1}"#), ("b", "1")])), None);
        let missing = first_difference(&live, &views(&[("b", "1")])).unwrap();
        assert_eq!((missing.key.as_str(), missing.rebuilt), ("a", None));
        let other = first_difference(&live, &views(&[("a", r#"{"x":1,"y":2}"#), ("b", "2")])).unwrap();
        assert_eq!(
            (other.key.as_str(), other.live.as_deref(), other.rebuilt.as_deref()),
            ("b", Some("1"), Some("2"))
        );
        let extra =
            first_difference(&live, &views(&[("a", r#"{"x":1,"y":2}"#), ("b", "1"), ("c", "3")])).unwrap();
        assert_eq!((extra.key.as_str(), extra.live), ("c", None));
    }
}
