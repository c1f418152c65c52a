"""The statements of the hot paths. Each is one round trip and one transaction."""
# ruff: noqa: S608 - the texts are put together from constants of this module; values are always parameters

from __future__ import annotations

CHANNEL = "tierdesk_bus"
"""Notifications: queue ids, comma separated, where messages came; `!` before one whose active consumer left; `*` for any."""

_FREE = "(m.session IS NULL OR m.session <> ALL (ARRAY(SELECT id FROM bus.session)))"

_TELL = f"""
    SELECT pg_notify('{CHANNEL}', CASE WHEN length(queues) < 7900 THEN queues ELSE '*' END)
    FROM (SELECT string_agg(DISTINCT queue_id::text, ',') AS queues FROM {{changed}}) AS told
    WHERE queues IS NOT NULL
"""

_CONTENT = """
    SELECT * FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bytea[])
        WITH ORDINALITY AS c(id, type, key, content_type, headers, body, ordinal)
"""

_ROUTED = """
    SELECT r.ordinal, r.queue_id FROM unnest($8::integer[], $9::integer[]) AS r(ordinal, queue_id)
    WHERE (SELECT version FROM bus.topology) = $1
"""

_STORE = """
    INSERT INTO bus.message (queue_id, id, type, key, content_type, headers, body)
    SELECT r.queue_id, c.id, c.type, c.key, c.content_type, c.headers, c.body
    FROM routed r JOIN content c USING (ordinal) {condition}
    ORDER BY c.ordinal
    RETURNING queue_id
"""

PUBLISH = f"""
WITH content AS ({_CONTENT}), routed AS ({_ROUTED}),
stored AS ({_STORE.format(condition="")}),
told AS ({_TELL.format(changed="stored")})
SELECT version, ARRAY[]::integer[] AS refused, (SELECT count(*) FROM told) FROM bus.topology
"""
"""Store messages by routes of one version of the topology; of another version, store nothing and answer it."""

PUBLISH_BOUNDED = f"""
WITH content AS ({_CONTENT}), routed AS MATERIALIZED ({_ROUTED}),
room AS (
    SELECT q.id, q.max_length - (
        SELECT count(*) FROM (SELECT FROM bus.message m WHERE m.queue_id = q.id LIMIT q.max_length) AS held
    ) AS free
    FROM bus.queue q WHERE q.max_length IS NOT NULL AND q.id IN (SELECT queue_id FROM routed)
),
refused AS (
    SELECT DISTINCT ordinal
    FROM (SELECT *, row_number() OVER (PARTITION BY queue_id ORDER BY ordinal) AS place FROM routed) AS r
    JOIN room ON room.id = r.queue_id
    WHERE r.place > room.free
),
stored AS ({_STORE.format(condition="WHERE c.ordinal NOT IN (SELECT ordinal FROM refused)")}),
told AS ({_TELL.format(changed="stored")})
SELECT version, ARRAY(SELECT ordinal FROM refused) AS refused, (SELECT count(*) FROM told) FROM bus.topology
"""
"""The same where a queue has a limit: a message that finds one of its queues full is stored in none."""

ROUTES = """
SELECT t.version, e.namespace, e.name AS exchange, e.kind, b.pattern, q.id AS queue_id, q.max_length
FROM bus.topology t
LEFT JOIN (bus.exchange e JOIN bus.binding b ON (b.namespace, b.exchange) = (e.namespace, e.name)
           JOIN bus.queue q ON q.id = b.queue_id) ON true
"""

_TAKE = f"""
WITH next AS (
    SELECT m.position FROM bus.message m
    WHERE m.queue_id = $1 AND {_FREE} AND EXISTS (SELECT FROM bus.session WHERE id = $3) {{condition}}
    ORDER BY m.position LIMIT $2 FOR UPDATE OF m {{lock}}
),
taken AS (
    UPDATE bus.message m SET session = $3, deliveries = m.deliveries + 1
    FROM next WHERE m.queue_id = $1 AND m.position = next.position
    RETURNING m.*
)
SELECT position, deliveries, id, key, content_type, headers, body,
       set_config('synchronous_commit', 'off', true)
FROM taken ORDER BY position
"""

