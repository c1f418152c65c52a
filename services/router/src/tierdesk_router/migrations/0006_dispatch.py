"""What is still to be published stands beside the outbox."""

from tierdesk_store import split_outbox_v2

revision = "router_0006"
down_revision = "router_0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    split_outbox_v2("router")
