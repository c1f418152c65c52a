"""Schemas and roles: what a service may do at home, and that it may do nothing next door."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import asyncpg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import MetaData, pool
from sqlalchemy.ext.asyncio import create_async_engine

from tierdesk_store import DatabaseUnavailableError, ServiceSchema, library_tables, migrate, service_url

VERSIONS = Path(__file__).parent / "versions"
TRIAL = ServiceSchema("trial", VERSIONS, log_tables=("log",))


async def refused(url: str, statement: str) -> bool:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    except asyncpg.InsufficientPrivilegeError:
        return True
    finally:
        await connection.close()
    return False


async def value(url: str, query: str) -> object:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


@pytest.fixture
def schemas() -> tuple[ServiceSchema, ...]:
    return ()  # the tests migrate


@pytest.fixture
def service(postgres_url: str) -> str:
    migrate(postgres_url, TRIAL, password="p")
    return service_url(postgres_url, "trial", "p")


@pytest.fixture
def neighbour(tmp_path: Path) -> ServiceSchema:
    for file in VERSIONS.glob("*.py"):
        (tmp_path / file.name).write_text(file.read_text().replace("trial", "neighbour"))
    return ServiceSchema("neighbour", tmp_path, log_tables=("log",))


async def test_a_login_role_is_refused_next_door_on_logs_and_on_tables(postgres_url, neighbour):
    await asyncio.to_thread(migrate, postgres_url, TRIAL, password="a")
    await asyncio.to_thread(migrate, postgres_url, neighbour, password="b")
    url = service_url(postgres_url, "trial", "a")
    statements = [
        "SELECT * FROM neighbour.note",
        "INSERT INTO neighbour.outbox DEFAULT VALUES",
        "CREATE TABLE neighbour.mine (id int)",
        "CREATE TABLE public.mine (id int)",
        "CREATE TABLE trial.mine (id int)",
        "ALTER TABLE trial.note ADD COLUMN mine int",
        "DROP TABLE trial.note",
        "TRUNCATE trial.note",
        "UPDATE trial.outbox SET body = ''",
        "TRUNCATE trial.outbox",
        "UPDATE trial.log SET entry = ''",
        "DELETE FROM trial.log",
        "TRUNCATE trial.log",
        "UPDATE trial.alembic_version SET version_num = '0000'",
        "SET ROLE tierdesk_trial_owner",
        "SET ROLE tierdesk_neighbour",
        "CREATE ROLE friend",
    ]
    assert [statement for statement in statements if not await refused(url, statement)] == []


async def test_a_login_role_works_in_its_own_schema(service):
    statements = [
        "INSERT INTO trial.log (entry) VALUES ('begun')",
        "SELECT * FROM trial.log",
        "INSERT INTO trial.note (word) VALUES ('a')",
        "UPDATE trial.note SET word = 'b'",
        "DELETE FROM trial.note",
        "DELETE FROM trial.outbox",
        "UPDATE trial.dispatch SET published_at = now()",
        "DELETE FROM trial.dispatch",
        "SELECT version_num FROM trial.alembic_version",
    ]
    assert [statement for statement in statements if await refused(service, statement)] == []


async def test_migrating_again_changes_nothing_and_renews_the_password(postgres_url):
    await asyncio.to_thread(migrate, postgres_url, TRIAL, password="old")
    await asyncio.to_thread(migrate, postgres_url, TRIAL, password="new")
    assert await value(service_url(postgres_url, "trial", "new"), "SELECT count(*) FROM trial.note") == 0
    with pytest.raises(asyncpg.InvalidPasswordError):
        await value(service_url(postgres_url, "trial", "old"), "SELECT 1")


async def test_migrations_that_run_at_once_take_turns(postgres_url, neighbour):
    with ThreadPoolExecutor(6) as threads:
        runs = [threads.submit(migrate, postgres_url, s, password="p") for s in (TRIAL, neighbour) * 3]
        for run in runs:
            run.result(timeout=60)
    assert (
        await value(service_url(postgres_url, "trial", "p"), "SELECT version_num FROM trial.alembic_version") == "0002"
    )


async def test_a_revision_that_meets_a_held_lock_is_tried_again(postgres_url, tmp_path):
    await asyncio.to_thread(migrate, postgres_url, TRIAL, password="p")
    for file in VERSIONS.glob("*.py"):
        (tmp_path / file.name).write_text(file.read_text())
    (tmp_path / "0003_more.py").write_text(
        "from alembic import op\nrevision = '0003'\ndown_revision = '0002'\n"
        "def upgrade():\n    op.execute('ALTER TABLE trial.note ADD COLUMN colour text')\n"
    )
    holder = await asyncpg.connect(postgres_url)
    transaction = holder.transaction()
    await transaction.start()
    await holder.execute("LOCK TABLE trial.note")
    run = asyncio.create_task(
        asyncio.to_thread(migrate, postgres_url, ServiceSchema("trial", tmp_path, ("log",)), password="p")
    )
    await asyncio.sleep(3)
    assert not run.done()
    await transaction.rollback()
    await holder.close()
    await run
    assert await value(postgres_url, "SELECT count(colour) FROM trial.note") == 0


async def test_a_log_table_that_does_not_exist_is_named(postgres_url):
    with pytest.raises(ValueError, match="diary"):
        await asyncio.to_thread(migrate, postgres_url, ServiceSchema("trial", VERSIONS, ("diary",)), password="p")


def test_a_name_that_is_no_plain_word_is_refused(postgres_url):
    with pytest.raises(ValueError, match="lower-case"):
        migrate(postgres_url, ServiceSchema('trial"; DROP', VERSIONS), password="p")


def test_a_database_that_cannot_be_reached_is_said_to_be_unavailable(unused_tcp_port):
    with pytest.raises(DatabaseUnavailableError):
        migrate(f"postgresql://a:b@127.0.0.1:{unused_tcp_port}/c", TRIAL, password="p")


async def test_the_tables_after_all_steps_are_those_of_the_schema_module(service, postgres_url):
    metadata = MetaData(schema="trial")
    library_tables(metadata)
    own = {table.name for table in metadata.tables.values()}
    engine = create_async_engine(
        postgres_url.replace("postgresql://", "postgresql+asyncpg://"), poolclass=pool.NullPool
    )

    def differences(connection):
        context = MigrationContext.configure(
            connection,
            opts={
                "include_schemas": True,
                "compare_server_default": True,
                "include_name": lambda name, kind, parents: (
                    name == "trial" if kind == "schema" else kind != "table" or name in own
                ),
            },
        )
        return compare_metadata(context, metadata)

    async with engine.connect() as connection:
        assert await connection.run_sync(differences) == []
    await engine.dispose()
