//! Twins of what is kept as a shortcut.

use async_trait::async_trait;
use es_conformance::{Layer, Layered};
use es_core::{KeptSnapshot, SnapshotPlace, SnapshotStore, SnapshotsOf, Store, StoreError};
use std::sync::Arc;

/// What is wrong.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wrong {
    ListsAll,
    Keeps,
    DropsSchemas,
}

struct Hoarder {
    below: Arc<dyn Store>,
    wrong: Wrong,
}

#[async_trait]
impl Layer for Hoarder {
    fn below(&self) -> &Arc<dyn Store> {
        &self.below
    }

    async fn snapshots(
        &self,
        of: &SnapshotsOf,
        after: Option<&SnapshotPlace>,
        limit: usize,
    ) -> Result<Vec<KeptSnapshot>, StoreError> {
        let of = if self.wrong == Wrong::ListsAll { &SnapshotsOf::All } else { of };
        self.below.snapshots(of, after, limit).await
    }

    async fn drop_snapshots(&self, places: &[SnapshotPlace]) -> Result<u64, StoreError> {
        match self.wrong {
            Wrong::ListsAll => self.below.drop_snapshots(places).await,
            Wrong::Keeps => Ok(1),
            Wrong::DropsSchemas => {
                let dropped = self.below.drop_snapshots(places).await?;
                for place in places {
                    let of = SnapshotsOf::Stream(place.stream.clone());
                    let others = self.below.snapshots(&of, None, 10).await?;
                    let others: Vec<_> = others.into_iter().map(|kept| kept.place).collect();
                    self.below.drop_snapshots(&others).await?;
                }
                Ok(dropped)
            }
        }
    }
}

fn wrong(below: Arc<dyn Store>, wrong: Wrong) -> Arc<dyn Store> {
    Arc::new(Layered(Hoarder { below, wrong }))
}

pub(super) fn lists_all(below: Arc<dyn Store>) -> Arc<dyn Store> {
    wrong(below, Wrong::ListsAll)
}

pub(super) fn keeps(below: Arc<dyn Store>) -> Arc<dyn Store> {
    wrong(below, Wrong::Keeps)
}

pub(super) fn drops_schemas(below: Arc<dyn Store>) -> Arc<dyn Store> {
    wrong(below, Wrong::DropsSchemas)
}
