"""Work is handed out by the desk, in the names of those who are there; two replicas hand out nothing twice."""

import asyncio
from collections import Counter
from datetime import timedelta

import pytest
from sqlalchemy import text

from tierdesk_contracts import outcome as outcomes
from tierdesk_contracts.notice import PolicyApplied
from tierdesk_contracts.work import WorkWithdrawn
from tierdesk_desk.accounts import Accounts, Changes
from tierdesk_desk.domain.accounts import read_grant
from tierdesk_desk.domain.people import Person
from tierdesk_desk.domain.presence import State
from tierdesk_desk.domain.work import Stage
from tierdesk_desk.feed import Feed, at_the_board
from tierdesk_desk.pushing import Pusher
from tierdesk_desk.staff import Staff
from tierdesk_policy import load_policy
from tierdesk_runtime.identifiers import Identifiers

PUSHING = """
name: A desk that hands out work
tiers: [{id: l1}, {id: l2}]
groups:
  - {id: front, tier: l1, assign: push}
  - {id: back, tier: l1}
  - {id: networks, tier: l2, skills: [wireless], assign: push}
edges: [[l1, l2]]
categories:
  - {id: hardware, tier: l1, group: front}
  - {id: network, tier: l2, group: networks, skills: [wireless]}
"""
NETWORKS = ("l2", "networks")


class Hashing:
    """Nobody signs in by a password here."""

    async def hash(self, password):
        return "x"


class Room:
    """A desk whose work is handed out, its people, and two replicas that hand it out."""

    def __init__(self, desk):
        self.desk = desk
        self.accounts = Accounts(desk.database, Hashing(), desk.clock, Identifiers())
        self.staff = Staff(desk.database, desk.shelf, desk.publisher)
        self.pusher, self.other = (Pusher(desk.database, desk.shelf, desk.publisher) for _ in range(2))

    async def enter(self, name, *grants, state=State.AVAILABLE, seen="now()", tenant="main", **fields):
        """Somebody with these grants signs in and says how they are."""
        held = [read_grant(one) for one in grants or ("agent",)]
        account, _ = await self.accounts.add(tenant, name, by="desk", grants=held, **fields)
        await self.sql(
            "INSERT INTO desk.session (digest, tenant, account_id, csrf, created_at, seen_at, expires_at) "
            f"VALUES (:name || :tenant, :tenant, :id, '', now(), {seen}, now() + interval '1 day')",
            name=name, id=account.id, tenant=tenant,
        )  # fmt: skip
        person = Person(tenant, account.id, name, name, account.grants, account.skills, account.capacity)
        if state is not None:
            await self.staff.say(person, state)
        return person

    async def sql(self, statement, **values):
        async with self.desk.database.transaction() as tx:
            return await tx.connection.execute(text(statement), values)

    async def holders(self):
        """Who has what, as the table says."""
        rows = await self.sql("SELECT assignment_id, worker FROM desk.work WHERE worker IS NOT NULL")
        return {row.assignment_id: row.worker for row in rows}


@pytest.fixture
async def room(desk, message_of):
    policy = load_policy(PUSHING)
    at = desk.clock.now() + timedelta(seconds=1)
    data = PolicyApplied(version=policy.version, name=policy.name, document=policy.document(), applied_at=at)
    for tenant in ("main", "other"):
        assert await desk.receive(desk.tickets, message_of(data, subject=policy.version, tenant=tenant)) == []
    return Room(desk)


async def test_work_goes_in_the_order_of_the_board_to_who_has_the_least_and_is_claimed_in_their_name(room, offered):
    amy, bob = await room.enter("amy"), await room.enter("bob", capacity=2)
    late = await room.desk.offer(offered(priority=3))
    urgent = await room.desk.offer(offered(priority=1))
    soon = await room.desk.offer(offered(priority=3, due_in_hours=1))
    elsewhere = await room.desk.offer(offered(place=("l1", "back")))
    assert await room.pusher.push() == 3
    assert await room.holders() == {urgent: "amy", soon: "bob", late: "amy"}
    assert (await room.desk.board.read(amy, elsewhere)).stage is Stage.OFFERED
    sent = await room.desk.sent()
    assert [(one.type, one.data.assignment_id, one.data.worker, one.data.ordinal) for one in sent] == [
        ("outcome.accepted.v1", urgent, "amy", 1),
        ("outcome.accepted.v1", soon, "bob", 1),
        ("outcome.accepted.v1", late, "amy", 1),
    ]
    assert await room.pusher.push() == 0
    assert (await room.desk.board.mine(bob))[0].is_pushed


