"""A service that is new on a desk that has run."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import pytest

from e2e.desks import Done
from servers.postgres import DatabaseServer
from tierdesk_cli.services import DEFINITIONS
from tierdesk_policy import Policy, load_policy_file
from tierdesk_router.store.policies import put_in_force
from tierdesk_store import Database

POLICIES = Path(__file__).parents[2] / "deploy" / "policy"
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)

Migrate = Callable[[], Done]


@pytest.fixture
def database_url(database_server: DatabaseServer) -> Iterator[str]:
    """A database with the schemas of all services."""
    with database_server.fresh_database(*(definition.schema for definition in DEFINITIONS.values())) as url:
        yield url


@pytest.fixture
def migrate(tierdesk: Callable[..., Done], database_url: str, tmp_path: Path) -> Migrate:
    """Runs `tierdesk migrate` there, with the database as the bus."""
    settings = {"database_url": database_url, "bus_url": database_url, "secrets_file": str(tmp_path / "secrets.json")}
    return lambda: tierdesk("migrate", **settings)


def put(database_url: str, *policies: tuple[Policy, datetime]) -> None:
    """Put these in force, one after the other, so that nobody hears of it: as if it was long ago."""
    asyncio.run(_put(database_url, policies))


async def _put(database_url: str, policies: Iterable[tuple[Policy, datetime]]) -> None:
    router = Database(database_url, schema="router", name="test", pool_size=1)
    try:
        for policy, at in policies:
            async with router.transaction() as tx:
                assert await put_in_force(tx, "main", policy, at)
    finally:
        await router.close()


def run_sql(database_url: str, statement: str) -> list[asyncpg.Record]:
    return asyncio.run(_run_sql(database_url, statement))


async def _run_sql(database_url: str, statement: str) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(database_url)
    try:
        return await connection.fetch(statement)
    finally:
        await connection.close()


def test_the_policies_are_told_anew_and_whoever_runs_the_desk_is_told_how_to_tell_the_rest(migrate, database_url):
    five, two = (load_policy_file(POLICIES / f"{name}-tier.yaml") for name in ("five", "two"))
    put(database_url, (five, NOON), (two, NOON + timedelta(hours=1)), (five, NOON + timedelta(hours=2)))
    run_sql(database_url, 'DROP SCHEMA "desk" CASCADE')
    done = migrate()
    assert done.code == 0, done
    assert "New on this desk: desk. " in done.out
    assert "tierdesk rebuild --since 29d" in " ".join(done.out.split())
    rows = run_sql(database_url, "SELECT tenant, type, body FROM router.outbox ORDER BY partition, position")
    assert {(row["tenant"], row["type"]) for row in rows} == {("main", "policy.applied.v1")}
    told = [json.loads(row["body"])["data"] for row in rows]
    assert {(one["version"], datetime.fromisoformat(one["applied_at"])) for one in told} == {
        (five.version, NOON),
        (two.version, NOON + timedelta(hours=1)),
        (five.version, NOON + timedelta(hours=2)),
    }
    assert all(Policy.from_document(one["document"]).version == one["version"] for one in told)

    done = migrate()
    assert done.code == 0, done
    assert "New on this desk" not in done.out
    assert len(run_sql(database_url, "SELECT FROM router.outbox")) == len(told)


def test_a_desk_that_is_new_as_a_whole_has_no_newcomers(tierdesk, postgres_url, tmp_path):
    settings = {"database_url": postgres_url, "bus_url": postgres_url, "secrets_file": str(tmp_path / "secrets.json")}
    done = tierdesk("migrate", **settings)
    assert done.code == 0, done
    assert "New on this desk" not in done.out
