"""Whom a ticket waits for, moves to another version of the policy, and the tables in which clocks are rebuilt."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_STATEMENTS = (
    "ALTER TABLE sla.ticket ADD COLUMN waiting_for text, ADD COLUMN moved_to text",
    """
    CREATE TABLE sla.policy_move (
        tenant text NOT NULL,
        ticket_id uuid NOT NULL,
        nth smallint NOT NULL,
        sequence bigint NOT NULL,
        version text NOT NULL,
        moved_at timestamptz NOT NULL,
        PRIMARY KEY (tenant, ticket_id, nth)
    )
    """,
    "CREATE TABLE sla.ticket_rebuilt (LIKE sla.ticket, PRIMARY KEY (tenant, ticket_id))",
    "CREATE TABLE sla.clock_rebuilt (LIKE sla.clock, PRIMARY KEY (tenant, ticket_id, place))",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)
