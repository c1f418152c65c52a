"""Clocks built anew beside the live ones, compared, and put in their place."""

import asyncio
from contextlib import asynccontextmanager
from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import delete, select, text, update

from tierdesk_contracts import ticket as events
from tierdesk_policy import Policy
from tierdesk_sla.domain.replaying import BrokenHistoryError, replay
from tierdesk_sla.domain.timeline import Timeline
from tierdesk_sla.handlers.moving import move_clocks
from tierdesk_sla.handlers.pages import MOST_KEPT
from tierdesk_sla.handlers.rebuilding import rebuild, swap
from tierdesk_sla.store.policies import PolicyShelf
from tierdesk_sla.store.rebuilding import lock_tickets
from tierdesk_sla.store.tables import clock as clocks
from tierdesk_sla.store.tables import clock_rebuilt, ticket_change


@pytest.fixture
async def busy(desk, tell):
    """A desk with tickets of all fates, of which warnings and a breach were said."""
    stories = [tell(ticket_id=uuid4()) for _ in range(5)]
    stories[0].begun().answered(20).paused(30).reprioritised(40, 3).resumed(90)
    stories[1].begun().resolved(70).tell(events.ReopenedAgain, 90)
    stories[2].opened().triaged().offered().tell(events.CancelledByRequester, 30)
    stories[3].begun().paused(10, "change")
    stories[4].opened()
    for story in stories:
        await desk.tell(story, sizes=(2, 1))
    await desk.say_due(95)
    return stories


def quiet(_seen: int, _total: int) -> None:
    """Hears of pages, and keeps it to itself."""


async def everything(database):
    async with database.read() as connection:
        rows = await connection.execute(select(clocks).order_by(*clocks.primary_key.columns))
        return [dict(row) for row in rows.mappings()]


async def test_rebuilt_clocks_equal_those_of_the_live_path(owner, busy):
    before = await everything(owner)
    pages = []
    found = await rebuild(owner, PolicyShelf(), lambda *page: pages.append(page))
    assert (found.differences.first, found.broken.first, found.differing) == ([], [], 0)
    assert found.clocks == len(before) == 14
    assert pages == [(5, 5)]
    assert await everything(owner) == before
    async with owner.read() as connection:
        beside = await connection.execute(select(clock_rebuilt).order_by(*clock_rebuilt.primary_key.columns))
        assert [dict(row) for row in beside.mappings()] == before


async def test_what_differs_is_found_and_nothing_is_changed_before_the_swap(owner, desk, busy):
    await spoil(owner, busy)
    spoilt = await everything(owner)
    found = await rebuild(owner, PolicyShelf(), quiet)
    assert found.differing == 3
    assert found.tickets == 2
    assert any("first_response state: missed is met" in told for told in found.differences.first)
    assert any("lacks its clock 3, acceptance" in told for told in found.differences.first)
    assert await everything(owner) == spoilt


async def spoil(owner, busy):
    """Two clocks of the first ticket go wrong, and one of the fourth is lost."""
    async with owner.transaction() as tx:
        first = clocks.c.ticket_id == busy[0].ticket_id
        await tx.execute(update(clocks).where(first, clocks.c.place == 1).values(state="missed"))
        await tx.execute(update(clocks).where(first, clocks.c.place == 2).values(holds=[], due_at=busy[0].at(0)))
        await tx.execute(delete(clocks).where(clocks.c.ticket_id == busy[3].ticket_id, clocks.c.place == 3))


async def test_a_swap_puts_the_rebuilt_in_place_and_keeps_the_old_beside_them(owner, desk, busy):
    sound = await everything(owner)
    await spoil(owner, busy)
    await rebuild(owner, PolicyShelf(), quiet)
    said = await desk.words()
    found = await swap(owner, PolicyShelf(), desk.clock, desk.identifiers, quiet)
    assert (found.tickets, found.differing) == (2, 3)
    assert await everything(owner) == sound
    async with owner.read() as connection:
        wrong = await connection.execute(
            select(clock_rebuilt.c.state).where(
                clock_rebuilt.c.ticket_id == busy[0].ticket_id, clock_rebuilt.c.place == 1
            )
        )
        assert wrong.scalar() == "missed"
    await desk.say_due(95)
    assert await desk.words() == said
    assert (await rebuild(owner, PolicyShelf(), quiet)).differing == 0


