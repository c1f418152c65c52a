"""Outcomes that were refused, and the ways to a vendor's assignments."""

from alembic import op

revision = "router_0003"
down_revision = "router_0002"
branch_labels = None
depends_on = None

STATEMENTS = (
    """
    CREATE TABLE router.refused_outcome (
        tenant text NOT NULL,
        position bigint GENERATED ALWAYS AS IDENTITY,
        outcome_id uuid NOT NULL,
        namespace text NOT NULL,
        vendor text,
        assignment_id uuid NOT NULL,
        ticket_id uuid,
        worker text NOT NULL,
        ordinal integer NOT NULL,
        reason text NOT NULL,
        detail text NOT NULL,
        at timestamptz NOT NULL,
        recorded_at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (tenant, position)
    )
    """,
    """
    CREATE INDEX refused_outcome_by_vendor ON router.refused_outcome (tenant, vendor, at DESC, outcome_id DESC)
        WHERE vendor IS NOT NULL
    """,
    """
    CREATE TABLE router.refusal_tally (
        tenant text NOT NULL,
        namespace text NOT NULL,
        hour timestamptz NOT NULL,
        reason text NOT NULL,
        number bigint NOT NULL,
        PRIMARY KEY (tenant, namespace, hour, reason)
    )
    """,
    # Each holds up writers for one scan of the table: about a second for a million assignments.
    """
    CREATE INDEX assignment_by_vendor ON router.assignment (tenant, vendor, offered_at) WHERE vendor IS NOT NULL
    """,
    """
    CREATE INDEX assignment_open_by_vendor ON router.assignment (tenant, vendor, offered_at)
        WHERE vendor IS NOT NULL AND ended_at IS NULL
    """,
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP INDEX router.assignment_by_vendor, router.assignment_open_by_vendor")
    op.execute("DROP TABLE router.refused_outcome, router.refusal_tally")
