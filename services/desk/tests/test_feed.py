"""Who looks is told of changes as they commit, of their own tenant and groups alone."""

import asyncio
from contextlib import ExitStack

import pytest

from tierdesk_desk.domain.changes import RequestChange, TicketChange, WorkChange
from tierdesk_desk.domain.roles import Grant, Role
from tierdesk_desk.domain.work import Stage
from tierdesk_desk.feed import MOST_OF_READER, MOST_WAITING, Feed, Subscription, at_the_board, of_own_requests
from tierdesk_desk.http.stream import RETRY_MILLISECONDS, write_event, write_stream


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
        subscriptions = {
            name: stack.enter_context(feed.subscribe(at_the_board(reader))) for name, reader in readers.items()
        }
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
    reader = Subscription(at_the_board(person("amy")).sees)
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
        reader = Subscription(at_the_board(person("amy", grant)).sees)
        reader.offer(change)
        assert reader.has_news is hears


def test_a_request_is_told_of_to_its_own_requester_alone(person):
    change = RequestChange(tenant="main", ticket="t", party="ann")
    readers = {
        of_own_requests("main", party="ann"): True,
        of_own_requests("main", ticket="t"): True,
        of_own_requests("main", party="ann", ticket="t"): True,
        of_own_requests("main", party="bob"): False,
        of_own_requests("main", ticket="u"): False,
        of_own_requests("main", party="ann", ticket="u"): False,
        of_own_requests("other", party="ann"): False,
        of_own_requests("other", ticket="t"): False,
        at_the_board(person("amy", Grant(Role.AGENT), Grant(Role.LEAD))): False,
    }
    for reader, hears in readers.items():
        assert reader.sees(change) is hears
    board = TicketChange(
        tenant="main", ticket="t", reference="TD-1", status="offered", tier=None, group=None, places=(("l1", "front"),)
    )
    assert not of_own_requests("main", ticket="t").sees(board)
    assert write_event(change) == 'event: request\ndata: {"ticket":"t"}\n\n'
    with pytest.raises(ValueError, match="named"):
        of_own_requests("main")


async def test_a_stream_ends_when_the_feed_does(feed, person):
    with feed.subscribe(at_the_board(person("amy"))) as reader:
        waiting = asyncio.create_task(reader.take(timeout_seconds=60))
        await asyncio.sleep(0)
        feed.end()
        assert await asyncio.wait_for(waiting, 5) == []
        assert reader.ended
    with feed.subscribe(at_the_board(person("bob"))) as reader:
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


async def test_of_one_person_ten_pages_are_live_and_the_oldest_ends(desk, person):
    feed, amy = Feed(desk.database), person("amy")
    with ExitStack() as stack:
        own = [stack.enter_context(feed.subscribe(at_the_board(amy))) for _ in range(MOST_OF_READER)]
        other = stack.enter_context(feed.subscribe(at_the_board(person("bob"))))
        newest = stack.enter_context(feed.subscribe(at_the_board(amy)))
        assert [one.ended for one in own] == [True] + [False] * (MOST_OF_READER - 1)
        assert own[0].displaced
        assert not newest.ended
        assert not other.ended
    with feed.subscribe(at_the_board(amy)) as alone:
        assert not alone.ended


async def test_whoever_was_cut_off_comes_back_at_a_time_of_their_own_and_a_displaced_page_is_told(desk, person):
    feed, amy = Feed(desk.database), person("amy")

    async def still(_person):
        return True

    streams = [
        write_stream(feed, at_the_board(amy), still, chance=lambda low, high: (low + high) // 2)
        for _ in range(MOST_OF_READER + 1)
    ]
    assert await anext(streams[0]) == "retry: 3000\nevent: look\ndata: {}\n\n"
    for stream in streams[1:]:
        await anext(stream)
    assert await anext(streams[0]) == "event: enough\ndata: {}\n\n"
    with pytest.raises(StopAsyncIteration):
        await anext(streams[0])
    for stream in streams[1:]:
        await stream.aclose()
    assert RETRY_MILLISECONDS[0] < RETRY_MILLISECONDS[1]
