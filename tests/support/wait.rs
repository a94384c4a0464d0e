//! Waiting on conditions, with an end.

use std::time::Duration;
use tokio::time::{Interval, MissedTickBehavior, interval, timeout};

/// After this a condition is believed never to come true.
const PATIENCE: Duration = Duration::from_secs(60);

/// How often a condition that nobody announces is looked at.
const LOOK_INTERVAL: Duration = Duration::from_millis(2);

/// What `work` gives, which must be soon.
///
/// # Panics
/// When it takes too long.
pub async fn within<T>(what: &str, work: impl Future<Output = T>) -> T {
    timeout(PATIENCE, work).await.unwrap_or_else(|_| panic!("waited in vain until {what}"))
}

/// Returns once `condition` is true.
///
/// # Panics
/// When it does not come true.
pub async fn until(what: &str, condition: impl AsyncFn() -> bool) {
    let look = async {
        let mut looks = looks();
        while !condition().await {
            looks.tick().await;
        }
    };
    within(what, look).await;
}

/// When to look at a condition.
pub fn looks() -> Interval {
    let mut looks = interval(LOOK_INTERVAL);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    looks
}
