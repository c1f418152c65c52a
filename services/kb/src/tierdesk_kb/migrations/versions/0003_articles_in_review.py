"""Kinds, steps, attachments and videos of articles, who answers for them, and their reviews."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_STATEMENTS = (
    "ALTER TABLE kb.article ADD COLUMN submitted_revision integer",
    "ALTER TABLE kb.article ADD COLUMN owner text",
    "ALTER TABLE kb.article ADD COLUMN review_at timestamptz",
    # A release before this one writes revisions without these.
    "ALTER TABLE kb.revision ADD COLUMN kind text NOT NULL DEFAULT 'faq'",
    "ALTER TABLE kb.revision ADD COLUMN steps text[] NOT NULL DEFAULT '{}'",
    "ALTER TABLE kb.revision ADD COLUMN attachments jsonb NOT NULL DEFAULT '[]'",
    "ALTER TABLE kb.revision ADD COLUMN video text",
    "CREATE INDEX article_submitted ON kb.article (tenant, id) WHERE submitted_revision IS NOT NULL",
    "CREATE INDEX article_owner ON kb.article (tenant, owner, id) WHERE owner IS NOT NULL",
    "CREATE INDEX article_review_at ON kb.article (tenant, review_at) WHERE review_at IS NOT NULL",
    """
    CREATE TABLE kb.review (
        position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        tenant text NOT NULL,
        article_id uuid NOT NULL,
        revision integer NOT NULL,
        step text NOT NULL,
        by text NOT NULL,
        reason text NOT NULL,
        at timestamptz NOT NULL
    )
    """,
    "CREATE INDEX review_article ON kb.review (tenant, article_id, position)",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)
