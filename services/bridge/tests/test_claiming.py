"""What is claimed: of each ticket the oldest, and as quickly when much waits as when little does."""

import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
from sqlalchemy import text

from servers.bridges import VENDOR, Ground
from tierdesk_bridge.domain.answers import State, Step
from tierdesk_bridge.domain.schedule import MOST_AT_ONCE
from tierdesk_bridge.store.deliveries import Claim, Taken, claim_due, take, write_step
from tierdesk_bridge.store.endpoints import set_endpoint
from tierdesk_store import Database, service_url

MANY = 20_000
BATCH = 1_000


@pytest.fixture
async def database(ground: Ground) -> AsyncIterator[Database]:
    url = service_url(ground.database_url, "bridge", ground.secrets.database_password("bridge"))
    database = Database(url, schema="bridge", name="claims")
    async with database.transaction() as tx:
        await set_endpoint(tx, "main", VENDOR, "http://127.0.0.1:1/")
    yield database
    await database.close()


async def take_all(database: Database, *subjects: str) -> None:
    async with database.transaction() as tx:
        await take(tx, [Taken("main", VENDOR, uuid4(), subject, "work.offered.v1", b"{}") for subject in subjects])


async def claim(database: Database) -> list[Claim]:
    async with database.transaction() as tx:
        await tx.execute(text("SET LOCAL statement_timeout = 3000"))
        return await claim_due(tx)


async def end(database: Database, claimed: Claim) -> None:
    async with database.transaction() as tx:
        assert await write_step(tx, claimed, Step(State.DELIVERED, 1), status=204, detail="")


@pytest.mark.parametrize("tickets", [1, MANY])
async def test_a_backlog_holds_up_no_claim(database, tickets):
    for start in range(0, MANY, BATCH):
        await take_all(database, *(f"t-{number % tickets}" for number in range(start, start + BATCH)))
    for _ in range(3):
        claims = await claim(database)
        assert len(claims) == min(tickets, MOST_AT_ONCE)
        for claimed in claims:
            await end(database, claimed)


async def test_of_a_ticket_one_is_claimed_at_a_time_and_its_successor_when_that_has_ended(database):
    await take_all(database, "t-1", "t-1", "t-2")
    claims = await claim(database)
    assert sorted(one.subject for one in claims) == ["t-1", "t-2"]
    assert await claim(database) == []
    for one in claims:
        await end(database, one)
    assert [one.subject for one in await claim(database)] == ["t-1"]


async def test_what_is_taken_while_its_predecessor_ends_is_not_forgotten(database):
    for _ in range(30):
        await take_all(database, "t-1")
        (first,) = await claim(database)
        await asyncio.gather(end(database, first), take_all(database, "t-1"))
        (second,) = await claim(database)
        await end(database, second)


async def test_two_replicas_together_claim_no_more_than_an_endpoint_may_get(database):
    await take_all(database, *(f"t-{number}" for number in range(100)))
    claims = await asyncio.gather(*(claim(database) for _ in range(6)))
    assert sum(map(len, claims)) == MOST_AT_ONCE
