//! The watcher: looks at a view between two looks at its checkpoint.

use super::line::{Line, Watched};
use super::views::{Everything, Sum, WHOLE};
use super::worker::Desk;
use anyhow::Result;
use es_core::{
    Checkpoint, Generation, GenerationId, GenerationState, Projection, ProjectionId, Slices, Store,
    StoreError,
};
use std::sync::Arc;
use std::time::Duration;

/// How often it looks.
const LOOK_INTERVAL: Duration = Duration::from_millis(40);

/// Looks until the run wants no more. What cannot be read at the moment is not looked at.
///
/// # Errors
/// When the journal cannot be written.
pub async fn watch(desk: &Desk, store: Arc<dyn Store>) -> Result<()> {
    let mut orders = desk.orders.clone();
    let projection = ProjectionId::new(Everything::NAME, Everything::VERSION)?;
    while orders.until().is_none() {
        if let Ok(Some(watched)) = look(&store, &projection).await {
            desk.journal.write(&Line::Watched(watched)).await?;
        }
        orders.pause(LOOK_INTERVAL).await;
    }
    Ok(())
}

async fn look(store: &Arc<dyn Store>, projection: &ProjectionId) -> Result<Option<Watched>, StoreError> {
    let Some((generation, before)) = live(store, projection).await? else { return Ok(None) };
    let view = store.view(projection, WHOLE).await?;
    let Some((_, after)) = live(store, projection).await? else { return Ok(None) };
    // A view that cannot be read is found at the end, where all of them are.
    let view = view.and_then(|view| serde_json::from_str::<Sum>(&view).ok()).unwrap_or_default();
    Ok(Some(Watched {
        projection: projection.name().to_owned(),
        generation: generation.value(),
        before: before.position().value(),
        view: view.position,
        after: after.position().value(),
        epochs: (before.epoch, after.epoch),
    }))
}

/// The live generation, and the checkpoint of the shard that has the view.
async fn live(
    store: &Arc<dyn Store>,
    projection: &ProjectionId,
) -> Result<Option<(GenerationId, Checkpoint)>, StoreError> {
    let is_live =
        |found: &Generation| found.projection == *projection && found.state == GenerationState::Live;
    let live = store.generations().await?.into_iter().find(is_live);
    Ok(live.and_then(|live| Some((live.id, live.checkpoint(Slices::of_key(WHOLE))?.clone()))))
}
