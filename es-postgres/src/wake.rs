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

/// How long after a notification the next one may follow while statements that append are rare.
const NOTIFY_INTERVAL_MIN: Duration = Duration::from_millis(1);
/// The same while there are many: they should not pay for it.
const NOTIFY_INTERVAL_MAX: Duration = Duration::from_millis(20);
/// How far apart rare ones are.
const RARE: Duration = Duration::from_millis(4);
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
    /// How many statements have appended since.
    untold: u32,
}

impl Wake {
    /// Tells other processes too, which listen on this channel.
    pub(crate) fn on(channel: String) -> Self {
        Self { channel: Some(channel), ..Self::default() }
    }

    /// The channel on which the next statement that appends is to tell other processes when it commits. None while such
    /// statements are many: transactions that notify commit one by one.
    pub(crate) fn channel(&self) -> Option<&str> {
        let (mut told, now) = (self.told(), Instant::now());
        if told.untold > 0 || told.at.is_some_and(|at| now - at < RARE) {
            return None;
        }
        told.at = Some(now);
        self.channel.as_deref()
    }

    /// A statement that appends has committed, and may have told other processes.
    pub(crate) fn appended(&self, has_told: bool) {
        self.in_process.wake();
        if !has_told && self.channel.is_some() {
            self.told().untold += 1;
            self.other_processes.notify_one();
        }
    }

    pub(crate) fn subscribe(&self) -> WakeUps {
        self.in_process.subscribe()
    }

    /// They are about to be told; gives how long to leave them alone then.
    fn tell(&self) -> Duration {
        let (mut told, now) = (self.told(), Instant::now());
        let before = told.at.replace(now);
        let statements = std::mem::take(&mut told.untold);
        interval_after(statements, before.map_or(Duration::MAX, |before| now - before))
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

/// Tells other processes of what no statement has told them itself: at most once per interval.
async fn notify(wake: Arc<Wake>, connections: Connections, channel: String) {
    loop {
        wake.other_processes.notified().await;
        let interval = wake.tell();
        let notify = sqlx::query(sql::NOTIFY).bind(channel.clone());
        if let Err(failed) = connections.rows(notify).await {
            tracing::debug!(?failed, "other processes were not told that the log has grown");
        }
        tokio::time::sleep(interval).await;
    }
}

/// How long to tell nobody, after so many statements in this time: longer by the square of how often they came.
fn interval_after(statements: u32, time: Duration) -> Duration {
    let times_rare = RARE.as_secs_f64() * f64::from(statements) / time.as_secs_f64().max(1e-6);
    NOTIFY_INTERVAL_MAX.min(NOTIFY_INTERVAL_MIN.mul_f64(times_rare.powi(2).clamp(1.0, 1e3)))
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
    fn a_rare_statement_tells_other_processes_itself() {
        let wake = Wake::on("es_appended".to_owned());
        assert_eq!(wake.channel(), Some("es_appended"));
        assert!(wake.channel().is_none(), "it follows too soon");

        let long_ago = Instant::now() - RARE;
        *wake.told() = Told { at: Some(long_ago), untold: 0 };
        assert!(wake.channel().is_some());
        *wake.told() = Told { at: Some(long_ago), untold: 1 };
        assert!(wake.channel().is_none(), "others are about to be told");
        assert!(Wake::default().channel().is_none(), "they poll");
    }

    #[test]
    fn who_appends_rarely_is_told_of_at_once_and_who_appends_often_now_and_then() {
        let ms = Duration::from_millis;
        for (statements, time, interval) in [
            (1, ms(60_000), ms(1)),
            (1, ms(10), ms(1)),
            (2, ms(20), ms(1)),
            (1, ms(4), ms(1)),
            (10, ms(20), ms(4)),
            (20, ms(20), ms(16)),
            (40, ms(20), ms(20)),
            (u32::MAX, Duration::ZERO, ms(20)),
            (0, Duration::ZERO, ms(1)),
        ] {
            assert_eq!(interval_after(statements, time), interval, "{statements} in {time:?}");
        }
    }
}
