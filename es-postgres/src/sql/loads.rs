//! The SQL that reads streams from where they begin.

/// What a shared load wants of an event: nothing of a payload that is too large for one.
macro_rules! small_columns {
    ($bytes:literal) => {
        concat!(
            "e.position, e.event_id, e.version, e.name, e.schema_version, e.recorded_at, e.correlation_id,
            e.causation_id, CASE WHEN octet_length(e.metadata) <= ",
            $bytes,
            " THEN e.metadata END,
            CASE WHEN octet_length(e.payload) + coalesce(octet_length(e.metadata), 0) <= ",
            $bytes,
            " THEN e.payload END"
        )
    };
}

/// Streams `$1`, and with each the schema version of the snapshot that is wanted, or null, in `$2`. Of each the snapshot,
/// if there is one, with 0 in the place of a position, and at most `$3` events from its version on; and last its place
/// in `$1`. A state or a payload of more than `$4` bytes is null. One statement: two would let another snapshot come
/// between them.
pub(super) const LOAD_TOGETHER: &str = concat!(
    "SELECT r.*, w.place
    FROM unnest($1::text[], $2::bigint[]) WITH ORDINALITY AS w (stream, schema_version, place)
    LEFT JOIN LATERAL (SELECT s.version, s.event_id, s.state FROM es.snapshots AS s
        WHERE s.stream = w.stream AND s.schema_version = w.schema_version LIMIT 1) AS saved ON true
    CROSS JOIN LATERAL (
        SELECT 0::bigint AS position, saved.event_id, saved.version, ''::text, 0::bigint, statement_timestamp(),
            NULL::uuid, NULL::uuid, NULL::bytea,
            CASE WHEN octet_length(saved.state) <= $4 THEN saved.state END
        WHERE saved.version IS NOT NULL
        UNION ALL (SELECT ",
    small_columns!("$4"),
    " FROM es.events AS e WHERE e.stream = w.stream AND e.version >= coalesce(saved.version, 1)
            ORDER BY e.version LIMIT $3)
    ) AS r"
);

/// The same of the stream `$1` alone, without its place, with a snapshot of the schema version `$2`.
pub(super) const LOAD_SMALL: &str = concat!(
    "WITH saved AS MATERIALIZED (
        SELECT version, event_id, state FROM es.snapshots WHERE stream = $1 AND schema_version = $2)
    SELECT 0::bigint AS position, event_id, version, ''::text, 0::bigint, statement_timestamp(), NULL::uuid,
        NULL::uuid, NULL::bytea, CASE WHEN octet_length(state) <= $4 THEN state END FROM saved
    UNION ALL (SELECT ",
    small_columns!("$4"),
    " FROM es.events AS e WHERE e.stream = $1 AND e.version >= coalesce((SELECT version FROM saved), 1)
        ORDER BY e.version LIMIT $3)"
);

/// The same without a snapshot: `$2` events, `$3` bytes.
pub(super) const READ_SMALL: &str = concat!(
    "SELECT ",
    small_columns!("$3"),
    " FROM es.events AS e WHERE e.stream = $1 ORDER BY e.version LIMIT $2"
);
