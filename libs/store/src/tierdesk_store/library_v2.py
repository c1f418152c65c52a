"""The second form of the library's tables: what is still to be published stands beside the outbox, not in it.

Frozen, as `library_v1` is.
"""

from __future__ import annotations

from typing import Final

from alembic import op

_STATEMENTS: Final = (
    # What is written meanwhile waits: a row that came between the copy and the end would never be published.
    "LOCK TABLE {schema}.outbox IN ACCESS EXCLUSIVE MODE",
    """
    CREATE TABLE {schema}.dispatch (
        partition smallint NOT NULL,
        position bigint NOT NULL,
        published_at timestamptz
    )
    """,
    """
    INSERT INTO {schema}.dispatch (partition, position, published_at)
    SELECT partition, position, published_at FROM {schema}.outbox
    """,
    "ALTER TABLE {schema}.dispatch ADD PRIMARY KEY (partition, position)",
    "CREATE INDEX dispatch_unpublished ON {schema}.dispatch (partition, position) WHERE published_at IS NULL",
    "DROP INDEX {schema}.outbox_unpublished",
    "ALTER TABLE {schema}.outbox DROP COLUMN published_at",
    # A service of the release before names no time and knows of no dispatch: nobody would publish what it writes. In
    # 57P03 it sees a database that is away, for which it waits. With another error it would set its messages aside.
    """
    CREATE FUNCTION {schema}.refuse_older_release() RETURNS timestamptz LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'this release is older than the outbox, and cannot write to it' USING ERRCODE = '57P03';
    END
    $$
    """,
    "ALTER TABLE {schema}.outbox ALTER COLUMN created_at SET DEFAULT {schema}.refuse_older_release()",
)


def split_outbox_v2(schema: str) -> None:
    """Move what says whether a row is published from the outbox into `dispatch`; called from a service's revision.

    The outbox is locked meanwhile, some seconds for each million rows. A service of the release before then writes no
    more: it answers 503 and holds its messages until it is replaced.
    """
    for statement in _STATEMENTS:
        op.execute(statement.format(schema=f'"{schema}"'))
