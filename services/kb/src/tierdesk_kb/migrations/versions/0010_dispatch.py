"""What is still to be published stands beside the outbox."""

from tierdesk_store import split_outbox_v2

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    split_outbox_v2("kb")
