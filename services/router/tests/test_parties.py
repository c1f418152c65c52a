"""Requesters: known once, kept up to date, and locked only by what is news of them."""

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import pytest

from servers.postgres import let_in
from tierdesk_router.domain.disclosure import Party
from tierdesk_router.store.parties import keep_parties
from tierdesk_store import Database, service_url

ANN = ("main", "ann")


@pytest.fixture
async def database(postgres_url: str) -> AsyncIterator[Database]:
    let_in(postgres_url, "router", "secret")
    database = Database(service_url(postgres_url, "router", "secret"), schema="router", name="parties")
    yield database
    await database.close()


def told(**fields: str) -> dict[tuple[str, str], Party]:
    return {ANN: Party(UUID(int=0), "ann", **fields)}


async def test_what_is_newly_told_replaces_the_old_and_what_is_not_told_stays(database: Database) -> None:
    async with database.transaction() as tx:
        first = (await keep_parties(tx, told(name="Ann", phone="12"), uuid4))[ANN]
    async with database.transaction() as tx:
        second = (await keep_parties(tx, told(phone="13", email="ann@mail.example"), uuid4))[ANN]
    assert second == Party(first.id, "ann", "Ann", "ann@mail.example", "13")
    async with database.transaction() as tx:
        assert (await keep_parties(tx, told(), uuid4))[ANN] == second


async def test_a_requester_of_whom_nothing_is_new_holds_nobody_up(database: Database) -> None:
    async with database.transaction() as tx:
        await keep_parties(tx, told(name="Ann"), uuid4)
    async with database.transaction() as one, asyncio.timeout(5), database.transaction() as other:
        assert await keep_parties(one, told(name="Ann"), uuid4) == await keep_parties(other, told(name="Ann"), uuid4)


async def test_two_transactions_that_tell_of_one_new_requester_make_one(database: Database) -> None:
    found: list[Party] = []

    async def tell(name: str) -> None:
        async with database.transaction() as tx:
            found.append((await keep_parties(tx, told(name=name), uuid4))[ANN])
            await asyncio.sleep(0.1)

    await asyncio.gather(tell("Ann"), tell("Anna"))
    assert len({party.id for party in found}) == 1
