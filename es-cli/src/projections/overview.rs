//! [`Overview`]: all read models and reactors.

use super::model::{ReadModel, State};
use crate::Failure;
use crate::output::{Align, Console, Table};
use es_core::{
    App, CheckpointStore, EventStore, Generation, GenerationState, Position, ProjectionId, StoreError,
};
use serde::Serialize;

/// What `--json` prints.
#[derive(Serialize)]
pub(crate) struct Overview {
    pub(super) head: u64,
    pub(super) projections: Vec<ReadModel>,
}

impl Overview {
    /// The application's read models and its reactors in their order, and behind them those that are only in the store.
    pub(crate) async fn read(app: &App) -> Result<Self, StoreError> {
        // The generations first: a read model is then never ahead of the log that it is compared with.
        let generations = app.store().generations().await?;
        let head = app.store().head().await?.map_or(Position::START, |head| head.position);
        let declared: Vec<_> = app.followers().map(|follower| follower.projection()).collect();
        let mut others: Vec<_> = generations.iter().map(|generation| &generation.projection).collect();
        others.retain(|projection| !declared.contains(projection));
        others.sort();
        others.dedup();
        let declared = declared.into_iter().map(|projection| (projection, true));
        let others = others.into_iter().map(|projection| (projection, false));
        let mut projections = Vec::new();
        for (projection, is_declared) in declared.chain(others) {
            let builds = builds(&generations, projection);
            projections.push(ReadModel::new(&**app.store(), projection, is_declared, builds, head).await);
        }
        Ok(Self { head: head.value(), projections })
    }

    /// What is wrong with the application's own read models: one that a person has paused is not, and neither are dead
    /// letters, which hold up no more than they must.
    pub(crate) fn problems(&self) -> impl Iterator<Item = String> {
        self.projections.iter().filter(|model| model.declared).filter_map(|model| {
            let ReadModel { name, version, live, .. } = model;
            let lag = live.lag;
            match live.state {
                State::Halted => {
                    let position = live.halt.as_ref().map_or(live.position, |halt| halt.position);
                    Some(format!("{name} v{version} has halted at position {position}"))
                }
                State::New | State::Stopped if lag > 0 => {
                    Some(format!("nobody runs {name} v{version}, which is {lag} behind"))
                }
                _ => None,
            }
        })
    }

    pub(super) fn write(&self, console: &mut Console<'_>) -> Result<(), Failure> {
        if self.projections.is_empty() {
            console.note("the application has no projections");
            return Ok(());
        }
        let rows: Vec<_> = self.projections.iter().flat_map(ReadModel::rows).collect();
        let mut table = Table::new(&[
            ("projection", Align::Left),
            ("version", Align::Right),
            ("state", Align::Left),
            ("position", Align::Right),
            ("lag", Align::Right),
            ("dead letters", Align::Right),
            ("owner", Align::Left),
        ]);
        table.fit(&rows);
        console.line(table.header())?;
        for row in &rows {
            console.line(table.row(row.iter().map(String::as_str)))?;
        }
        self.projections.iter().flat_map(ReadModel::halts).try_for_each(|line| console.line(line))
    }
}

/// The live one and the one that is building.
fn builds<'a>(generations: &'a [Generation], projection: &ProjectionId) -> [Option<&'a Generation>; 2] {
    [GenerationState::Live, GenerationState::Building].map(|state| {
        generations
            .iter()
            .find(|generation| generation.projection == *projection && generation.state == state)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use es_core::{
        AnyProjector, Commit, Lease, LetterChange, LetterPlace, LetterQueue, Parked, StreamId, Version,
    };
    use es_memory::MemoryStore;
    use std::sync::Arc;
    use std::time::Duration;

    #[tokio::test]
    async fn dead_letters_are_shown_and_are_no_problem_of_the_process() {
        let store = MemoryStore::default();
        let id = ProjectionId::new("ledger", 1).unwrap();
        let lease = Lease {
            of: GenerationState::Live,
            shard: es_core::Shard::WHOLE,
            owner: uuid::Uuid::from_u128(1),
            duration: Duration::from_secs(3600),
            begin: None,
            takes_over: false,
        };
        let mut commit = Commit::new(store.acquire(&id, lease).await.unwrap().unwrap(), None);
        commit.letters.push(LetterChange::Park(Parked {
            place: LetterPlace { queue: LetterQueue::Key("a".into()), position: Position::new(1) },
            stream: StreamId::new("account", "a").unwrap(),
            version: Version::new(1),
            name: "account.opened".into(),
            cause: Some("it cannot be read".into()),
        }));
        store.commit(commit).await.unwrap();
        let projector = AnyProjector::new(Arc::new(store.clone()), id, |_| unreachable!("nothing runs it"));
        let overview = Overview::read(&App::new(store).projector(projector)).await.unwrap();
        assert_eq!(overview.problems().collect::<Vec<_>>(), Vec::<String>::new());
        let json = serde_json::to_string(&overview).unwrap();
        assert!(json.contains(r#""state":"running""#) && json.contains(r#""dead_letters":1,"#), "{json}");
    }
}
