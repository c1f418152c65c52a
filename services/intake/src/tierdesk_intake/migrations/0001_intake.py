"""Raw events, idempotency keys, tickets with their sequence, calls, and the names that the policy knows."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from tierdesk_store import create_library_tables_v1

revision = "0001_intake"
down_revision = None
branch_labels = None
depends_on = None

SCHEMA = "intake"


def _moment(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=False)


def upgrade() -> None:
    create_library_tables_v1(SCHEMA)
    op.create_table(
        "raw_event",
        sa.Column("tenant", sa.Text, primary_key=True),
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("key", sa.Text),
        sa.Column("ticket", sa.Uuid),
        sa.Column("body", sa.LargeBinary, nullable=False),
        _moment("received_at"),
        schema=SCHEMA,
    )
    op.create_table(
        "idempotency_key",
        sa.Column("tenant", sa.Text, primary_key=True),
        sa.Column("source", sa.Text, primary_key=True),
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("fingerprint", sa.LargeBinary, nullable=False),
        sa.Column("answer", sa.Text, nullable=False),
        sa.Column("ticket", sa.Uuid),
        sa.Column("reference", sa.Text),
        _moment("created_at"),
        schema=SCHEMA,
    )
    op.create_table(
        "ticket",
        sa.Column("tenant", sa.Text, primary_key=True),
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("reference", sa.Text, nullable=False),
        sa.Column("last_sequence", sa.BigInteger, nullable=False),
        _moment("opened_at"),
        sa.UniqueConstraint("tenant", "reference", name="ticket_reference"),
        schema=SCHEMA,
    )
    op.create_table(
        "call",
        sa.Column("tenant", sa.Text, primary_key=True),
        sa.Column("provider", sa.Text, primary_key=True),
        sa.Column("call_id", sa.Text, primary_key=True),
        sa.Column("state", JSONB),
        sa.Column("ticket", sa.Uuid),
        schema=SCHEMA,
    )
    op.create_table(
        "call_event",
        sa.Column("tenant", sa.Text, primary_key=True),
        sa.Column("provider", sa.Text, primary_key=True),
        sa.Column("call_id", sa.Text, primary_key=True),
        sa.Column("digest", sa.LargeBinary, primary_key=True),
        sa.Column("event", JSONB, nullable=False),
        _moment("seen_at"),
        schema=SCHEMA,
    )
    op.create_table(
        "policy_terms",
        sa.Column("tenant", sa.Text, primary_key=True),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("categories", sa.ARRAY(sa.Text), nullable=False),
        sa.Column("departments", sa.ARRAY(sa.Text), nullable=False),
        _moment("applied_at"),
        schema=SCHEMA,
    )
