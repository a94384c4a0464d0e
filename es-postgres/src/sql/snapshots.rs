//! The SQL of snapshots.

pub(super) const SAVE: &str = "
    INSERT INTO es.snapshots AS s (stream, schema_version, version, event_id, state) VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (stream, schema_version) DO UPDATE
        SET version = excluded.version, event_id = excluded.event_id, state = excluded.state
        WHERE excluded.version >= s.version OR NOT EXISTS (SELECT FROM es.events AS e
            WHERE e.stream = s.stream AND e.version = s.version AND e.event_id = s.event_id)";
/// Behind a stream and a schema version, `$3` and `$4`, of the streams from `$1` on and below `$2`.
pub(super) const SNAPSHOTS: &str = "
    SELECT stream, schema_version, version, octet_length(state)::bigint FROM es.snapshots
    WHERE stream >= $1 AND stream < $2 AND (stream, schema_version) > ($3::text, $4)
    ORDER BY stream, schema_version LIMIT $5";
/// Streams and schema versions.
pub(super) const DROP_SNAPSHOTS: &str = "
    DELETE FROM es.snapshots AS s USING unnest($1::text[], $2::bigint[]) AS gone (stream, schema_version)
    WHERE s.stream = gone.stream AND s.schema_version = gone.schema_version RETURNING 1";
