"""Open tickets, by their words, and the published revisions for which they are still to be looked at."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_STATEMENTS = (
    """
    CREATE TABLE kb.open_ticket (
        tenant text NOT NULL,
        id uuid NOT NULL,
        policy_version text NOT NULL,
        title_words text[] NOT NULL,
        text_words text[] NOT NULL,
        tried uuid[] NOT NULL,
        told_article uuid,
        told_score double precision NOT NULL,
        reopen_seconds bigint NOT NULL,
        forget_at timestamptz,
        PRIMARY KEY (tenant, id)
    )
    """,
    "CREATE INDEX open_ticket_forget_at ON kb.open_ticket (forget_at) WHERE forget_at IS NOT NULL",
    """
    CREATE TABLE kb.publication (
        tenant text NOT NULL,
        article_id uuid NOT NULL,
        position bigint NOT NULL,
        after uuid NOT NULL,
        PRIMARY KEY (tenant, article_id)
    )
    """,
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)
