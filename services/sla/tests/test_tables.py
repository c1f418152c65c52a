"""The tables as the code knows them are those that the revisions create."""

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import MetaData, text

from tierdesk_sla.store.tables import metadata


def differences(connection):
    """What a revision would have to change. The service's schema is the connection's own, so it is not named."""
    unnamed = MetaData()
    for table in metadata.tables.values():
        table.to_metadata(unnamed, schema=None)

    def is_ours(name, kind, parents):
        return kind != "table" or name in unnamed.tables

    options = {"include_name": is_ours, "compare_type": True, "compare_server_default": True}
    return compare_metadata(MigrationContext.configure(connection, opts=options), unnamed)


async def test_the_revisions_create_the_tables_that_the_code_uses(database):
    async with database.read() as connection:
        assert await connection.run_sync(differences) == []


async def test_what_is_due_is_claimed_through_its_own_index(database):
    """With few rows the planner would read the table; told not to, it must be able to use the index."""
    async with database.read() as connection:
        await connection.execute(
            text(
                "SELECT set_config(name, 'off', true) FROM unnest(ARRAY['enable_seqscan', 'enable_bitmapscan']) AS name"
            )
        )
        plan = await connection.execute(
            text("EXPLAIN SELECT * FROM sla.clock WHERE next_at <= now() ORDER BY next_at LIMIT 500")
        )
        lines = "\n".join(plan.scalars())
    assert "clock_next" in lines
    assert "Sort" not in lines
