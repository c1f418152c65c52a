"""F8: PostgreSQL and the way to it stall, reset at the worst moment, are exhausted, are restarted."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from uuid import uuid4

import asyncpg
import httpx2
import pytest
from sqlalchemy import text

from servers.proxy import FaultProxy, Weather
from tierdesk_store import Database, DatabaseUnavailableError

from .field import Field, Ground, Plan, running_field
from .load import Book
from .run import Disturb, Work, run, wait_for

COMMIT = b"COMMIT"
WRITES = (COMMIT, b"intake.problem_reported.v1")
"""What is in the words that may commit: intake writes new tickets by a statement that is a transaction by itself."""
STALL_SECONDS = 20.0
"""Longer than the driver's limit for a statement."""


@pytest.fixture
async def own_ground(tmp_path, private_postgres, amqp_url, broker, nursery) -> Ground:
    """A database server of this test alone."""
    return Ground(tmp_path, private_postgres.url(), amqp_url, broker, nursery=nursery)


@pytest.fixture
async def proxy(postgres_url) -> AsyncIterator[FaultProxy]:
    async with FaultProxy(postgres_url) as proxy:
        yield proxy


@pytest.fixture
def ground_behind_proxy(ground: Ground, proxy: FaultProxy) -> Ground:
    return replace(ground, service_database_url=proxy.url)


def _disturb_commits(proxy: FaultProxy) -> Disturb:
    """Commits that are sent and not answered: the line is reset, or stands still, right after."""

    async def disturb(desk: Field, book: Book) -> None:
        for number in range(12):
            await asyncio.sleep(1.2)
            proxy.weather = Weather(cut_after_word=WRITES[number % 2])
            await asyncio.sleep(0.3)
            proxy.weather = Weather()
        for word in WRITES:
            proxy.weather = Weather(stall_after_word=word)
            await asyncio.sleep(STALL_SECONDS)
            proxy.weather = Weather()
            proxy.flow()
            await asyncio.sleep(5)

    return disturb


@pytest.mark.faults
@pytest.mark.timeout(600)
async def test_commits_whose_answer_is_lost_are_resolved_by_their_keys(ground_behind_proxy, proxy, tell):
    async with running_field(ground_behind_proxy, Plan(replicas=1)) as desk:
        outcome = await run(desk, Work(200, per_second=8), _disturb_commits(proxy))
    tell(outcome.line(f"{proxy.cuts} lines reset after a commit, two stalls"))
    outcome.expect_nothing_amiss()
    assert proxy.cuts > 0
    assert set(outcome.book.refused) <= {409, 503}, "no 500, and no request without an answer"


@pytest.mark.faults
@pytest.mark.timeout(600)
async def test_a_database_that_is_restarted_at_once_or_killed_costs_only_time(own_ground, private_postgres, tell):
    async def restart(desk: Field, book: Book) -> None:
        for _ in range(3):
            await asyncio.sleep(3)
            await asyncio.to_thread(private_postgres.kill)
            await asyncio.sleep(1)
            await asyncio.to_thread(private_postgres.start)
            await asyncio.sleep(2)
            await _kill_backends(desk.ground.database_url)

    async with running_field(own_ground, Plan(replicas=1)) as desk:
        outcome = await run(desk, Work(200, per_second=10), restart)
    tell(outcome.line("3 immediate stops and 3 times all sessions ended"))
    outcome.expect_nothing_amiss()
    assert set(outcome.book.refused) <= {409, 503}


@pytest.mark.faults
@pytest.mark.timeout(300)
async def test_a_thousand_cancelled_requests_leave_no_connection_behind(ground, tell):
    async with running_field(ground, Plan(replicas=1)) as desk:
        await _cancel_requests(desk, 1_000)

        async def is_quiet() -> bool:
            return not await _busy_sessions(ground.database_url)

        await wait_for(is_quiet, seconds=30, what="no session of intake is within a transaction")
        sessions = await _sessions(ground.database_url)
        outcome = await run(desk, Work(50, per_second=25), _nothing)
    tell(outcome.line(f"1000 requests cancelled, {sessions} sessions of intake after"))
    assert sessions <= 10, "eight of the pool, one of the relay, one that opens"
    assert not outcome.book.refused


@pytest.mark.faults
@pytest.mark.timeout(120)
async def test_a_pool_that_is_used_up_says_so_in_time_and_serves_again(postgres_url):
    database = Database(postgres_url, schema="public", name="small", pool_size=2)
    loop = asyncio.get_running_loop()

    async def hold() -> None:
        async with database.transaction() as tx:
            await tx.execute(text("SELECT pg_sleep(8)"))

    holders = [asyncio.create_task(hold()) for _ in range(2)]
    await asyncio.sleep(1)
    began_at = loop.time()
    with pytest.raises(DatabaseUnavailableError, match="no connection became free"):
        await database.ping()
    assert loop.time() - began_at < 7.5
    await asyncio.gather(*holders)
    await database.ping()
    await database.close()


async def _nothing(desk: Field, book: Book) -> None:
    """Disturb nothing."""


async def _cancel_requests(desk: Field, count: int) -> None:
    """Post and leave before the answer, at all moments of a request's life."""
    headers = {"Authorization": f"Bearer {desk.key}"}
    event = {"type": "requester_replied", "ticket": str(uuid4()), "text": "gone"}
    answers: Counter[str] = Counter()

    async def post(number: int) -> None:
        try:
            async with asyncio.timeout(0.001 * (number % 40)):
                await http.post("/v1/events", json=event, headers=headers)
        except TimeoutError:
            answers["cancelled"] += 1

    async with httpx2.AsyncClient(base_url=desk.doors[0], timeout=20, trust_env=False) as http:
        for start in range(0, count, 20):
            await asyncio.gather(*(post(number) for number in range(start, start + 20)))
    assert answers["cancelled"] > count / 10


async def _sessions(url: str) -> int:
    return await _ask(
        url, "SELECT count(*) FROM pg_stat_activity WHERE usename = 'tierdesk_intake' AND datname = current_database()"
    )


async def _busy_sessions(url: str) -> int:
    return await _ask(
        url,
        "SELECT count(*) FROM pg_stat_activity WHERE usename = 'tierdesk_intake' AND datname = current_database()"
        " AND xact_start < now() - interval '1 second'",
    )


async def _kill_backends(url: str) -> None:
    await _ask(
        url,
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename LIKE 'tierdesk\\_%' AND datname = current_database()",
    )


async def _ask(url: str, query: str) -> int:
    connection = await asyncpg.connect(url)
    try:
        count: int = await connection.fetchval(query)
        return count
    finally:
        await connection.close()
