"""The watcher as it runs: from the bus, to the bus, and over HTTP."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import httpx2
import pytest
from sqlalchemy import delete, func, select, text

from servers.postgres import let_in
from tierdesk_bus.connecting import connect
from tierdesk_bus.port import HOME, Address, Binding, Message, Queue, Topology
from tierdesk_contracts import parse
from tierdesk_contracts.names import EVENTS, event_key, event_pattern
from tierdesk_contracts.ticket import CallNoted, ReopenedAgain
from tierdesk_policy import Policy
from tierdesk_runtime.clock import DrivenClock
from tierdesk_runtime.identifiers import Identifiers
from tierdesk_runtime.keys import KeyRing
from tierdesk_runtime.secrets import Secrets
from tierdesk_runtime.service import build_parts
from tierdesk_runtime.settings import Settings
from tierdesk_sla.app import DEFINITION, TOPOLOGY
from tierdesk_sla.handlers.moving import move_clocks
from tierdesk_sla.handlers.rebuilding import rebuild, swap
from tierdesk_sla.store.policies import PolicyShelf
from tierdesk_sla.store.tables import clock as clocks
from tierdesk_sla.store.tables import ticket as tickets

HEARD = ("clock.warned.v1", "clock.breached.v1", "clock.retracted.v1")


class RunningWatcher:
    """The service on a real database and bus, and the other side of its queues."""

    def __init__(self, bus, heard, http, clock) -> None:
        self.bus = bus
        self.heard = heard
        self.http = http
        self.clock = clock

    async def send(self, *envelopes) -> None:
        batch = [
            Message(str(one.id), one.type, Address(HOME, EVENTS, event_key(one.tenant, one.type)), one.to_bytes())
            for one in envelopes
        ]
        assert set(await self.bus.publish(batch, timeout_seconds=10)) == {"confirmed"}

    async def clocks(self, story, *, state: str):
        """The ticket's first response, once it is in this state."""
        async with asyncio.timeout(15):
            while True:
                answer = await self.http.get(f"/v1/clocks/{story.ticket_id}")
                if answer.status_code == 200:
                    (clock,) = [one for one in answer.json()["clocks"] if one["kind"] == "first_response"]
                    if clock["state"] == state:
                        return clock
                await asyncio.sleep(0.05)

    async def settled(self, story, states, resolved_at):
        """What is shown of the ticket once its clocks are in these states, resolved at this instant."""
        async with asyncio.timeout(60):
            while True:
                answer = await self.http.get(f"/v1/clocks/{story.ticket_id}")
                shown = {one["kind"]: one for one in answer.json().get("clocks", ())}
                if shown.keys() >= states.keys() and read(shown["resolution"]["ended_at"]) == resolved_at:
                    assert states.items() <= {kind: one["state"] for kind, one in shown.items()}.items()
                    return answer.json()
                await asyncio.sleep(0.05)

    async def comes_to(self, story, wanted):
        """What is shown of the ticket's clocks once it is as wanted, or after half a minute."""
        told = None
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(30):
                while told != wanted:
                    answer = await self.http.get(f"/v1/clocks/{story.ticket_id}")
                    told = [
                        (
                            one["kind"],
                            one["state"],
                            read(one["due_at"]),
                            read(one["ended_at"]),
                            [(read(hold["since"]), read(hold["until"])) for hold in one["holds"]],
                        )
                        for one in answer.json().get("clocks", ())
                    ]
                    await asyncio.sleep(0.02)
        return told

    async def next_words(self, count: int):
        words = []
        async with asyncio.timeout(15):
            while len(words) < count:
                deliveries = await self.heard.receive(10, timeout_seconds=1)
                await self.heard.ack(deliveries)
                words += [parse(delivery.body) for delivery in deliveries]
        return words


@pytest.fixture
async def watcher(postgres_url, tmp_path, monkeypatch, story) -> AsyncIterator[RunningWatcher]:
    monkeypatch.setenv("TIERDESK_SLA_SETTLE_SECONDS", "0.3")
    secrets = Secrets.create(tmp_path / "secrets.json")
    key = KeyRing(secrets).mint("test", "main", ["clocks:read"])
    let_in(postgres_url, "sla", secrets.database_password("sla"))
    settings = Settings(database_url=postgres_url, bus_url=postgres_url, secrets_file=secrets.path)
    clock = DrivenClock(story.opened_at)
    service = await DEFINITION.build(await build_parts(DEFINITION, settings, clock=clock))
    bus = await connect(postgres_url, name="test")
    listening = Topology(
        queues=(Queue("heard"),), bindings=tuple(Binding("heard", EVENTS, event_pattern(name)) for name in HEARD)
    )
    await bus.declare(TOPOLOGY + listening)
    await service.start()
    heard = await bus.consume("heard", prefetch=20)
    transport = httpx2.ASGITransport(app=service.app)
    headers = {"Authorization": f"Bearer {key}"}
    async with httpx2.AsyncClient(transport=transport, base_url="http://sla", headers=headers) as http:
        yield RunningWatcher(bus, heard, http, clock)
        assert (await service.ready()).ready
    await bus.close()
    await service.drain()


