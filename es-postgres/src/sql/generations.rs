//! The SQL of generations: who may build a read model, and which one is read.

pub(super) const ACQUIRE: &str = "SELECT generation, first_slice, end_slice, epoch, \"position\", event_id,
        until_position, until_event_id
    FROM es.acquire($1, $2, $3, $4, $5, $6, $7::double precision * interval '1 millisecond', $8, $9, $10)";

pub(super) const RELEASE: &str = "UPDATE es.checkpoints SET owner = NULL, lease_until = '-infinity',
        halt_position = CASE WHEN $6 THEN halt_position ELSE $4 END,
        halt_cause = CASE WHEN $6 THEN halt_cause ELSE $5 END
    WHERE generation = $1 AND first_slice = $2 AND epoch = $3 AND owner IS NOT NULL";
pub(super) const FAILED: &str = "UPDATE es.checkpoints SET failed_at = clock_timestamp(), failure = $4
    WHERE generation = $1 AND first_slice = $2 AND epoch = $3";
/// No generation: null; a stream waits: false.
pub(super) const DIVIDE: &str = "SELECT es.divide($1, $2, $3, $4)";
pub(super) const PAUSE: &str = "SELECT es.pause($1, $2)";
pub(super) const RESUME: &str = "SELECT es.resume($1, $2)";
pub(super) const SWAP: &str = "SELECT further, replaced FROM es.swap($1, $2, $3, $4, $5, true)";
pub(super) const ROLL_BACK: &str = "SELECT es.roll_back($1, $2)";
/// Drops what is in state `$3`. Tables of the application's own are nobody's then.
pub(super) const DROP_GENERATION: &str = "WITH gone AS (
        DELETE FROM es.generations WHERE name = $1 AND version = $2 AND state = $3 RETURNING id
    ), disowned AS (
        DELETE FROM es.projection_tables AS t USING gone WHERE t.generation = gone.id
    ) INSERT INTO es.dropped_generations (id) SELECT id FROM gone RETURNING id";
/// `$6` is how long the rest of the transaction waits for a lock.
pub(super) const SWAP_TABLES: &str =
    "SELECT further, replaced, set_config('lock_timeout', $6, true) FROM es.swap($1, $2, $3, $4, $5, false)";
pub(super) const DISCARD: &str = "SELECT discarded FROM es.discard($1, $2, $3, $4, $5)";
pub(super) const DROP_VIEWS: &str = "SELECT es.drop_views()";
/// A row for each checkpoint, those of one generation behind each other.
pub(super) const GENERATIONS: &str = "SELECT g.id, g.name, g.version, g.state, g.shards, g.paused,
        coalesce(d.failed, 0), c.first_slice,
        lead(c.first_slice, 1, 1024) OVER (PARTITION BY g.id ORDER BY c.first_slice),
        c.position, c.event_id, c.epoch, CASE WHEN c.lease_until > clock_timestamp() THEN c.owner END,
        c.halt_position, c.halt_cause, c.failed_at, c.failure
    FROM es.generations AS g JOIN es.checkpoints AS c ON c.generation = g.id LEFT JOIN (
        SELECT generation, count(*) AS failed FROM es.dead_letters WHERE cause IS NOT NULL GROUP BY generation
    ) AS d ON d.generation = g.id
    ORDER BY g.name, g.version, g.state DESC, c.first_slice";
/// Holds generation `$1` for what is done once for all shards, and says whether none of them has begun.
pub(super) const HOLD_GENERATION: &str = "SELECT NOT EXISTS (
        SELECT FROM es.checkpoints AS c WHERE c.generation = g.id AND c.position IS NOT NULL)
    FROM es.generations AS g WHERE g.id = $1 FOR NO KEY UPDATE";
pub(super) const LIVE_GENERATION: &str =
    "SELECT id FROM es.generations WHERE name = $1 AND version = $2 AND state = 'live'";
