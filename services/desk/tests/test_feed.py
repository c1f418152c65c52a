"""Who looks is told of changes as they commit, of their own tenant and groups alone."""

import asyncio
from contextlib import ExitStack

import pytest

from tierdesk_desk.domain.changes import TicketChange, WorkChange
from tierdesk_desk.domain.roles import Grant, Role
from tierdesk_desk.domain.work import Stage
from tierdesk_desk.feed import MOST_WAITING, Feed, Subscription
from tierdesk_desk.http.stream import write_event


@pytest.fixture
async def feed(desk):
    feed, stop = Feed(desk.database), asyncio.Event()
    running = asyncio.create_task(feed.run(stop))
    while not feed.listening:  # noqa: ASYNC110 - nothing tells of it
        await asyncio.sleep(0.01)
    yield feed
    stop.set()
    await running


async def test_a_claim_is_told_to_those_of_the_group_and_to_nobody_else(desk, feed, person, offered):
    readers = {
        "amy": person("amy"),
        "lead": person("eve", Grant(Role.LEAD, "l1")),
        "elsewhere": person("bob", Grant(Role.AGENT, "l2")),
        "keeper": person("dee", Grant(Role.ADMINISTRATOR)),
        "stranger": person("cai", tenant="other"),
    }
    with ExitStack() as stack:
        subscriptions = {name: stack.enter_context(feed.subscribe(reader)) for name, reader in readers.items()}
        one = await desk.offer(offered("A title with “quotes”\nand a line"))
        await desk.board.claim(readers["amy"], one)
        for name in ("amy", "lead"):
            changes = []
            while len(changes) < 2:
                changes += await subscriptions[name].take(timeout_seconds=5)
            assert [change.stage for change in changes] == [Stage.OFFERED, Stage.CLAIMING]
            assert changes[1].worker == "amy"
        for name in ("elsewhere", "keeper", "stranger"):
            assert await subscriptions[name].take(timeout_seconds=0.05) == []


async def test_who_is_slow_is_told_to_look_anew_and_nothing_grows_without_bound(person):
    reader = Subscription(person("amy"))
    change = TicketChange(
        tenant="main", ticket="t", reference="TD-1", status="closed", tier=None, group=None, places=(("l1", "front"),)
    )
    for _ in range(MOST_WAITING + 1):
        reader.offer(change)
    assert await reader.take(timeout_seconds=1) is None
    reader.offer(change)
    assert await reader.take(timeout_seconds=1) == [change]


def test_where_a_ticket_went_is_told_to_the_groups_that_had_work_of_it_alone(person):
    change = TicketChange(
        tenant="main", ticket="t", reference="TD-1", status="offered", tier="l2", group="networks", places=(("l1", "front"),)
    )  # fmt: skip
    for grant, hears in ((Grant(Role.AGENT, "l1"), True), (Grant(Role.AGENT, "l2"), False), (Grant(Role.LEAD), True)):
        reader = Subscription(person("amy", grant))
        reader.offer(change)
        assert reader.has_news is hears


async def test_a_stream_ends_when_the_feed_does(feed, person):
    with feed.subscribe(person("amy")) as reader:
        waiting = asyncio.create_task(reader.take(timeout_seconds=60))
        await asyncio.sleep(0)
        feed.end()
        assert await asyncio.wait_for(waiting, 5) == []
        assert reader.ended
    with feed.subscribe(person("bob")) as reader:
        assert reader.ended


def test_an_event_is_one_line_of_json_whatever_the_title_holds():
    change = WorkChange(
        tenant="main", ticket="t", tier="l1", group="front", assignment_id="00000000-0000-0000-0000-000000000007",
        stage=Stage.OFFERED, worker=None, reference="TD-1", title="a\nb\r\ndata: x\u2028", priority=3, due_at=None,
    )  # fmt: skip
    text = write_event(change)
    assert text.startswith("event: work\ndata: {")
    assert text.endswith("}\n\n")
    assert text.count("\n") == 3
    assert "\r" not in text
    assert "tenant" not in text
