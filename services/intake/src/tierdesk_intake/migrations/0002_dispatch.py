"""What is still to be published stands beside the outbox."""

from tierdesk_store import split_outbox_v2

revision = "0002_dispatch"
down_revision = "0001_intake"
branch_labels = None
depends_on = None


def upgrade() -> None:
    split_outbox_v2("intake")
