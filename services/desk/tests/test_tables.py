"""The tables as the code knows them are those that the revisions create."""

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import MetaData

from tierdesk_desk.store import (
    account_tables,
    callback_tables,
    link_tables,
    mail_tables,
    request_tables,
    staff_tables,
    tables,
    visit_tables,
)

ALL = (account_tables, callback_tables, link_tables, mail_tables, request_tables, staff_tables, tables, visit_tables)


def differences(connection):
    """What a revision would have to change. The service's schema is the connection's own, so it is not named."""
    unnamed = MetaData()
    for table in {table for module in ALL for table in module.metadata.tables.values()}:
        table.to_metadata(unnamed, schema=None)

    def is_ours(name, kind, parents):
        return kind != "table" or name in unnamed.tables

    options = {"include_name": is_ours, "compare_type": True, "compare_server_default": True}
    return compare_metadata(MigrationContext.configure(connection, opts=options), unnamed)


async def test_the_revisions_create_the_tables_that_the_code_uses(database):
    async with database.read() as connection:
        assert await connection.run_sync(differences) == []
