"""What is still to be published stands beside the outbox."""

from tierdesk_store import split_outbox_v2

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    split_outbox_v2("sla")
