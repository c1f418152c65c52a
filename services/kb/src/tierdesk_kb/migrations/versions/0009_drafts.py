"""Drafts from resolutions, what a lower tier could have solved, and how long level 0 waits."""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_STATEMENTS = (
    """
    CREATE TABLE kb.proposal (
        tenant text NOT NULL,
        ticket uuid NOT NULL,
        reference text NOT NULL,
        tier text NOT NULL,
        category text NOT NULL,
        sequence bigint NOT NULL,
        article_id uuid,
        revision integer NOT NULL,
        proposed_at timestamptz NOT NULL,
        PRIMARY KEY (tenant, ticket)
    )
    """,
    "CREATE UNIQUE INDEX proposal_article ON kb.proposal (tenant, article_id) WHERE article_id IS NOT NULL",
    """
    CREATE TABLE kb.resolution (
        tenant text NOT NULL,
        ticket uuid NOT NULL,
        sequence bigint NOT NULL,
        tier text NOT NULL,
        category text NOT NULL,
        policy_version text NOT NULL,
        resolved_at timestamptz NOT NULL,
        title_words text[] NOT NULL,
        text_words text[] NOT NULL,
        fresh boolean NOT NULL,
        counted boolean NOT NULL,
        reopened boolean NOT NULL,
        article_id uuid,
        score double precision NOT NULL,
        PRIMARY KEY (tenant, ticket, sequence)
    )
    """,
    "CREATE INDEX resolution_age ON kb.resolution (tenant, resolved_at)",
    "CREATE INDEX resolution_fresh ON kb.resolution (tenant, ticket) WHERE fresh",
    """
    CREATE TABLE kb.shift_left (
        tenant text NOT NULL,
        day date NOT NULL,
        tier text NOT NULL,
        category text NOT NULL,
        article_id uuid NOT NULL,
        tickets bigint NOT NULL,
        PRIMARY KEY (tenant, day, tier, category, article_id)
    )
    """,
    """
    CREATE TABLE kb.hindsight (
        tenant text PRIMARY KEY,
        position bigint NOT NULL,
        target bigint,
        after uuid NOT NULL
    )
    """,
    """
    CREATE TABLE kb.documented_ticket (
        tenant text NOT NULL,
        ticket uuid NOT NULL,
        article_id uuid NOT NULL,
        tier text NOT NULL,
        category text NOT NULL,
        PRIMARY KEY (tenant, ticket)
    )
    """,
    "ALTER TABLE kb.job ADD COLUMN due_at timestamptz",
    "CREATE INDEX job_due_at ON kb.job (due_at) WHERE due_at IS NOT NULL",
    # What waits already has no end yet: from now on it has the usual one.
    "UPDATE kb.job SET due_at = now() + interval '3 days' WHERE state = 'waiting'",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)
