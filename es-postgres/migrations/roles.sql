-- Roles with the least that each needs. Run it as the owner of schema es, after its migrations; grant the roles to the
-- roles that log in. Nobody but the owner can change or delete an event, and the owner only without the trigger.
DO $$
DECLARE
    role text;
BEGIN
    FOREACH role IN ARRAY ARRAY['es_writer', 'es_projector', 'es_reader'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role) THEN
            EXECUTE format('CREATE ROLE %I NOLOGIN', role);
        END IF;
    END LOOP;
END;
$$;

GRANT USAGE ON SCHEMA es TO es_writer, es_projector, es_reader;
GRANT SELECT ON ALL TABLES IN SCHEMA es TO es_writer, es_projector, es_reader;
GRANT SELECT ON es.position_seq TO es_writer, es_projector, es_reader;
ALTER DEFAULT PRIVILEGES IN SCHEMA es GRANT SELECT ON TABLES TO es_writer, es_projector, es_reader;

-- Appends, keeps inline views, and saves and drops snapshots.
GRANT USAGE ON es.position_seq TO es_writer;
GRANT INSERT ON es.events, es.commands TO es_writer;
GRANT INSERT, UPDATE ON es.snapshots, es.inline_views TO es_writer;
GRANT DELETE ON es.snapshots TO es_writer;

-- Keeps read models. The tables of views are made by a function of the owner's, which grants
-- the same on each that is still to come.
GRANT UPDATE, DELETE ON es.generations TO es_projector;
GRANT INSERT, UPDATE ON es.checkpoints TO es_projector;
GRANT INSERT ON es.dropped_generations TO es_projector;
GRANT INSERT, UPDATE, DELETE ON es.projection_tables TO es_projector;
GRANT INSERT, UPDATE, DELETE ON es.dead_letters TO es_projector;
GRANT INSERT ON es.discarded_letters TO es_projector;
GRANT EXECUTE ON FUNCTION es.acquire(text, bigint, text, integer, integer, uuid, interval, bigint, uuid, boolean),
    es.drop_views() TO es_projector;
DO $$
DECLARE
    made bigint;
BEGIN
    FOR made IN SELECT id FROM es.generations WHERE to_regclass(format('es.views_%s', id)) IS NOT NULL LOOP
        EXECUTE format('GRANT INSERT, UPDATE, DELETE ON es.views_%s TO es_projector', made);
    END LOOP;
END;
$$;
