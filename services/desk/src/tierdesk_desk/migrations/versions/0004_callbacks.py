"""Who is to be called back, the calls that were made, whose number is whose, and who is at the telephone."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_STATEMENTS = (
    """
    CREATE TABLE desk.callback (
        tenant text NOT NULL,
        id uuid NOT NULL,
        ticket text NOT NULL,
        reference text NOT NULL,
        tier text NOT NULL,
        group_id text NOT NULL,
        number text NOT NULL,
        cause text NOT NULL,
        promised_at timestamptz NOT NULL,
        due_at timestamptz NOT NULL,
        ready_at timestamptz NOT NULL,
        changed_at timestamptz NOT NULL,
        stage text NOT NULL,
        asked integer NOT NULL,
        attempts integer NOT NULL,
        token bigint NOT NULL,
        claimed_by text,
        claimed_until timestamptz,
        result text,
        note text NOT NULL,
        PRIMARY KEY (tenant, id),
        CONSTRAINT callback_claimed_by_somebody CHECK (
            (stage = 'claimed') <= (claimed_by IS NOT NULL AND claimed_until IS NOT NULL)
        )
    )
    """,
    """
    CREATE INDEX callback_line ON desk.callback (tenant, tier, group_id, due_at, id)
    WHERE stage IN ('waiting', 'claimed')
    """,
    """
    CREATE UNIQUE INDEX callback_open ON desk.callback (tenant, number, ticket)
    WHERE stage IN ('waiting', 'claimed')
    """,
    "CREATE INDEX callback_ticket ON desk.callback (tenant, ticket)",
    "CREATE INDEX callback_over ON desk.callback (changed_at) WHERE stage NOT IN ('waiting', 'claimed')",
    """
    CREATE TABLE desk.callback_attempt (
        tenant text NOT NULL,
        callback uuid NOT NULL,
        number integer NOT NULL,
        at timestamptz NOT NULL,
        worker text NOT NULL,
        result text NOT NULL,
        note text NOT NULL,
        PRIMARY KEY (tenant, callback, number)
    )
    """,
    """
    CREATE TABLE desk.caller (
        tenant text NOT NULL,
        tail text NOT NULL,
        party text NOT NULL,
        PRIMARY KEY (tenant, tail, party)
    )
    """,
    """
    CREATE TABLE desk.phone_agent (
        tenant text NOT NULL,
        name text NOT NULL,
        talks_on uuid,
        since timestamptz NOT NULL,
        reminded_at timestamptz,
        offered_at timestamptz,
        PRIMARY KEY (tenant, name)
    )
    """,
    """
    CREATE TABLE desk.phone_call (
        tenant text NOT NULL,
        id uuid NOT NULL,
        counted_at timestamptz NOT NULL,
        PRIMARY KEY (tenant, id)
    )
    """,
    "CREATE INDEX phone_call_counted ON desk.phone_call (counted_at)",
    """
    CREATE TABLE desk.call_guard_day (
        tenant text NOT NULL,
        day date NOT NULL,
        what text NOT NULL,
        number bigint NOT NULL,
        seconds double precision NOT NULL,
        PRIMARY KEY (tenant, day, what)
    )
    """,
    """
    INSERT INTO desk.caller (tenant, tail, party)
    SELECT tenant, right(regexp_replace(phone, '[^0-9]', '', 'g'), 8), party FROM desk.requester
    WHERE phone ~ '[0-9]'
    """,
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)