async def test_a_swap_takes_in_what_happened_after_the_comparison(owner, desk, busy):
    await spoil(owner, busy)
    await rebuild(owner, PolicyShelf(), quiet)
    await desk.tell(busy[3].resumed(100).resolved(110), first=5)
    await swap(owner, PolicyShelf(), desk.clock, desk.identifiers, quiet)
    assert (await rebuild(owner, PolicyShelf(), quiet)).differing == 0
    states = {row["state"] for row in await everything(owner) if row["ticket_id"] == busy[3].ticket_id}
    assert states == {"met", "missed"}


async def test_a_breach_that_was_said_of_a_wrong_clock_is_retracted_by_the_swap(owner, desk, tell):
    story = tell().begun(priority=3)
    await desk.tell(story)
    async with owner.transaction() as tx:
        wrong = {"due_at": story.at(5), "next_at": story.at(5), "warnings": []}
        await tx.execute(update(clocks).where(clocks.c.kind == "resolution").values(wrong))
    await desk.say_due(10)
    assert await desk.words() == [("breached", "resolution", 5)]
    await swap(owner, PolicyShelf(), desk.clock, desk.identifiers, quiet)
    assert [word for word, _, _ in await desk.words()] == ["breached", "retracted"]
    await desk.say_due(24 * 60)
    assert ("breached", "resolution", 1_440) in await desk.words()


async def test_a_ticket_whose_events_are_not_all_there_is_left_alone(owner, desk, busy):
    async with owner.transaction() as tx:
        mine = ticket_change.c.ticket_id == busy[0].ticket_id
        await tx.execute(delete(ticket_change).where(mine, ticket_change.c.first_sequence == 3))
    found = await rebuild(owner, PolicyShelf(), quiet)
    assert found.broken.first == [(("main", busy[0].ticket_id), "events 3 to 3 of TD-TEST-0001 were not kept")]
    assert found.differing == 0


async def test_a_rebuild_knows_the_moves_to_other_policies(owner, desk, busy, policy, applied_message):
    other = shorter(policy)
    await desk.receive(applied_message(other))
    desk.clock.advance_to(busy[0].at(120))
    await move_clocks(owner, "main", other, other.version, busy[0].at(120), dry_run=False, told=quiet)
    await desk.tell(busy[0].reprioritised(130, 1).resolved(150), first=len(busy[0].events) - 2)
    assert (await rebuild(owner, PolicyShelf(), quiet)).differences.first == []


def shorter(policy: Policy) -> Policy:
    document = policy.document()
    for target in document["targets"]:
        if target["kind"] == "resolution":
            target["within"] = 3 * 3_600
    return Policy.from_document(document)


def test_a_history_with_a_gap_is_no_history(story, policy):
    class Late:
        first_sequence, sequence, policy_version, events = 2, 2, "v", ()

    with pytest.raises(BrokenHistoryError, match="events 1 to 1"):
        replay(Timeline("main", story.ticket_id, "TD", "v"), [Late()], [], lambda _: policy)


async def test_a_dry_run_says_what_would_change_and_changes_nothing(owner, busy, policy):
    before = await everything(owner)
    other = shorter(policy)
    found = await move_clocks(owner, "main", other, other.version, busy[0].at(120), dry_run=True, told=quiet)
    told = {
        (one.title, (one.after.due_at - busy[0].opened_at) / timedelta(minutes=1), one.late)
        for one in found.changes.first
        if one.after.due_at
    }
    assert found.tickets == 4
    assert told == {("Resolution", 240, False), ("Resolution", 200, False)}
    assert await everything(owner) == before


async def test_moved_clocks_follow_the_new_policy_and_keep_their_pauses(owner, desk, tell, policy, applied_message):
    story = tell().begun().paused(10).resumed(40)
    await desk.tell(story)
    other = shorter(policy)
    await desk.receive(applied_message(other))
    await move_clocks(owner, "main", other, other.version, story.at(50), dry_run=False, told=quiet)
    rows = {row["kind"]: row for row in await everything(owner)}
    assert rows["resolution"]["due_at"] == story.at(180 + 30)
    assert rows["resolution"]["promised_by"] == other.version
    assert rows["acceptance"]["promised_by"] == policy.version
    # The router goes on to name the version that the ticket was opened under.
    await desk.tell(story.reprioritised(60, 3).reprioritised(61, 1), first=6)
    rows = {row["kind"]: row for row in await everything(owner)}
    assert (rows["resolution"]["due_at"], rows["resolution"]["promised_by"]) == (story.at(210), other.version)
    again = await move_clocks(owner, "main", other, other.version, story.at(70), dry_run=False, told=quiet)
    assert (again.tickets, again.changes.count) == (0, 0)


