//! The SQL of generations: who may build a read model, and which one is read.

pub(super) const ACQUIRE: &str = "SELECT generation, epoch, \"position\", event_id
    FROM es.acquire($1, $2, $3, $4, $5::double precision * interval '1 millisecond', $6, $7, $8)";

pub(super) const RELEASE: &str = "UPDATE es.generations SET owner = NULL, lease_until = '-infinity', 
        halt_position = CASE WHEN $5 THEN halt_position ELSE $3 END,
        halt_cause = CASE WHEN $5 THEN halt_cause ELSE $4 END
    WHERE id = $1 AND epoch = $2 AND owner IS NOT NULL";
/// Ends the grant of the live generation, if there is one.
pub(super) const PAUSE: &str =
    "UPDATE es.generations SET paused = true, epoch = epoch + 1, owner = NULL, lease_until = '-infinity'
    WHERE name = $1 AND version = $2 AND state = 'live' RETURNING id";
pub(super) const RESUME: &str =
    "UPDATE es.generations SET paused = false, halt_position = NULL, halt_cause = NULL
    WHERE name = $1 AND version = $2 AND state = 'live' RETURNING id";
pub(super) const SWAP: &str = "SELECT further, replaced FROM es.swap($1, $2, $3, $4, true)";
pub(super) const ROLL_BACK: &str = "SELECT es.roll_back($1, $2)";
/// Drops what is in state `$3`. Tables of the application's own are nobody's then.
pub(super) const DROP_GENERATION: &str = "WITH gone AS (
        DELETE FROM es.generations WHERE name = $1 AND version = $2 AND state = $3 RETURNING id
    ), disowned AS (
        DELETE FROM es.projection_tables AS t USING gone WHERE t.generation = gone.id
    ) INSERT INTO es.dropped_generations (id) SELECT id FROM gone RETURNING id";
/// `$5` is how long the rest of the transaction waits for a lock.
pub(super) const SWAP_TABLES: &str =
    "SELECT further, replaced, set_config('lock_timeout', $5, true) FROM es.swap($1, $2, $3, $4, false)";
pub(super) const DISCARD: &str = "SELECT discarded FROM es.discard($1, $2, $3, $4)";
pub(super) const DROP_VIEWS: &str = "SELECT es.drop_views()";
pub(super) const GENERATIONS: &str = "SELECT id, name, version, state, position, event_id, epoch,
        CASE WHEN lease_until > clock_timestamp() THEN owner END, halt_position, halt_cause, paused,
        (SELECT count(*) FROM es.dead_letters AS d WHERE d.generation = g.id AND d.cause IS NOT NULL)
    FROM es.generations AS g ORDER BY name, version, state DESC";
pub(super) const LIVE_GENERATION: &str =
    "SELECT id FROM es.generations WHERE name = $1 AND version = $2 AND state = 'live'";
