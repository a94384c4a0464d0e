//! [`Wake`]: hints that the log has grown, in this process at once and in others through `NOTIFY`.

use crate::connections::Connections;
use crate::schema::Schema;
use crate::sql;
use es_core::{WakeUpSender, WakeUps};
use sqlx::postgres::{PgConnectOptions, PgListener, PgPoolOptions};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

/// How long after other processes were told a statement that appends tells them again: those that notify commit one by one.
const TOLD_APART: Duration = Duration::from_millis(4);
/// When they are told of what no statement has told them by then, counted from the same moment.
const TOLD_LATE: Duration = Duration::from_millis(5);
/// How long to wait before listening is tried again.
const LISTEN_AGAIN: Duration = Duration::from_secs(1);

/// How long nothing is heard before the connection that listens is asked whether it is still there, and how long it may
/// take to say so.
const LISTEN_CHECK: Duration = Duration::from_secs(15);

/// Who tells readers.
#[derive(Debug, Default)]
pub(crate) struct Wake {
    in_process: WakeUpSender,
    other_processes: Notify,
    told: Mutex<Told>,
    /// Where other processes listen, if they do.
    channel: Option<String>,
}

/// What other processes were told.
#[derive(Debug, Default)]
struct Told {
    /// When that was, or will be as soon as a statement commits.
    at: Option<Instant>,
    /// How many statements have appended and not told of it themselves.
    appended: u64,
    /// How many of these somebody has told of since.
    told: u64,
}

/// A statement tells other processes: of itself, and of so many that have appended before and did not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Telling<'w> {
    pub(crate) channel: &'w str,
    of: u64,
}

impl Wake {
    /// Tells other processes too, which listen on this channel.
    pub(crate) fn on(channel: String) -> Self {
        Self { channel: Some(channel), ..Self::default() }
    }

    /// What the next statement that appends is to tell other processes when it commits; nothing soon after another one has.
    pub(crate) fn telling(&self) -> Option<Telling<'_>> {
        let channel = self.channel.as_deref()?;
        let (mut told, now) = (self.told(), Instant::now());
        if told.at.is_some_and(|at| now - at < TOLD_APART) {
            return None;
        }
        told.at = Some(now);
        Some(Telling { channel, of: told.appended })
    }

    /// A statement that appends has committed.
    pub(crate) fn appended(&self, telling: Option<Telling<'_>>) {
        self.in_process.wake();
        if self.channel.is_none() {
            return;
        }
        let mut told = self.told();
        match telling {
            Some(telling) => told.told = told.told.max(telling.of),
            None => {
                told.appended += 1;
                self.other_processes.notify_one();
            }
        }
    }

    pub(crate) fn subscribe(&self) -> WakeUps {
        self.in_process.subscribe()
    }

    /// When to tell other processes of what no statement has told them; none when there is nothing.
    fn due(&self) -> Option<Instant> {
        let told = self.told();
        (told.told < told.appended).then(|| told.at.map_or_else(Instant::now, |at| at + TOLD_LATE))
    }

    /// They are about to be told of all there is.
    fn tell(&self) {
        let mut told = self.told();
        (told.at, told.told) = (Some(Instant::now()), told.appended);
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(crate) fn channel(schema: &Schema) -> String {
    format!("{}_appended", schema.name())
}

/// The tasks that tell other processes and listen to them; they end when this is dropped.
#[derive(Debug)]
pub(crate) struct Notifications {
    tasks: [JoinHandle<()>; 2],
}

impl Notifications {
    pub(crate) fn start(
        wake: &Arc<Wake>,
        connections: &Connections,
        listen: PgConnectOptions,
        schema: &Schema,
    ) -> Self {
        let notify = notify(Arc::clone(wake), connections.clone(), channel(schema));
        let listen = self::listen(Arc::clone(wake), listen, channel(schema));
        Self { tasks: [tokio::spawn(notify), tokio::spawn(listen)] }
    }

    pub(crate) fn stop(&self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

impl Drop for Notifications {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Tells other processes of what no statement has told them.
async fn notify(wake: Arc<Wake>, connections: Connections, channel: String) {
    loop {
        wake.other_processes.notified().await;
        while let Some(due) = wake.due() {
            if due > Instant::now() {
                tokio::time::sleep_until(due.into()).await;
                continue;
            }
            wake.tell();
            let notify = sqlx::query(sql::NOTIFY).bind(channel.clone());
            if let Err(failed) = connections.rows(notify).await {
                tracing::debug!(?failed, "other processes were not told that the log has grown");
            }
        }
    }
}

/// Whatever is lost here is found by polling.
async fn listen(wake: Arc<Wake>, options: PgConnectOptions, channel: String) {
    loop {
        if let Err(error) = listen_until_it_fails(&wake, &options, &channel).await {
            let error: &dyn std::error::Error = &error;
            tracing::debug!(error, "not listening for appends of other processes, readers poll");
        }
        tokio::time::sleep(LISTEN_AGAIN).await;
    }
}

async fn listen_until_it_fails(
    wake: &Wake,
    options: &PgConnectOptions,
    channel: &str,
) -> Result<(), sqlx::Error> {
    let pool = PgPoolOptions::new().max_connections(1).connect_lazy_with(options.clone());
    let mut listener = PgListener::connect_with(&pool).await?;
    listener.listen(channel).await?;
    loop {
        match tokio::time::timeout(LISTEN_CHECK, listener.try_recv()).await {
            // After a lost connection, which is no error here, something may have been missed.
            Ok(heard) => {
                heard?;
                wake.in_process.wake();
            }
            // A connection can die without a word: ask whether it is still there.
            Err(_) => {
                let asked = sqlx::query(sql::ALIVE).execute(&mut listener);
                tokio::time::timeout(LISTEN_CHECK, asked).await.map_err(|_| sqlx::Error::PoolTimedOut)??;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_tells_other_processes_unless_another_has_just_done_so() {
        let wake = Wake::on("es_appended".to_owned());
        let first = wake.telling();
        assert_eq!(first.map(|telling| telling.channel), Some("es_appended"));
        assert!(wake.telling().is_none(), "it follows too soon");
        wake.appended(first);
        assert!(wake.due().is_none(), "nothing is untold");
        wake.appended(None);
        assert!(wake.due().is_some());

        wake.told().at = Some(Instant::now() - TOLD_APART);
        let second = wake.telling();
        assert!(second.is_some());
        assert!(wake.due().is_some(), "the statement may fail, or wait for a lock");
        wake.appended(None);
        wake.appended(second);
        assert!(wake.due().is_some(), "one has come between");
        wake.tell();
        assert!(wake.due().is_none());
        assert!(Wake::default().telling().is_none(), "they poll");
    }
}
