"""Questions and answers by requesters, votes and reports, and what moderators did."""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_STATEMENTS = (
    """
    CREATE TABLE kb.post (
        tenant text NOT NULL,
        id uuid NOT NULL,
        author text NOT NULL,
        body text NOT NULL,
        state text NOT NULL,
        written_at timestamptz NOT NULL,
        question uuid,
        title text,
        votes integer NOT NULL,
        reports integer NOT NULL,
        accepted uuid,
        article_id uuid,
        PRIMARY KEY (tenant, id)
    )
    """,
    "CREATE INDEX post_questions ON kb.post (tenant, id) WHERE question IS NULL AND state = 'shown'",
    "CREATE INDEX post_answers ON kb.post (tenant, question, id) WHERE question IS NOT NULL",
    "CREATE INDEX post_queue ON kb.post (tenant, id) WHERE state = 'held' OR reports > 0",
    "CREATE TABLE kb.post_vote (tenant text, post_id uuid, voter text, PRIMARY KEY (tenant, post_id, voter))",
    "CREATE TABLE kb.post_report (tenant text, post_id uuid, reporter text, PRIMARY KEY (tenant, post_id, reporter))",
    """
    CREATE TABLE kb.post_log (
        tenant text NOT NULL,
        id uuid NOT NULL,
        post_id uuid NOT NULL,
        verb text NOT NULL,
        actor text NOT NULL,
        reason text NOT NULL,
        at timestamptz NOT NULL,
        PRIMARY KEY (tenant, id)
    )
    """,
    "CREATE INDEX post_log_post ON kb.post_log (tenant, post_id, id)",
    "CREATE TABLE kb.known_author (tenant text, name text, PRIMARY KEY (tenant, name))",
    "CREATE TABLE kb.community_setting (tenant text PRIMARY KEY, hold_first text NOT NULL)",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)
