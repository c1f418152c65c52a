"""The desk follows where tickets stand, wherever they are worked."""

from uuid import uuid4

from tierdesk_contracts import outcome as outcomes
from tierdesk_contracts import ticket as events
from tierdesk_contracts.notice import PolicyApplied
from tierdesk_contracts.ticket import TicketChanged
from tierdesk_contracts.vocabulary import Actor, ActorKind, Status
from tierdesk_desk.store.tickets import find_places
from tierdesk_store import PermanentError


def changed(
    message_of, subject, sequence, *happened, status=Status.OFFERED, tier="l2", group="networks", tenant="main"
):
    data = TicketChanged(
        reference="TD-TEST-0001", policy_version="v1", status=status, tier=tier, group=group, category="network", priority=2,
        first_sequence=sequence, sequence=sequence, events=happened,
    )  # fmt: skip
    return message_of(data, subject=subject, tenant=tenant, sequence=sequence)


def accepted(sequence, worker, at):
    actor = Actor(kind=ActorKind.WORKER, id=worker)
    return events.Accepted(sequence=sequence, at=at, actor=actor, assignment_id=uuid4(), worker=worker)


async def test_what_was_handed_on_is_followed_to_who_has_it_now(desk, person, offered, message_of, now):
    amy, offer = person("amy"), offered()
    one = await desk.offer(offer)
    await desk.board.claim(amy, one)
    await desk.board.say(amy, one, outcomes.WorkEscalated, {"reason": "cause_unclear"})
    ((work, standing),) = await desk.board.left(amy)
    assert (work.ended, standing) == ("escalated", None)
    told = changed(message_of, offer.subject, 7, accepted(7, "nina", now), status=Status.ACCEPTED)
    older = changed(message_of, offer.subject, 6, accepted(6, "otto", now), status=Status.ACCEPTED)
    assert await desk.receive(desk.tickets, told) == []
    assert await desk.receive(desk.tickets, older) == []
    ((_, standing),) = await desk.board.left(amy)
    assert (standing.status, standing.group_id, standing.owner) == ("accepted", "networks", "nina")


async def test_a_change_names_the_groups_that_had_work_of_the_ticket(desk, offered, message_of, now):
    offer = offered()
    await desk.offer(offer)
    told = changed(message_of, offer.subject, 2, accepted(2, "nina", now))
    unknown = changed(message_of, str(uuid4()), 2, accepted(2, "nina", now))
    async with desk.database.transaction() as tx:
        keys = {("main", told.subject), ("main", unknown.subject)}
        assert await find_places(tx.connection, keys) == {("main", offer.subject): (("l1", "front"),)}


async def test_a_policy_that_cannot_be_read_is_refused_and_the_rest_goes_on(desk, message_of, now, policy):
    broken = PolicyApplied(version="v9", name="broken", document={"tiers": 7}, applied_at=now)
    fine = changed(message_of, str(uuid4()), 1, accepted(1, "amy", now))
    raised = await desk.receive(desk.tickets, message_of(broken, subject="v9"), fine)
    assert [type(error) for error in raised] == [PermanentError]
