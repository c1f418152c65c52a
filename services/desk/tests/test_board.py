"""People claim and work what stands on the board; two people never own one ticket."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import text

from tierdesk_contracts import outcome as outcomes
from tierdesk_contracts.notice import PolicyApplied
from tierdesk_contracts.vocabulary import RejectReason
from tierdesk_contracts.work import OutcomeRejected, WorkUpdated, WorkWithdrawn
from tierdesk_desk.board import FullError, NotFoundError
from tierdesk_desk.domain.people import places_worked
from tierdesk_desk.domain.roles import Grant, Role
from tierdesk_desk.domain.work import ForbiddenStepError, MovedOnError, OverError, Stage, TakenError
from tierdesk_desk.store.works import list_known_places


async def test_an_offer_is_claimed_confirmed_worked_and_resolved_with_gapless_ordinals(desk, person, offered, assigned):
    amy = person("amy")
    offer = offered()
    one = await desk.offer(offer)
    assert (await desk.board.claim(amy, one)).stage is Stage.CLAIMING
    await desk.receive(desk.work, assigned(offer, "amy"))
    assert (await desk.board.read(amy, one)).stage is Stage.OWNED
    await desk.board.say(amy, one, outcomes.WorkProgressed, {"answer": "I am on it.", "location": "Floor 3"})
    paused = await desk.board.say(amy, one, outcomes.WorkPaused, {"party": "requester"})
    assert (paused.stage, paused.waits_for) == (Stage.PAUSED, "requester")
    await desk.board.say(amy, one, outcomes.WorkResumed, {})
    left = await desk.board.say(amy, one, outcomes.WorkResolved, {"how": "A new fuser."})
    assert (left.stage, left.ended) == (Stage.LEFT, "resolved")
    sent = await desk.sent()
    assert [envelope.data.ordinal for envelope in sent] == [1, 2, 3, 4, 5]
    assert [envelope.type for envelope in sent] == [
        "outcome.accepted.v1", "outcome.progressed.v1", "outcome.paused.v1", "outcome.resumed.v1", "outcome.resolved.v1",
    ]  # fmt: skip
    assert {(envelope.data.worker, envelope.subject, envelope.tenant) for envelope in sent} == {
        ("amy", offer.subject, "main")
    }
    assert await desk.board.mine(amy) == []
    assert [work.assignment_id for work, _ in await desk.board.left(amy)] == [one]


async def test_of_fifty_who_claim_at_once_one_has_it_and_the_others_are_told_who(desk, person, offered):
    people = [person(f"agent-{number}") for number in range(50)]
    for _ in range(5):
        one = await desk.offer(offered())
        answers = await asyncio.gather(*(desk.board.claim(one_of, one) for one_of in people), return_exceptions=True)
        (winner,) = [answer for answer in answers if not isinstance(answer, Exception)]
        others = [answer for answer in answers if isinstance(answer, Exception)]
        assert {type(error) for error in others} == {TakenError}
        assert {error.owner for error in others} == {winner.worker}
    accepted = [envelope.data.assignment_id for envelope in await desk.sent()]
    assert len(accepted) == len(set(accepted)) == 5


async def test_who_claims_again_has_it_and_nothing_is_sent_twice(desk, person, offered):
    amy, one = person("amy"), await desk.offer(offered())
    await desk.board.claim(amy, one)
    assert (await desk.board.claim(amy, one)).worker == "amy"
    assert len(await desk.sent()) == 1


async def test_the_next_is_the_most_urgent_and_of_like_priority_what_the_skills_suffice_for(desk, person, offered):
    networks, front = ("l2", "networks"), ("l1", "front")
    late = await desk.offer(offered(place=front, priority=2))
    soon = await desk.offer(offered(place=front, priority=2, due_in_hours=1))
    wireless = await desk.offer(offered(place=networks, priority=2, due_in_hours=0.5, category="network"))
    urgent = await desk.offer(offered(place=networks, priority=1, category="network"))
    anybody = person("amy")
    taken = [(await desk.board.take_next(anybody)).assignment_id for _ in range(4)]
    assert taken == [urgent, soon, late, wireless]
    assert await desk.board.take_next(anybody) is None
    again = await desk.offer(offered(place=networks, priority=2, due_in_hours=0.5, category="network"))
    await desk.offer(offered(place=front, priority=2, due_in_hours=0.1))
    assert (await desk.board.take_next(person("rae", skills=("wireless",)))).assignment_id != again
    assert (await desk.board.take_next(person("rae", skills=("wireless",)))).assignment_id == again


async def test_many_who_take_the_next_at_once_each_get_their_own(desk, person, offered):
    offers = [await desk.offer(offered(priority=3)) for _ in range(30)]
    taken = await asyncio.gather(*(desk.board.take_next(person(f"agent-{number}")) for number in range(30)))
    assert sorted(work.assignment_id for work in taken if work) == sorted(offers)


async def test_nobody_takes_more_than_they_can_hold(desk, person, offered):
    amy = person("amy", capacity=2)
    ones = [await desk.offer(offered()) for _ in range(4)]
    answers = await asyncio.gather(*(desk.board.claim(amy, one) for one in ones), return_exceptions=True)
    assert sorted(type(answer).__name__ for answer in answers) == ["FullError", "FullError", "Work", "Work"]
    with pytest.raises(FullError):
        await desk.board.take_next(amy)


async def test_what_is_of_other_groups_or_tenants_is_not_there(desk, person, offered):
    one = await desk.offer(offered(place=("l2", "networks")))
    strangers = (
        person("amy", Grant(Role.AGENT, "l1")),
        person("bea", Grant(Role.AGENT, "l2", "clients")),
        person("cai", tenant="other"),
        person("dee", Grant(Role.ADMINISTRATOR)),
    )
    for stranger in strangers:
        assert await desk.board.take_next(stranger) is None
        assert (await desk.board.page(stranger, after=None, limit=10))[0] == []
        for ask in (
            desk.board.read(stranger, one),
            desk.board.claim(stranger, one),
            desk.board.say(stranger, one, outcomes.WorkProgressed, {"note": "hello"}),
        ):
            with pytest.raises(NotFoundError):
                await ask
    lead = person("eve", Grant(Role.LEAD, "l2"))
    assert (await desk.board.read(lead, one)).stage is Stage.OFFERED
    with pytest.raises(NotFoundError):
        await desk.board.claim(lead, one)
    assert await desk.sent() == []


async def test_who_lost_the_grant_sees_nothing_of_what_they_had(desk, person, offered):
    one, other = await desk.offer(offered()), await desk.offer(offered())
    amy = person("amy", Grant(Role.AGENT, "l1"))
    await desk.board.claim(amy, one)
    await desk.board.claim(amy, other)
    await desk.board.say(amy, other, outcomes.WorkResolved, {"how": "Done."})
    assert [len(await desk.board.mine(amy)), len(await desk.board.left(amy))] == [1, 1]
    moved = person("amy", Grant(Role.AGENT, "l2"))
    assert [len(await desk.board.mine(moved)), len(await desk.board.left(moved))] == [0, 0]


async def test_a_refusal_puts_it_back_and_keeps_what_was_said(desk, person, offered, assigned, about):
    amy, offer = person("amy"), offered()
    one = await desk.offer(offer)
    await desk.board.claim(amy, one)
    await desk.receive(desk.work, assigned(offer, "amy"))
    await desk.board.say(amy, one, outcomes.WorkEscalated, {"reason": "cause_unclear", "findings": "It smells."})
    sent = (await desk.sent())[-1]
    refusal = about(
        offer, OutcomeRejected, outcome_id=sent.id, worker="amy", ordinal=2, last_ordinal=2,
        reason=RejectReason.INCOMPLETE, detail="tell the location",
    )  # fmt: skip
    await desk.receive(desk.work, refusal)
    work = await desk.board.read(amy, one)
    assert (work.stage, work.ended) == (Stage.OWNED, None)
    assert work.refused["detail"] == "tell the location"
    assert work.refused["said"]["findings"] == "It smells."
    await desk.board.say(amy, one, outcomes.WorkProgressed, {"location": "Floor 3"})
    assert (await desk.sent())[-1].data.ordinal == 3
    assert (await desk.board.read(amy, one)).refused is None


async def test_a_claim_that_the_router_gives_to_another_is_gone_and_says_why(desk, person, offered, about):
    amy, offer = person("amy"), offered()
    one = await desk.offer(offer)
    await desk.board.claim(amy, one)
    sent = (await desk.sent())[-1]
    refusal = about(
        offer, OutcomeRejected, outcome_id=sent.id, worker="amy", ordinal=1,
        reason=RejectReason.NOT_OWNER, detail="bob was first",
    )  # fmt: skip
    await desk.receive(desk.work, refusal)
    with pytest.raises(OverError, match="not_owner"):
        await desk.board.say(amy, one, outcomes.WorkProgressed, {"note": "?"})


async def test_what_is_taken_back_is_worked_no_more(desk, person, offered, assigned, about):
    amy, offer = person("amy"), offered()
    one = await desk.offer(offer)
    await desk.board.claim(amy, one)
    await desk.receive(desk.work, assigned(offer, "amy"), about(offer, WorkWithdrawn, reason="overdue"))
    with pytest.raises(OverError, match="overdue"):
        await desk.board.say(amy, one, outcomes.WorkResolved, {"how": "Done."})
    assert [envelope.type for envelope in await desk.sent()] == ["outcome.accepted.v1"]


async def test_a_reply_resumes_what_waits_for_it_and_stands_beside_the_work(desk, person, offered, assigned, about):
    amy, offer = person("amy"), offered()
    one = await desk.offer(offer)
    await desk.board.claim(amy, one)
    await desk.receive(desk.work, assigned(offer, "amy"))
    await desk.board.say(amy, one, outcomes.WorkPaused, {"party": "requester"})
    await desk.receive(desk.work, about(offer, WorkUpdated, reply="Since Monday.", resumed=True))
    work = await desk.board.read(amy, one)
    assert (work.stage, work.waits_for) == (Stage.OWNED, None)
    assert work.view["told"][-1]["reply"] == "Since Monday."


async def test_an_invited_worker_contributes_and_moves_nothing(desk, person, offered):
    amy = person("amy")
    one = await desk.offer(offered(role="contributor", question="What do you make of it?"))
    await desk.board.claim(amy, one)
    for model, fields in ((outcomes.WorkResolved, {"how": "Done."}), (outcomes.WorkPaused, {"party": "requester"})):
        with pytest.raises(ForbiddenStepError):
            await desk.board.say(amy, one, model, fields)
    assert (await desk.board.say(amy, one, outcomes.WorkContributed, {"findings": "A loop."})).stage is Stage.LEFT


async def test_counts_are_those_of_the_rows_whatever_happens(desk, person, offered, assigned, about):
    people = [person(f"agent-{number}") for number in range(3)]
    offers = [offered(place=place) for place in (("l1", "front"), ("l2", "networks")) for _ in range(6)]
    await desk.receive(desk.work, *offers)
    for number, offer in enumerate(offers[:9]):
        await desk.board.claim(people[number % 3], offer.data.assignment_id)
    await desk.receive(desk.work, *(assigned(offer, f"agent-{number % 3}") for number, offer in enumerate(offers[:6])))
    await desk.receive(desk.work, about(offers[11], WorkWithdrawn, reason="cancelled"))
    await desk.board.say(people[0], offers[0].data.assignment_id, outcomes.WorkPaused, {"party": "vendor"})
    await desk.board.say(people[1], offers[1].data.assignment_id, outcomes.WorkResolved, {"how": "Done."})
    async with desk.database.read() as connection:
        rows = await connection.execute(
            text(
                "SELECT tier, group_id, stage, count(*) FROM desk.work WHERE stage NOT IN ('left', 'gone') GROUP BY 1, 2, 3"
            )
        )
        counted: dict[tuple[str, str], dict[Stage, int]] = {}
        for tier, group, stage, number in rows:
            counted.setdefault((tier, group), {})[Stage(stage)] = number
    told = await desk.board.counts(people[0])
    assert {
        place: {stage: n for stage, n in stages.items() if n} for place, stages in told.items() if stages
    } == counted


async def test_pages_hold_each_piece_once_the_most_urgent_first(desk, person, offered):
    offers = [offered(priority=1 + number % 3, due_in_hours=number or None) for number in range(11)]
    await desk.receive(desk.work, *offers)
    amy, seen, after = person("amy"), [], None
    while True:
        works, after = await desk.board.page(amy, after=after, limit=3)
        seen += works
        if after is None:
            break
    assert len({work.assignment_id for work in seen}) == len(seen) == 11
    assert seen == sorted(seen, key=lambda work: (work.priority, work.due_at is None, work.due_at))


async def test_what_was_said_already_is_not_said_again(desk, person, offered):
    amy, one = person("amy"), await desk.offer(offered())
    seen = (await desk.board.claim(amy, one)).ordinal
    note = (outcomes.WorkProgressed, {"note": "Looked."})
    await desk.board.say(amy, one, *note, based_on=seen)
    for again in (note, (outcomes.WorkResolved, {"how": "Done."})):
        with pytest.raises(MovedOnError):
            await desk.board.say(amy, one, *again, based_on=seen)
    assert len(await desk.sent()) == 2
    await desk.board.say(amy, one, outcomes.WorkResolved, {"how": "Done."}, based_on=2)
    with pytest.raises(MovedOnError):
        await desk.board.say(amy, one, outcomes.WorkResolved, {"how": "Done."}, based_on=2)


async def test_a_group_that_the_policy_has_no_more_is_worked_until_nothing_is_left(
    desk, person, offered, message_of, now, policy
):
    amy, gone = person("amy"), ("l2", "networks")
    first, second = offered(place=gone, priority=1), offered(place=gone, priority=2)
    await desk.receive(desk.work, first, second)
    document = without_networks(policy)
    data = PolicyApplied(version="smaller", name="smaller", document=document, applied_at=now + timedelta(hours=1))
    assert await desk.receive(desk.tickets, message_of(data, subject="smaller")) == []
    works, _ = await desk.board.page(amy, after=None, limit=10)
    assert [work.assignment_id for work in works] == [first.data.assignment_id, second.data.assignment_id]
    assert (await desk.board.counts(amy))[gone][Stage.OFFERED] == 2
    assert gone not in await desk.board.counts(person("eve", Grant(Role.AGENT, "l1")))
    for offer in (first, second):
        taken = await desk.board.take_next(amy)
        assert taken is not None
        assert taken.assignment_id == offer.data.assignment_id
        await desk.board.say(amy, taken.assignment_id, outcomes.WorkResolved, {"how": "Done."})
    assert gone not in await desk.board.counts(amy)
    async with desk.database.read() as connection:
        smaller = (await desk.shelf.fetch_in_force(connection))["main"]
        known = (await list_known_places(connection))["main"]
    assert gone in places_worked(smaller, None, known)  # its queue is consumed on, also by a process that begins now
    assert gone not in places_worked(smaller, {"front"}, known)
    assert ("l0", "self-service") not in places_worked(smaller, None, [("l0", "self-service")])


def without_networks(policy):
    """The policy of these tests with a group less."""
    document = dict(policy.document())
    document["groups"] = [group for group in document["groups"] if group["id"] != "networks"]
    document["categories"] = [one for one in document["categories"] if one["group"] != "networks"]
    return document


async def test_a_requester_who_writes_a_book_makes_no_list_slow(desk, person, offered, assigned, about):
    amy, offer = person("amy"), offered()
    one = await desk.offer(offer)
    await desk.board.claim(amy, one)
    replies = [about(offer, WorkUpdated, reply=f"{number} {'x' * 60_000}") for number in range(8)]
    await desk.receive(desk.work, assigned(offer, "amy"), *replies)
    told = (await desk.board.read(amy, one)).view["told"]
    assert [text["reply"][0] for text in told] == ["5", "6", "7"]
    held, _ = await desk.board.page(amy, held=True, after=None, limit=10)
    assert [work.view for work in (*held, *await desk.board.mine(amy))] == [{}, {}]
    await desk.board.say(amy, one, outcomes.WorkResolved, {"how": "Done."})
    assert [work.view for work, _ in await desk.board.left(amy)] == [{}]
    assert (await desk.board.read(amy, one)).view["told"] == told
