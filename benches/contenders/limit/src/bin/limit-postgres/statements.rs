//! [`Line`]: a connection with its statements.

use crate::lanes::Append;
use anyhow::{Result, ensure};
use tokio_postgres::{Client, NoTls, Row, Statement};

/// What an event store cannot do without, and the lock that announces a writer.
pub(crate) const SCHEMA: &str = "
CREATE SEQUENCE position_seq AS bigint CACHE 1;
CREATE TABLE events (
    position    bigint           NOT NULL PRIMARY KEY,
    version     bigint           NOT NULL,
    recorded_at timestamptz      NOT NULL DEFAULT now(),
    event_id    uuid             NOT NULL UNIQUE,
    stream      text COLLATE \"C\" NOT NULL,
    name        text COLLATE \"C\" NOT NULL,
    payload     bytea            NOT NULL,
    UNIQUE (stream, version)
);
CREATE FUNCTION writer_begin() RETURNS bigint LANGUAGE plpgsql VOLATILE AS $$
DECLARE below bigint;
BEGIN
    below := (SELECT last_value FROM position_seq);
    PERFORM pg_advisory_xact_lock_shared(17, (below & 2147483647)::integer);
    RETURN below;
END;
$$;";

const LOAD: &str = "SELECT name, version, payload FROM events WHERE stream = $1 ORDER BY version";
const LOAD_ALL: &str = "SELECT e.name, e.version, e.payload, s.place
    FROM unnest($1::text[]) WITH ORDINALITY AS s (stream, place)
    CROSS JOIN LATERAL (SELECT name, version, payload FROM events WHERE stream = s.stream ORDER BY version) AS e";
const INSERT: &str = "INSERT INTO events (position, stream, version, event_id, name, payload)
    SELECT nextval('position_seq'), e.* FROM unnest($1::text[], $2::bigint[], $3::uuid[], $4::text[], $5::bytea[]) AS e";
const INSERT_GUARDED: &str = "WITH guard AS MATERIALIZED (SELECT writer_begin() AS below)
    INSERT INTO events (position, stream, version, event_id, name, payload)
    SELECT nextval('position_seq'), e.* FROM guard
        CROSS JOIN unnest($1::text[], $2::bigint[], $3::uuid[], $4::text[], $5::bytea[]) AS e
    WHERE guard.below IS NOT NULL";
const INSERT_NOTIFYING: &str = "WITH said AS MATERIALIZED (SELECT pg_notify('appended', '') AS done)
    INSERT INTO events (position, stream, version, event_id, name, payload)
    SELECT nextval('position_seq'), e.* FROM said
        CROSS JOIN unnest($1::text[], $2::bigint[], $3::uuid[], $4::text[], $5::bytea[]) AS e
    WHERE said.done IS NOT NULL";

/// A connection, driven by a task of its own.
pub(crate) async fn connect(url: &str) -> Result<Client> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

pub(crate) struct Line {
    client: Client,
    load: Statement,
    load_all: Statement,
    insert: Statement,
}

impl Line {
    pub(crate) async fn open(url: &str, guarded: bool, notifying: bool) -> Result<Self> {
        let client = connect(url).await?;
        client.batch_execute("SET plan_cache_mode = force_generic_plan").await?;
        let insert = match (guarded, notifying) {
            (true, _) => INSERT_GUARDED,
            (_, true) => INSERT_NOTIFYING,
            _ => INSERT,
        };
        Ok(Self {
            load: client.prepare(LOAD).await?,
            load_all: client.prepare(LOAD_ALL).await?,
            insert: client.prepare(insert).await?,
            client,
        })
    }

    pub(crate) async fn load(&self, stream: &str) -> Result<Vec<Row>> {
        Ok(self.client.query(&self.load, &[&stream]).await?)
    }

    /// The rows of all these streams, each with the place of its stream, from 1.
    pub(crate) async fn load_all(&self, streams: &[&str]) -> Result<Vec<Row>> {
        Ok(self.client.query(&self.load_all, &[&streams]).await?)
    }

    /// Inserts the events of all these appends, in one statement. A version that is taken fails all of them.
    pub(crate) async fn append(&self, appends: &[Append]) -> Result<()> {
        let count = appends.iter().map(|append| append.events.len()).sum();
        let (mut streams, mut versions) = (Vec::with_capacity(count), Vec::with_capacity(count));
        let (mut ids, mut names) = (Vec::with_capacity(count), Vec::with_capacity(count));
        let mut payloads = Vec::with_capacity(count);
        for append in appends {
            for ((id, name, payload), version) in append.events.iter().zip(append.version + 1..) {
                streams.push(append.stream.as_str());
                versions.push(version);
                ids.push(*id);
                names.push(*name);
                payloads.push(payload.as_slice());
            }
        }
        let rows = self.client.execute(&self.insert, &[&streams, &versions, &ids, &names, &payloads]).await?;
        ensure!(rows == count as u64, "expected {count} rows, found {rows}");
        Ok(())
    }
}
