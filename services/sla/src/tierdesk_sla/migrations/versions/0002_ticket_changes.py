"""The events of a ticket are kept as they came: one row for each message, not one for each event."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_STATEMENTS = (
    """
    CREATE TABLE sla.ticket_change (
        tenant text NOT NULL,
        ticket_id uuid NOT NULL,
        first_sequence bigint NOT NULL,
        sequence bigint NOT NULL,
        policy_version text NOT NULL,
        events json NOT NULL,
        applied_at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (tenant, ticket_id, sequence)
    )
    """,
    """
    INSERT INTO sla.ticket_change (tenant, ticket_id, first_sequence, sequence, policy_version, events, applied_at)
    SELECT tenant, ticket_id, sequence, sequence, policy_version, json_build_array(event), applied_at
    FROM sla.ticket_event
    """,
    "DROP TABLE sla.ticket_event",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)
