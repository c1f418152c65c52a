"""Services that can be ordered, and orders of them."""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_STATEMENTS = (
    """
    CREATE TABLE kb.service (
        tenant text NOT NULL,
        item text NOT NULL,
        version integer NOT NULL,
        PRIMARY KEY (tenant, item)
    )
    """,
    """
    CREATE TABLE kb.service_version (
        tenant text NOT NULL,
        item text NOT NULL,
        version integer NOT NULL,
        name text NOT NULL,
        description text NOT NULL,
        form json NOT NULL,
        category text NOT NULL,
        steps text[] NOT NULL,
        active boolean NOT NULL,
        author text NOT NULL,
        written_at timestamptz NOT NULL,
        PRIMARY KEY (tenant, item, version)
    )
    """,
    """
    CREATE TABLE kb.service_order (
        tenant text NOT NULL,
        id uuid NOT NULL,
        item text NOT NULL,
        version integer NOT NULL,
        party text NOT NULL,
        answers json NOT NULL,
        ordered_at timestamptz NOT NULL,
        key text,
        fingerprint bytea NOT NULL,
        reference text,
        status text,
        PRIMARY KEY (tenant, id)
    )
    """,
    "CREATE UNIQUE INDEX service_order_key ON kb.service_order (tenant, key) WHERE key IS NOT NULL",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)
