"""Nothing internal reaches a vendor: every byte of its virtual host and its webhooks is searched for marks that stand in all internal fields.

A tap reads all that the desk ever publishes there: bodies, headers and properties.
"""

from __future__ import annotations

import asyncio
import itertools
import secrets
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Self
from uuid import UUID, uuid4

import aiormq
import pytest

from e2e.vendor_desk import POLICY, VendorDesk, VendorLink, WebhookLink, linked, publish, run_vendor_desk, wait_until
from e2e.whole_desk import OWN
from servers.postgres import DatabaseServer
from servers.rabbitmq import Broker
from servers.webhooks import Receiver
from tierdesk_contracts import notice, parse, seal
from tierdesk_contracts import outcome as outcomes
from tierdesk_contracts.names import EVENTS, VENDOR_OFFERS, event_key
from tierdesk_router.domain.vendor_view import pseudonym

_RUN = secrets.token_hex(4)
INTERNAL: dict[str, str] = {}
"""Where a mark stands, by the mark."""
TOLD: dict[str, str] = {}
"""The same for what a vendor may know."""
NAMES_OF_THE_DESK = sorted(
    {one["id"] for part in ("tiers", "groups", "categories") for one in POLICY[part]} - {"quiet", "journey"}
)
"""What no refusal tells: where else work could go."""
_numbers = itertools.count()


def mark(where: str) -> str:
    """A word that stands nowhere else, for an internal field."""
    word = f"canary{_RUN}{next(_numbers):03d}x"
    INTERNAL[word] = where
    return word


def told(where: str) -> str:
    """A word that stands nowhere else, for a field that a vendor is to see."""
    word = f"herald{_RUN}{next(_numbers):03d}x"
    TOLD[word] = where
    return word


