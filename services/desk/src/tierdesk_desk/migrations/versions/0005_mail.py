"""Outgoing mail: what leaves, which addresses are whose, who is reminded when; and the addresses of accounts."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_STATEMENTS = (
    """
    CREATE TABLE desk.mail (
        tenant text NOT NULL,
        id uuid NOT NULL,
        kind text NOT NULL,
        address text NOT NULL,
        party text,
        ticket text,
        reference text,
        locale text,
        "values" jsonb NOT NULL,
        digest text,
        is_open boolean NOT NULL,
        state text NOT NULL,
        reason text,
        detail text,
        attempts integer NOT NULL,
        message_id text,
        added_at timestamptz NOT NULL,
        due_at timestamptz NOT NULL,
        ended_at timestamptz,
        lease uuid,
        leased_until timestamptz,
        PRIMARY KEY (tenant, id),
        CONSTRAINT mail_open_waits CHECK (NOT is_open OR (state = 'queued' AND lease IS NULL)),
        CONSTRAINT mail_ends CHECK ((state = 'queued') = (ended_at IS NULL)),
        CONSTRAINT mail_lease_ends CHECK ((lease IS NULL) = (leased_until IS NULL))
    )
    """,
    "CREATE INDEX mail_due ON desk.mail (due_at, id) WHERE state = 'queued'",
    "CREATE INDEX mail_urgent ON desk.mail (due_at, id) WHERE state = 'queued' AND kind <> 'news'",
    "CREATE INDEX mail_unsent ON desk.mail (tenant, address, kind) WHERE state = 'queued'",
    "CREATE UNIQUE INDEX mail_open ON desk.mail (tenant, address, kind) WHERE is_open",
    "CREATE INDEX mail_failed ON desk.mail (tenant, id) WHERE state = 'failed'",
    "CREATE INDEX mail_waiting ON desk.mail (tenant, id) WHERE state = 'queued'",
    "CREATE INDEX mail_suppressed ON desk.mail (tenant, id) WHERE state = 'suppressed'",
    "CREATE INDEX mail_ended ON desk.mail (ended_at) WHERE state <> 'queued'",
    "CREATE INDEX mail_digest ON desk.mail (tenant, digest) WHERE digest IS NOT NULL",
    """
    CREATE TABLE desk.mail_box (
        tenant text NOT NULL,
        address text NOT NULL,
        kind text NOT NULL,
        sent timestamptz[] NOT NULL,
        verified_at timestamptz,
        PRIMARY KEY (tenant, address, kind)
    )
    """,
    """
    CREATE TABLE desk.mail_reminder (
        tenant text NOT NULL,
        ticket text NOT NULL,
        occasion text NOT NULL,
        due_at timestamptz NOT NULL,
        told integer NOT NULL,
        PRIMARY KEY (tenant, ticket)
    )
    """,
    "CREATE INDEX mail_reminder_due ON desk.mail_reminder (due_at)",
    "ALTER TABLE desk.account ADD COLUMN email text",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)
