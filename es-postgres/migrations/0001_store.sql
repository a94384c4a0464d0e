-- What is true of the store itself. The key is the class of the advisory locks that writers hold: it belongs to the
-- store and is never chosen by a client.
CREATE TABLE es.store (
    only_row   boolean     PRIMARY KEY DEFAULT true CHECK (only_row),
    store_id   uuid        NOT NULL DEFAULT gen_random_uuid(),
    store_key  integer     NOT NULL DEFAULT 1 + floor(random() * 2147483646)::integer CHECK (store_key > 0),
    created_at timestamptz NOT NULL DEFAULT now()
);
INSERT INTO es.store DEFAULT VALUES;

-- The cache of 1 carries weight: numbers must follow real time.
CREATE SEQUENCE es.position_seq AS bigint CACHE 1;

-- The log.
CREATE TABLE es.events (
    position       bigint           NOT NULL,
    version        bigint           NOT NULL CHECK (version > 0),
    recorded_at    timestamptz      NOT NULL,
    schema_version bigint           NOT NULL,
    event_id       uuid             NOT NULL,
    correlation_id uuid,
    causation_id   uuid,
    stream         text COLLATE "C" NOT NULL,
    name           text COLLATE "C" NOT NULL,
    metadata       bytea, -- JSON without the two ids
    payload        bytea            NOT NULL, -- JSON, byte for byte as it was appended
    CONSTRAINT events_pkey PRIMARY KEY (position),
    CONSTRAINT events_stream_version UNIQUE (stream, version),
    CONSTRAINT events_event_id UNIQUE (event_id)
);

CREATE FUNCTION es.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'recorded events are never changed: % on %.% was refused', TG_OP, TG_TABLE_SCHEMA, TG_TABLE_NAME
        USING ERRCODE = 'ES001';
END;
$$;

CREATE TRIGGER events_are_never_changed BEFORE UPDATE OR DELETE OR TRUNCATE ON es.events
    FOR EACH STATEMENT EXECUTE FUNCTION es.refuse_change();
-- Also for a session that replays what another server did.
ALTER TABLE es.events ENABLE ALWAYS TRIGGER events_are_never_changed;

-- What each command was answered. The position is that of the log's last row, where the command decided nothing.
CREATE TABLE es.commands (
    command_id  text COLLATE "C" PRIMARY KEY,
    stream      text COLLATE "C" NOT NULL,
    version     bigint           NOT NULL,
    events      bigint           NOT NULL,
    position    bigint,
    recorded_at timestamptz      NOT NULL
);

-- The number that was drawn last, by whomever, committed or not: a sequence is read as it is now, not as it was when
-- the snapshot was taken.
CREATE FUNCTION es.last_allocated() RETURNS bigint LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    RETURN (SELECT CASE WHEN is_called THEN last_value ELSE last_value - 1 END FROM es.position_seq);
END;
$$;

-- What a writer does before it draws numbers: "all that I insert is above this", until it commits or rolls back. The
-- lock is shared, so that it never waits. It is taken once per transaction: the setting remembers it, and both go when
-- a savepoint is rolled back.
CREATE FUNCTION es.begin_append() RETURNS bigint LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    below bigint;
    begun text := current_setting('es.begun', true);
BEGIN
    IF begun = now()::text THEN
        RETURN 0;
    END IF;
    -- As in es.last_allocated(), without the call.
    below := (SELECT CASE WHEN is_called THEN last_value ELSE last_value - 1 END FROM es.position_seq);
    PERFORM pg_advisory_xact_lock_shared(store_key, (below & 4294967295)::bit(32)::integer) FROM es.store;
    PERFORM set_config('es.begun', now()::text, true);
    -- A row that is seen and then lost in a crash would leave its number to another one.
    IF current_setting('synchronous_commit') = 'off' THEN
        PERFORM set_config('synchronous_commit', 'on', true);
    END IF;
    RETURN below;
END;
$$;

-- The position up to which everything is settled, if no number above `last` had been drawn: open appends announce by
-- their locks what they stay above. Keys are the low 32 bits of a position, unwrapped around `last`.
CREATE FUNCTION es.settled(last bigint) RETURNS bigint LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    lowest bigint;
BEGIN
    SELECT min(last + ((objid::bigint - (last & 4294967295) + 6442450944) % 4294967296) - 2147483648) INTO lowest
        FROM pg_locks
        WHERE locktype = 'advisory' AND objsubid = 2 AND granted
            AND classid = (SELECT store_key FROM es.store)::oid
            AND database = (SELECT oid FROM pg_database WHERE datname = current_database());
    RETURN least(last, coalesce(lowest, last));