TAKE = _TAKE.format(condition="", lock="SKIP LOCKED")
"""Lease the first free messages; those that another consumer is just taking are passed over."""

TAKE_ACTIVE = _TAKE.format(
    condition="AND EXISTS (SELECT FROM bus.active WHERE queue_id = $1 AND session = $3 AND consumer = $4)", lock=""
)
"""The same for the active consumer alone, in unbroken order: a locked message is waited for."""

CLAIM = """
INSERT INTO bus.active AS a (queue_id, session, consumer)
SELECT $1, $2, $3 WHERE EXISTS (SELECT FROM bus.session WHERE id = $2)
ON CONFLICT (queue_id) DO UPDATE SET session = $2, consumer = $3
    WHERE a.session NOT IN (SELECT id FROM bus.session) OR (a.session, a.consumer) = ($2, $3)
RETURNING true
"""
"""Become the active consumer of a queue where there is none."""

ACK = """
WITH gone AS (
    DELETE FROM bus.message WHERE queue_id = $1 AND position = ANY ($2::bigint[]) AND session = $3 RETURNING true
)
SELECT set_config('synchronous_commit', 'off', true), (SELECT count(*) FROM gone)
"""
"""Delete what a bus session still holds. Not flushed to disk at once: what a crash undoes is delivered again."""

GIVE_BACK = f"""
WITH freed AS (
    UPDATE bus.message SET session = NULL WHERE queue_id = $1 AND position = ANY ($2::bigint[]) AND session = $3
    RETURNING queue_id
),
told AS ({_TELL.format(changed="freed")})
SELECT count(*) FROM told
"""

STEP_DOWN = f"""
WITH vacated AS (
    DELETE FROM bus.active WHERE queue_id = $1 AND session = $2 AND consumer = $3 RETURNING queue_id
)
SELECT pg_notify('{CHANNEL}', '!' || queue_id) FROM vacated
"""

DEPTH = f"""
SELECT (SELECT count(*) FROM bus.message m WHERE m.queue_id = q.id AND {_FREE})
FROM bus.queue q WHERE q.namespace = $1 AND q.name = $2
"""

FIND_QUEUE = "SELECT id, single_active FROM bus.queue WHERE namespace = $1 AND name = $2"

LOOK = f"""
SELECT q.namespace, q.name, q.id, q.single_active,
       EXISTS (SELECT FROM bus.message m WHERE m.queue_id = q.id AND {_FREE}) AS waiting,
       NOT EXISTS (SELECT FROM bus.active a JOIN bus.session s ON s.id = a.session WHERE a.queue_id = q.id) AS vacant
FROM unnest($1::text[], $2::text[]) AS w(namespace, name) JOIN bus.queue q USING (namespace, name)
"""
"""How all queues stand that a process consumes, in one statement, however many there are."""

INSPECT = f"""
SELECT q.namespace, q.name, q.single_active, q.max_length,
       (SELECT count(*) FROM bus.message m WHERE m.queue_id = q.id AND {_FREE}) AS messages,
       (SELECT count(*) FROM bus.active a JOIN bus.session s ON s.id = a.session
        WHERE a.queue_id = q.id AND s.expires_at > now()) AS active,
       (SELECT count(*) FROM bus.session WHERE expires_at > now()) AS sessions
FROM bus.queue q
"""
"""How all queues stand, for people."""

BEGIN_SESSION = """
INSERT INTO bus.session (id, name, expires_at) OVERRIDING SYSTEM VALUE VALUES ($1, $2, now() + $3)
"""

RENEW_SESSION = "UPDATE bus.session SET expires_at = now() + $2 WHERE id = $1 AND expires_at > now() RETURNING true"

END_SESSION = "DELETE FROM bus.session WHERE id = $1"

END_LOST_SESSIONS = """
DELETE FROM bus.session s
WHERE s.expires_at < now() OR NOT EXISTS (
    SELECT FROM pg_locks l
    WHERE l.locktype = 'advisory' AND l.classid = $1::integer::oid AND l.objid = s.id::oid AND l.objsubid = 2
      AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
)
"""
"""A process that was killed has lost its lock with its connection; one that is stalled lets its lease run out."""
