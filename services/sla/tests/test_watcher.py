"""What falls due is said once, in due order, never early, and taken back when it did not happen."""

import asyncio
from collections import Counter
from contextlib import asynccontextmanager
from datetime import timedelta
from uuid import uuid4

import pytest

from tierdesk_bus.connecting import connect
from tierdesk_bus.port import HOME, Address, BusUnavailableError, Message, PublishResult
from tierdesk_bus.wrapping import WrappedBus
from tierdesk_contracts import ticket as events
from tierdesk_contracts.names import EVENTS, event_key

FIRST_RESPONSE = [
    ("warned", "first_response", 0.5),
    ("warned", "first_response", 0.75),
    ("breached", "first_response", 60),
]


@asynccontextmanager
async def running(watcher):
    """The watcher's own loop, until the block is left."""
    stop = asyncio.Event()
    task = asyncio.create_task(watcher.run(stop))
    try:
        yield
    finally:
        stop.set()
        await task


async def until(condition, *, seconds=10.0):
    """Wait for what shall come."""
    async with asyncio.timeout(seconds):
        while not await condition():  # noqa: ASYNC110 - what is waited for comes to pass in the database
            await asyncio.sleep(0.02)


async def test_nothing_is_said_before_it_is_due(desk, story):
    await desk.tell(story.begun())
    await desk.say_due(30 - 1 / 60_000_000)
    assert await desk.words() == []
    await desk.say_due(30)
    assert await desk.words() == FIRST_RESPONSE[:1]


async def test_what_is_said_is_said_once(desk, story):
    await desk.tell(story.begun())
    for minute in (30, 30, 60, 60, 100):
        await desk.say_due(minute)
    assert await desk.words() == FIRST_RESPONSE


async def test_all_that_fell_due_in_an_outage_is_said_in_due_order(desk, tell):
    for minutes in (0, 20):
        story = tell(ticket_id=uuid4(), opened_at=tell().opened_at + timedelta(minutes=minutes))
        await desk.tell(story.begun())
    await desk.say_due(100)
    assert [(word, value) for word, _, value in await desk.words()] == [
        ("warned", 0.5), ("warned", 0.75), ("warned", 0.5), ("breached", 60), ("warned", 0.75), ("breached", 80),
    ]  # fmt: skip


async def test_a_resolved_ticket_is_silent(desk, story):
    await desk.tell(story.begun().resolved(29))
    await desk.say_due(1_000)
    assert await desk.words() == []


async def test_a_pause_moves_what_is_due(desk, story):
    await desk.tell(story.begun().paused(20).resumed(50))
    await desk.say_due(59)
    assert await desk.words() == []
    await desk.say_due(90)
    assert await desk.words() == [*FIRST_RESPONSE[:2], ("breached", "first_response", 90)]


async def test_a_breach_that_a_late_event_refutes_is_retracted_once(desk, story):
    await desk.tell(story.begun())
    await desk.say_due(61)
    story.tell(events.CallNoted, 62, call_id="c", outcome="ended", answered_at=story.at(59)).answered(63)
    await desk.tell(story, sizes=(1,), first=4)
    await desk.say_due(100)
    assert await desk.words() == [*FIRST_RESPONSE, ("retracted", "first_response", 60)]
    assert [envelope.data.cycle for envelope in await desk.sent()] == [1, 1, 1, 1]
    breaches = {"tier": "", "target": "first_response"}
    assert desk.metrics.get_sample_value("tierdesk_sla_breaches_total", breaches) == 1
    assert desk.metrics.get_sample_value("tierdesk_sla_tick_delay_seconds_count") == 3


async def test_after_a_retraction_the_clock_may_breach_again_in_its_next_cycle(desk, story):
    await desk.tell(story.begun())
    await desk.say_due(61)
    await desk.tell(story.paused(50).resumed(70), first=4)
    await desk.say_due(79)
    assert (await desk.words())[3:] == [("retracted", "first_response", 60)]
    await desk.say_due(80)
    assert (await desk.words())[4:] == [("breached", "first_response", 80)]
    assert [envelope.data.cycle for envelope in await desk.sent()] == [1, 1, 1, 1, 2]


async def test_the_words_on_a_ticket_carry_its_identifier_and_tenant(desk, story, applied_message, policy):
    await desk.receive(applied_message(policy, "other"))
    await desk.tell(story.begun(), tenant="other")
    await desk.say_due(30)
    (envelope,) = await desk.sent()
    assert (envelope.tenant, envelope.subject) == ("other", str(story.ticket_id))
    assert (envelope.data.reference, envelope.time) == ("TD-TEST-0001", story.at(30))


async def test_two_watchers_at_once_say_each_thing_once(desk, tell):
    for _ in range(120):
        await desk.tell(tell(ticket_id=uuid4()).begun())
    horizon = tell().at(60)
    desk.clock.advance_to(horizon)

    async def watch(batch):
        watcher, said = desk.watcher(batch=batch), 0
        for idle in range(3):
            while count := await watcher.say_due(horizon):
                said += count
            await asyncio.sleep(0.01 * idle)
        return said

    said = await asyncio.gather(watch(7), watch(11), watch(13))
    words = Counter(
        (envelope.data.clock_id, envelope.type, getattr(envelope.data, "share", 1)) for envelope in await desk.sent()
    )
    assert len(words) == 360
    assert set(words.values()) == {1}
    assert sum(1 for one in said if one) > 1


