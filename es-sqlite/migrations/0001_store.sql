-- What is true of the store itself.
CREATE TABLE store (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- The log. Positions are drawn under the write lock: 1, 2, 3, without a hole.
CREATE TABLE events (
    position       INTEGER PRIMARY KEY,
    stream         TEXT    NOT NULL,
    version        INTEGER NOT NULL CHECK (version > 0),
    event_id       BLOB    NOT NULL CHECK (length(event_id) = 16),
    name           TEXT    NOT NULL,
    schema_version INTEGER NOT NULL,
    recorded_at    INTEGER NOT NULL, -- microseconds since 1970
    correlation_id BLOB,
    causation_id   BLOB,
    metadata       BLOB,             -- JSON without the two ids
    payload        BLOB    NOT NULL  -- JSON, byte for byte as it was appended
) STRICT;

CREATE UNIQUE INDEX events_stream_version ON events (stream, version);
CREATE UNIQUE INDEX events_event_id ON events (event_id);

CREATE TRIGGER events_are_never_changed BEFORE UPDATE ON events
BEGIN
    SELECT RAISE(ABORT, 'recorded events are never changed');
END;

CREATE TRIGGER events_are_never_deleted BEFORE DELETE ON events
BEGIN
    SELECT RAISE(ABORT, 'recorded events are never deleted');
END;

-- What each command was answered. Its events have the positions up to `position`, one after the other.
CREATE TABLE commands (
    command_id  TEXT    PRIMARY KEY,
    stream      TEXT    NOT NULL,
    version     INTEGER NOT NULL,
    events      INTEGER NOT NULL,
    position    INTEGER NOT NULL,
    recorded_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE snapshots (
    stream         TEXT    NOT NULL,
    schema_version INTEGER NOT NULL,
    version        INTEGER NOT NULL,
    event_id       BLOB    NOT NULL,
    state          BLOB    NOT NULL,
    PRIMARY KEY (stream, schema_version)
) STRICT, WITHOUT ROWID;

-- The builds of read models: at most one live, one building and one kept of each projection and version.
CREATE TABLE generations (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    name    TEXT    NOT NULL,
    version INTEGER NOT NULL,
    state   TEXT    NOT NULL CHECK (state IN ('live', 'building', 'kept', 'swapping')),
    shards  INTEGER NOT NULL CHECK (shards BETWEEN 1 AND 1024),
    paused  INTEGER NOT NULL DEFAULT 0,
    UNIQUE (name, version, state)
) STRICT;

-- Where the slices of a generation are, and who may move them on. A row has the slices up to the first one of the next
-- row, or up to 1023: together they have each slice once.
CREATE TABLE checkpoints (
    generation    INTEGER NOT NULL,
    first_slice   INTEGER NOT NULL CHECK (first_slice BETWEEN 0 AND 1023),
    position      INTEGER,
    event_id      BLOB,
    epoch         INTEGER NOT NULL,
    owner         BLOB,
    lease_until   INTEGER NOT NULL, -- milliseconds since 1970, by SQLite's clock
    halt_position INTEGER,
    halt_cause    TEXT,
    failed_at     INTEGER,          -- microseconds since 1970, by SQLite's clock
    failure       TEXT,             -- what was tried again after
    PRIMARY KEY (generation, first_slice)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER generations_take_their_checkpoints_along AFTER DELETE ON generations
BEGIN
    DELETE FROM checkpoints WHERE generation = OLD.id;
END;

CREATE TABLE views (
    generation INTEGER NOT NULL,
    key        TEXT    NOT NULL,
    view       TEXT    NOT NULL,
    PRIMARY KEY (generation, key)
) STRICT, WITHOUT ROWID;

-- Events that a generation could not take, and those that wait behind them in the queue of a key or a stream.
CREATE TABLE dead_letters (
    generation INTEGER NOT NULL,
    queue      TEXT    NOT NULL, -- key:… or stream:…
    position   INTEGER NOT NULL,
    stream     TEXT    NOT NULL,
    version    INTEGER NOT NULL,
    name       TEXT    NOT NULL,
    cause      TEXT,             -- null: it only waits
    attempts   INTEGER NOT NULL,
    first_at   INTEGER NOT NULL, -- microseconds since 1970, by SQLite's clock
    last_at    INTEGER NOT NULL,
    PRIMARY KEY (generation, queue, position)
) STRICT, WITHOUT ROWID;

CREATE INDEX dead_letters_failed ON dead_letters (generation) WHERE cause IS NOT NULL;

-- Letters that a person has decided to do without, in every build of the projection.
CREATE TABLE discarded_letters (
    name         TEXT    NOT NULL,
    version      INTEGER NOT NULL,
    queue        TEXT    NOT NULL,
    position     INTEGER NOT NULL,
    reason       TEXT    NOT NULL,
    discarded_at INTEGER NOT NULL,
    PRIMARY KEY (name, version, queue, position)
) STRICT, WITHOUT ROWID;

-- Generations that were replaced or dropped, and whose views are still to be deleted, a few at a time.
CREATE TABLE dropped_generations (
    id INTEGER PRIMARY KEY
) STRICT;

-- Which generation a table of a projection in SQL belongs to.
CREATE TABLE projection_tables (
    name       TEXT    PRIMARY KEY,
    generation INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The log for people: ids as UUID text, times as ISO 8601, payloads as JSON text where SQLite can read them.
CREATE VIEW events_json AS
WITH texts AS (
    SELECT position, stream, version, name, schema_version,
        lower(hex(event_id)) AS event_hex,
        lower(hex(correlation_id)) AS correlation_hex,
        lower(hex(causation_id)) AS causation_hex,
        (recorded_at % 1000000 + 1000000) % 1000000 AS micros,
        recorded_at,
        CAST(metadata AS TEXT) AS metadata_text,
        CAST(payload AS TEXT) AS payload_text
    FROM events
)
SELECT position, stream, version, name, schema_version,
    substr(event_hex, 1, 8) || '-' || substr(event_hex, 9, 4) || '-' || substr(event_hex, 13, 4) || '-'
        || substr(event_hex, 17, 4) || '-' || substr(event_hex, 21) AS event_id,
    strftime('%Y-%m-%dT%H:%M:%S', (recorded_at - micros) / 1000000, 'unixepoch')
        || printf('.%06dZ', micros) AS recorded_at,
    CASE WHEN correlation_hex <> '' THEN
        substr(correlation_hex, 1, 8) || '-' || substr(correlation_hex, 9, 4) || '-'
        || substr(correlation_hex, 13, 4) || '-' || substr(correlation_hex, 17, 4) || '-'
        || substr(correlation_hex, 21) END AS correlation_id,
    CASE WHEN causation_hex <> '' THEN
        substr(causation_hex, 1, 8) || '-' || substr(causation_hex, 9, 4) || '-'
        || substr(causation_hex, 13, 4) || '-' || substr(causation_hex, 17, 4) || '-'
        || substr(causation_hex, 21) END AS causation_id,
    CASE WHEN json_valid(metadata_text) THEN metadata_text END AS metadata,
    CASE WHEN json_valid(payload_text) THEN payload_text END AS payload
FROM texts;
