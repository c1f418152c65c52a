"""Work that is taken back from its owner, keys under which work is taken, and open work that is found by its words."""

import asyncio
from datetime import timedelta

import pytest

from tierdesk_contracts.outcome import WorkAccepted, WorkReturned, WorkTransferred
from tierdesk_contracts.vocabulary import RejectReason
from tierdesk_contracts.work import OutcomeRejected
from tierdesk_desk.board import FullError, NotFoundError
from tierdesk_desk.domain.oversight import TOLD
from tierdesk_desk.domain.roles import Grant, Role
from tierdesk_desk.domain.work import OverError, Stage, TakenError
from tierdesk_desk.handlers.forgetting import Forgetting
from tierdesk_desk.store.audit import read_entries, verify

LEAD = Grant(Role.LEAD, "l1")


async def test_a_lead_gives_the_work_of_somebody_who_is_ill_to_the_others_of_the_group(desk, offered, assigned, person):
    offer = offered()
    work_id = await desk.offer(offer)
    ann, lea = person("ann"), person("lea", LEAD)
    await desk.board.claim(ann, work_id)
    found = offer.data.internal.model_copy(update={"findings": "The cable is broken."})
    await desk.receive(desk.work, assigned(offer, "ann", internal=found))
    work = await desk.board.release(lea, work_id, owner="ann", reason="She is ill.")
    assert (work.stage, work.ended) == (Stage.LEFT, "transferred")
    accepted, handed_on = [one.data for one in await desk.sent()]
    assert isinstance(accepted, WorkAccepted)
    assert isinstance(handed_on, WorkTransferred)
    assert (handed_on.worker, handed_on.ordinal, handed_on.to_group) == ("ann", 2, "front")
    assert handed_on.findings == "lea took it back from ann: She is ill.\n\nThe cable is broken."
    async with desk.database.read() as connection:
        (entry,) = await read_entries(connection, "main", before=None, subject="ann", limit=10)
    assert (entry.actor, entry.action, entry.detail["reason"]) == ("person:lea", "work.released", "She is ill.")
    assert (await verify(desk.database, "main")).fault is None
    ((told, release),) = await desk.board.released(ann)
    assert (told.assignment_id, release.by, release.reason) == (work_id, "lea", "She is ill.")
    with pytest.raises(OverError):
        await desk.board.release(lea, work_id, owner="ann", reason="Again")
    desk.clock.advance_to(desk.clock.now() + TOLD + timedelta(seconds=1))
    assert await desk.board.released(ann) == []


async def test_whoever_helps_declines_when_a_lead_takes_it_back(desk, offered, person):
    work_id = await desk.offer(offered(role="contributor", question="Is it the lamp?"))
    await desk.board.claim(person("ann"), work_id)
    await desk.board.release(person("lea", LEAD), work_id, owner="ann", reason="Away")
    assert isinstance((await desk.sent())[-1].data, WorkReturned)


async def test_nothing_is_taken_back_from_the_wrong_one_or_by_the_wrong_one(desk, offered, person):
    work_id = await desk.offer(offered())
    lea, agent, other = person("lea", LEAD), person("ann"), person("leo", Grant(Role.LEAD, "l2"))
    foreign = person("lou", Grant(Role.LEAD), tenant="other")
    with pytest.raises(OverError):
        await desk.board.release(lea, work_id, owner="ann", reason="Nobody has it")
    await desk.board.claim(agent, work_id)
    for who in (agent, other, foreign):
        with pytest.raises(NotFoundError):
            await desk.board.release(who, work_id, owner="ann", reason="Mine")
    with pytest.raises(TakenError) as taken:
        await desk.board.release(lea, work_id, owner="ben", reason="He is away")
    assert taken.value.owner == "ann"
    assert len(await desk.sent()) == 1
    async with desk.database.read() as connection:
        assert await read_entries(connection, "main", before=None, subject=None, limit=10) == []