async def test_a_watcher_that_dies_before_its_commit_leaves_all_to_the_next(desk, story, monkeypatch):
    await desk.tell(story.begun())
    desk.clock.advance_to(story.at(30))
    watcher = desk.watcher()

    async def die(*_):
        raise asyncio.CancelledError

    monkeypatch.setattr("tierdesk_sla.handlers.watcher.save_marks", die)
    with pytest.raises(asyncio.CancelledError):
        await watcher.say_due(story.at(30))
    assert await desk.words() == []
    monkeypatch.undo()
    await desk.say_due(30)
    assert await desk.words() == FIRST_RESPONSE[:1]


async def test_the_watcher_wakes_when_the_clock_reaches_what_is_due(desk, story, bus):
    await desk.tell(story.begun())

    async def both_said():
        return len(await desk.words()) == 2

    async with running(desk.watcher(bus)):
        await asyncio.sleep(0.1)
        assert await desk.words() == []
        desk.clock.advance_to(story.at(46))
        await until(both_said)
    assert await desk.words() == FIRST_RESPONSE[:2]


async def test_an_alert_waits_until_the_queue_was_consumed(desk, story, bus):
    """A message waits in the queue: it may be the answer. An event that was sent after the due instant frees the alert."""
    await desk.tell(story.begun())
    message = Message(str(uuid4()), "test", Address(HOME, EVENTS, event_key("main", "ticket.changed.v1")), b"{}")
    assert await bus.publish([message], timeout_seconds=5) == [PublishResult.CONFIRMED]
    desk.clock.advance_to(story.at(35))
    async with running(desk.watcher(bus)):
        await asyncio.sleep(0.6)
        assert await desk.words() == []
        desk.followed.until = story.at(30)
        await until(desk.words)
    assert await desk.words() == FIRST_RESPONSE[:1]


async def test_an_alert_waits_while_the_broker_does_not_answer(desk, story, bus, postgres_url):
    await desk.tell(story.begun())
    desk.clock.advance_to(story.at(35))
    away = await connect("amqp://nobody:nothing@127.0.0.1:1/none", name="sla test", wait_seconds=0.0)
    try:
        async with running(desk.watcher(away)):
            await asyncio.sleep(0.6)
            assert await desk.words() == []
    finally:
        await away.close()
    async with running(desk.watcher(bus)):
        await until(desk.words)
    assert await desk.words() == FIRST_RESPONSE[:1]


class CutOff(WrappedBus):
    """A bus that does not answer while it is `away`."""

    away = True

    async def depth(self, queue, *, namespace=HOME):
        if self.away:
            raise BusUnavailableError("cut off")
        return await super().depth(queue, namespace=namespace)


class Waiting(CutOff):
    """A bus that waits for its link while it is `away`, and then answers, as that on RabbitMQ does."""

    async def depth(self, queue, *, namespace=HOME):
        while self.away:  # noqa: ASYNC110 - a test sets it without a word
            await asyncio.sleep(0.01)
        return await super().depth(queue, namespace=namespace)


@pytest.mark.parametrize(
    ("kind", "settle_seconds", "away_seconds"),
    [(CutOff, 0.1, 2.5), (Waiting, 0.1, 2.5), (CutOff, 1.5, 0.5)],
    ids=["cut off", "waiting", "over before the alert has settled"],
)
async def test_after_an_outage_an_alert_waits_as_long_as_what_was_held_up_may_need(
    desk, story, bus, monkeypatch, kind, settle_seconds, away_seconds
):
    """Far longer than after a start: the router may send its events long after this process has its broker back."""
    monkeypatch.setattr("tierdesk_sla.handlers.watcher.AFTER_OUTAGE_SECONDS", 4.0)
    await desk.tell(story.begun())
    desk.clock.advance_to(story.at(35))
    cut_off, loop = kind(bus), asyncio.get_running_loop()
    async with running(desk.watcher(cut_off, settle_seconds=settle_seconds)):
        await asyncio.sleep(away_seconds)
        cut_off.away, back_at = False, loop.time()
        await until(desk.words)
        assert loop.time() - back_at >= 4.0
    assert await desk.words() == FIRST_RESPONSE[:1]


async def test_a_watcher_that_is_started_again_after_a_failure_lets_alerts_settle_anew(desk, story, bus):
    """What it noted before says nothing of the time in which it did not run, nor did the router perhaps."""
    watcher, loop = desk.watcher(bus, settle_seconds=1.0), asyncio.get_running_loop()
    desk.clock.advance_to(story.at(35))
    async with running(watcher):
        await asyncio.sleep(0.5)
    await desk.tell(story.begun())
    await asyncio.sleep(0.6)
    began_at = loop.time()
    async with running(watcher):
        await until(desk.words)
    assert loop.time() - began_at >= 1.0


async def test_an_alert_waits_for_its_settling_time_in_real_seconds(desk, story, bus):
    await desk.tell(story.begun())
    desk.clock.advance_to(story.at(59))
    loop = asyncio.get_running_loop()
    began = loop.time()
    async with running(desk.watcher(bus, settle_seconds=0.5)):
        await until(desk.words)
    assert 0.5 <= loop.time() - began < 5
