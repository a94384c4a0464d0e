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

-- The settled rows behind `after_position`, at most `rows_max` of them, and none behind the first whose payloads are more than
-- `bytes_max` together; with each the horizon, and how far the last number that was drawn is from it. One row of nulls with
-- these where there is no row, or `far` numbers or more lie between. Volatile, so that the rows are read in a snapshot that is
-- newer than the bound.
CREATE FUNCTION es.read_settled(after_position bigint, rows_max bigint, bytes_max bigint, far bigint)
RETURNS TABLE ("position" bigint, event_id uuid, version bigint, name text, schema_version bigint, recorded_at timestamptz,
    correlation_id uuid, causation_id uuid, metadata bytea, payload bytea, stream text, horizon bigint, distance bigint)
LANGUAGE plpgsql VOLATILE AS $$
#variable_conflict use_column
DECLARE
    bound  CONSTANT bigint := es.horizon();
    beyond CONSTANT bigint := es.last_allocated() - bound;
BEGIN
    IF bound > after_position AND (far IS NULL OR bound - after_position < far) THEN
        RETURN QUERY SELECT r.position, r.event_id, r.version, r.name, r.schema_version, r.recorded_at, r.correlation_id,
                r.causation_id, r.metadata, r.payload, r.stream, bound, beyond
            FROM (SELECT *, sum(octet_length(e.payload)) OVER (ORDER BY e.position ROWS UNBOUNDED PRECEDING)
                    - octet_length(e.payload) AS bytes_before, row_number() OVER (ORDER BY e.position) AS nth
                FROM (SELECT * FROM es.events WHERE position > after_position AND position <= bound
                    ORDER BY position LIMIT rows_max) AS e) AS r
            WHERE r.bytes_before <= bytes_max OR r.nth <= 2 ORDER BY r.position;
        IF FOUND THEN
            RETURN;
        END IF;
    END IF;
    RETURN QUERY SELECT NULL::bigint, NULL::uuid, NULL::bigint, NULL::text, NULL::bigint, NULL::timestamptz, NULL::uuid,
        NULL::uuid, NULL::bytea, NULL::bytea, NULL::text, bound, beyond;
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

-- The builds of read models: at most one live and one building of each projection and version, each divided into
-- shards. The views of generation 17 are in the table views_17.
CREATE TABLE es.generations (
    id      bigint           GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name    text COLLATE "C" NOT NULL,
    version bigint           NOT NULL,
    state   text COLLATE "C" NOT NULL CHECK (state IN ('live', 'building', 'kept', 'swapping')),
    shards  integer          NOT NULL CHECK (shards BETWEEN 1 AND 1024),
    paused  boolean          NOT NULL DEFAULT false,
    UNIQUE (name, version, state)
);

-- Where each generation is, and who may move it on. A checkpoint is of the slices from its first one up to the next
-- checkpoint's, or to 1024. A commit locks its own, and nothing else. Who locks several, or makes and drops them, locks
-- the generation before: the live one first, then the one that was kept, then the one that is building.
CREATE TABLE es.checkpoints (
    generation    bigint      NOT NULL REFERENCES es.generations ON DELETE CASCADE,
    first_slice   integer     NOT NULL CHECK (first_slice BETWEEN 0 AND 1023),
    position      bigint,
    event_id      uuid,
    epoch         bigint      NOT NULL DEFAULT 0,
    owner         uuid,
    lease_until   timestamptz NOT NULL DEFAULT '-infinity',
    halt_position bigint,
    halt_cause    text, -- a JSON string: it may hold what text may not
    failed_at     timestamptz,
    failure       text, -- a JSON string: what was tried again after
    PRIMARY KEY (generation, first_slice),
    CHECK ((position IS NULL) = (event_id IS NULL))
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

-- The first slice of each shard.
CREATE FUNCTION es.first_slices(shards integer) RETURNS SETOF integer LANGUAGE sql IMMUTABLE AS $$
    SELECT number * 1024 / shards FROM generate_series(0, shards - 1) AS number
$$;

-- Locks the generation in this state, and tells which it is; null where there is none.
CREATE FUNCTION es.lock_generation(of_name text, of_version bigint, of_state text) RETURNS bigint
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    found_id bigint;
BEGIN
    LOOP
        SELECT g.id INTO found_id FROM es.generations AS g
            WHERE g.name = of_name AND g.version = of_version AND g.state = of_state FOR UPDATE;
        -- Who has waited for one that was replaced meanwhile wants the new one.
        EXIT WHEN FOUND OR NOT EXISTS (SELECT FROM es.generations AS g
            WHERE g.name = of_name AND g.version = of_version AND g.state = of_state);
    END LOOP;
    RETURN found_id;
END;
$$;

-- Makes the checkpoints of a new generation and its table of views.
CREATE FUNCTION es.begin_generation(of_generation bigint, shards integer, begin_position bigint, begin_event_id uuid)
RETURNS void LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    INSERT INTO es.checkpoints (generation, first_slice, position, event_id)
        SELECT of_generation, first, begin_position, begin_event_id FROM es.first_slices(shards) AS first;
    EXECUTE format('CREATE TABLE es.views_%s (key text COLLATE "C" PRIMARY KEY, view text NOT NULL)', of_generation);
    -- Where roles.sql was run.
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'es_projector') THEN
        EXECUTE format('GRANT INSERT, UPDATE, DELETE ON es.views_%s TO es_projector', of_generation);
    END IF;
