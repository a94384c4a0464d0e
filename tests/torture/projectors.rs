//! Projectors: several processes that want the same projections, with leases that are soon over.

use super::views::{Everything, PerStream};
use super::witness::chain;
use super::worker::Desk;
use anyhow::Result;
use es_core::{Projection, Projector, Store};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How long an owner that is gone holds up the others.
const LEASE: Duration = Duration::from_millis(150);

/// Small batches, so that there are many commits to break.
const BATCH_EVENTS_MAX: usize = 40;

/// How often to look whether the run wants no more.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);

/// Longer than the run waits.
const END_MAX: Duration = Duration::from_secs(60);

/// Runs both projections until the run wants no more and they have everything.
///
/// # Errors
/// When the journal cannot be written.
pub async fn run(desk: &Desk, store: Arc<dyn Store>) -> Result<()> {
    tokio::try_join!(follow::<Everything>(desk, store.clone()), follow::<PerStream>(desk, store))?;
    Ok(())
}

async fn follow<P: Projection>(desk: &Desk, store: Arc<dyn Store>) -> Result<()> {
    let projector = Projector::<P>::new(store)
        .with_lease(LEASE)
        .with_batch_events_max(BATCH_EVENTS_MAX)
        .with_poll_interval(Duration::from_millis(10));
    let shutdown = CancellationToken::new();
    let run = async {
        if let Err(error) = projector.run(shutdown.clone()).await {
            desk.failed(&format!("the projector of {}", P::NAME), chain(&error)).await?;
        }
        Ok(())
    };
    let end = async {
        let mut orders = desk.orders.clone();
        loop {
            match orders.until() {
                Some(until) if projector.wait_for(until, END_MAX).await.is_ok() => break,
                _ => orders.pause(LOOK_INTERVAL).await,
            }
        }
        shutdown.cancel();
        Ok(())
    };
    tokio::try_join!(run, end).map(|_| ())
}
