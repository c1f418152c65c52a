"""F10, F14, F15: messages that cannot be handled, that come several times, that come out of order."""

from __future__ import annotations

import asyncio
import contextlib
from uuid import UUID, uuid4

import asyncpg
import pytest

from tierdesk_bus import connect
from tierdesk_bus.port import HOME, Address, Message
from tierdesk_contracts.names import EVENTS, OUTCOMES, event_key
from tierdesk_runtime.secrets import Secrets
from tierdesk_store import Database, replay_parked, service_url

from . import follower
from .field import Field, Plan, running_field
from .load import Book
from .meddling import repeating, shuffling
from .run import Work, run, wait_for

READERS = 5
"""Of facts of tickets three, of intake's events and of outcomes one each."""
SHUFFLED = ("router.intake", "router.outcomes", "router.events", "sla.events", "kb.events", "follower.events")
BAD_BODIES = (b"{", b"", b"\xff\xfe", b"[]", b'{"specversion": "1.0"}', b"[" * 50_000, b"x" * 2_000_000)
PLACES = ((EVENTS, "ticket.changed.v1"), (EVENTS, "intake.problem_reported.v1"), (OUTCOMES, "outcome.resolved.v1"))


async def _post_under_repetition(desk: Field, tickets: int, settle_seconds: float):
    async with repeating(desk.ground, 2) as count:

        async def a_while(desk: Field, book: Book) -> None:
            await asyncio.sleep(5)

        work = Work(tickets, per_second=10, copies=5, settle_seconds=settle_seconds)
        outcome = await run(desk, work, a_while)
    return outcome, count[0]


@pytest.mark.faults
@pytest.mark.timeout(400)
async def test_messages_that_come_three_times_and_requests_that_come_five_times_take_effect_once(ground, tell):
    async with running_field(ground, Plan(replicas=1)) as desk:
        outcome, copies = await _post_under_repetition(desk, 100, 120)
    tell(outcome.line(f"{copies} copies of messages, 5 of each request"))
    outcome.expect_nothing_amiss()
    assert copies > 2 * len(outcome.book.posted)


@pytest.mark.faults
@pytest.mark.timeout(300)
async def test_without_the_inbox_an_effect_that_has_no_key_of_its_own_is_doubled(ground, tell):
    """The negative control: what the follower writes down has no key but the inbox."""
    plan = Plan(replicas=1, unsafe={"follower": "no_inbox"})
    async with running_field(ground, plan) as desk:
        outcome, copies = await _post_under_repetition(desk, 50, 10)
    tell(outcome.line(f"{copies} copies of messages, a follower without inbox"))
    assert outcome.ledger.duplicated


async def _post_under_shuffling(desk: Field, tickets: int, settle_seconds: float):
    async with shuffling(desk.ground, SHUFFLED) as count:

        async def a_while(desk: Field, book: Book) -> None:
            await asyncio.sleep(5)

        outcome = await run(desk, Work(tickets, per_second=20, settle_seconds=settle_seconds), a_while)
    return outcome, count[0]


@pytest.mark.faults
@pytest.mark.timeout(400)
async def test_messages_shuffled_within_fifty_are_applied_in_order(ground, tell):
    async with running_field(ground, Plan(replicas=1)) as desk:
        outcome, shuffled = await _post_under_shuffling(desk, 200, 120)
    tell(outcome.line(f"{shuffled} messages shuffled within 50"))
    outcome.expect_nothing_amiss()
    assert shuffled > len(outcome.book.posted)


@pytest.mark.faults
@pytest.mark.timeout(300)
async def test_without_waiting_for_gaps_shuffled_messages_are_applied_out_of_order(ground, tell):
    """The negative control."""
    plan = Plan(replicas=1, unsafe={"follower": "no_gap_wait"})
    async with running_field(ground, plan) as desk:
        outcome, shuffled = await _post_under_shuffling(desk, 100, 10)
    tell(outcome.line(f"{shuffled} messages shuffled, a follower that does not wait"))
    assert outcome.ledger.reordered


