"""A clock is known by its ticket and its place: one index less to write, and none that a new row falls anywhere into.

A process of sla from before writes clocks by the key that goes: stop it first, or it parks what it cannot write.
"""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE sla.clock DROP CONSTRAINT clock_pkey")
    op.execute("ALTER TABLE sla.clock ADD CONSTRAINT clock_pkey PRIMARY KEY USING INDEX clock_ticket")
