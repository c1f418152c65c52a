"""Bad messages on the bus: each is parked with its reason, and the good ones behind it are applied."""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiormq
import pytest
from aiormq import spec

from e2e import endpoints
from e2e.corpus import messages
from e2e.whole_desk import OWN, WholeDesk, migrated_database, wait_until
from servers.postgres import DatabaseServer
from servers.rabbitmq import Broker
from tierdesk_contracts import outcome, seal
from tierdesk_contracts.names import EVENTS, OUTCOMES, event_key

GOLDEN = Path(__file__).parents[2] / "libs" / "contracts" / "golden"
QUEUES = {
    "router.intake": ("intake.problem_reported.v1", "requester"),
    "router.outcomes": ("outcome.accepted.v1", "assignment_id"),
    "router.events": ("knowledge.matched.v1", "article_id"),
    "sla.events": ("ticket.changed.v1", "events"),
    "kb.events": ("ticket.changed.v1", "events"),
    "intake.events": ("policy.applied.v1", "document"),
    "intake.tickets": ("ticket.added.v1", "reference"),
    "intake.orders": ("service.ordered.v1", "title"),
}
"""Each queue of the services, a type of message that is good there, and a field that it must have."""
FLOOD = 1_000
POLICY = endpoints.POLICY | {"targets": [{"kind": "resolution", "within": "4h"}]}
ARTICLE = {"title": "Unjam the zanzibar copier", "body": "Open the zanzibar lid and pull the zanzibar sheet."}