@pytest.mark.faults
@pytest.mark.timeout(400)
async def test_poison_is_parked_alone_and_applied_once_when_its_cause_is_mended(ground, tell):
    """One message in 25 makes the follower raise; malformed ones come in between; then the follower is mended."""
    plan = Plan(replicas=1, extra={"follower_defect": "25"})
    bad = 0

    async def poison(desk: Field, book: Book) -> None:
        nonlocal bad
        bus = await connect(desk.ground.amqp_url, name="poisoner", wait_seconds=10)
        for _ in range(3):
            for exchange, kind in PLACES:
                address = Address(HOME, exchange, event_key("main", kind))
                messages = [Message(str(uuid4()), kind, address, body) for body in BAD_BODIES]
                fates = await bus.publish(messages, timeout_seconds=20)
                bad += [fate.value for fate in fates].count("confirmed")
            await asyncio.sleep(2)
        await bus.close()

    async def mend(desk: Field) -> None:
        [process] = desk.replicas["follower"]
        await asyncio.to_thread(process.stop)
        process.environment.pop("TIERDESK_FOLLOWER_DEFECT")
        process.start()
        await asyncio.to_thread(process.wait_until_ready)

    async with running_field(ground, plan) as desk:
        work = Work(150, per_second=20, settle_seconds=20)
        outcome = await run(desk, work, poison)

        async def is_parked() -> bool:
            return not await _tried_again(desk)

        await wait_for(is_parked, seconds=60, what="what cannot be applied is parked")
        defects = await _parked(desk, reason="defect")
        malformed = len(outcome.ledger.parked) - len(defects)
        assert all("the follower" in line for line in outcome.ledger.lost), outcome.ledger.examples(most=5)
        await mend(desk)
        await _replay(desk, defects)

        async def is_applied() -> bool:
            return not await _parked(desk, reason="defect") and await _applied(desk) == await _logged(desk)

        await wait_for(is_applied, seconds=60, what="what was parked is applied")
    tell(f"{len(defects)} parked by a defect and replayed, {malformed} malformed parked of {bad} sent")
    assert defects
    assert bad == 3 * len(PLACES) * len(BAD_BODIES)
    assert malformed == READERS * len(BAD_BODIES), "each once for each who reads it, known again by its bytes"


async def _parked(desk: Field, *, reason: str) -> list[UUID]:
    async with _connected(desk) as connection:
        rows = await connection.fetch(
            "SELECT id FROM follower.parked WHERE resolution IS NULL AND reason LIKE '%' || $1", reason
        )
        return [row["id"] for row in rows]


async def _tried_again(desk: Field) -> int:
    """How many messages wait to be tried again."""
    async with _connected(desk) as connection:
        count: int = await connection.fetchval("SELECT count(*) FROM follower.waiting WHERE cause = 'retry'")
        return count


async def _replay(desk: Field, parked: list[UUID]) -> None:
    secrets = Secrets.load(desk.ground.folder / "secrets.json")
    url = service_url(desk.ground.database_url, follower.NAME, secrets.database_password(follower.NAME))
    database = Database(url, schema=follower.NAME, name="operator")
    async with database.transaction() as tx:
        for one in parked:
            assert await replay_parked(tx, one)
    await database.close()


async def _applied(desk: Field) -> list[tuple[str, int]]:
    """Every event that the follower applied, as often as it did."""
    async with _connected(desk) as connection:
        rows = await connection.fetch(
            "SELECT ticket_id, generate_series(first, last) AS sequence FROM follower.heard ORDER BY 1, 2"
        )
        return [(row["ticket_id"], row["sequence"]) for row in rows]


async def _logged(desk: Field) -> list[tuple[str, int]]:
    async with _connected(desk) as connection:
        rows = await connection.fetch("SELECT ticket_id::text, sequence FROM router.ticket_log ORDER BY 1, 2")
        return [(row["ticket_id"], row["sequence"]) for row in rows]


@contextlib.asynccontextmanager
async def _connected(desk: Field):
    connection = await asyncpg.connect(desk.ground.database_url)
    try:
        yield connection
    finally:
        await connection.close()
