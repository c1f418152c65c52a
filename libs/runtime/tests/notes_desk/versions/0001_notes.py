"""Notes, and how many of their messages came back."""

from alembic import op

from tierdesk_store import create_library_tables_v1

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade():
    create_library_tables_v1("notes")
    op.execute("CREATE TABLE notes.note (id uuid PRIMARY KEY, tenant text NOT NULL, text text NOT NULL)")
    op.execute("CREATE TABLE notes.seen (id uuid PRIMARY KEY)")
