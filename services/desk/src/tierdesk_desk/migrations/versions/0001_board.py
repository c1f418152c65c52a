"""The board: work that was offered to people, where tickets stand, and policies."""

from alembic import op

from tierdesk_store import create_library_tables_v1, split_outbox_v2

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_STATEMENTS = (
    """
    CREATE TABLE desk.work (
        tenant text NOT NULL,
        assignment_id uuid NOT NULL,
        ticket text NOT NULL,
        token bigint NOT NULL,
        role text NOT NULL,
        tier text NOT NULL,
        group_id text NOT NULL,
        mode text NOT NULL,
        reference text NOT NULL,
        title text NOT NULL,
        category text NOT NULL,
        priority integer NOT NULL,
        offered_at timestamptz NOT NULL,
        changed_at timestamptz NOT NULL,
        stage text NOT NULL,
        before text NOT NULL,
        worker text,
        ordinal integer NOT NULL,
        question text NOT NULL,
        reason text NOT NULL,
        accept_by timestamptz,
        due_at timestamptz,
        rank_at timestamptz NOT NULL,
        waits_for text,
        ended text,
        refused jsonb,
        said jsonb,
        view jsonb NOT NULL,
        skills text[] NOT NULL,
        PRIMARY KEY (tenant, assignment_id),
        CONSTRAINT work_held_by_somebody CHECK ((stage IN ('claiming', 'owned', 'paused', 'left')) <= (worker IS NOT NULL))
    )
    """,
    """
    CREATE INDEX work_board ON desk.work (tenant, tier, group_id, priority, rank_at, assignment_id)
    WHERE stage = 'offered'
    """,
    """
    CREATE INDEX work_in_hand ON desk.work (tenant, tier, group_id, priority, rank_at, assignment_id)
    WHERE stage IN ('claiming', 'owned', 'paused')
    """,
    """
    CREATE INDEX work_held ON desk.work (tenant, worker, assignment_id)
    WHERE stage IN ('claiming', 'owned', 'paused')
    """,
    "CREATE INDEX work_ticket ON desk.work (tenant, ticket)",
    "CREATE INDEX work_left ON desk.work (tenant, worker, changed_at) WHERE stage = 'left'",
    "CREATE INDEX work_over ON desk.work (changed_at) WHERE stage IN ('left', 'gone')",
    """
    CREATE TABLE desk.work_count (
        tenant text NOT NULL,
        tier text NOT NULL,
        group_id text NOT NULL,
        stage text NOT NULL,
        number bigint NOT NULL,
        PRIMARY KEY (tenant, tier, group_id, stage)
    )
    """,
    """
    CREATE TABLE desk.ticket (
        tenant text NOT NULL,
        id text NOT NULL,
        reference text NOT NULL,
        status text NOT NULL,
        tier text,
        group_id text,
        owner text,
        priority integer,
        category text,
        sequence bigint NOT NULL,
        changed_at timestamptz NOT NULL,
        PRIMARY KEY (tenant, id)
    )
    """,
    "CREATE INDEX ticket_reference ON desk.ticket (tenant, reference)",
    """
    CREATE TABLE desk.policy (
        tenant text NOT NULL,
        version text NOT NULL,
        document jsonb NOT NULL,
        PRIMARY KEY (tenant, version)
    )
    """,
    """
    CREATE TABLE desk.policy_in_force (
        tenant text PRIMARY KEY,
        version text NOT NULL,
        applied_at timestamptz NOT NULL
    )
    """,
)


def upgrade() -> None:
    create_library_tables_v1("desk")
    split_outbox_v2("desk")
    for statement in _STATEMENTS:
        op.execute(statement)
