"""Articles with their revisions, policies, and the work of level 0."""

from alembic import op

from tierdesk_store import create_library_tables_v1

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_STATEMENTS = (
    """
    CREATE TABLE kb.article (
        tenant text NOT NULL,
        id uuid NOT NULL,
        state text NOT NULL,
        revision integer NOT NULL,
        published_revision integer,
        position bigint,
        created_at timestamptz NOT NULL,
        changed_at timestamptz NOT NULL,
        PRIMARY KEY (tenant, id)
    )
    """,
    "CREATE UNIQUE INDEX article_position ON kb.article (tenant, position) WHERE position IS NOT NULL",
    """
    CREATE TABLE kb.revision (
        tenant text NOT NULL,
        article_id uuid NOT NULL,
        revision integer NOT NULL,
        title text NOT NULL,
        body text NOT NULL,
        audience text NOT NULL,
        keywords text[] NOT NULL,
        author text NOT NULL,
        written_at timestamptz NOT NULL,
        PRIMARY KEY (tenant, article_id, revision)
    )
    """,
    "CREATE TABLE kb.counter (tenant text PRIMARY KEY, position bigint NOT NULL)",
    """
    CREATE TABLE kb.policy (
        tenant text NOT NULL,
        version text NOT NULL,
        document jsonb NOT NULL,
        PRIMARY KEY (tenant, version)
    )
    """,
    """
    CREATE TABLE kb.policy_in_force (
        tenant text PRIMARY KEY,
        version text NOT NULL,
        applied_at timestamptz NOT NULL
    )
    """,
    """
    CREATE TABLE kb.job (
        tenant text NOT NULL,
        assignment_id uuid NOT NULL,
        token bigint NOT NULL,
        ticket text NOT NULL,
        state text NOT NULL,
        ordinal integer NOT NULL,
        article_id text,
        article_title text,
        PRIMARY KEY (tenant, assignment_id)
    )
    """,
)


def upgrade() -> None:
    create_library_tables_v1("kb")
    for statement in _STATEMENTS:
        op.execute(statement)
