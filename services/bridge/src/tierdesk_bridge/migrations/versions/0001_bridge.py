"""Endpoints of vendors, what is to be delivered to them, and what was taken of them."""

from alembic import op

from tierdesk_store import create_library_tables_v1

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_STATEMENTS = (
    """
    CREATE TABLE bridge.endpoint (
        tenant text NOT NULL,
        vendor text NOT NULL,
        url text NOT NULL,
        set_at timestamptz NOT NULL,
        enabled boolean NOT NULL,
        disabled_reason text,
        disabled_at timestamptz,
        failures integer NOT NULL,
        rests_until timestamptz,
        failing_subject text,
        PRIMARY KEY (tenant, vendor)
    )
    """,
    """
    CREATE TABLE bridge.delivery (
        tenant text NOT NULL,
        vendor text NOT NULL,
        id uuid NOT NULL,
        position bigint GENERATED ALWAYS AS IDENTITY,
        subject text NOT NULL,
        type text NOT NULL,
        body bytea NOT NULL,
        state text NOT NULL,
        attempts integer NOT NULL,
        taken_at timestamptz NOT NULL,
        due_at timestamptz NOT NULL,
        first_in_line boolean NOT NULL,
        lease uuid,
        leased_until timestamptz,
        ended_at timestamptz,
        last_status integer,
        last_detail text,
        PRIMARY KEY (tenant, vendor, id)
    )
    """,
    "CREATE INDEX delivery_position ON bridge.delivery (tenant, vendor, position)",
    """
    CREATE INDEX delivery_due ON bridge.delivery (tenant, vendor, due_at, position)
    WHERE state = 'pending' AND first_in_line
    """,
    "CREATE INDEX delivery_leased ON bridge.delivery (tenant, vendor) WHERE lease IS NOT NULL",
    "CREATE INDEX delivery_order ON bridge.delivery (tenant, vendor, subject, position) WHERE state = 'pending'",
    "CREATE INDEX delivery_ended ON bridge.delivery (ended_at) WHERE state = 'delivered'",
    "CREATE INDEX delivery_left ON bridge.delivery (taken_at) WHERE state <> 'delivered'",
    """
    CREATE TABLE bridge.callback (
        tenant text NOT NULL,
        vendor text NOT NULL,
        webhook_id text NOT NULL,
        fingerprint bytea NOT NULL,
        message_id uuid NOT NULL,
        taken_at timestamptz NOT NULL,
        PRIMARY KEY (tenant, vendor, webhook_id)
    )
    """,
)


def upgrade() -> None:
    create_library_tables_v1("bridge")
    for statement in _STATEMENTS:
        op.execute(statement)