async def test_a_release_that_is_refused_leaves_it_with_its_owner(desk, offered, assigned, about, person):
    offer = offered()
    work_id = await desk.offer(offer)
    ann = person("ann")
    await desk.board.claim(ann, work_id)
    await desk.receive(desk.work, assigned(offer, "ann"))
    await desk.board.release(person("lea", LEAD), work_id, owner="ann", reason="Ill")
    refused = about(
        offer,
        OutcomeRejected,
        outcome_id=offer.id,
        worker="ann",
        ordinal=2,
        reason=RejectReason.FORBIDDEN,
        detail="no",
        last_ordinal=1,
    )
    await desk.receive(desk.work, refused)
    work = await desk.board.read(ann, work_id)
    assert (work.stage, work.worker) == (Stage.OWNED, "ann")
    assert await desk.board.released(ann) == []


async def test_the_same_key_takes_the_same_work_however_often_it_comes(desk, offered, person):
    for number in range(3):
        await desk.offer(offered(f"Number {number}"))
    ann, ben = person("ann", capacity=1), person("ben")
    taken = await asyncio.gather(*(desk.board.take_next(ann, key="once") for _ in range(5)))
    assert len({work.assignment_id for work in taken}) == 1
    again = await desk.board.take_next(ann, key="once")
    assert again.assignment_id == taken[0].assignment_id
    assert (await desk.board.take_next(ben, key="once")).assignment_id != again.assignment_id  # a key is its owner's
    with pytest.raises(FullError):
        await desk.board.take_next(ann, key="twice")
    assert len(await desk.sent()) == 2


async def test_a_key_under_which_nothing_was_free_takes_what_comes_and_is_forgotten_after_a_day(desk, offered, person):
    ann = person("ann")
    assert await desk.board.take_next(ann, key="k") is None
    await desk.offer(offered("First"))
    first = await desk.board.take_next(ann, key="k")
    assert first is not None
    await desk.offer(offered("Second"))
    assert (await desk.board.take_next(ann, key="k")).assignment_id == first.assignment_id
    async with desk.database.transaction() as tx:
        from sqlalchemy import text

        await tx.execute(text("UPDATE desk.taking SET taken_at = now() - interval '25 hours'"))
    await Forgetting(desk.database, desk.publisher, after=timedelta(days=90)).forget()
    assert (await desk.board.take_next(ann, key="k")).assignment_id != first.assignment_id


async def test_open_work_is_found_by_its_words_in_the_own_groups_and_tenant(desk, offered, person):
    smokes = await desk.offer(offered("The printer in the lobby smokes"))
    jams = await desk.offer(offered("Printer jams, again"))
    await desk.offer(offered("The printer of networks", place=("l2", "networks"), category="network"))
    await desk.offer(offered("Another's printer in the lobby", tenant="other"))
    ann = person("ann", Grant(Role.AGENT, "l1"))
    found = await desk.board.find(ann, "a PRINTER smokes in the lobby!", common=2, limit=5)
    assert [work.assignment_id for work in found] == [smokes]
    found = await desk.board.find(ann, "printer lobby", common=1, limit=5)
    assert [work.assignment_id for work in found] == [smokes, jams]
    assert len(await desk.board.find(ann, "TD-TEST-0001", common=3, limit=5)) == 2
    assert await desk.board.find(ann, "' OR 1=1 -- \x00 & | ! :*", common=1, limit=5) == []
    await desk.board.claim(ann, smokes)
    assert [work.stage for work in await desk.board.find(ann, "smokes", common=2, limit=5)] == [Stage.CLAIMING]


async def test_what_is_late_what_waits_longest_and_who_has_it(desk, offered, person):
    await desk.offer(offered("Late", due_in_hours=-1, priority=1))
    soon = await desk.offer(offered("Soon", due_in_hours=0.2))
    await desk.offer(offered("Later", due_in_hours=9))
    await desk.offer(offered("Elsewhere", place=("l2", "clients"), due_in_hours=-1))
    ann, lea = person("ann"), person("lea", LEAD)
    await desk.board.claim(ann, soon)
    places = [("l1", "front"), ("l2", "clients")]
    risks, holders = await desk.board.oversee(lea, places, soon=timedelta(minutes=30))
    assert set(risks) == {("l1", "front")}
    risk = risks["l1", "front"]
    assert (risk.overdue, risk.soon, risk.since) == (1, 1, desk.clock.now())
    assert [(holder.worker, holder.number, holder.overdue) for holder in holders] == [("ann", 1, 0)]
    assert [work.assignment_id for work in await desk.board.held_by(lea, "ann")] == [soon]
    assert await desk.board.held_by(person("leo", Grant(Role.LEAD, "l2")), "ann") == []