async def test_a_breach_is_told_and_retracted_when_a_late_call_shows_the_answer(
    watcher, story, messages_of, applied_message, policy
):
    story.begun()
    first, second = messages_of(story, sizes=(3,))
    await watcher.send(second, applied_message(policy), first)
    await watcher.clocks(story, state="running")
    watcher.clock.advance_to(story.opened_at + timedelta(minutes=61))
    words = await watcher.next_words(3)
    assert [word.type for word in words] == ["clock.warned.v1", "clock.warned.v1", "clock.breached.v1"]
    assert {word.subject for word in words} == {str(story.ticket_id)}

    story.tell(CallNoted, 62, call_id="c", outcome="ended", answered_at=story.at(59))
    await watcher.send(*messages_of(story, first=4))
    (word,) = await watcher.next_words(1)
    assert (word.type, word.data.due_at) == ("clock.retracted.v1", story.at(60))
    clock = await watcher.clocks(story, state="met")
    assert [said["word"] for said in clock["said"]] == ["warned", "warned", "breached", "retracted"]


async def test_events_out_of_order_and_twice_give_the_clocks_of_their_order(
    watcher, story, messages_of, applied_message, policy, timeline_of
):
    story.begun().paused(10).answered(12).reprioritised(15, 2).resumed(40).resolved(50)
    story.tell(ReopenedAgain, 90).answered(95).resolved(100)
    once = messages_of(story, sizes=(1,) * len(story.events))
    again = messages_of(story, sizes=(1,) * len(story.events))
    sent = [*once, *once, *again]
    random.Random(7).shuffle(sent)
    await watcher.send(applied_message(policy), *sent)
    wanted = timeline_of(story)
    shown = await watcher.settled(story, {"first_response": "met", "resolution": "met"}, wanted.clocks[1].ended_at)
    told = [(one["kind"], one["state"], read(one["due_at"]), read(one["ended_at"])) for one in shown["clocks"]]
    assert told == [(one.kind.value, one.state.value, one.due_at, one.ended_at) for one in wanted.clocks]
    held = [[(read(hold["since"]), read(hold["until"])) for hold in one["holds"]] for one in shown["clocks"]]
    assert held == [[(hold.since, hold.until) for hold in one.holds] for one in wanted.clocks]


def any_story(dice, story):
    """Whatever may happen to a ticket, a few minutes apart or at one instant."""
    story.begun(priority=dice.choice([1, 2, 3]))
    minute = 1
    for _ in range(dice.randrange(2, 9)):
        minute += dice.choice([0, 1, 5, 40, 300])
        match dice.choice(["paused", "resumed", "answered", "priority", "resolved", "reopened", "call"]):
            case "paused":
                story.paused(minute, dice.choice(["requester", "change", "vendor"]))
            case "resumed":
                story.resumed(minute)
            case "answered":
                story.answered(minute)
            case "priority":
                story.reprioritised(minute, dice.choice([1, 2, 3]))
            case "resolved":
                story.resolved(minute)
            case "reopened":
                story.tell(ReopenedAgain, minute)
            case "call":
                story.tell(CallNoted, minute, call_id="c", outcome="ended", answered_at=story.at(minute - 1))
    return story


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_all_events_of_many_tickets_shuffled_and_twice_give_the_clocks_of_their_order(
    watcher, tell, messages_of, applied_message, policy, timeline_of, seed
):
    """Messages of one to three events, each twice under its identifier and once more under another, in any order."""
    dice = random.Random(seed)
    stories = [any_story(dice, tell(ticket_id=UUID(int=dice.getrandbits(128), version=4))) for _ in range(40)]
    sent = []
    for story in stories:
        sizes = tuple(dice.choice([1, 1, 2, 3]) for _ in story.events)
        once = messages_of(story, sizes=sizes)
        sent += [*once, *once, *messages_of(story, sizes=sizes)]
    dice.shuffle(sent)
    half = len(sent) // 2
    await watcher.send(*sent[:half], applied_message(policy), *sent[half:])
    for story in stories:
        wanted = [
            (
                one.kind.value,
                one.state.value,
                one.due_at,
                one.ended_at,
                [(hold.since, hold.until) for hold in one.holds],
            )
            for one in timeline_of(story).clocks
        ]
        assert await watcher.comes_to(story, wanted) == wanted