async def test_breaches_that_were_said_stand_after_a_move(owner, desk, tell, policy, applied_message):
    story = tell().begun()
    await desk.tell(story)
    await desk.say_due(61)
    said = await desk.words()
    longer = changed(policy, within=10 * 3_600)
    await desk.receive(applied_message(longer))
    await move_clocks(owner, "main", longer, longer.version, story.at(65), dry_run=False, told=quiet)
    rows = {row["kind"]: row for row in await everything(owner)}
    assert rows["first_response"]["due_at"] == story.at(60)
    assert rows["resolution"]["due_at"] == story.at(600)
    await desk.tell(story.answered(66), first=4)
    await desk.say_due(300)
    assert await desk.words() == said
    assert ("breached", "first_response", 60) in said


async def test_a_breach_that_is_said_while_tickets_are_moved_stands(owner, desk, tell, policy, applied_message):
    story = tell().begun()
    await desk.tell(story)
    longer = changed(policy, within=10 * 3_600)
    await desk.receive(applied_message(longer))
    began_at = story.at(59)
    await desk.say_due(61)
    said = await desk.words()
    assert said[-1] == ("breached", "first_response", 60)
    await move_clocks(owner, "main", longer, longer.version, began_at, dry_run=False, told=quiet)
    rows = {row["kind"]: row for row in await everything(owner)}
    assert (rows["first_response"]["due_at"], rows["resolution"]["due_at"]) == (story.at(60), story.at(600))
    await desk.tell(story.reprioritised(62, 2), first=4)
    assert await desk.words() == said
    assert (await rebuild(owner, PolicyShelf(), quiet)).differences.first == []


def changed(policy: Policy, *, within: int) -> Policy:
    """The policy with another time for all that it promises."""
    document = policy.document()
    for target in document["targets"]:
        target["within"] = within
    return Policy.from_document(document)


async def test_messages_that_come_twice_change_nothing_and_a_rebuild_agrees(owner, desk, story, messages_of):
    """The library drops what was applied; here the same events come under another message, as after a lost broker."""
    story.begun().paused(10).resumed(40).answered(50)
    await desk.tell(story)
    before = await everything(owner)
    async with owner.transaction() as tx:
        await tx.execute(text("DELETE FROM sla.ticket_change"))
    assert await desk.receive(*messages_of(story, sizes=(1,) * len(story.events))) == []
    assert await everything(owner) == before
    assert (await rebuild(owner, PolicyShelf(), quiet)).differing == 0


@asynccontextmanager
async def locked(database, *, seconds):
    """The clocks of all tickets, for so long: longer than a statement waits for a lock."""
    has_them = asyncio.Event()

    async def hold():
        async with database.transaction() as tx:
            await tx.execute(select(clocks.c.place).with_for_update())
            has_them.set()
            await asyncio.sleep(seconds)

    holding = asyncio.create_task(hold())
    await asyncio.wait_for(has_them.wait(), 10)
    yield
    await holding


async def test_a_page_whose_locks_are_not_to_be_had_in_time_is_begun_anew_and_counted_once(
    owner, database, desk, busy, policy, applied_message
):
    other = shorter(policy)
    await desk.receive(applied_message(other))
    async with locked(database, seconds=2.5):
        moved = await move_clocks(owner, "main", other, other.version, busy[0].at(120), dry_run=False, told=quiet)
    assert (moved.tickets, moved.changes.count) == (4, 3)
    async with owner.transaction() as tx:
        await tx.execute(update(clocks).where(clocks.c.place == 1).values(tier="nobody"))
    spoilt = await rebuild(owner, PolicyShelf(), quiet)
    async with locked(database, seconds=2.5):
        found = await swap(owner, PolicyShelf(), desk.clock, desk.identifiers, quiet)
    assert (found.tickets, found.differing, found.clocks) == (spoilt.tickets, spoilt.differing, spoilt.clocks)
    assert (await rebuild(owner, PolicyShelf(), quiet)).differing == 0


async def test_a_ticket_that_was_moved_or_closed_since_it_was_listed_is_not_moved(
    owner, desk, tell, policy, applied_message, monkeypatch
):
    stories = [tell(ticket_id=uuid4()).begun() for _ in range(3)]
    for story in stories:
        await desk.tell(story)
    other = shorter(policy)
    await desk.receive(applied_message(other))

    async def lag(tx, consumer, keys):
        monkeypatch.undo()
        await move_clocks(owner, "main", other, other.version, stories[0].at(1), dry_run=False, told=quiet)
        await desk.tell(stories[0].resolved(2), first=4)
        await lock_tickets(tx, consumer, keys)

    monkeypatch.setattr("tierdesk_sla.handlers.moving.lock_tickets", lag)
    found = await move_clocks(owner, "main", other, other.version, stories[0].at(3), dry_run=False, told=quiet)
    assert (found.tickets, found.changes.count) == (0, 0)


