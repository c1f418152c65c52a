"""A vendor can harm only its own copy of the work: each thing that a hostile one may do, on a real broker.

While each goes on, tickets in house and of an honest vendor are opened, and must be resolved as always.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import aiormq
import httpx2
import pytest
from pamqp.commands import Basic

from bus.operators import api_options
from e2e.vendor_desk import HOLD, VendorDesk, VendorLink, linked, run_vendor_desk, wait_until
from e2e.whole_desk import OTHER, OWN
from servers.postgres import DatabaseServer
from servers.rabbitmq import Broker
from tierdesk_contracts import outcome as outcomes
from tierdesk_contracts.names import VENDOR_OFFERS
from tierdesk_router.store.refusals import KEPT_PER_HOUR
from tierdesk_store.parking import MOST_STRANGE

FLOOD = 10_000
BYSTANDERS = 3
"""Tickets in house, and as many of the honest vendor, opened while a vendor misbehaves."""
SCENARIOS = (
    "takes offers and crashes", "never acknowledges", "purges its queue", "answers twice", "answers for another's ticket",
    "answers a withdrawn offer", "floods", "reaches elsewhere", "accepts and falls silent", "claims to be another",
)  # fmt: skip
RESULTS: dict[str, str] = {}
AFTER_LOSS = ["offered", "withdrawn", "offered", "withdrawn", "offered", "accepted", "resolved"]
"""Twice to the vendor, then to the fallback group, which solves it."""


@pytest.fixture(scope="module")
def desk(
    database_server: DatabaseServer, broker: Broker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[VendorDesk]:
    with run_vendor_desk(database_server, broker, tmp_path_factory.mktemp("desk")) as desk:
        yield desk


@asynccontextmanager
async def bystanders(desk: VendorDesk, scenario: str) -> AsyncIterator[SimpleNamespace]:
    """Open the tickets of others, let the vendor do its worst, and see that the others are resolved by their own people."""
    result = SimpleNamespace(told="", took=0.0)
    begun = time.monotonic()
    others = {
        await asyncio.to_thread(desk.report, category): group
        for category, group in (("in-house", "front"), ("honest", "honest"))
        for _ in range(BYSTANDERS)
    }
    resolving = asyncio.create_task(asyncio.to_thread(_see_resolved, desk, others))
    yield result
    result.took = await resolving - begun
    RESULTS[scenario] = f"{result.told}; {len(others)} tickets of others resolved within {result.took:.1f} s"


def _see_resolved(desk: VendorDesk, others: dict[UUID, str]) -> float:
    for ticket, group in others.items():
        desk.wait_for(ticket, "resolved")
        story = desk.story(ticket)
        assert story["ticket"]["group"] == group, story
        assert [event["kind"] for event in story["log"]] == ["opened", "triaged", "offered", "accepted", "resolved"]
    return time.monotonic()


async def lose(
    desk: VendorDesk, scenario: str, misbehave: Callable[[VendorLink, UUID], Coroutine[Any, Any, None]]
) -> None:
    """The vendor loses what it was offered; the ticket is offered again, and ends at the fallback group."""
    async with bystanders(desk, scenario) as result, linked(desk, "rogue") as link:
        ticket = desk.report("rogue")
        await misbehave(link, ticket)
        await asyncio.to_thread(desk.wait_for, ticket, "resolved")
        log = desk.story(ticket)["log"]
        assert [event["kind"] for event in log[2:]] == AFTER_LOSS
        offers = [event for event in log if event["kind"] == "offered"]
        assert [(offer["group"], offer["reason"]) for offer in offers] == [
            ("rogue", "triage"), ("rogue", "not_accepted"), ("duty", "not_accepted"),
        ]  # fmt: skip
        result.told = "offered to it twice, then solved by the fallback group"


async def test_work_that_a_vendor_took_and_lost_by_a_crash_is_offered_again_and_ends_at_the_fallback_group(desk):
    async def crash(link, ticket):
        await link.read(no_ack=True)
        await link.next("offered", ticket)
        link.crash()

    await lose(desk, "takes offers and crashes", crash)


async def test_work_that_a_vendor_never_acknowledges_is_offered_again_and_ends_at_the_fallback_group(desk):
    async def hold(link, ticket):
        await link.read()
        await link.next("offered", ticket)
        await link.next("withdrawn", ticket)

    await lose(desk, "never acknowledges", hold)


async def test_work_that_a_vendor_purges_is_offered_again_and_ends_at_the_fallback_group(desk):
    async def purge(link, ticket):
        purged = 0
        while not purged:
            purged = (await link.channel.queue_purge("work")).message_count
        await asyncio.to_thread(wait_until, lambda: desk.kinds(ticket).count("offered") >= 2, "it is offered again")
        await link.channel.queue_purge("work")

    await lose(desk, "purges its queue", purge)


async def test_a_vendor_that_answers_twice_is_heard_once(desk):
    async with bystanders(desk, "answers twice") as result, linked(desk, "quiet") as link:
        ticket = desk.report("quiet")
        await link.read()
        offer = await link.next("offered", ticket)
        accepted = await link.say(outcomes.WorkAccepted, offer, ticket)
        await link.say(outcomes.WorkAccepted, offer, ticket, message_id=accepted)
        await link.next("assigned", ticket)
        await link.say(outcomes.WorkProgressed, offer, ticket, ordinal=2, note="once")
        twice = await link.say(outcomes.WorkProgressed, offer, ticket, ordinal=2, note="twice")
        assert (await link.next("rejected", ticket)).reason == "repeated"
        await link.say(outcomes.WorkResolved, offer, ticket, ordinal=3, how="Done.")
        again = await link.say(outcomes.WorkResolved, offer, ticket, ordinal=4, how="Done again.")
        assert (await link.next("rejected", ticket)).reason == "stale"
        assert desk.kinds(ticket)[2:] == ["offered", "accepted", "progressed", "resolved"]
        reasons = [(await asyncio.to_thread(desk.refused, one, "quiet"))["reason"] for one in (twice, again)]
        assert reasons == ["repeated", "stale"]
        result.told = "each step applied once, the repeats refused as repeated and stale"


async def test_a_vendor_that_answers_for_the_ticket_of_another_changes_nothing_and_is_on_record(desk):
    async with bystanders(desk, "answers for another's ticket") as result, linked(desk, "rogue") as link:
        theirs = desk.report("honest", f"{HOLD} this")
        ours = desk.report("journey")
        await asyncio.to_thread(desk.wait_for, theirs, "accepted")
        said = []
        for ticket in (theirs, ours):
            live = await asyncio.to_thread(desk.live, ticket)
            work = SimpleNamespace(assignment_id=live["id"], token=live["token"])
            worker = live.get("worker") or "bob"
            ordinal = 2 if "worker" in live else 1
            said.append(
                (
                    await link.say(outcomes.WorkResolved, work, ticket, worker=worker, ordinal=ordinal, how="Mine."),
                    ticket,
                )
            )
        for outcome_id, ticket in said:
            row = await asyncio.to_thread(desk.refused, outcome_id, "rogue")
            assert (row["reason"], row["ticket_id"]) == ("foreign", str(ticket))
            assert row["namespace"] == f"v-{OWN}.rogue"
        assert "resolved" not in desk.kinds(theirs) + desk.kinds(ours)
        desk.release()
        solved = await asyncio.to_thread(desk.wait_for, theirs, "resolved")
        assert (solved["how"], solved["actor"]["id"]) == ("Done.", "hanna")
        result.told = "refused as foreign and recorded; both tickets untouched, the other vendor solved its own"


async def test_a_vendor_that_answers_a_withdrawn_offer_is_told_that_it_is_stale(desk):
    async def come_late(link, ticket):
        await link.read()
        offer = await link.next("offered", ticket)
        await link.next("withdrawn", ticket)
        late = await link.say(outcomes.WorkResolved, offer, ticket, how="Late.")
        assert (await link.next("rejected", ticket)).reason == "stale"
        assert (await asyncio.to_thread(desk.refused, late, "rogue"))["reason"] == "stale"

    await lose(desk, "answers a withdrawn offer", come_late)
    RESULTS["answers a withdrawn offer"] = f"refused as stale; {RESULTS['answers a withdrawn offer']}"


async def test_a_flood_of_a_vendor_keeps_nobody_from_being_served_and_writes_a_bounded_record(desk):
    tally = "SELECT sum(number) FROM router.refusal_tally WHERE namespace = $1"
    parked = "SELECT count(*) FROM router.parked WHERE namespace = $1"
    rows = "SELECT count(*) FROM router.refused_outcome WHERE namespace = $1 AND reason = 'foreign'"
    answers = "SELECT count(*) FROM router.outbox WHERE namespace = $1 AND type = 'work.rejected.v1'"
    home = f"v-{OWN}.rogue"
    before = await asyncio.to_thread(desk.count, tally, home)
    async with linked(desk, "rogue") as link:
        flood = asyncio.create_task(_flood(link))
        worst, taken = 0.0, Counter[str]()
        while not taken:  # others come all the while
            async with bystanders(desk, "floods") as result:
                pass
            worst = max(worst, result.took)
            taken = flood.result() if flood.done() else taken
        assert taken["garbage"] > FLOOD // 4
        assert taken["foreign"] > FLOOD // 4
        for what, expected in ((tally, before + taken["foreign"]), (parked, MOST_STRANGE)):
            await asyncio.to_thread(wait_until, lambda w=what, e=expected: desk.count(w, home) == e, "all is handled")
        recorded, answered = [await asyncio.to_thread(desk.count, what, home) for what in (rows, answers)]
        assert KEPT_PER_HOUR <= recorded <= KEPT_PER_HOUR * 2  # an hour may end meanwhile
        assert answered <= KEPT_PER_HOUR * 2 + len(SCENARIOS)
        assert await asyncio.to_thread(desk.count, parked, home) == MOST_STRANGE
    refused = f"{taken['foreign']} refused ({recorded} recorded)"
    told = f"of {FLOOD} messages {refused}, {taken['garbage']} that are none, of which {MOST_STRANGE} kept"
    RESULTS["floods"] = f"{told}; tickets of others, opened all the while, resolved within {worst:.1f} s"


async def _flood(link: VendorLink) -> Counter[str]:
    """Half garbage, half outcomes of assignments that it makes up; answers how many of either the broker has taken."""
    taken: Counter[str] = Counter()

    async def send(number: int) -> None:
        if number % 2:
            confirmed = await link.publish(f"garbage {number}".encode())
            taken["garbage"] += confirmed
            return
        made_up = {
            "specversion": "1.0", "id": str(uuid4()), "source": "/flood", "type": "outcome.resolved.v1",
            "subject": str(uuid4()), "time": "2026-03-02T09:00:00Z", "datacontenttype": "application/json", "tenant": OWN,
            "data": {"assignment_id": str(uuid4()), "token": 1, "worker": "rob", "ordinal": 1, "how": "x"},
        }  # fmt: skip
        confirmed = await link.publish(json.dumps(made_up).encode())
        taken["foreign"] += confirmed

    for start in range(0, FLOOD, 500):
        await asyncio.gather(*(send(number) for number in range(start, start + 500)))
    return taken


FORBIDDEN: dict[str, Callable[[Any], Any]] = {
    "declare a queue": lambda channel: channel.queue_declare("mine"),
    "declare a queue of its own connection": lambda channel: channel.queue_declare("", exclusive=True),
    "declare an exchange": lambda channel: channel.exchange_declare("mine"),
    "bind its queue to what it says": lambda channel: channel.queue_bind("work", "inbound"),
    "bind the desk's queue to its offers": lambda channel: channel.queue_bind("inbound", VENDOR_OFFERS),
    "bind what it says to its offers": lambda channel: channel.exchange_bind("inbound", VENDOR_OFFERS),
    "bind its offers to what it says": lambda channel: channel.exchange_bind(VENDOR_OFFERS, "inbound"),
    "undo the desk's binding": lambda channel: channel.queue_unbind("work", VENDOR_OFFERS),
    "read what it has said": lambda channel: channel.basic_consume("inbound", lambda _message: asyncio.sleep(0)),
    "get what it has said": lambda channel: channel.basic_get("inbound"),
    "purge what it has said": lambda channel: channel.queue_purge("inbound"),
    "delete its queue": lambda channel: channel.queue_delete("work"),
    "delete an exchange": lambda channel: channel.exchange_delete("inbound"),
    "publish work to itself": lambda channel: _publish(channel, VENDOR_OFFERS, "work"),
    "publish to any queue": lambda channel: _publish(channel, "", "inbound"),
    "publish to a standard exchange": lambda channel: _publish(channel, "amq.topic", "x"),
}


async def _refusal_of(attempt: Any) -> type[BaseException] | None:
    """What the broker says to it; None when it lets it happen."""
    try:
        await attempt
    except aiormq.AMQPError as error:
        return type(error)
    return None


async def _publish(channel: Any, exchange: str, key: str) -> None:
    answer = await channel.basic_publish(b"x", exchange=exchange, routing_key=key, mandatory=True)
    assert not isinstance(answer, Basic.Ack)


async def test_a_vendor_can_neither_declare_nor_bind_nor_read_nor_publish_elsewhere(desk):
    async with bystanders(desk, "reaches elsewhere") as result, linked(desk, "rogue") as link:
        vhost = desk.vhost_of("rogue").replace("/", "%2F")
        before = {what: desk.api.get(f"{what}/{vhost}").json() for what in ("exchanges", "bindings")}
        for what, attempt in FORBIDDEN.items():
            channel = await link.connection.channel()
            assert await _refusal_of(attempt(channel)) is aiormq.exceptions.ChannelAccessRefused, what
        elsewhere = [
            desk.vhost_of("honest"),
            desk.vhost_of("rogue", OTHER),
            "/",
            desk.desk.settings.bus.rpartition("/")[2],
        ]
        for other in elsewhere:
            assert await _refusal_of(VendorLink(desk.url_of("rogue", other)).__aenter__()) is not None, other
        options = api_options(desk.broker.management_url)
        with httpx2.Client(**options | {"auth": (desk.user_of("rogue"), desk.passwords["rogue"])}) as api:
            for path in ("overview", f"queues/{vhost}/work", "users", "vhosts"):
                assert api.get(path).status_code == 401, path
        for what, found in before.items():
            names = [(one.get("name"), one.get("source"), one.get("destination")) for one in found]
            now = desk.api.get(f"{what}/{vhost}").json()
            assert [(one.get("name"), one.get("source"), one.get("destination")) for one in now] == names
        queues = {queue["name"] for queue in desk.api.get(f"queues/{vhost}").json()}
        assert queues == {"work", "inbound"}
        refused = len(FORBIDDEN) + len(elsewhere) + 4
        result.told = f"{refused} of {refused} attempts refused by the broker"


async def test_work_that_a_vendor_accepts_and_forgets_stays_seen_and_can_be_taken_from_it(desk):
    async with bystanders(desk, "accepts and falls silent") as result, linked(desk, "quiet") as link:
        ticket = desk.report("quiet")
        await link.read()
        offer = await link.next("offered", ticket)
        await link.say(outcomes.WorkAccepted, offer, ticket)
        await link.next("assigned", ticket)
        card = desk.client.get("/v1/vendors/quiet/scorecard").json()
        (held,) = [one for one in card["open"] if one["ticket_id"] == str(ticket)]
        assert held["accepted_at"] is not None
        assert held["worker"] == "rob"
        gone = desk.client.post("/v1/events", json={"type": "cancelled", "ticket": str(ticket), "reason": "Too long."})
        assert gone.status_code == 202
        assert (await link.next("withdrawn", ticket)).reason == "cancelled"
        late = await link.say(outcomes.WorkResolved, offer, ticket, ordinal=2, how="After all.")
        assert (await asyncio.to_thread(desk.refused, late, "quiet"))["reason"] == "stale"
        assert desk.story(ticket)["ticket"]["status"] == "cancelled"
        result.told = "its age stands in the scorecard; its requester took it back, and the late answer was stale"


async def test_what_a_vendor_claims_of_tenant_and_source_counts_for_nothing(desk):
    async with bystanders(desk, "claims to be another") as result, linked(desk, "quiet") as link:
        with desk.desk.client(OTHER) as client:
            event = {"type": "problem_reported", "requester": {"party": "ann"}, "category": "quiet", "title": "Broken"}
            theirs = UUID(client.post("/v1/events", json=event).json()["ticket"])
            live = await asyncio.to_thread(
                wait_until,
                lambda: client.get(f"/v1/tickets/{theirs}").json().get("ticket", {}).get("assignment"),
                "the other tenant's ticket is offered",
            )
        ticket = desk.report("quiet")
        await link.read()
        offer = await link.next("offered", ticket)
        claims = {"tenant": OTHER, "source": "/tierdesk/router"}
        work = SimpleNamespace(assignment_id=live["id"], token=live["token"])
        forged = await link.say(outcomes.WorkResolved, work, theirs, how="Theirs.", **claims)
        early = await link.say(outcomes.WorkProgressed, offer, theirs, ordinal=7, note="early", **claims)
        row = await asyncio.to_thread(desk.refused, forged, "quiet")
        assert (row["reason"], row["ticket_id"]) == ("foreign", None)
        await asyncio.to_thread(
            wait_until,
            lambda: desk.count("SELECT count(*) FROM router.waiting WHERE message_id = $1", str(early)),
            "it waits",
        )
        await link.say(outcomes.WorkResolved, offer, ticket, how="Mine.", **claims)
        solved = await asyncio.to_thread(desk.wait_for, ticket, "resolved")
        assert (solved["how"], solved["actor"]["kind"]) == ("Mine.", "vendor")
        for table in ("waiting", "parked", "refused_outcome"):
            number = f"SELECT count(*) FROM router.{table} WHERE tenant = $1"
            assert await asyncio.to_thread(desk.count, number, OTHER) == 0, table
        with desk.desk.client(OTHER) as client:
            log = client.get(f"/v1/tickets/{theirs}").json()["log"]
        assert [event["kind"] for event in log] == ["opened", "triaged", "offered"]
        result.told = "taken for what its namespace says; nothing of the other tenant changed"


def test_the_table_of_hostile_vendors_is_complete(record_property):
    """Prints it."""
    width = max(map(len, SCENARIOS))
    record_property("told", "\n" + "\n".join(f"  {what:{width}}  {RESULTS.get(what, 'NOT RUN')}" for what in SCENARIOS))
    assert set(RESULTS) == set(SCENARIOS)
