//! The SQL of views that are kept inside of appends.

/// A stream's view, which nobody else writes before this transaction ends.
pub(super) const LOAD: &str = "SELECT key, stream_version, view FROM es.inline_views
    WHERE projection = $1 AND projection_version = $2 AND stream = $3 FOR UPDATE";

/// What was folded further stays: the view at a version is the same whoever folds it. `$7` is whether to write what was
/// folded anew up to the same version.
pub(super) const WRITE: &str = "INSERT INTO es.inline_views AS v
        (projection, projection_version, stream, key, stream_version, view) VALUES ($1, $2, $3, $4, $5, $6)
    ON CONFLICT (projection, projection_version, stream) DO UPDATE
        SET key = excluded.key, stream_version = excluded.stream_version, view = excluded.view
        WHERE v.stream_version < excluded.stream_version
            OR (v.stream_version = excluded.stream_version AND $7)";

pub(super) const VIEW: &str =
    "SELECT view FROM es.inline_views WHERE projection = $1 AND projection_version = $2 AND key = $3";
pub(super) const VIEWS: &str = "SELECT key, view FROM es.inline_views
    WHERE projection = $1 AND projection_version = $2 AND key > $3 AND view IS NOT NULL ORDER BY key LIMIT $4";

/// The next `$2` streams behind `$1`, each found by one look at the index.
pub(super) const NEXT_STREAMS: &str = "WITH RECURSIVE s (stream) AS (
        (SELECT stream FROM es.events WHERE stream > $1 ORDER BY stream LIMIT 1)
        UNION ALL
        SELECT (SELECT e.stream FROM es.events AS e WHERE e.stream > s.stream ORDER BY e.stream LIMIT 1)
            FROM s WHERE s.stream IS NOT NULL
    )
    SELECT stream FROM s WHERE stream IS NOT NULL LIMIT $2";
