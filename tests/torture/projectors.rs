//! Projectors: several processes that want the same projections, with leases that are soon over.

use super::patience::WAIT_MAX;
use super::views::{Everything, PerStream};
use super::witness::chain;
use super::worker::Desk;
use anyhow::Result;
use es_core::{AnyProjector, Projection, Projector, Store};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How long an owner that is gone holds up the others.
const LEASE: Duration = Duration::from_millis(150);

/// Small batches, so that there are many commits to break.
const BATCH_EVENTS_MAX: usize = 40;

/// How long a projection stays divided as it is.
const DIVIDE_MS: std::ops::Range<u64> = 200..3_000;

/// Into how many shards at the most.
const SHARDS_MAX: u16 = 5;

/// How often to look whether the run wants no more.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);

/// Longer than the run waits.
const END_MAX: Duration = WAIT_MAX.saturating_mul(2);

/// Runs both projections until the run wants no more and they have everything.
///
/// # Errors
/// When the journal cannot be written.
pub async fn run(desk: &Desk, store: Arc<dyn Store>) -> Result<()> {
    tokio::try_join!(follow::<Everything>(desk, store.clone()), follow::<PerStream>(desk, store))?;
    Ok(())
}

/// Divides a projection in another way again and again, where the run wants that.
async fn divide(desk: &Desk, projector: &AnyProjector) {
    let (mut orders, mut dice) = (desk.orders.clone(), desk.dice(254));
    while desk.job.divides && orders.until().is_none() {
        orders.pause(Duration::from_millis(dice.u64(DIVIDE_MS))).await;
        // A store that is down is the nemesis's doing, and the others see to it.
        drop(projector.divide(dice.u16(1..=SHARDS_MAX)).await);
    }
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
    tokio::try_join!(run, end, async {
        divide(desk, projector.any()).await;
        Ok(())
    })
    .map(|_| ())
}