END;
$$;

-- Readers ask for the horizon in one statement, and read the rows up to it in the next, whose snapshot is newer. The
-- order of the two reads in here matters: who has not locked by the second draws numbers above the first.
CREATE FUNCTION es.horizon() RETURNS bigint LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    last bigint;
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'the horizon must be read at READ COMMITTED, found %', current_setting('transaction_isolation')
            USING ERRCODE = '25001';
    END IF;
    -- A former primary that came back as a standby of another one shows none of that one's writers.
    IF pg_is_in_recovery() THEN
        RAISE EXCEPTION 'the horizon must be read on the primary, found a standby' USING ERRCODE = '25006';
    END IF;
    last := es.last_allocated();
    RETURN es.settled(last);
END;
$$;

-- Who holds readers back: open transactions that have begun to append. Seeing other roles' needs pg_read_all_stats. A
-- prepared one has no process; which it is, the lock on its own number tells.
CREATE FUNCTION es.blockers()
RETURNS TABLE (pid integer, gid text, application text, state text, age interval, above bigint)
LANGUAGE sql STABLE AS $$
    SELECT l.pid, p.gid, a.application_name, a.state, clock_timestamp() - coalesce(a.xact_start, p.prepared),
        v.last + ((l.objid::bigint - (v.last & 4294967295) + 6442450944) % 4294967296) - 2147483648
    FROM (SELECT es.last_allocated() AS last) AS v
        CROSS JOIN pg_locks AS l
        LEFT JOIN pg_stat_activity AS a ON a.pid = l.pid
        LEFT JOIN pg_locks AS x ON l.pid IS NULL AND x.locktype = 'transactionid' AND x.granted
            AND x.mode = 'ExclusiveLock' AND x.virtualtransaction = l.virtualtransaction
            AND x.transactionid IN (SELECT transaction FROM pg_prepared_xacts)
        LEFT JOIN pg_prepared_xacts AS p ON p.transaction = x.transactionid
    WHERE l.locktype = 'advisory' AND l.objsubid = 2 AND l.granted
        AND l.classid = (SELECT store_key FROM es.store)::oid
        AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
    ORDER BY 6
$$;

CREATE TABLE es.snapshots (
    stream         text COLLATE "C" NOT NULL,
    schema_version bigint           NOT NULL,
    version        bigint           NOT NULL,
    event_id       uuid             NOT NULL,
    state          bytea            NOT NULL,
    PRIMARY KEY (stream, schema_version)
);

-- The builds of read models: at most one live and one building of each projection and version. The views of
-- generation 17 are in the table views_17.
CREATE TABLE es.generations (
    id            bigint           GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name          text COLLATE "C" NOT NULL,
    version       bigint           NOT NULL,
    state         text COLLATE "C" NOT NULL CHECK (state IN ('live', 'building', 'kept', 'swapping')),
    position      bigint,
    event_id      uuid,
    epoch         bigint           NOT NULL,
    owner         uuid,
    lease_until   timestamptz      NOT NULL,
    halt_position bigint,
    halt_cause    text, -- a JSON string: it may hold what text may not
    paused        boolean          NOT NULL DEFAULT false,
    CHECK ((position IS NULL) = (event_id IS NULL)),
    UNIQUE (name, version, state)
) WITH (fillfactor = 50);

-- Events that a generation could not take, and those that wait behind them in the queue of a key or a stream.
CREATE TABLE es.dead_letters (
    generation bigint           NOT NULL,
    queue      text COLLATE "C" NOT NULL, -- key:… or stream:…
    position   bigint           NOT NULL,
    stream     text COLLATE "C" NOT NULL,
    version    bigint           NOT NULL,
    name       text COLLATE "C" NOT NULL,
    cause      text, -- a JSON string; null: it only waits
    attempts   bigint           NOT NULL,
    first_at   timestamptz      NOT NULL,
    last_at    timestamptz      NOT NULL,
    PRIMARY KEY (generation, queue, position)
);
CREATE INDEX dead_letters_failed ON es.dead_letters (generation) WHERE cause IS NOT NULL;

-- Letters that a person has decided to do without, in every build of the projection.
CREATE TABLE es.discarded_letters (
    name         text COLLATE "C" NOT NULL,
    version      bigint           NOT NULL,
    queue        text COLLATE "C" NOT NULL,
    position     bigint           NOT NULL,
    reason       text             NOT NULL, -- a JSON string
    discarded_at timestamptz      NOT NULL,
    PRIMARY KEY (name, version, queue, position)
);