END;
$$;

-- Takes the lease of shard `shard`, from 0, of a generation, which is made with `of_shards` of them where it does not
-- exist; no row when another owner holds it and it is not taken over, or the generation is paused or divided in another
-- way. Checkpoints of one shard become one where they are at one row; where they are not, the one that is furthest behind is
-- granted, until it is where the furthest one is. Only the server's clock decides.
CREATE FUNCTION es.acquire(of_name text, of_version bigint, of_state text, shard integer, of_shards integer,
    new_owner uuid, lease interval, begin_position bigint, begin_event_id uuid, takes_over boolean)
RETURNS TABLE (generation bigint, first_slice integer, end_slice integer, epoch bigint, "position" bigint, event_id uuid,
    until_position bigint, until_event_id uuid)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    shard_first CONSTANT integer := shard * 1024 / of_shards;
    shard_end   CONSTANT integer := (shard + 1) * 1024 / of_shards;
    held    es.generations;
    parts   record;
    granted es.checkpoints;
BEGIN
    -- Most who ask and are refused must not write for it.
    SELECT * INTO held FROM es.generations AS g
        WHERE g.name = of_name AND g.version = of_version AND g.state = of_state;
    IF FOUND AND (held.paused OR held.shards <> of_shards OR (NOT takes_over AND EXISTS (
        SELECT FROM es.checkpoints AS c WHERE c.generation = held.id AND c.first_slice >= shard_first
            AND c.first_slice < shard_end AND c.owner <> new_owner AND c.lease_until > clock_timestamp())))
    THEN
        RETURN;
    END IF;
    LOOP
        -- Shared: it changes nothing of the generation, and must not wait for who takes another shard.
        SELECT * INTO held FROM es.generations AS g
            WHERE g.name = of_name AND g.version = of_version AND g.state = of_state FOR SHARE;
        EXIT WHEN FOUND;
        INSERT INTO es.generations (name, version, state, shards) VALUES (of_name, of_version, of_state, of_shards)
            ON CONFLICT (name, version, state) DO NOTHING RETURNING * INTO held;
        IF FOUND THEN
            PERFORM es.begin_generation(held.id, of_shards, begin_position, begin_event_id);
            EXIT;
        END IF;
    END LOOP;
    IF held.paused OR held.shards <> of_shards THEN
        RETURN;
    END IF;
    PERFORM FROM es.checkpoints AS c WHERE c.generation = held.id AND c.first_slice >= shard_first
        AND c.first_slice < shard_end ORDER BY c.first_slice FOR UPDATE;
    SELECT min(c.first_slice) AS granted, max(c.epoch) AS epoch, count(*) AS count,
        count(DISTINCT coalesce(c.position, 0)) AS places,
        bool_or(c.owner <> new_owner AND c.lease_until > clock_timestamp()) AS are_held
        INTO parts FROM es.checkpoints AS c
        WHERE c.generation = held.id AND c.first_slice >= shard_first AND c.first_slice < shard_end;
    IF parts.are_held AND NOT takes_over THEN
        RETURN;
    END IF;
    IF parts.places > 1 THEN
        SELECT c.position, c.event_id INTO until_position, until_event_id FROM es.checkpoints AS c
            WHERE c.generation = held.id AND c.first_slice >= shard_first AND c.first_slice < shard_end
            ORDER BY coalesce(c.position, 0) DESC, c.first_slice DESC LIMIT 1;
        SELECT c.first_slice AS granted, c.epoch INTO parts FROM es.checkpoints AS c
            WHERE c.generation = held.id AND c.first_slice >= shard_first AND c.first_slice < shard_end
            ORDER BY coalesce(c.position, 0), c.first_slice LIMIT 1;
    ELSIF parts.count > 1 THEN
        UPDATE es.checkpoints AS c SET (failed_at, failure) = (SELECT p.failed_at, p.failure FROM es.checkpoints AS p
                WHERE p.generation = held.id AND p.first_slice >= shard_first AND p.first_slice < shard_end
                ORDER BY p.failed_at DESC NULLS LAST LIMIT 1)
            WHERE c.generation = held.id AND c.first_slice = parts.granted;
        DELETE FROM es.checkpoints AS c WHERE c.generation = held.id AND c.first_slice > parts.granted
            AND c.first_slice < shard_end;
    END IF;
    UPDATE es.checkpoints AS c SET epoch = parts.epoch + 1, owner = new_owner, lease_until = clock_timestamp() + lease,
        halt_position = CASE WHEN takes_over THEN c.halt_position END,
        halt_cause = CASE WHEN takes_over THEN c.halt_cause END
        WHERE c.generation = held.id AND c.first_slice = parts.granted RETURNING * INTO granted;
    end_slice := coalesce((SELECT min(c.first_slice) FROM es.checkpoints AS c
        WHERE c.generation = held.id AND c.first_slice > granted.first_slice), 1024);
    RETURN QUERY SELECT held.id, granted.first_slice, end_slice, granted.epoch, granted.position, granted.event_id,
        until_position, until_event_id;
