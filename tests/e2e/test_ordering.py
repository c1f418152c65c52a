"""From the catalogue to a ticket and back: a service is ordered, fulfilled by its tier, and the order tells of it."""

from __future__ import annotations

import asyncio
import json

import pytest

from e2e.whole_desk import OWN, WholeDesk, wait_until
from tierdesk_bus import connect
from tierdesk_tier import Job, TierConsumer

POLICY = {
    "name": "Orders",
    "tiers": [{"id": "l1"}, {"id": "l2"}],
    "groups": [{"id": "front", "tier": "l1"}, {"id": "hardware", "tier": "l2"}],
    "edges": [["l1", "l2"]],
    "categories": [
        {"id": "other", "tier": "l1", "group": "front"},
        {"id": "new-hardware", "tier": "l2", "group": "hardware"},
    ],
    "default_category": "other",
}
LAPTOP = {
    "name": "Laptop for a new colleague",
    "form": {
        "type": "object",
        "required": ["size"],
        "properties": {"size": {"title": "Screen", "enum": ["13", "15"]}, "location": {"type": "string"}},
    },
    "category": "new-hardware",
    "steps": ["Order it", "Install it"],
}
ORDER = {"requester": {"party": "ann", "name": "Ann"}, "answers": {"size": "13", "location": "Room 4"}}


@pytest.fixture
def desk(whole_desk: WholeDesk) -> WholeDesk:
    with whole_desk.client(OWN) as client:
        assert client.put("/v1/policy", content=json.dumps(POLICY)).status_code == 200
        written = client.put("/v1/catalogue/laptop", json=LAPTOP)
        assert written.status_code in {200, 201}, written.text
    return whole_desk


async def fulfil(desk: WholeDesk, ticket: str) -> Job:
    """Work the group until this ticket is resolved; answer its job."""
    done: asyncio.Future[Job] = asyncio.get_running_loop().create_future()

    async def work(job: Job) -> None:
        await job.resolve("Handed over.")
        if job.ticket == ticket:
            done.set_result(job)

    bus = await connect(desk.settings.bus, name="hardware")
    stop = asyncio.Event()
    consumer = TierConsumer.in_house(bus, tenant=OWN, tier="l2", group="hardware", worker="hal", work=work)
    running = asyncio.create_task(consumer.run(stop))
    try:
        async with asyncio.timeout(20):
            return await done
    finally:
        stop.set()
        await running
        await bus.close()


def test_an_order_is_fulfilled_as_a_ticket_and_tells_of_it(desk):
    with desk.client(OWN) as client:
        accepted = client.post("/v1/catalogue/laptop/orders", json=ORDER, headers={"Idempotency-Key": "one"})
        assert accepted.status_code == 202, accepted.text
        path = accepted.headers["location"]
        ticket = wait_until(lambda: client.get(path).json()["ticket"], "the order has its ticket")
        story = client.get(f"/v1/tickets/{ticket['reference']}").json()["ticket"]
        assert (story["id"], story["title"], story["category"]) == (ticket["id"], LAPTOP["name"], "new-hardware")
        assert (story["tier"], story["group"], story["location"]) == ("l2", "hardware", "Room 4")
        assert story["text"].startswith("To be done:\n1. Order it\n2. Install it\n\nOrdered with:\nScreen: 13")
        reply = {"type": "requester_replied", "ticket": ticket["id"], "text": "When does it come?"}
        assert client.post("/v1/events", json=reply).status_code == 202
        wait_until(lambda: "When does it come?" in client.get(f"/v1/tickets/{ticket['id']}").text, "the reply is heard")
        asyncio.run(fulfil(desk, ticket["id"]))
        wait_until(lambda: client.get(path).json()["status"] == "resolved", "the order is fulfilled")
        again = client.post("/v1/catalogue/laptop/orders", json=ORDER, headers={"Idempotency-Key": "one"})
        assert (again.content, again.headers["idempotency-replayed"]) == (accepted.content, "true")
        assert len(client.get("/v1/tickets").json()["tickets"]) == 1


def test_a_category_that_the_policy_has_forgotten_is_triaged_as_none(desk):
    with desk.client(OWN) as client:
        without = POLICY | {"name": "Without", "categories": POLICY["categories"][:1]}
        assert client.put("/v1/policy", content=json.dumps(without)).status_code == 200
        path = client.post("/v1/catalogue/laptop/orders", json=ORDER).headers["location"]
        ticket = wait_until(lambda: client.get(path).json()["ticket"], "the order has its ticket")
        assert client.get(f"/v1/tickets/{ticket['id']}").json()["ticket"]["category"] == "other"