@pytest.fixture(scope="module")
def desk(
    database_server: DatabaseServer, broker: Broker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[VendorDesk]:
    services, folder = ("intake", "router", "bridge"), tmp_path_factory.mktemp("desk")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TIERDESK_BRIDGE_PRIVATE_NETWORKS", "127.0.0.0/8")
        with run_vendor_desk(database_server, broker, folder, services=services) as desk:
            yield desk


class Tap:
    """A second queue on the exchange that the desk publishes to."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.bodies: list[bytes] = []
        self.around: list[bytes] = []

    async def __aenter__(self) -> Self:
        self._connection = await aiormq.connect(self._url)
        self._channel = await self._connection.channel()
        await self._channel.queue_declare("tap", durable=True, arguments={"x-queue-type": "quorum"})
        await self._channel.queue_bind("tap", VENDOR_OFFERS)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._connection.close()

    async def drain(self) -> bytes:
        """Every byte that has come so far."""
        while (message := await self._channel.basic_get("tap", no_ack=True)).delivery.name == "Basic.GetOk":
            assert message.body is not None
            self.bodies.append(message.body)
            properties = message.header.properties
            delivery = message.delivery
            around = [repr(getattr(properties, name)) for name in properties.attributes()]
            self.around.append(" ".join([*around, delivery.exchange, delivery.routing_key]).encode())
        return b"\n".join([*self.bodies, *self.around])


def report(desk: VendorDesk) -> UUID:
    """A problem with a mark in every field that a reporter can fill and a vendor may not see."""
    party = {
        "party": mark("requester.party"),
        "name": f"Ann {mark('requester.name')}",
        "email": f"{mark('requester.email')}@example.org",
        "phone": f"+44 20 {mark('requester.phone')}",
    }
    return desk.report(
        "journey",
        f"{told('title')} of {party['name']}",
        requester=party,
        text=f"{told('text')}. Mail {party['email']}, ring {party['phone']}, ask for {party['name']} or {party['party']}.",
        location=mark("location"),
        contact=mark("contact"),
        affected=mark("affected"),
        asset=told("asset"),
        steps_tried=[
            {
                "step": told("step"),
                "result": f"{told('result')} {party['email']}",
                "article_id": mark("step.article_id"),
            }
        ],
    )


def hand_on(desk: VendorDesk, ticket: UUID, group: str, *, to_tier: str, to_group: str) -> None:
    """A group in house works on it, writes marks wherever it can, and escalates it."""
    wait_until(lambda: desk.live(ticket)["group"] == group, f"it is offered to {group}")
    worker = mark(f"{group}: worker")
    said = {"worker": worker}
    desk.say_in_house(outcomes.WorkAccepted, ticket, **said)
    note = mark(f"{group}: internal note")
    desk.say_in_house(
        outcomes.WorkProgressed, ticket, ordinal=2, note=note, answer=mark(f"{group}: answer to the requester"), **said
    )
    desk.say_in_house(outcomes.WorkPaused, ticket, ordinal=3, party="change", note=mark(f"{group}: why paused"), **said)
    desk.say_in_house(outcomes.WorkResumed, ticket, ordinal=4, note=mark(f"{group}: why resumed"), **said)
    desk.say_in_house(
        outcomes.WorkEscalated, ticket, ordinal=5, reason="needs_vendor", findings=mark(f"{group}: findings"),
        to_tier=to_tier, to_group=to_group, steps_tried=[{"step": told(f"{group}: step"), "result": told(f"{group}: result")}],
        **said,
    )  # fmt: skip
    wait_until(lambda: desk.live(ticket)["group"] == to_group, f"it is offered to {to_group}")


def match_article(desk: VendorDesk, ticket: UUID) -> None:
    """The knowledge base knows an article."""
    matched = notice.KnowledgeMatched(
        article_id=mark("article"), title=mark("article's title"), score=0.4, documented=False
    )
    envelope = seal(
        matched, message_id=uuid4(), source="/tierdesk/kb", subject=str(ticket), time=datetime.now(UTC), tenant=OWN
    )
    asyncio.run(publish(desk.desk.settings.bus, EVENTS, event_key(OWN, envelope.type), envelope.to_bytes()))
    desk.wait_for(ticket, "matched")


def reply(desk: VendorDesk, ticket: UUID, text: str) -> None:
    """The requester says something, and sends a file with it."""
    before = desk.kinds(ticket).count("replied")
    named = {"ticket": str(ticket), "name": f"{mark('a name of a file')}.txt"}
    file = desk.client.post("/v1/events/attachments", params=named, content=b"Red.").json()
    INTERNAL[file["id"]] = "a file"
    event = {"type": "requester_replied", "ticket": str(ticket), "text": text, "attachments": [file["id"]]}
    answer = desk.client.post("/v1/events", json=event)
    assert answer.status_code == 202, answer.text
    wait_until(lambda: desk.kinds(ticket).count("replied") > before, "the reply is noted")


async def walk(desk: VendorDesk, link: VendorLink | WebhookLink) -> UUID:
    """Up from L1 to the vendor, back to L3, and to the vendor again; with another ticket beside it.

    A vendor is told the reference, title, text, category, priority and asset, the steps tried with their results (they
    travel with every offer, so that nobody is told twice), what the requester says while the vendor has the ticket, and a
    pseudonym in place of whatever names or reaches the requester.
    """
    in_thread = asyncio.to_thread
    TOLD.clear()
    other = await in_thread(report, desk)
    await in_thread(desk.live, other)
    for word in list(TOLD):
        INTERNAL[word] = f"another ticket: {TOLD.pop(word)}"
    ticket = await in_thread(report, desk)
    await in_thread(desk.live, ticket)
    await in_thread(reply, desk, ticket, mark("a reply before the vendor had it"))
    await in_thread(match_article, desk, ticket)
    await in_thread(hand_on, desk, ticket, "first", to_tier="l2", to_group="second")
    await in_thread(hand_on, desk, ticket, "second", to_tier="l3", to_group="third")
    await in_thread(hand_on, desk, ticket, "third", to_tier="l4", to_group="quiet")
    offer = await link.next("offered", ticket)
    await link.say(outcomes.WorkAccepted, offer, ticket)
    await link.next("assigned", ticket)
    await in_thread(match_article, desk, ticket)
    email = next(f"{word}@example.org" for word, where in reversed(INTERNAL.items()) if where == "requester.email")
    await in_thread(reply, desk, ticket, f"{told('reply')}; write to {email}")
    await link.next("updated", ticket)
    await link.say(outcomes.WorkProgressed, offer, ticket, ordinal=2, note="Not the drum.")
    await link.say(outcomes.WorkReturned, offer, ticket, ordinal=3, reason="not_ours", findings="Not ours.")
    await in_thread(hand_on, desk, ticket, "third", to_tier="l4", to_group="quiet")
    again = await link.next("offered", ticket)
    await link.say(outcomes.WorkTransferred, again, ticket, to_group="second")
    await link.next("rejected", ticket)
    await link.say(outcomes.WorkEscalated, again, ticket, ordinal=2, reason="beyond_scope", to_tier="l9")
    await link.next("rejected", ticket)
    await link.say(outcomes.WorkResolved, again, ticket, ordinal=3, how="Fuser replaced.")
    await in_thread(desk.wait_for, ticket, "resolved")
    return ticket


def check(desk: VendorDesk, ticket: UUID, seen: bytes, bodies: list[bytes]) -> None:
    """Of all that the vendor got, nothing holds a mark that it must not see, and it got all that it shall see."""
    leaked = {word: where for word, where in INTERNAL.items() if word.encode() in seen}
    assert leaked == {}
    assert {word: where for word, where in TOLD.items() if word.encode() not in seen} == {}
    messages = [parse(body) for body in bodies]
    about = [message for message in messages if message.subject == str(ticket)]
    kinds = {"work.offered.v1", "work.assigned.v1", "work.updated.v1", "work.rejected.v1"}
    assert kinds <= {message.type for message in about}
    cases = [message.data.case for message in about if message.type == "work.offered.v1"]
    story = desk.story(ticket)["ticket"]
    assert {case.reference for case in cases} == {story["reference"]}
    assert {case.requester for case in cases} == {pseudonym(OWN, "quiet", UUID(story["requester_id"]))}
    assert story["requester_id"].encode() not in seen
    assert {(case.category, case.priority) for case in cases} == {("journey", story["priority"])}
    refusals = " ".join(message.data.detail for message in messages if message.type == "work.rejected.v1")
    assert refusals
    assert [name for name in NAMES_OF_THE_DESK if name in refusals] == []


async def test_no_mark_in_any_internal_field_reaches_a_byte_of_a_vendors_virtual_host(desk, record_property):
    async with Tap(desk.admin_url("quiet")) as tap, linked(desk, "quiet") as link:
        await link.read()
        ticket = await walk(desk, link)
        seen = await tap.drain()
    check(desk, ticket, seen, tap.bodies)
    said = f"{len(INTERNAL)} marks, none in {len(seen)} bytes of {len(tap.bodies)} messages to the vendor"
    record_property("told", said)


async def test_no_mark_in_any_internal_field_reaches_a_byte_of_a_vendors_webhook(desk, record_property):
    """The same, when the vendor speaks HTTP alone: heads and bodies of all requests are searched."""
    with Receiver() as receiver:
        ticket = await walk(desk, WebhookLink(desk.desk, "quiet", receiver))
        hooks = list(receiver.hooks)
    seen = b"\n".join(hook.raw for hook in hooks)
    check(desk, ticket, seen, [hook.body for hook in hooks])
    said = f"{len(INTERNAL)} marks, none in {len(seen)} bytes of {len(hooks)} requests to the vendor"
    record_property("told", said)


def test_the_marks_stand_where_people_in_house_see_them(desk):
    """The control: a desk that loses every field would keep them from the vendor, too."""
    kept = str(desk.desk.rows_of(OWN))
    assert [where for word, where in INTERNAL.items() if word not in kept] == []
