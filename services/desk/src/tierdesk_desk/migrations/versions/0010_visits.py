"""Field visits and depot repairs."""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_STATEMENTS = (
    """
    CREATE TABLE desk.visit (
        tenant text NOT NULL,
        id uuid NOT NULL,
        ticket text NOT NULL,
        reference text NOT NULL,
        tier text NOT NULL,
        group_id text NOT NULL,
        address text NOT NULL,
        technician text NOT NULL,
        starts_at timestamptz NOT NULL,
        ends_at timestamptz NOT NULL,
        planned_by text NOT NULL,
        planned_at timestamptz NOT NULL,
        changed_by text NOT NULL,
        changed_at timestamptz NOT NULL,
        token bigint NOT NULL,
        outcome text,
        note text NOT NULL,
        report text NOT NULL,
        PRIMARY KEY (tenant, id),
        CONSTRAINT visit_ends_after_it_starts CHECK (ends_at > starts_at)
    )
    """,
    "CREATE INDEX visit_slot ON desk.visit (tenant, tier, group_id, starts_at, id) WHERE outcome IS NULL",
    "CREATE INDEX visit_open ON desk.visit (tenant, ticket) WHERE outcome IS NULL",
    "CREATE INDEX visit_ticket ON desk.visit (tenant, ticket, planned_at)",
    "CREATE INDEX visit_over ON desk.visit (changed_at) WHERE outcome IS NOT NULL",
    """
    CREATE TABLE desk.repair (
        tenant text NOT NULL,
        id uuid NOT NULL,
        ticket text NOT NULL,
        reference text NOT NULL,
        tier text NOT NULL,
        group_id text NOT NULL,
        number text NOT NULL,
        device text NOT NULL,
        depot text NOT NULL,
        announced_by text NOT NULL,
        announced_at timestamptz NOT NULL,
        changed_by text NOT NULL,
        changed_at timestamptz NOT NULL,
        token bigint NOT NULL,
        stage text NOT NULL,
        carrier_reference text NOT NULL,
        sent_at timestamptz,
        received_at timestamptz,
        ended_at timestamptz,
        note text NOT NULL,
        report text NOT NULL,
        PRIMARY KEY (tenant, id)
    )
    """,
    "CREATE UNIQUE INDEX repair_number ON desk.repair (tenant, number)",
    "CREATE INDEX repair_line ON desk.repair (tenant, tier, group_id, announced_at, id) WHERE ended_at IS NULL",
    "CREATE INDEX repair_open ON desk.repair (tenant, ticket) WHERE ended_at IS NULL",
    "CREATE INDEX repair_ticket ON desk.repair (tenant, ticket, announced_at)",
    "CREATE INDEX repair_over ON desk.repair (changed_at) WHERE ended_at IS NOT NULL",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)
