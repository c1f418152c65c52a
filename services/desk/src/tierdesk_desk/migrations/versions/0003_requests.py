"""Requests as those who made them see them: who asked, where it stands, what was said in public."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_STATEMENTS = (
    """
    CREATE TABLE desk.requester (
        tenant text NOT NULL,
        party text NOT NULL,
        name text,
        email text,
        phone text,
        PRIMARY KEY (tenant, party)
    )
    """,
    """
    CREATE TABLE desk.request (
        tenant text NOT NULL,
        ticket text NOT NULL,
        party text,
        reference text NOT NULL,
        channel text,
        title text NOT NULL,
        text text NOT NULL,
        category text,
        status text NOT NULL,
        is_awaited boolean NOT NULL,
        asked text NOT NULL,
        missing text[] NOT NULL,
        merged_into text,
        sequence bigint NOT NULL,
        opened_at timestamptz NOT NULL,
        changed_at timestamptz NOT NULL,
        PRIMARY KEY (tenant, ticket)
    )
    """,
    "CREATE INDEX request_party ON desk.request (tenant, party, opened_at, ticket)",
    """
    CREATE INDEX request_open ON desk.request (tenant, party, opened_at, ticket)
    WHERE status NOT IN ('closed', 'cancelled', 'merged')
    """,
    "CREATE INDEX request_reference ON desk.request (tenant, reference)",
    """
    CREATE TABLE desk.request_entry (
        tenant text NOT NULL,
        ticket text NOT NULL,
        sequence bigint NOT NULL,
        at timestamptz NOT NULL,
        kind text NOT NULL,
        by_requester boolean NOT NULL,
        text text NOT NULL,
        files jsonb NOT NULL,
        PRIMARY KEY (tenant, ticket, sequence)
    )
    """,
    "ALTER TABLE desk.account ADD COLUMN party text",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)