def read(instant):
    return None if instant is None else datetime.fromisoformat(instant)


async def count_blocked(database):
    """How many statements of the service wait for a lock."""
    blocked = """
        SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'
    """
    async with database.read() as connection:
        return (await connection.execute(text(blocked))).scalar_one()


async def test_a_ticket_whose_clocks_are_swapped_goes_on_from_what_was_put_in_place(
    watcher, owner, story, messages_of, applied_message, policy, timeline_of, stand_still
):
    """Its next message waits for the swap, and is applied to clocks that were not there when it came."""
    story.begun()
    await watcher.send(applied_message(policy), *messages_of(story))
    await watcher.clocks(story, state="running")
    async with owner.transaction() as tx:
        await tx.execute(delete(clocks).where(clocks.c.kind != "acceptance"))
    exchanging = stand_still("tierdesk_sla.handlers.rebuilding", "exchange")
    told = story.paused(10).answered(12).resolved(20)
    swapping = asyncio.create_task(swap(owner, PolicyShelf(), watcher.clock, Identifiers(), lambda *_: None))
    await exchanging.reached()
    await watcher.send(*messages_of(told, first=4))
    async with asyncio.timeout(10):
        while not await count_blocked(owner):  # noqa: ASYNC110 - the consumer comes to wait in the database
            await asyncio.sleep(0.02)
    exchanging.go_on()
    assert (await swapping).tickets == 1
    wanted = timeline_of(told)
    shown = await watcher.settled(story, {"first_response": "met", "resolution": "met"}, wanted.clocks[1].ended_at)
    assert [one["kind"] for one in shown["clocks"]] == [one.kind for one in wanted.clocks]
    assert (await rebuild(owner, PolicyShelf(), lambda *_: None)).differing == 0


async def test_while_many_tickets_are_moved_deadlines_are_said_in_time_and_messages_applied(
    watcher, owner, tell, messages_of, applied_message, policy, monkeypatch, stand_still
):
    monkeypatch.setattr("tierdesk_sla.handlers.moving.PAGE", 20)
    stories = sorted([tell(ticket_id=uuid4()).begun(priority=3) for _ in range(400)], key=lambda one: one.ticket_id)
    stories[-1] = tell(ticket_id=stories[-1].ticket_id).begun(priority=1)
    document = policy.document()
    for target in document["targets"]:
        target["within"] = 20 * 3_600
    longer = Policy.from_document(document)
    first = [message for story in stories for message in messages_of(story)]
    await watcher.send(applied_message(policy), applied_message(longer), *first)
    await watcher.clocks(stories[-1], state="running")
    async with asyncio.timeout(30), owner.read() as connection:
        while await connection.scalar(select(func.count()).select_from(tickets)) < len(stories):  # noqa: ASYNC110 - it comes to pass in the database
            await asyncio.sleep(0.1)

    def is_half_way(_, moves):
        return any(ticket_id == stories[200].ticket_id for (_, ticket_id), _ in moves)

    saving = stand_still("tierdesk_sla.handlers.moving", "save_moves", is_half_way)
    began_at, pages = watcher.clock.now(), []
    moving = asyncio.create_task(
        move_clocks(
            owner, "main", longer, longer.version, began_at, dry_run=False, told=lambda *page: pages.append(page)
        )
    )
    await saving.reached()
    watcher.clock.advance_to(stories[-1].at(61))
    await watcher.send(*messages_of(stories[-2].answered(5), first=4))
    words = await watcher.next_words(3)
    await watcher.clocks(stories[-2], state="met")
    assert not moving.done()
    saving.go_on()
    assert {word.subject for word in words} == {str(stories[-1].ticket_id)}
    assert (await moving).tickets == 400
    assert len(pages) >= 20


async def test_a_deadline_of_a_page_that_is_held_is_said_when_the_page_is_done(
    watcher, owner, story, messages_of, applied_message, policy, stand_still
):
    story.begun()
    await watcher.send(applied_message(policy), *messages_of(story))
    await watcher.clocks(story, state="running")
    other = Policy.from_document(policy.document() | {"name": "Another"})
    await watcher.send(applied_message(other))
    loading = stand_still("tierdesk_sla.handlers.moving", "load_records")
    moving = asyncio.create_task(
        move_clocks(owner, "main", other, other.version, story.at(2), dry_run=False, told=lambda *_: None)
    )
    await loading.reached()
    watcher.clock.advance_to(story.at(61))
    await asyncio.sleep(2)
    assert await watcher.heard.receive(1, timeout_seconds=0.1) == []
    loading.go_on()
    assert (await moving).tickets == 1
    words = await watcher.next_words(3)
    assert [word.type for word in words] == ["clock.warned.v1", "clock.warned.v1", "clock.breached.v1"]
