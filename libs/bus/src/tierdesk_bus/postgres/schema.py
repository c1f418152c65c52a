"""The tables of the bus, made by the first that connects.

A message stands once for each queue that it went to. It is free when it belongs to no session, or to one that is no
longer listed; so the end of a session gives back all that its consumers held, without touching a row of it.
"""

from __future__ import annotations

from asyncpg import Connection

LOCK = 0x7D_B0_5
"""The key of our advisory locks, beside which other software in the same database may have its own."""

_TABLES = """
CREATE SCHEMA IF NOT EXISTS bus;

CREATE TABLE bus.topology (
    single boolean PRIMARY KEY DEFAULT true CHECK (single),
    version bigint NOT NULL DEFAULT 1
);
COMMENT ON COLUMN bus.topology.version IS
    'grows with every change of exchanges, queues and bindings; a publish that routed by another version is redone';
INSERT INTO bus.topology DEFAULT VALUES;

CREATE TABLE bus.exchange (
    namespace text NOT NULL,
    name text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('topic', 'fanout')),
    PRIMARY KEY (namespace, name)
);

CREATE TABLE bus.queue (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    namespace text NOT NULL,
    name text NOT NULL,
    single_active boolean NOT NULL,
    max_length integer CHECK (max_length >= 0),
    UNIQUE (namespace, name)
);

CREATE TABLE bus.binding (
    namespace text NOT NULL,
    exchange text NOT NULL,
    queue_id integer NOT NULL REFERENCES bus.queue ON DELETE CASCADE,
    pattern text NOT NULL,
    PRIMARY KEY (namespace, exchange, queue_id, pattern),
    FOREIGN KEY (namespace, exchange) REFERENCES bus.exchange ON DELETE CASCADE
);
CREATE INDEX binding_queue ON bus.binding (queue_id);

CREATE TABLE bus.session (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL,
    expires_at timestamptz NOT NULL
);
COMMENT ON TABLE bus.session IS 'the processes that consume now; each also holds an advisory lock on its id';

CREATE TABLE bus.active (
    queue_id integer PRIMARY KEY REFERENCES bus.queue ON DELETE CASCADE,
    session integer NOT NULL,
    consumer integer NOT NULL
);
COMMENT ON TABLE bus.active IS 'who is served by a queue of single_active; vacant when the session is no longer listed';

CREATE TABLE bus.message (
    queue_id integer NOT NULL,
    position bigint GENERATED ALWAYS AS IDENTITY,
    session integer,
    deliveries integer NOT NULL DEFAULT 0,
    id text NOT NULL,
    type text NOT NULL,
    key text NOT NULL,
    content_type text NOT NULL,
    headers text,
    body bytea NOT NULL,
    PRIMARY KEY (queue_id, position)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000,
        autovacuum_vacuum_cost_delay = 0);

CREATE FUNCTION bus.note_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE bus.topology SET version = version + 1;
    RETURN NULL;
END $$;
CREATE TRIGGER changed AFTER INSERT OR UPDATE OR DELETE ON bus.exchange EXECUTE FUNCTION bus.note_change();
CREATE TRIGGER changed AFTER INSERT OR UPDATE OR DELETE ON bus.queue EXECUTE FUNCTION bus.note_change();
CREATE TRIGGER changed AFTER INSERT OR UPDATE OR DELETE ON bus.binding EXECUTE FUNCTION bus.note_change();

CREATE FUNCTION bus.drop_messages() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM bus.message WHERE queue_id = OLD.id;
    RETURN NULL;
END $$;
CREATE TRIGGER dropped AFTER DELETE ON bus.queue FOR EACH ROW EXECUTE FUNCTION bus.drop_messages();
"""

_FIND = "SELECT to_regclass('bus.topology') IS NOT NULL"


async def ensure_schema(connection: Connection) -> None:
    """Make the tables exist; with several processes at once, one makes them and the others wait."""
    if await connection.fetchval(_FIND):
        return
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock($1)", LOCK)
        if not await connection.fetchval(_FIND):
            await connection.execute(_TABLES)
