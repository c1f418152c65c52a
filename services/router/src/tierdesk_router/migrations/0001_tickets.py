"""Tickets, their log, assignments, parties and the policy in force."""

from alembic import op

from tierdesk_store.migration import create_library_tables_v1

revision = "router_0001"
down_revision = None
branch_labels = None
depends_on = None


STATEMENTS = (
    """
    CREATE TABLE router.policy (
        tenant text NOT NULL,
        version text NOT NULL,
        name text NOT NULL,
        document jsonb NOT NULL,
        applied_at timestamptz NOT NULL,
        PRIMARY KEY (tenant, version)
    )
    """,
    """
    CREATE TABLE router.policy_in_force (
        tenant text PRIMARY KEY,
        version text NOT NULL,
        applied_at timestamptz NOT NULL
    )
    """,
    """
    CREATE TABLE router.party (
        tenant text NOT NULL,
        id uuid NOT NULL,
        external text NOT NULL,
        name text,
        email text,
        phone text,
        contact text,
        PRIMARY KEY (tenant, id),
        UNIQUE (tenant, external)
    )
    """,
    """
    CREATE TABLE router.ticket (
        tenant text NOT NULL,
        id uuid NOT NULL,
        reference text NOT NULL,
        status text NOT NULL,
        tier text,
        group_id text,
        category text,
        priority smallint,
        requester_id uuid NOT NULL,
        opened_at timestamptz NOT NULL,
        sequence bigint NOT NULL,
        policy_version text NOT NULL,
        offer_due_at timestamptz,
        close_due_at timestamptz,
        record jsonb NOT NULL,
        PRIMARY KEY (tenant, id),
        UNIQUE (tenant, reference)
    )
    """,
    """
    CREATE INDEX ticket_by_age ON router.ticket (tenant, opened_at DESC, id DESC)
    """,
    """
    CREATE INDEX ticket_by_status ON router.ticket (tenant, status, opened_at DESC, id DESC)
        WHERE status NOT IN ('closed', 'cancelled', 'merged')
    """,
    """
    CREATE INDEX ticket_offer_due ON router.ticket (offer_due_at) WHERE offer_due_at IS NOT NULL
    """,
    """
    CREATE INDEX ticket_close_due ON router.ticket (close_due_at) WHERE close_due_at IS NOT NULL
    """,
    """
    CREATE TABLE router.ticket_log (
        tenant text NOT NULL,
        ticket_id uuid NOT NULL,
        sequence bigint NOT NULL,
        kind text NOT NULL,
        at timestamptz NOT NULL,
        event jsonb NOT NULL,
        recorded_at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (tenant, ticket_id, sequence)
    )
    """,
    """
    CREATE TABLE router.assignment (
        tenant text NOT NULL,
        id uuid NOT NULL,
        ticket_id uuid NOT NULL,
        token bigint NOT NULL,
        tier text NOT NULL,
        group_id text NOT NULL,
        vendor text,
        worker text,
        last_ordinal integer NOT NULL DEFAULT 0,
        offered_at timestamptz NOT NULL,
        accepted_at timestamptz,
        ended_at timestamptz,
        ended_by text,
        PRIMARY KEY (tenant, id)
    )
    """,
    """
    CREATE INDEX assignment_by_ticket ON router.assignment (tenant, ticket_id, token)
    """,
)


def upgrade() -> None:
    create_library_tables_v1("router")
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    op.execute(
        "DROP TABLE router.assignment, router.ticket_log, router.ticket, router.party, router.policy_in_force, "
        "router.policy"
    )
