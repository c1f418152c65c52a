"""The library's tables, notes without a natural key, and a log."""

from alembic import op

from tierdesk_store import create_library_tables_v1

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_library_tables_v1("trial")
    op.execute("CREATE TABLE trial.note (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, subject text, word text)")
    op.execute("CREATE TABLE trial.log (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, entry text NOT NULL)")


def downgrade() -> None:
    op.execute("DROP TABLE trial.log, trial.note")
