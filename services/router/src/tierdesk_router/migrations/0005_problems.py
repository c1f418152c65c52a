"""Problems, their tickets and their log; and what was noted of tickets, so that like ones are found by key."""

from alembic import op

revision = "router_0005"
down_revision = "router_0004"
branch_labels = None
depends_on = None

STATEMENTS = (
    """
    CREATE TABLE router.problem (
        tenant text NOT NULL,
        id uuid NOT NULL,
        reference text NOT NULL,
        kind text NOT NULL,
        status text NOT NULL,
        version bigint NOT NULL,
        opened_at timestamptz NOT NULL,
        record jsonb NOT NULL,
        PRIMARY KEY (tenant, id),
        UNIQUE (tenant, reference)
    )
    """,
    """
    CREATE INDEX problem_by_age ON router.problem (tenant, opened_at DESC, id DESC)
    """,
    """
    CREATE TABLE router.problem_link (
        tenant text NOT NULL,
        problem_id uuid NOT NULL,
        ticket_id uuid NOT NULL,
        linked_at timestamptz NOT NULL,
        released_at timestamptz,
        announced_at timestamptz,
        PRIMARY KEY (tenant, problem_id, ticket_id)
    )
    """,
    """
    CREATE TABLE router.problem_log (
        tenant text NOT NULL,
        problem_id uuid NOT NULL,
        sequence bigint NOT NULL,
        kind text NOT NULL,
        at timestamptz NOT NULL,
        note jsonb NOT NULL,
        recorded_at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (tenant, problem_id, sequence)
    )
    """,
    """
    CREATE TABLE router.likeness (
        tenant text NOT NULL,
        key text NOT NULL,
        noted jsonb NOT NULL,
        since timestamptz NOT NULL,
        expires_at timestamptz NOT NULL,
        PRIMARY KEY (tenant, key)
    )
    """,
    """
    CREATE INDEX likeness_expired ON router.likeness (expires_at)
    """,
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP TABLE router.likeness, router.problem_log, router.problem_link, router.problem")
