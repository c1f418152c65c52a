"""Accounts, what is granted to them, who is signed in, how fast passwords may be tried, and the audit."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_STATEMENTS = (
    """
    CREATE TABLE desk.account (
        tenant text NOT NULL,
        id uuid NOT NULL,
        name text NOT NULL,
        display_name text NOT NULL,
        password_hash text,
        must_change_password boolean NOT NULL,
        password_expires_at timestamptz,
        skills text[] NOT NULL,
        capacity integer CHECK (capacity > 0),
        disabled_at timestamptz,
        created_at timestamptz NOT NULL,
        changed_at timestamptz NOT NULL,
        PRIMARY KEY (tenant, id),
        CONSTRAINT account_name_folded CHECK (name = lower(name))
    )
    """,
    "CREATE UNIQUE INDEX account_name ON desk.account (tenant, name)",
    """
    CREATE TABLE desk.account_grant (
        tenant text NOT NULL,
        account_id uuid NOT NULL,
        role text NOT NULL,
        tier text NOT NULL,
        group_id text NOT NULL,
        PRIMARY KEY (tenant, account_id, role, tier, group_id),
        CONSTRAINT account_grant_group_of_tier CHECK (group_id = '' OR tier <> '')
    )
    """,
    """
    CREATE TABLE desk.session (
        digest text PRIMARY KEY,
        tenant text NOT NULL,
        account_id uuid NOT NULL,
        csrf text NOT NULL,
        created_at timestamptz NOT NULL,
        seen_at timestamptz NOT NULL,
        expires_at timestamptz NOT NULL
    )
    """,
    "CREATE INDEX session_account ON desk.session (tenant, account_id)",
    "CREATE INDEX session_expiry ON desk.session (expires_at)",
    """
    CREATE TABLE desk.sign_in_pace (
        key text PRIMARY KEY,
        free_at timestamptz NOT NULL
    )
    """,
    "CREATE INDEX sign_in_pace_free ON desk.sign_in_pace (free_at)",
    """
    CREATE TABLE desk.audit_head (
        tenant text PRIMARY KEY,
        position bigint NOT NULL CHECK (position >= 0),
        hash text NOT NULL
    )
    """,
    """
    CREATE TABLE desk.audit (
        tenant text NOT NULL,
        position bigint NOT NULL CHECK (position > 0),
        at timestamptz NOT NULL,
        actor text NOT NULL,
        action text NOT NULL,
        subject text NOT NULL,
        detail jsonb NOT NULL,
        previous_hash text NOT NULL,
        hash text NOT NULL,
        PRIMARY KEY (tenant, position)
    )
    """,
    "CREATE INDEX audit_subject ON desk.audit (tenant, subject, position)",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)
