"""Keys under which work was taken, sign-ins that were refused again and again, and the words of open work."""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_STATEMENTS = (
    """
    CREATE TABLE desk.taking (
        tenant text NOT NULL,
        account_id uuid NOT NULL,
        key text NOT NULL,
        assignment_id uuid NOT NULL,
        taken_at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (tenant, account_id, key)
    )
    """,
    "CREATE INDEX taking_age ON desk.taking (taken_at)",
    """
    CREATE TABLE desk.refused_sign_in (
        tenant text NOT NULL,
        subject text NOT NULL,
        since timestamptz NOT NULL DEFAULT now(),
        number bigint NOT NULL DEFAULT 0,
        PRIMARY KEY (tenant, subject)
    )
    """,
    "CREATE INDEX refused_sign_in_age ON desk.refused_sign_in (since)",
    "CREATE INDEX work_since ON desk.work (tenant, tier, group_id, offered_at) WHERE stage = 'offered'",
    # The tenant stands in each word: one tenant's search reads nothing of another's.
    """
    CREATE FUNCTION desk.words_of(tenant text, written text) RETURNS text[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN ARRAY(SELECT tenant || '/' || word FROM unnest(tsvector_to_array(to_tsvector('simple'::regconfig, written))) AS word)
    """,
    # Without a list of what is pending, so that no search pays for what was written before it.
    """
    CREATE INDEX work_words ON desk.work USING gin (desk.words_of(tenant, reference || ' ' || title))
    WITH (fastupdate = off) WHERE stage IN ('offered', 'claiming', 'owned', 'paused')
    """,
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)
