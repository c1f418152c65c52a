"""Whom a ticket waits for, moves to another version of the policy, and the tables in which clocks are rebuilt."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_STATEMENTS = (
    "ALTER TABLE sla.ticket ADD COLUMN waiting_for text, ADD COLUMN moved_to text",
    # Of a ticket that waits and whose waiting stops no clock, nobody needs to know for whom.
    """
    UPDATE sla.ticket SET waiting_for = found.party FROM (
        SELECT tenant, ticket_id, min(hold ->> 2) AS party
        FROM sla.clock CROSS JOIN LATERAL jsonb_array_elements(holds) AS hold
        WHERE hold ->> 1 IS NULL
        GROUP BY tenant, ticket_id
    ) AS found
    WHERE ticket.tenant = found.tenant AND ticket.ticket_id = found.ticket_id AND ticket.waiting IS NOT NULL
    """,
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
