"""Files of tickets, in pieces, and how much a tenant attaches in a day."""

import sqlalchemy as sa
from alembic import op

revision = "0003_attachments"
down_revision = "0002_dispatch"
branch_labels = None
depends_on = None

SCHEMA = "intake"


def upgrade() -> None:
    op.create_table(
        "attachment",
        sa.Column("tenant", sa.Text, primary_key=True),
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("ticket", sa.Uuid, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("begun_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("number", sa.Integer),
        sa.Column("media_type", sa.Text),
        sa.Column("size_bytes", sa.BigInteger),
        sa.Column("sha256", sa.LargeBinary),
        sa.Column("added_at", sa.DateTime(timezone=True)),
        sa.Column("told_by", sa.Uuid),
        sa.UniqueConstraint("tenant", "ticket", "number", name="attachment_number"),
        schema=SCHEMA,
    )
    op.create_index(
        "attachment_unfinished", "attachment", ["begun_at"], schema=SCHEMA, postgresql_where=sa.text("number IS NULL")
    )
    op.create_table(
        "attachment_piece",
        sa.Column("tenant", sa.Text, primary_key=True),
        sa.Column("attachment", sa.Uuid, primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("bytes", sa.LargeBinary, nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant", "attachment"],
            [f"{SCHEMA}.attachment.tenant", f"{SCHEMA}.attachment.id"],
            name="attachment_piece_of",
            ondelete="CASCADE",
        ),
        schema=SCHEMA,
    )
    # Most files are compressed already: trying again would cost time and spare nothing.
    op.execute(f"ALTER TABLE {SCHEMA}.attachment_piece ALTER COLUMN bytes SET STORAGE EXTERNAL")
    op.create_table(
        "attachment_day",
        sa.Column("tenant", sa.Text, primary_key=True),
        sa.Column("day", sa.Date, primary_key=True),
        sa.Column("size_bytes", sa.BigInteger, nullable=False),
        schema=SCHEMA,
    )
