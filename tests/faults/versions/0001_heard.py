"""What the follower heard, in the order in which it applied it."""

from alembic import op

from tierdesk_store import create_library_tables_v1

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade():
    create_library_tables_v1("follower")
    op.execute(
        "CREATE TABLE follower.heard (position bigint GENERATED ALWAYS AS IDENTITY, ticket_id text NOT NULL,"
        " first bigint NOT NULL, last bigint NOT NULL)"
    )