-- Generations that were replaced or dropped, and whose views are still to be dropped.
CREATE TABLE es.dropped_generations (
    id bigint PRIMARY KEY
);

-- Which generation a table of a projection in SQL belongs to.
CREATE TABLE es.projection_tables (
    name       text COLLATE "C" PRIMARY KEY,
    generation bigint           NOT NULL
);

-- Views that are written by the append itself, one for each stream: folded from its events up to a version. No view:
-- it is gone, or there is none yet; no key: no event had one yet. Keys are compared at the end of a statement: when two
-- transactions write the first view of a stream at once, the loser must learn so from the primary key, and not that its
-- key is taken.
CREATE TABLE es.inline_views (
    projection         text COLLATE "C" NOT NULL,
    projection_version bigint           NOT NULL,
    stream             text COLLATE "C" NOT NULL,
    key                text COLLATE "C",
    stream_version     bigint           NOT NULL,
    view               text,
    CONSTRAINT inline_views_pkey PRIMARY KEY (projection, projection_version, stream),
    CONSTRAINT inline_views_key UNIQUE (projection, projection_version, key) DEFERRABLE INITIALLY IMMEDIATE
) WITH (fillfactor = 70);

-- Takes the lease of a generation, which is made with its table of views where it does not exist; no row when another
-- owner holds it and it is not taken over, or it is paused. Only the server's clock decides.
CREATE FUNCTION es.acquire(of_name text, of_version bigint, of_state text, new_owner uuid, lease interval,
    begin_position bigint, begin_event_id uuid, takes_over boolean)
RETURNS TABLE (generation bigint, epoch bigint, "position" bigint, event_id uuid)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    held es.generations;
BEGIN
    -- Most who ask and are refused must not write for it.
    SELECT * INTO held FROM es.generations AS g
        WHERE g.name = of_name AND g.version = of_version AND g.state = of_state;
    IF FOUND AND (held.paused
        OR (NOT takes_over AND held.owner <> new_owner AND held.lease_until > clock_timestamp()))
    THEN
        RETURN;
    END IF;
    INSERT INTO es.generations AS g (name, version, state, owner, epoch, lease_until, position, event_id)
        VALUES (of_name, of_version, of_state, new_owner, 1, clock_timestamp() + lease, begin_position, begin_event_id)
    ON CONFLICT (name, version, state) DO UPDATE SET epoch = g.epoch + 1, owner = excluded.owner,
        lease_until = excluded.lease_until,
        halt_position = CASE WHEN takes_over THEN g.halt_position END,
        halt_cause = CASE WHEN takes_over THEN g.halt_cause END
        WHERE NOT g.paused AND (takes_over OR g.owner IS NULL OR g.owner = excluded.owner
            OR g.lease_until <= clock_timestamp())
    RETURNING * INTO held;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    IF held.epoch = 1 THEN
        EXECUTE format('CREATE TABLE es.views_%s (key text COLLATE "C" PRIMARY KEY, view text NOT NULL)', held.id);
        -- Where roles.sql was run.
        IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'es_projector') THEN
            EXECUTE format('GRANT INSERT, UPDATE, DELETE ON es.views_%s TO es_projector', held.id);
        END IF;
    END IF;
    RETURN QUERY SELECT held.id, held.epoch, held.position, held.event_id;
END;
$$;

-- Ends the epoch of a generation that is building, and puts it in the place of the live one unless that has read
-- further in this log. No row: fenced. Otherwise where the live one is, if that is further, or which one was replaced.
CREATE FUNCTION es.swap(of_generation bigint, of_epoch bigint, of_position bigint, of_event_id uuid, keeps boolean)
RETURNS TABLE (further bigint, replaced bigint)
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    built es.generations;
    live  es.generations;
BEGIN
    SELECT * INTO built FROM es.generations AS g WHERE g.id = of_generation AND g.epoch = of_epoch
        AND g.position IS NOT DISTINCT FROM of_position AND g.event_id IS NOT DISTINCT FROM of_event_id
        AND g.state = 'building' FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    SELECT * INTO live FROM es.generations AS g
        WHERE g.name = built.name AND g.version = built.version AND g.state = 'live' FOR UPDATE;
    IF FOUND THEN
        -- One whose last row is not in the log, as after a restore, is nowhere.
        IF live.position > coalesce(built.position, 0) AND EXISTS (
            SELECT FROM es.events AS e WHERE e.position = live.position AND e.event_id = live.event_id)
        THEN
            further := live.position;
            RETURN NEXT;
            RETURN;
        END IF;
        WITH gone AS (
            DELETE FROM es.generations AS g WHERE g.name = built.name AND g.version = built.version
                AND (g.state = 'kept' OR (g.state = 'live' AND NOT keeps)) RETURNING g.id
        ) INSERT INTO es.dropped_generations (id) SELECT id FROM gone;
        UPDATE es.generations AS g SET epoch = g.epoch + 1, owner = NULL, lease_until = '-infinity', state = 'kept',
            paused = false WHERE g.id = live.id;
        replaced := live.id;
    END IF;
    UPDATE es.generations AS g SET epoch = g.epoch + 1, owner = NULL, lease_until = '-infinity', state = 'live',
        paused = coalesce(live.paused, false) WHERE g.id = built.id;
    RETURN NEXT;
