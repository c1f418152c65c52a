"""Who opens which account from a provider, whom an administrator let in, and what is good for once and was used."""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_STATEMENTS = (
    """
    CREATE TABLE desk.account_link (
        tenant text NOT NULL,
        issuer text NOT NULL,
        subject text NOT NULL,
        account_id uuid NOT NULL,
        provider text NOT NULL,
        granted text[] NOT NULL,
        linked_at timestamptz NOT NULL,
        seen_at timestamptz NOT NULL,
        PRIMARY KEY (tenant, issuer, subject)
    )
    """,
    "CREATE UNIQUE INDEX account_link_account ON desk.account_link (tenant, account_id, issuer)",
    """
    CREATE TABLE desk.account_invitation (
        tenant text NOT NULL,
        account_id uuid NOT NULL,
        provider text NOT NULL,
        subject text,
        expires_at timestamptz NOT NULL,
        PRIMARY KEY (tenant, account_id, provider)
    )
    """,
    "CREATE UNIQUE INDEX account_invitation_subject ON desk.account_invitation (tenant, provider, subject)",
    """
    CREATE TABLE desk.spent (
        digest text PRIMARY KEY,
        expires_at timestamptz NOT NULL
    )
    """,
    "CREATE INDEX spent_expiry ON desk.spent (expires_at)",
    """
    ALTER TABLE desk.session
        ADD COLUMN provider text,
        ADD COLUMN issuer text,
        ADD COLUMN sid text,
        ADD COLUMN id_token text
    """,
    "CREATE INDEX session_sid ON desk.session (tenant, issuer, sid) WHERE sid IS NOT NULL",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)
