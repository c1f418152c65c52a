"""Who is there, who serves which group when, and what each person has solved and escalated."""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_STATEMENTS = (
    """
    CREATE TABLE desk.presence (
        tenant text NOT NULL,
        account_id uuid NOT NULL,
        state text NOT NULL,
        since timestamptz NOT NULL,
        waits_since timestamptz NOT NULL,
        PRIMARY KEY (tenant, account_id)
    )
    """,
    "CREATE INDEX presence_available ON desk.presence (tenant, account_id) WHERE state = 'available'",
    "ALTER TABLE desk.session ADD COLUMN heard_at timestamptz",
    """
    CREATE TABLE desk.shift (
        tenant text NOT NULL,
        id uuid NOT NULL,
        account_id uuid NOT NULL,
        tier text NOT NULL,
        group_id text NOT NULL,
        starts_at timestamptz NOT NULL,
        ends_at timestamptz NOT NULL,
        PRIMARY KEY (tenant, id),
        CONSTRAINT shift_ends_after_it_starts CHECK (ends_at > starts_at)
    )
    """,
    "CREATE UNIQUE INDEX shift_account ON desk.shift (tenant, account_id, starts_at, tier, group_id)",
    "CREATE INDEX shift_ends ON desk.shift (tenant, ends_at, id)",
    """
    CREATE TABLE desk.work_record (
        tenant text NOT NULL,
        worker text NOT NULL,
        month date NOT NULL,
        tier text NOT NULL,
        group_id text NOT NULL,
        category text NOT NULL,
        ended text NOT NULL,
        number bigint NOT NULL,
        PRIMARY KEY (tenant, worker, month, tier, group_id, category, ended)
    )
    """,
    "CREATE INDEX work_record_group ON desk.work_record (tenant, tier, group_id, month)",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)
