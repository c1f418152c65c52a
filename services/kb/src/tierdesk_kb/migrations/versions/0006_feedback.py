"""What readers say of articles, how tickets used them, and which are alike."""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_STATEMENTS = (
    """
    CREATE TABLE kb.feedback (
        tenant text NOT NULL,
        article_id uuid NOT NULL,
        given_by text NOT NULL,
        helpful boolean NOT NULL,
        comment text NOT NULL,
        revision integer NOT NULL,
        given_at timestamptz NOT NULL,
        PRIMARY KEY (tenant, article_id, given_by)
    )
    """,
    "CREATE INDEX feedback_given_at ON kb.feedback (tenant, article_id, given_at)",
    """
    CREATE TABLE kb.article_use (
        tenant text NOT NULL,
        ticket uuid NOT NULL,
        article_id uuid NOT NULL,
        verdict text,
        answered boolean NOT NULL,
        confirmed boolean NOT NULL,
        PRIMARY KEY (tenant, ticket, article_id)
    )
    """,
    """
    CREATE TABLE kb.article_record (
        tenant text NOT NULL,
        article_id uuid NOT NULL,
        worked integer NOT NULL DEFAULT 0,
        failed integer NOT NULL DEFAULT 0,
        answered integer NOT NULL DEFAULT 0,
        confirmed integer NOT NULL DEFAULT 0,
        helpful integer NOT NULL DEFAULT 0,
        unhelpful integer NOT NULL DEFAULT 0,
        PRIMARY KEY (tenant, article_id)
    )
    """,
    """
    CREATE TABLE kb.like_article (
        tenant text NOT NULL,
        article_id uuid NOT NULL,
        like_id uuid NOT NULL,
        likeness double precision NOT NULL,
        PRIMARY KEY (tenant, article_id)
    )
    """,
    "CREATE INDEX like_article_like_id ON kb.like_article (tenant, like_id)",
    "CREATE TABLE kb.like_progress (tenant text PRIMARY KEY, position bigint NOT NULL)",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)