END;
$$;

-- Exchanges the live generation and the one that was kept; says whether there was one.
CREATE FUNCTION es.roll_back(of_name text, of_version bigint) RETURNS boolean
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    was_paused boolean := false;
BEGIN
    -- In the order of a swap.
    PERFORM FROM es.generations AS g WHERE g.name = of_name AND g.version = of_version AND g.state = 'live' FOR UPDATE;
    PERFORM FROM es.generations AS g WHERE g.name = of_name AND g.version = of_version AND g.state = 'kept' FOR UPDATE;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    SELECT g.paused INTO was_paused FROM es.generations AS g
        WHERE g.name = of_name AND g.version = of_version AND g.state = 'live';
    UPDATE es.generations AS g SET state = 'swapping', epoch = g.epoch + 1, owner = NULL, lease_until = '-infinity',
        paused = false WHERE g.name = of_name AND g.version = of_version AND g.state = 'live';
    UPDATE es.generations AS g SET state = 'live', epoch = g.epoch + 1, owner = NULL, lease_until = '-infinity',
        paused = coalesce(was_paused, false), halt_position = NULL, halt_cause = NULL
        WHERE g.name = of_name AND g.version = of_version AND g.state = 'kept';
    UPDATE es.generations AS g SET state = 'kept'
        WHERE g.name = of_name AND g.version = of_version AND g.state = 'swapping';
    RETURN true;
END;
$$;

-- Drops a generation that is building; no row: fenced.
CREATE FUNCTION es.discard(of_generation bigint, of_epoch bigint, of_position bigint, of_event_id uuid)
RETURNS TABLE (discarded bigint)
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    DELETE FROM es.generations AS g WHERE g.id = of_generation AND g.epoch = of_epoch
        AND g.position IS NOT DISTINCT FROM of_position AND g.event_id IS NOT DISTINCT FROM of_event_id
        AND g.state = 'building' RETURNING g.id INTO discarded;
    IF FOUND THEN
        INSERT INTO es.dropped_generations (id) VALUES (discarded);
        RETURN NEXT;
    END IF;
END;
$$;

-- Drops the views and the dead letters of one generation that is gone, if there is one; says whether there was.
CREATE FUNCTION es.drop_views() RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    gone bigint;
BEGIN
    DELETE FROM es.dropped_generations WHERE id = (
        SELECT id FROM es.dropped_generations ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED) RETURNING id INTO gone;
    IF gone IS NULL THEN
        RETURN false;
    END IF;
    DELETE FROM es.dead_letters WHERE generation = gone;
    EXECUTE format('DROP TABLE IF EXISTS es.views_%s', gone);
    RETURN true;
END;
$$;

-- They run with the owner's rights, so not for everybody.
REVOKE EXECUTE ON FUNCTION es.acquire(text, bigint, text, uuid, interval, bigint, uuid, boolean), es.drop_views() FROM PUBLIC;

-- Bytes as text, or nothing where PostgreSQL does not take them.
CREATE FUNCTION es.try_text(bytes bytea) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN convert_from(bytes, 'UTF8');
EXCEPTION WHEN data_exception THEN
    RETURN NULL;
END;
$$;

-- Bytes as JSON, or nothing where PostgreSQL does not take them: it refuses \u0000 and numbers without end.
CREATE FUNCTION es.try_json(bytes bytea) RETURNS jsonb LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN convert_from(bytes, 'UTF8')::jsonb;
EXCEPTION WHEN data_exception OR program_limit_exceeded THEN
    RETURN NULL;
END;
$$;

-- The log for people: payload and metadata as JSON where PostgreSQL can read them, and as text in any case.
CREATE VIEW es.events_json AS
SELECT position, stream, version, name, schema_version, event_id, recorded_at, correlation_id, causation_id,
    es.try_json(metadata) AS metadata,
    es.try_json(payload) AS payload,
    es.try_text(payload) AS payload_text
FROM es.events;
