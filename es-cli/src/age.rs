//! How old the oldest event is that a read model has not taken yet.

use es_core::{Filter, Position, Store, StoreError};

/// In whole seconds by this process's clock; 0 where nothing is left to take.
pub(crate) async fn lag_seconds(
    store: &dyn Store,
    position: Position,
    head: Position,
) -> Result<u64, StoreError> {
    if position >= head {
        return Ok(0);
    }
    let page = store.read_all(position, &Filter::default(), 1).await?;
    let age = page.events.first().map(|event| chrono::Utc::now() - event.recorded_at);
    // A store whose clock is ahead has no events of the future.
    Ok(age.and_then(|age| u64::try_from(age.num_seconds()).ok()).unwrap_or(0))
}
