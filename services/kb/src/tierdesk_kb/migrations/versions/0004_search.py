"""The language of an article, terms that mean the same, questions that nothing answers, problems solved before a ticket."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_STATEMENTS = (
    "ALTER TABLE kb.revision ADD COLUMN language text NOT NULL DEFAULT 'en'",
    """
    CREATE TABLE kb.synonyms (
        tenant text PRIMARY KEY,
        version integer NOT NULL,
        position bigint NOT NULL,
        groups jsonb NOT NULL,
        author text NOT NULL,
        written_at timestamptz NOT NULL
    )
    """,
    """
    CREATE TABLE kb.unanswered (
        tenant text NOT NULL,
        question text NOT NULL,
        searches bigint NOT NULL,
        suggestions bigint NOT NULL,
        first_at timestamptz NOT NULL,
        last_at timestamptz NOT NULL,
        PRIMARY KEY (tenant, question)
    )
    """,
    "CREATE INDEX unanswered_last_at ON kb.unanswered (last_at)",
    """
    CREATE TABLE kb.deflection (
        tenant text NOT NULL,
        id uuid NOT NULL,
        article_id uuid NOT NULL,
        at timestamptz NOT NULL,
        PRIMARY KEY (tenant, id)
    )
    """,
    "CREATE INDEX deflection_at ON kb.deflection (tenant, at)",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)
