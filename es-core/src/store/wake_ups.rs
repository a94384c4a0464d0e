//! [`WakeUps`] and [`WakeUpSender`].

use std::time::Duration;
use tokio::sync::watch;

/// The store's side: tells every reader in this process that the log has grown.
#[derive(Debug)]
pub struct WakeUpSender(watch::Sender<u64>);

/// A reader's side: waits until the log has grown, or it is time to look anyway.
#[derive(Debug, Clone)]
pub struct WakeUps(watch::Receiver<u64>);

impl Default for WakeUpSender {
    fn default() -> Self {
        Self(watch::Sender::new(0))
    }
}

impl WakeUpSender {
    /// Wakes all readers; never waits.
    pub fn wake(&self) {
        self.0.send_modify(|times| *times += 1);
    }

    /// A new reader's side.
    pub fn subscribe(&self) -> WakeUps {
        WakeUps(self.0.subscribe())
    }
}

impl WakeUps {
    /// How often readers have been woken so far.
    pub(crate) fn times(&self) -> u64 {
        *self.0.borrow()
    }

    /// Returns when the log has grown since the last call, or after `poll_interval`. Cancel-safe.
    pub async fn changed_or(&mut self, poll_interval: Duration) {
        match tokio::time::timeout(poll_interval, self.0.changed()).await {
            Ok(Ok(())) | Err(_) => (),
            // The store is gone, and with it the hints; whoever holds on to the reader polls.
            Ok(Err(_)) => tokio::time::sleep(poll_interval).await,
        }
    }
}