async def test_what_somebody_gave_back_goes_to_a_colleague(room, offered, assigned):
    amy = await room.enter("amy")
    first = offered()
    one = await room.desk.offer(first)
    assert await room.pusher.push() == 1
    await room.desk.receive(room.desk.work, assigned(first, "amy"))
    await room.desk.board.say(amy, one, outcomes.WorkReturned, {"reason": "not_ours"})
    await room.enter("bob")  # by login amy would be the first
    two = await room.desk.offer(offered().model_copy(update={"subject": first.subject}))
    assert await room.pusher.push() == 1
    assert (await room.holders())[two] == "bob"


async def test_the_person_is_told_and_the_mark_goes_with_the_first_word(room, offered, assigned):
    amy = await room.enter("amy")
    offer = offered()
    one = await room.desk.offer(offer)
    feed, stop = Feed(room.desk.database), asyncio.Event()
    running = asyncio.create_task(feed.run(stop))
    while not feed.listening:  # noqa: ASYNC110 - nothing tells of it
        await asyncio.sleep(0.01)
    with feed.subscribe(at_the_board(amy)) as subscription:
        await room.pusher.push()
        (change,) = await subscription.take(timeout_seconds=5)
    stop.set()
    await running
    assert (change.assignment_id, change.worker, change.pushed) == (one, "amy", True)
    await room.desk.receive(room.desk.work, assigned(offer, "amy"))
    assert (await room.desk.board.read(amy, one)).is_pushed
    said = await room.desk.board.say(amy, one, outcomes.WorkProgressed, {"note": "Looking."})
    assert not said.is_pushed


@pytest.mark.parametrize(
    ("grants", "fields", "given"),
    [
        (("agent",), {}, True),
        (("agent:l1/front",), {}, True),
        (("agent:l1",), {"state": State.BUSY}, False),
        (("agent:l1",), {"state": State.AWAY}, False),
        (("agent:l1",), {"state": None}, False),
        (("agent:l1",), {"seen": "now() - interval '4 minutes'"}, False),
        (("agent:l1",), {"seen": "now() - interval '13 hours'"}, False),
        (("agent:l2", "agent:l1/back"), {}, False),
        (("lead", "administrator"), {"state": None}, False),
        (("agent",), {"tenant": "other"}, False),
    ],
)
async def test_only_who_is_there_and_granted_the_group_is_given_work(room, offered, grants, fields, given):
    await room.enter("amy", *grants, **fields)
    await room.desk.offer(offered())
    assert await room.pusher.push() == int(given)


async def test_an_open_page_counts_and_a_session_that_ended_does_not(room, offered):
    await room.enter("amy", seen="now() - interval '10 minutes'")
    await room.desk.offer(offered())
    await room.desk.offer(offered())
    assert await room.pusher.push() == 0
    await room.sql("UPDATE desk.session SET heard_at = now() - interval '1 minute'")
    assert await room.pusher.push() == 2
    await room.desk.offer(offered())
    await room.sql("UPDATE desk.session SET expires_at = now()")
    assert await room.pusher.push() == 0


async def test_skills_are_needed_and_what_nobody_can_do_waits_without_holding_up_the_rest(room, offered, monkeypatch):
    monkeypatch.setattr("tierdesk_desk.pushing.MOST_AT_ONCE", 2)
    await room.enter("amy")
    for _ in range(6):
        await room.desk.offer(offered(place=NETWORKS, category="network", priority=1))
    plain = await room.desk.offer(offered(priority=5))
    assert await room.pusher.push() == 1
    assert await room.holders() == {plain: "amy"}
    await room.enter("rae", skills=["wireless", "vpn"], capacity=3)
    assert [await room.pusher.push() for _ in range(3)] == [2, 1, 0]
    assert Counter((await room.holders()).values()) == {"amy": 1, "rae": 3}


async def test_who_is_on_the_rota_is_given_work_in_shifts_alone_and_of_their_groups(room, offered):
    lead = await room.enter("lea", "lead", state=None)
    await room.enter("amy", skills=["wireless"])
    now = room.desk.clock.now()
    hour = timedelta(hours=1)
    await room.staff.add_shift(lead, "amy", NETWORKS, now + hour, now + 9 * hour)
    front = await room.desk.offer(offered())
    network = await room.desk.offer(offered(place=NETWORKS, category="network"))
    assert await room.pusher.push() == 0
    room.desk.clock.advance_to(room.desk.clock.now() + hour)
    assert await room.pusher.push() == 1
    assert await room.holders() == {network: "amy"}
    await room.staff.add_shift(lead, "amy", ("l1", "front"), now + hour, now + 2 * hour)  # two tiers in one shift
    assert await room.pusher.push() == 1
    assert await room.holders() == {network: "amy", front: "amy"}
    room.desk.clock.advance_to(room.desk.clock.now() + hour)
    await room.desk.offer(offered())
    assert await room.pusher.push() == 0
    room.desk.clock.advance_to(room.desk.clock.now() + timedelta(days=8))  # on no rota any more
    assert await room.pusher.push() == 1


