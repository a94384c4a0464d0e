//! The SQL that looks up what was recorded of a call before.

pub(super) const EVENTS_BY_ID: &str = "SELECT e.event_id, e.stream, e.version, e.position, e.recorded_at
    FROM unnest($1::uuid[]) AS i (event_id)
    CROSS JOIN LATERAL (SELECT * FROM es.events AS e WHERE e.event_id = i.event_id LIMIT 1) AS e";
/// A command's answer, with the positions of its events.
pub(super) const COMMANDS_BY_ID: &str = "SELECT c.command_id, c.stream, c.version, c.position, c.recorded_at,
        ARRAY(SELECT e.position FROM es.events AS e WHERE e.stream = c.stream
            AND e.version > c.version - c.events AND e.version <= c.version ORDER BY e.version)
    FROM unnest($1::text[]) AS i (command_id)
    CROSS JOIN LATERAL (SELECT * FROM es.commands AS c WHERE c.command_id = i.command_id LIMIT 1) AS c";

/// What an append would see of the streams `$1`: their heads and the log's last position.
pub(super) const SEEN: &str = "SELECT coalesce((SELECT e.version FROM es.events AS e WHERE e.stream = a.stream
            ORDER BY e.version DESC LIMIT 1), 0),
        coalesce((SELECT e.position FROM es.events AS e ORDER BY e.position DESC LIMIT 1), 0), statement_timestamp()
    FROM unnest($1::text[]) WITH ORDINALITY AS a (stream, place) ORDER BY a.place";