@pytest.fixture(scope="module")
def rabbit_desk(
    database_server: DatabaseServer, broker: Broker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[WholeDesk]:
    """All services on RabbitMQ."""
    with migrated_database(database_server) as database_url, broker.fresh_vhost() as amqp_url:
        desk = WholeDesk(
            tmp_path_factory.mktemp("desk"),
            database_url,
            tenants=(OWN,),
            bus_url=None,
            amqp_url=amqp_url,
            amqp_management_url=broker.management_url,
        )
        desk.start()
        try:
            with desk.client(OWN) as client:
                assert client.put("/v1/policy", content=json.dumps(POLICY)).status_code == 200
            yield desk
        finally:
            desk.stop()


def golden(message_type: str) -> messages.Document:
    """A good message of this type, of our tenant."""
    document: messages.Document = json.loads((GOLDEN / message_type / "v0.1.0.json").read_text())
    return document | {"tenant": OWN}


def publish(desk: WholeDesk, exchange: str, key: str, posted: list[tuple[bytes, dict[str, Any]]]) -> None:
    """Publish bytes as anybody could who may write: (body, properties)."""

    async def send() -> None:
        async with aiormq.connect(desk.settings.bus) as connection:
            channel = await connection.channel()
            for start in range(0, len(posted), 100):
                sent = [
                    channel.basic_publish(
                        body, exchange=exchange, routing_key=key, properties=spec.Basic.Properties(**properties)
                    )
                    for body, properties in posted[start : start + 100]
                ]
                assert all(isinstance(answer, spec.Basic.Ack) for answer in await asyncio.gather(*sent))

    asyncio.run(send())


def parked(desk: WholeDesk, queue: str) -> dict[bytes, str]:
    """The reason for each parked message of this queue, by the digest of its bytes."""
    schema = queue.partition(".")[0]
    rows = desk.query(f"SELECT sha256(body) AS digest, reason FROM {schema}.parked WHERE queue = $1", queue)
    return {row["digest"]: row["reason"] for row in rows}


def parked_count(desk: WholeDesk, queue: str) -> int:
    return desk.query(f"SELECT count(*) FROM {queue.partition('.')[0]}.parked WHERE queue = $1", queue)[0][0]


@pytest.mark.parametrize("queue", QUEUES)
def test_each_bad_message_is_parked_with_its_reason(rabbit_desk, queue):
    message_type, field = QUEUES[queue]
    corpus = messages.messages(golden(message_type), field)
    publish(rabbit_desk, "", queue, [(body, {"message_id": str(uuid4())}) for body in corpus.values()])
    expected = {hashlib.sha256(body).digest(): what for what, body in corpus.items()}
    end = time.monotonic() + 20
    while parked_count(rabbit_desk, queue) < len(corpus) and time.monotonic() < end:
        time.sleep(0.1)
    found = parked(rabbit_desk, queue)
    assert {what for digest, what in expected.items() if digest not in found} == set()
    assert [expected[digest] for digest, reason in found.items() if not reason.strip()] == []
    assert len(found) == len(corpus)


def problem(title: str) -> bytes:
    """A good message of a new problem."""
    message = golden("intake.problem_reported.v1")
    told = {"id": str(uuid4()), "subject": str(uuid4()), "sequence": f"{1:020d}"}
    data = {"title": title, "category": None, "department": None, "reference": f"TD-{uuid4().hex[:8].upper()}"}
    return json.dumps(message | told | {"data": message["data"] | data}).encode()


def opened(desk: WholeDesk) -> set[str]:
    """The titles of all tickets."""
    return {row[0] for row in desk.query("SELECT record ->> 'title' FROM router.ticket WHERE tenant = $1", OWN)}


def test_what_a_message_is_does_not_depend_on_its_properties(rabbit_desk):
    posted = [(problem(what), properties) for what, properties in messages.PROPERTIES.items()]
    publish(rabbit_desk, EVENTS, event_key(OWN, "intake.problem_reported.v1"), posted)
    wait_until(lambda: set(messages.PROPERTIES) <= opened(rabbit_desk), "all are opened")


def test_a_stranger_cannot_say_who_it_is(rabbit_desk):
    with pytest.raises(aiormq.exceptions.ChannelClosed, match="user_id"):
        publish(rabbit_desk, EVENTS, event_key(OWN, "intake.alert.v1"), [(problem("forged"), {"user_id": "router"})])


def test_a_copy_that_a_header_sends_elsewhere_is_parked_there(rabbit_desk):
    before = parked_count(rabbit_desk, "router.outcomes")
    sent = [(problem("a copy"), {"headers": {"CC": ["router.outcomes"], "BCC": ["no.such.queue"]}})]
    publish(rabbit_desk, "", "router.intake", sent)
    wait_until(lambda: "a copy" in opened(rabbit_desk), "the message itself is applied")
    wait_until(lambda: parked_count(rabbit_desk, "router.outcomes") == before + 1, "its copy is parked")


def test_a_flood_and_a_giant_are_parked_and_the_good_one_behind_them_is_applied(rabbit_desk):
    before = parked_count(rabbit_desk, "router.intake")
    flood = [(str(number).encode(), {}) for number in range(FLOOD)]
    publish(rabbit_desk, "", "router.intake", [*flood, (messages.SIXTEEN_MEGABYTES, {}), (problem("behind them"), {})])
    wait_until(lambda: "behind them" in opened(rabbit_desk), "the good one is applied")
    assert parked_count(rabbit_desk, "router.intake") == before + FLOOD + 1


def test_after_all_that_a_ticket_goes_its_way_through_every_service(rabbit_desk):
    """Intake, triage, acceptance by a tier, clocks, a matching article; a new policy; and the desk says that it is ready."""
    with rabbit_desk.client(OWN) as client:
        article = client.post("/v1/articles", json=ARTICLE).json()["id"]
        assert client.post(f"/v1/articles/{article}/publish").status_code == 200
        wait_until(lambda: client.get("/v1/articles/search?q=zanzibar").json()["articles"], "the article is found")
        event = {"type": "problem_reported", "requester": {"party": "ann"}, "title": ARTICLE["title"]}
        ticket = client.post("/v1/events", json=event).json()["ticket"]
        path = f"/v1/tickets/{ticket}"
        wait_until(lambda: client.get(path).status_code == 200, "the ticket is opened")
        live = client.get(path).json()["ticket"]["assignment"]
        accepted = outcome.WorkAccepted(assignment_id=live["id"], token=live["token"], worker="bob", ordinal=1)
        envelope = seal(
            accepted, message_id=uuid4(), source="/test", subject=ticket, time=datetime.now(UTC), tenant=OWN
        )
        publish(rabbit_desk, OUTCOMES, event_key(OWN, envelope.type), [(envelope.to_bytes(), {})])
        wait_until(
            lambda: {"accepted", "matched"} <= {event["kind"] for event in client.get(path).json()["log"]},
            "it is accepted, and its article is known",
        )
        wait_until(lambda: client.get(f"/v1/clocks/{ticket}").status_code == 200, "its clocks run")
        changed = json.dumps(
            POLICY | {"name": "Another", "categories": [{"id": "new", "tier": "l1", "group": "front"}]}
        )
        changed = changed.replace('"default_category": "other"', '"default_category": "new"')
        assert client.put("/v1/policy", content=changed).status_code == 200
        known = event | {"category": "new"}
        wait_until(lambda: client.post("/v1/events", json=known).status_code == 202, "intake knows the new category")
        assert client.get("/readyz").status_code == 200
