"""Links to one request each, who came by one, and how requesters rate what was done."""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_STATEMENTS = (
    """
    CREATE TABLE desk.link (
        digest text PRIMARY KEY,
        tenant text NOT NULL,
        ticket text NOT NULL,
        made_by text NOT NULL,
        created_at timestamptz NOT NULL,
        expires_at timestamptz NOT NULL
    )
    """,
    "CREATE INDEX link_expiry ON desk.link (expires_at)",
    "CREATE INDEX link_ticket ON desk.link (tenant, ticket)",
    """
    CREATE TABLE desk.guest (
        digest text PRIMARY KEY,
        id uuid NOT NULL,
        tenant text NOT NULL,
        ticket text NOT NULL,
        csrf text NOT NULL,
        created_at timestamptz NOT NULL,
        expires_at timestamptz NOT NULL
    )
    """,
    "CREATE INDEX guest_expiry ON desk.guest (expires_at)",
    """
    CREATE TABLE desk.rating (
        tenant text NOT NULL,
        ticket text NOT NULL,
        resolution bigint NOT NULL,
        score smallint NOT NULL CHECK (score BETWEEN 1 AND 5),
        comment text NOT NULL,
        revision integer NOT NULL,
        rated_at timestamptz NOT NULL,
        changed_at timestamptz NOT NULL,
        PRIMARY KEY (tenant, ticket, resolution)
    )
    """,
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)
