"""The tables as the revisions make them, and what the service's role may do with them."""

import asyncpg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import MetaData
from sqlalchemy.ext.asyncio import create_async_engine

from servers.postgres import let_in
from tierdesk_intake.store.tables import LOG_TABLES, SCHEMA, metadata
from tierdesk_store import library_tables, service_url


@pytest.fixture
def service(postgres_url):
    let_in(postgres_url, "intake", "pw")
    return service_url(postgres_url, "intake", "pw")


async def test_the_revisions_make_the_tables_that_the_code_knows(service, postgres_url):
    known = MetaData(schema=SCHEMA)
    library_tables(known)
    for table in metadata.tables.values():
        table.to_metadata(known)

    def compare(connection):
        context = MigrationContext.configure(
            connection,
            opts={
                "include_schemas": True,
                "include_name": lambda name, kind, _: kind != "schema" or name == SCHEMA,
                "version_table_schema": SCHEMA,
            },
        )
        return compare_metadata(context, known)

    engine = create_async_engine(postgres_url.replace("postgresql://", "postgresql+asyncpg://"))
    async with engine.connect() as connection:
        assert await connection.run_sync(compare) == []
    await engine.dispose()


@pytest.mark.parametrize("table", LOG_TABLES)
@pytest.mark.parametrize(
    "statement", ["UPDATE intake.{} SET tenant = 'x'", "DELETE FROM intake.{}", "TRUNCATE intake.{}"]
)
async def test_the_service_cannot_change_its_logs(service, table, statement):
    connection = await asyncpg.connect(service)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await connection.execute(statement.format(table))
    await connection.close()


async def test_the_tenant_stands_first_in_every_key(service, postgres_url):
    connection = await asyncpg.connect(postgres_url)
    keys = await connection.fetch(
        """
        SELECT c.relname, a.attname FROM pg_index AS i
        JOIN pg_class AS c ON c.oid = i.indrelid
        JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
        WHERE i.indisunique AND c.relnamespace = 'intake'::regnamespace
        """
    )
    await connection.close()
    own = [key for key in keys if f"{SCHEMA}.{key['relname']}" in metadata.tables]
    assert len(own) == 12
    assert {key["attname"] for key in own} == {"tenant"}
