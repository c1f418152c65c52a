"""Who waits and talks at the telephone, what the policy says of it, and recordings that are to be fetched."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0004_phone"
down_revision = "0003_attachments"
branch_labels = None
depends_on = None

SCHEMA = "intake"


def upgrade() -> None:
    op.add_column("call", sa.Column("waits_since", sa.DateTime(timezone=True)), schema=SCHEMA)
    op.add_column("call", sa.Column("talks_since", sa.DateTime(timezone=True)), schema=SCHEMA)
    for name, column in (("call_waiting", "waits_since"), ("call_talking", "talks_since")):
        op.create_index(
            name, "call", ["tenant", column], schema=SCHEMA, postgresql_where=sa.text(f"{column} IS NOT NULL")
        )
    op.add_column("policy_terms", sa.Column("phone", JSONB), schema=SCHEMA)
    op.create_table(
        "recording",
        sa.Column("tenant", sa.Text, primary_key=True),
        sa.Column("provider", sa.Text, primary_key=True),
        sa.Column("call_id", sa.Text, primary_key=True),
        sa.Column("digest", sa.LargeBinary, primary_key=True),
        sa.Column("ticket", sa.Uuid, nullable=False),
        sa.Column("locator", sa.Text, nullable=False),
        sa.Column("stage", sa.Text, nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("attachment", sa.Uuid),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True)),
        schema=SCHEMA,
    )
    op.create_index("recording_due", "recording", ["due_at"], schema=SCHEMA, postgresql_where=sa.text("stage = 'due'"))
    op.create_index("recording_ticket", "recording", ["tenant", "ticket"], schema=SCHEMA)