END;
$$;

-- Ends all grants of a generation that is locked. All checkpoints get one epoch: so one that is taken out and put in
-- again has a later one than before.
CREATE FUNCTION es.end_grants(of_generation bigint) RETURNS void
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    PERFORM FROM es.checkpoints AS c WHERE c.generation = of_generation ORDER BY c.first_slice FOR UPDATE;
    UPDATE es.checkpoints AS c SET owner = NULL, lease_until = '-infinity',
        epoch = 1 + (SELECT max(m.epoch) FROM es.checkpoints AS m WHERE m.generation = of_generation)
        WHERE c.generation = of_generation;
END;
$$;

CREATE FUNCTION es.forget_halts(of_generation bigint) RETURNS void LANGUAGE sql VOLATILE AS $$
    UPDATE es.checkpoints SET halt_position = NULL, halt_cause = NULL
        WHERE generation = of_generation AND halt_position IS NOT NULL
$$;

-- Divides a generation that is locked; says whether it could: where a stream waits, nobody can tell which shard has its
-- events.
CREATE FUNCTION es.cut(of_generation bigint, count integer) RETURNS boolean
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    IF EXISTS (SELECT FROM es.generations AS g WHERE g.id = of_generation AND g.shards = count) THEN
        RETURN true;
    END IF;
    -- Who has one writes dead letters, and moves on what is copied.
    PERFORM FROM es.checkpoints AS c WHERE c.generation = of_generation ORDER BY c.first_slice FOR UPDATE;
    IF count > 1 AND EXISTS (SELECT FROM es.dead_letters AS d
        WHERE d.generation = of_generation AND starts_with(d.queue, 'stream:'))
    THEN
        RETURN false;
    END IF;
    INSERT INTO es.checkpoints (generation, first_slice, position, event_id, epoch, halt_position, halt_cause,
            failed_at, failure)
        SELECT of_generation, f.first, w.position, w.event_id, w.epoch, w.halt_position, w.halt_cause,
            w.failed_at, w.failure
        FROM es.first_slices(count) AS f (first) CROSS JOIN LATERAL (
            SELECT * FROM es.checkpoints AS c WHERE c.generation = of_generation AND c.first_slice <= f.first
                ORDER BY c.first_slice DESC LIMIT 1) AS w
        WHERE w.first_slice < f.first;
    UPDATE es.generations AS g SET shards = count WHERE g.id = of_generation;
    PERFORM es.end_grants(of_generation);
    RETURN true;
END;
$$;

-- Divides a generation into `count` shards; says whether it could, and nothing where there is none.
CREATE FUNCTION es.divide(of_name text, of_version bigint, of_state text, count integer) RETURNS boolean
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    divided bigint := es.lock_generation(of_name, of_version, of_state);
BEGIN
    RETURN CASE WHEN divided IS NOT NULL THEN es.cut(divided, count) END;
END;
$$;

-- Lets nobody take a lease of the live generation, and ends its grants; says whether there is one.
CREATE FUNCTION es.pause(of_name text, of_version bigint) RETURNS boolean
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    live bigint := es.lock_generation(of_name, of_version, 'live');
BEGIN
    UPDATE es.generations AS g SET paused = true WHERE g.id = live;
    PERFORM es.end_grants(live);
    RETURN live IS NOT NULL;
END;
$$;

CREATE FUNCTION es.resume(of_name text, of_version bigint) RETURNS boolean
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    live bigint := es.lock_generation(of_name, of_version, 'live');
BEGIN
    UPDATE es.generations AS g SET paused = false WHERE g.id = live;
    PERFORM es.forget_halts(live);
    RETURN live IS NOT NULL;
END;
$$;

