"""Policies, tickets with their events, clocks, and what was said of them."""

from alembic import op

from tierdesk_store import create_library_tables_v1

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_STATEMENTS = (
    """
    CREATE TABLE sla.policy (
        tenant text NOT NULL,
        version text NOT NULL,
        document jsonb NOT NULL,
        applied_at timestamptz NOT NULL,
        PRIMARY KEY (tenant, version)
    )
    """,
    """
    CREATE TABLE sla.ticket (
        tenant text NOT NULL,
        ticket_id uuid NOT NULL,
        reference text NOT NULL,
        policy_version text NOT NULL,
        sequence bigint NOT NULL,
        category text,
        priority smallint,
        waiting uuid,
        PRIMARY KEY (tenant, ticket_id)
    )
    """,
    "CREATE INDEX ticket_reference ON sla.ticket (tenant, reference)",
    """
    CREATE TABLE sla.ticket_event (
        tenant text NOT NULL,
        ticket_id uuid NOT NULL,
        sequence bigint NOT NULL,
        policy_version text NOT NULL,
        kind text NOT NULL,
        at timestamptz NOT NULL,
        event jsonb NOT NULL,
        applied_at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (tenant, ticket_id, sequence)
    )
    """,
    """
    CREATE TABLE sla.clock (
        tenant text NOT NULL,
        id uuid NOT NULL,
        ticket_id uuid NOT NULL,
        place smallint NOT NULL,
        kind text NOT NULL,
        tier text,
        group_id text,
        vendor text,
        assignment_id uuid,
        started_at timestamptz NOT NULL,
        within_seconds integer,
        calendar text,
        warn_at double precision[],
        promised_by text,
        holds jsonb NOT NULL,
        warnings jsonb NOT NULL,
        state text NOT NULL,
        due_at timestamptz,
        ended_at timestamptz,
        cycle integer NOT NULL,
        warned double precision[] NOT NULL,
        breach_due_at timestamptz,
        next_at timestamptz,
        PRIMARY KEY (tenant, id)
    )
    """,
    "CREATE UNIQUE INDEX clock_ticket ON sla.clock (tenant, ticket_id, place)",
    "CREATE INDEX clock_next ON sla.clock (next_at, tenant) WHERE next_at IS NOT NULL",
    """
    CREATE TABLE sla.alert (
        tenant text NOT NULL,
        clock_id uuid NOT NULL,
        cycle integer NOT NULL,
        word text NOT NULL,
        share double precision NOT NULL,
        due_at timestamptz NOT NULL,
        said_at timestamptz NOT NULL,
        PRIMARY KEY (tenant, clock_id, cycle, word, share)
    )
    """,
)


def upgrade() -> None:
    create_library_tables_v1("sla")
    for statement in _STATEMENTS:
        op.execute(statement)
