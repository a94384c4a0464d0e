//! [`Reader`]: the store's own, and broken ones that must be caught.

use super::scene::connect;
use es_core::{EventStore, Filter, Position};
use es_postgres::PostgresStore;
use sqlx::{AssertSqlSafe, PgConnection};

/// Reads the log on from its own cursor, a page at a time.
pub struct Reader {
    kind: Kind,
    cursor: u64,
    pub seen: Vec<u64>,
}

enum Kind {
    Store(PostgresStore),
    Naive(PgConnection),
    OneStatement(PgConnection, String),
    HorizonAsCursor(PgConnection),
}

impl Reader {
    fn of(kind: Kind) -> Self {
        Self { kind, cursor: 0, seen: Vec::new() }
    }

    /// The one that must miss nothing.
    pub fn store(store: &PostgresStore) -> Self {
        Self::of(Kind::Store(store.clone()))
    }

    /// A twin: whatever is visible behind the last row it saw.
    pub async fn naive(url: &str) -> Self {
        Self::of(Kind::Naive(connect(url).await))
    }

    /// A twin: the bound and the rows in one statement. Its process is not scheduled at the worst moment: it calls
    /// `pause` when its snapshot is taken and its bound is not.
    pub async fn one_statement(url: &str, pause: &str) -> Self {
        let text = format!(
            "WITH pause AS MATERIALIZED (SELECT {pause}),
            bound AS MATERIALIZED (SELECT es.horizon() AS position FROM pause)
            SELECT e.position FROM bound CROSS JOIN es.events AS e
            WHERE e.position > $1 AND e.position <= bound.position ORDER BY e.position"
        );
        Self::of(Kind::OneStatement(connect(url).await, text))
    }

    /// A twin: two statements, but it goes on from the horizon instead of from the last row.
    pub async fn horizon_as_cursor(url: &str) -> Self {
        Self::of(Kind::HorizonAsCursor(connect(url).await))
    }

    /// Goes on with another connection, from where it is.
    pub async fn reconnect(self, url: &str, store: &PostgresStore) -> Self {
        let kind = match self.kind {
            Kind::Store(_) => Kind::Store(store.clone()),
            Kind::Naive(_) => Kind::Naive(connect(url).await),
            Kind::OneStatement(_, text) => Kind::OneStatement(connect(url).await, text),
            Kind::HorizonAsCursor(_) => Kind::HorizonAsCursor(connect(url).await),
        };
        Self { kind, ..self }
    }

    /// Where it goes on.
    pub fn cursor(&self) -> u64 {
        self.cursor
    }

    /// Reads what there is behind its cursor; gives how many rows that were.
    pub async fn read(&mut self) -> usize {
        let (rows, cursor) = match &mut self.kind {
            Kind::Store(store) => {
                let after = Position::new(self.cursor);
                let page = store.read_all(after, &Filter::default(), 1_000).await.unwrap();
                let rows = page.events.iter().map(|event| event.position.value()).collect();
                (rows, page.cursor.map(|cursor| cursor.position.value()))
            }
            Kind::Naive(connection) => {
                let text = "SELECT position FROM es.events WHERE position > $1 ORDER BY position";
                last(rows(connection, text, &[self.cursor]).await)
            }
            Kind::OneStatement(connection, text) => last(rows(connection, text, &[self.cursor]).await),
            Kind::HorizonAsCursor(connection) => {
                let horizon = rows(connection, "SELECT es.horizon()", &[]).await[0];
                let text = "SELECT position FROM es.events WHERE position > $1 AND position <= $2
                    ORDER BY position";
                (rows(connection, text, &[self.cursor, horizon]).await, Some(horizon))
            }
        };
        self.cursor = cursor.unwrap_or(self.cursor);
        self.seen.extend(&rows);
        rows.len()
    }

    /// What it should have seen and has not.
    pub fn missed(&self, all: &[u64]) -> Vec<u64> {
        all.iter().copied().filter(|position| !self.seen.contains(position)).collect()
    }
}

fn last(rows: Vec<u64>) -> (Vec<u64>, Option<u64>) {
    let last = rows.last().copied();
    (rows, last)
}

async fn rows(connection: &mut PgConnection, text: &str, numbers: &[u64]) -> Vec<u64> {
    let mut query = sqlx::query_scalar(AssertSqlSafe(text.to_owned()));
    for number in numbers {
        query = query.bind(number.cast_signed());
    }
    let rows: Vec<i64> = query.fetch_all(connection).await.unwrap();
    rows.into_iter().map(i64::cast_unsigned).collect()
}