-- Locks a generation that is building, and the checkpoint that was granted; says whether the grant is still valid.
CREATE FUNCTION es.lock_building(of_generation bigint, slice integer, of_epoch bigint, of_position bigint,
    of_event_id uuid) RETURNS boolean
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    PERFORM FROM es.generations AS g WHERE g.id = of_generation AND g.state = 'building' FOR UPDATE;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    PERFORM FROM es.checkpoints AS c WHERE c.generation = of_generation AND c.first_slice = slice AND c.epoch = of_epoch
        AND c.position IS NOT DISTINCT FROM of_position AND c.event_id IS NOT DISTINCT FROM of_event_id FOR UPDATE;
    RETURN FOUND;
END;
$$;

-- Ends the grants of a generation that is building, and puts it in the place of the live one unless that has read
-- further in this log. No row: fenced. Otherwise where the live one is, if that is further, or which one was replaced.
CREATE FUNCTION es.swap(of_generation bigint, slice integer, of_epoch bigint, of_position bigint, of_event_id uuid,
    keeps boolean)
RETURNS TABLE (further bigint, replaced bigint)
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    built es.generations;
    live  es.generations;
BEGIN
    SELECT * INTO built FROM es.generations AS g WHERE g.id = of_generation;
    replaced := es.lock_generation(built.name, built.version, 'live');
    PERFORM es.lock_generation(built.name, built.version, 'kept');
    IF NOT es.lock_building(of_generation, slice, of_epoch, of_position, of_event_id) THEN
        RETURN;
    END IF;
    -- All its shards are at one row.
    PERFORM FROM es.checkpoints AS c WHERE c.generation = of_generation ORDER BY c.first_slice FOR UPDATE;
    PERFORM FROM es.checkpoints AS c WHERE c.generation = of_generation
        AND (c.position IS DISTINCT FROM of_position OR c.event_id IS DISTINCT FROM of_event_id);
    IF FOUND THEN
        RETURN;
    END IF;
    SELECT * INTO live FROM es.generations AS g WHERE g.id = replaced;
    PERFORM FROM es.checkpoints AS c WHERE c.generation = replaced ORDER BY c.first_slice FOR UPDATE;
    -- One whose last row is not in the log, as after a restore, is nowhere.
    SELECT max(c.position) INTO further FROM es.checkpoints AS c
        JOIN es.events AS e ON e.position = c.position AND e.event_id = c.event_id
        WHERE c.generation = replaced AND c.position > coalesce(of_position, 0);
    IF further IS NOT NULL THEN
        replaced := NULL;
        RETURN NEXT;
        RETURN;
    END IF;
    WITH gone AS (
        DELETE FROM es.generations AS g WHERE g.name = built.name AND g.version = built.version AND replaced IS NOT NULL
            AND (g.state = 'kept' OR (g.state = 'live' AND NOT keeps)) RETURNING g.id
    ) INSERT INTO es.dropped_generations (id) SELECT id FROM gone;
    UPDATE es.generations AS g SET state = 'kept', paused = false WHERE g.id = replaced;
    PERFORM es.end_grants(replaced);
    UPDATE es.generations AS g SET state = 'live', paused = coalesce(live.paused, false) WHERE g.id = built.id;
    PERFORM es.end_grants(built.id);
    -- Where a stream waits it stays in one.
    PERFORM es.cut(built.id, coalesce(live.shards, 1));
    RETURN NEXT;
END;
$$;

-- Exchanges the live generation and the one that was kept; says whether there was one.
CREATE FUNCTION es.roll_back(of_name text, of_version bigint) RETURNS boolean
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    live bigint := es.lock_generation(of_name, of_version, 'live');
    kept bigint := es.lock_generation(of_name, of_version, 'kept');
    was_paused boolean;
BEGIN
    IF kept IS NULL THEN
        RETURN false;
    END IF;
    SELECT g.paused INTO was_paused FROM es.generations AS g WHERE g.id = live;
    UPDATE es.generations AS g SET state = 'swapping', paused = false WHERE g.id = live;
    UPDATE es.generations AS g SET state = 'live', paused = coalesce(was_paused, false) WHERE g.id = kept;
    UPDATE es.generations AS g SET state = 'kept' WHERE g.id = live;
    PERFORM es.end_grants(live);
    PERFORM es.end_grants(kept);
    PERFORM es.forget_halts(kept);
    RETURN true;
END;
$$;

-- Drops a generation that is building; no row: fenced.
CREATE FUNCTION es.discard(of_generation bigint, slice integer, of_epoch bigint, of_position bigint, of_event_id uuid)
RETURNS TABLE (discarded bigint)
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    IF es.lock_building(of_generation, slice, of_epoch, of_position, of_event_id) THEN
        DELETE FROM es.generations AS g WHERE g.id = of_generation RETURNING g.id INTO discarded;
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
REVOKE EXECUTE ON FUNCTION es.acquire(text, bigint, text, integer, integer, uuid, interval, bigint, uuid, boolean),
    es.drop_views() FROM PUBLIC;

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
