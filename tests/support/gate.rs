//! [`Gate`]: stops one append of a real server before its commit.

use crate::wait;
use futures::future::BoxFuture;
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, Connection, PgConnection, Row};
use tokio::sync::Mutex;

/// A trigger of the test's own, so that the store needs no hook for it. One transaction at a time gets the ticket and
/// waits at the gate; those behind it pass.
const TRIGGER: &str = "
CREATE OR REPLACE FUNCTION public.stop_at_gate() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM inserted) AND pg_try_advisory_xact_lock({ticket}) THEN
        PERFORM pg_advisory_xact_lock_shared({gate});
    END IF;
    RETURN NULL;
END;
$$;
CREATE OR REPLACE TRIGGER stop_at_gate AFTER INSERT ON es.events REFERENCING NEW TABLE AS inserted
    FOR EACH STATEMENT EXECUTE FUNCTION public.stop_at_gate();";

const TICKET: i64 = 7_701;
const GATE: i64 = 7_702;

const CLOSE: &str = "SELECT pg_advisory_lock($1)";
const OPEN: &str = "SELECT pg_advisory_unlock($1)";
const WAITING: &str = "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 1 AND NOT granted
    AND objid = $1::bigint::oid AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
const TERMINATE: &str = "SELECT pg_terminate_backend($1::integer)";
const IS_THERE: &str = "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE pid = $1)";

/// A gate that the next append to the schema `es` which brings events stops at, after it has drawn its positions and
/// inserted its rows and before it commits. Those that come later pass. Time-outs of the stopped one must be long.
pub struct Gate(Mutex<PgConnection>);

impl Gate {
    /// Closes the gate of the database with this URL.
    ///
    /// # Panics
    /// When the server refuses.
    pub async fn close(url: &str) -> Self {
        let mut connection = PgConnection::connect(url).await.unwrap_or_else(|error| panic!("{error}"));
        let trigger = TRIGGER.replace("{ticket}", &TICKET.to_string()).replace("{gate}", &GATE.to_string());
        let made = sqlx::raw_sql(AssertSqlSafe(trigger)).execute(&mut connection).await;
        made.unwrap_or_else(|error| panic!("the trigger cannot be made: {error}"));
        let gate = Self(Mutex::new(connection));
        gate.ask(CLOSE, GATE).await;
        gate
    }

    /// Returns once an append waits at the gate.
    ///
    /// # Panics
    /// When none comes.
    pub async fn reached(&self) {
        let look = async {
            let mut looks = wait::looks();
            while self.waiting().await.is_none() {
                looks.tick().await;
            }
        };
        wait::within("an append waits at the gate", look).await;
    }

    /// Lets it commit.
    ///
    /// # Panics
    /// When the server refuses.
    pub async fn open(self) {
        self.ask(OPEN, GATE).await;
    }

    /// Ends the server's process that waits at the gate, which undoes its append.
    ///
    /// # Panics
    /// When none waits.
    pub async fn terminate(self) {
        let pid = self.waiting().await.expect("an append waits at the gate");
        self.ask(TERMINATE, pid.into()).await;
        let look = async {
            let mut looks = wait::looks();
            while self.ask(IS_THERE, pid.into()).await.try_get(0).unwrap_or(true) {
                looks.tick().await;
            }
        };
        wait::within("the process has ended", look).await;
        self.ask(OPEN, GATE).await;
    }

    fn waiting(&self) -> BoxFuture<'_, Option<i32>> {
        Box::pin(async {
            let mut connection = self.0.lock().await;
            let found = sqlx::query_scalar(WAITING).bind(GATE).fetch_optional(&mut *connection).await;
            found.unwrap_or_else(|error| panic!("{WAITING}: {error}"))
        })
    }

    fn ask(&self, sql: &'static str, number: i64) -> BoxFuture<'_, PgRow> {
        Box::pin(async move {
            let mut connection = self.0.lock().await;
            let row = sqlx::query(sql).bind(number).fetch_one(&mut *connection).await;
            row.unwrap_or_else(|error| panic!("{sql}: {error}"))
        })
    }
}