async def beside(owner):
    async with owner.read() as connection:
        rows = await connection.execute(select(clock_rebuilt).order_by(*clock_rebuilt.primary_key.columns))
        return [dict(row) for row in rows.mappings()]


async def test_a_swap_that_is_cut_short_goes_on_with_what_differs_still(owner, desk, busy, monkeypatch):
    monkeypatch.setattr("tierdesk_sla.handlers.rebuilding.PAGE", 2)
    sound = await everything(owner)
    async with owner.transaction() as tx:
        await tx.execute(update(clocks).where(clocks.c.place == 1).values(tier="nobody"))
    spoilt = [row for row in await everything(owner) if row["place"] == 1]

    def cut_short(seen, _total):
        if seen == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await swap(owner, PolicyShelf(), desk.clock, desk.identifiers, cut_short)
    assert [row["tier"] for row in await everything(owner) if row["place"] == 1] == [None] * 4 + ["nobody"]
    pages = []
    found = await swap(owner, PolicyShelf(), desk.clock, desk.identifiers, lambda *page: pages.append(page))
    assert (found.tickets, pages) == (1, [(2, 5), (4, 5), (5, 5)])
    assert await everything(owner) == sound
    assert [row for row in await beside(owner) if row["place"] == 1] == spoilt


async def test_the_watcher_says_what_falls_due_of_other_tickets_while_a_page_is_swapped(
    owner, desk, tell, monkeypatch, stand_still
):
    held, free = sorted([tell(ticket_id=uuid4()).begun() for _ in range(2)], key=lambda story: story.ticket_id)
    for story in (held, free):
        await desk.tell(story)
    async with owner.transaction() as tx:
        await tx.execute(update(clocks).where(clocks.c.place == 1).values(tier="nobody"))
    exchanging = stand_still("tierdesk_sla.handlers.rebuilding", "exchange")
    monkeypatch.setattr("tierdesk_sla.handlers.rebuilding.PAGE", 1)
    swapping = asyncio.create_task(swap(owner, PolicyShelf(), desk.clock, desk.identifiers, quiet))
    await exchanging.reached()
    await desk.say_due(30)
    assert {envelope.subject for envelope in await desk.sent()} == {str(free.ticket_id)}
    exchanging.go_on()
    assert (await swapping).tickets == 2
    await desk.say_due(30)
    assert [envelope.subject for envelope in await desk.sent()] == [str(free.ticket_id), str(held.ticket_id)]


async def test_a_move_that_is_cut_short_goes_on_with_what_is_left_and_keeps_no_more_than_it_tells(
    owner, desk, tell, policy, applied_message, messages_of, monkeypatch
):
    monkeypatch.setattr("tierdesk_sla.handlers.moving.PAGE", 7)
    monkeypatch.setattr("tierdesk_sla.handlers.moving.LOOK", 20)
    stories = [tell(ticket_id=uuid4()).begun(priority=3) for _ in range(70)]
    stories += [tell(ticket_id=uuid4()).opened().tell(events.CancelledByRequester, 1) for _ in range(30)]
    await desk.receive(*(message for story in stories for message in messages_of(story)))
    other = shorter(policy)
    await desk.receive(applied_message(other))

    def cut_short(seen, _total):
        if seen >= 40:
            raise KeyboardInterrupt

    async def move(told):
        return await move_clocks(owner, "main", other, other.version, stories[0].at(2), dry_run=False, told=told)

    with pytest.raises(KeyboardInterrupt):
        await move(cut_short)
    pages = []
    rest = await move(lambda *page: pages.append(page))
    assert 30 <= rest.tickets < 70
    assert rest.changes.count == rest.tickets
    assert len(rest.changes.first) == min(MOST_KEPT, rest.tickets)
    assert [seen for seen, _ in pages] == sorted(seen for seen, _ in pages)
    assert pages[-1] == (100, 100)
    due = {(row["ticket_id"], row["due_at"]) for row in await everything(owner) if row["kind"] == "resolution"}
    assert {(story.ticket_id, story.at(180)) for story in stories[:70]} <= due
    assert (await move(quiet)).tickets == 0
