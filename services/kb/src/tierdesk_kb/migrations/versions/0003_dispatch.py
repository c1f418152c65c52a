"""What is still to be published stands beside the outbox."""

from tierdesk_store import split_outbox_v2

revision = "0003_dispatch"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    split_outbox_v2("kb")
