"""The library's tables as the first release creates them.

Frozen: a later release adds its own step beside this one, and never changes it, since databases exist that were made
by it. `schema.py` tells how the tables are today; a test compares the two.
"""

from __future__ import annotations

from typing import Final

from alembic import op

_STATEMENTS: Final = """
CREATE TABLE {schema}.outbox (
    partition smallint NOT NULL,
    position bigint GENERATED ALWAYS AS IDENTITY,
    id uuid NOT NULL,
    tenant text NOT NULL,
    subject text NOT NULL,
    namespace text NOT NULL,
    exchange text NOT NULL,
    key text NOT NULL,
    type text NOT NULL,
    body bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    published_at timestamptz,
    PRIMARY KEY (partition, position)
);
CREATE INDEX outbox_unpublished ON {schema}.outbox (partition, position) WHERE published_at IS NULL;

CREATE TABLE {schema}.inbox (
    consumer text NOT NULL,
    namespace text NOT NULL,
    message_id uuid NOT NULL,
    seen_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (consumer, namespace, message_id)
);
CREATE INDEX inbox_seen_at ON {schema}.inbox (seen_at);

CREATE TABLE {schema}.applied (
    consumer text NOT NULL,
    tenant text NOT NULL,
    subject text NOT NULL,
    stream text NOT NULL,
    sequence bigint NOT NULL DEFAULT 0,
    held_last bigint,
    PRIMARY KEY (consumer, tenant, subject, stream)
);

CREATE TABLE {schema}.waiting (
    position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    consumer text NOT NULL,
    tenant text NOT NULL,
    subject text NOT NULL,
    cause text NOT NULL,
    stream text,
    first bigint,
    last bigint,
    message_id text NOT NULL,
    type text NOT NULL,
    namespace text NOT NULL,
    queue text NOT NULL,
    body bytea NOT NULL,
    reason text NOT NULL DEFAULT '',
    attempts integer NOT NULL DEFAULT 0,
    begun integer NOT NULL DEFAULT 0,
    first_seen_at timestamptz NOT NULL DEFAULT now(),
    due_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX waiting_due ON {schema}.waiting (consumer, due_at);
CREATE INDEX waiting_subject ON {schema}.waiting (consumer, tenant, subject, position);
CREATE UNIQUE INDEX waiting_sequence ON {schema}.waiting (consumer, tenant, subject, stream, last)
    WHERE stream IS NOT NULL;

CREATE TABLE {schema}.parked (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    consumer text NOT NULL,
    tenant text NOT NULL,
    subject text NOT NULL,
    stream text,
    first bigint,
    last bigint,
    message_id text NOT NULL,
    type text NOT NULL,
    namespace text NOT NULL,
    queue text NOT NULL,
    body bytea NOT NULL,
    reason text NOT NULL,
    detail text NOT NULL DEFAULT '',
    attempts integer NOT NULL DEFAULT 0,
    first_seen_at timestamptz NOT NULL DEFAULT now(),
    parked_at timestamptz NOT NULL DEFAULT now(),
    resolution text,
    resolved_at timestamptz
);
CREATE INDEX parked_open ON {schema}.parked (parked_at) WHERE resolution IS NULL;

CREATE TABLE {schema}.attempts (
    consumer text NOT NULL,
    digest bytea NOT NULL,
    count integer NOT NULL,
    last_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (consumer, digest)
);
CREATE INDEX attempts_last_at ON {schema}.attempts (last_at);
"""


def create_library_tables_v1(schema: str) -> None:
    """Create the library's tables in `schema`; called from a service's first revision."""
    for statement in _STATEMENTS.format(schema=f'"{schema}"').split(";"):
        if statement.strip():
            op.execute(statement)
