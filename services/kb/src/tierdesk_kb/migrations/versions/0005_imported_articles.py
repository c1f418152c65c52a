"""Which articles came from elsewhere; and published revisions by their position, now that many may come at once."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_STATEMENTS = (
    """
    CREATE TABLE kb.imported (
        tenant text NOT NULL,
        key text NOT NULL,
        article_id uuid NOT NULL,
        revision integer NOT NULL,
        fingerprint bytea NOT NULL,
        PRIMARY KEY (tenant, key)
    )
    """,
    "CREATE INDEX publication_position ON kb.publication (position, tenant)",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)