async def test_two_replicas_and_people_who_claim_at_once_give_nothing_twice_and_nobody_too_much(room, offered):
    """A ledger: each work has one owner, who accepted it once; nobody ever had more than they can hold."""
    people = [await room.enter(f"agent-{number}", capacity=3) for number in range(4)]
    offers = [await room.desk.offer(offered(priority=1 + number % 5)) for number in range(18)]
    stop = asyncio.Event()

    async def replica(pusher):
        while not stop.is_set():
            await pusher.push()

    async def claim():
        for number, one in enumerate(offers):
            await asyncio.gather(room.desk.board.claim(people[number % 4], one), return_exceptions=True)

    pushing = [asyncio.create_task(replica(pusher)) for pusher in (room.pusher, room.other)]
    await claim()
    while len(await room.holders()) < 12:  # noqa: ASYNC110 - nothing tells of it
        await asyncio.sleep(0.01)
    stop.set()
    await asyncio.gather(*pushing)
    holders = await room.holders()
    assert Counter(holders.values()) == {person.name: 3 for person in people}
    accepted = [(one.data.assignment_id, one.data.worker) for one in await room.desk.sent()]
    assert sorted(accepted) == sorted(holders.items())
    counts = await room.desk.board.counts(people[0])
    assert counts["l1", "front"] == {Stage.OFFERED: 6, Stage.CLAIMING: 12}


async def test_what_one_who_dies_has_begun_is_undone_and_the_other_does_it(room, offered, monkeypatch):
    await room.enter("amy")
    ones = [await room.desk.offer(offered()) for _ in range(3)]

    async def die(*_):
        raise ConnectionResetError("killed")

    with monkeypatch.context() as patch:
        patch.setattr("tierdesk_desk.pushing.save_works", die)
        with pytest.raises(ConnectionResetError):
            await room.pusher.push()
    assert await room.holders() == {}
    assert await room.desk.sent() == []
    assert await room.other.push() == 3
    assert set(await room.holders()) == set(ones)


async def test_who_lost_the_grant_in_that_moment_is_given_nothing(room, offered, monkeypatch):
    amy = await room.enter("amy")
    await room.desk.offer(offered())
    from tierdesk_desk import pushing

    hold = pushing.hold_candidates

    async def meanwhile(*arguments):
        await room.accounts.change("main", amy.account_id, Changes(disabled=True), by="desk")
        await hold(*arguments)

    monkeypatch.setattr(pushing, "hold_candidates", meanwhile)
    assert await room.pusher.push() == 0
    assert await room.holders() == {}


async def test_a_pass_is_woken_by_what_changes(room, offered, about, monkeypatch):
    monkeypatch.setattr("tierdesk_desk.pushing.SWEEP_SECONDS", 60.0)  # so that it does not look by itself
    feed, stop = Feed(room.desk.database), asyncio.Event()
    feed.watch(room.pusher.hear)
    running = [asyncio.create_task(feed.run(stop)), asyncio.create_task(room.pusher.run(stop))]
    while not feed.listening:  # noqa: ASYNC110 - nothing tells of it
        await asyncio.sleep(0.01)
    loop = asyncio.get_running_loop()

    async def held(number):
        began_at = loop.time()
        while len(await room.holders()) != number:
            assert loop.time() - began_at < 10
            await asyncio.sleep(0.01)

    amy = await room.enter("amy", capacity=1)
    offer = offered()
    first = await room.desk.offer(offer)
    await held(1)
    second = await room.desk.offer(offered())
    await room.desk.receive(room.desk.work, about(offer, WorkWithdrawn, reason="cancelled"))  # there is room again
    await held(2)
    await room.staff.say(amy, State.BUSY)
    await room.desk.board.say(amy, second, outcomes.WorkResolved, {"how": "Done."})
    await room.desk.offer(offered())
    await asyncio.sleep(0.2)
    assert set(await room.holders()) == {first, second}
    await room.staff.say(amy, State.AVAILABLE)
    await held(3)
    stop.set()
    await asyncio.gather(*running)
