"""What takes too long, on a whole desk whose clock is fast: every service a process, the router killed on the way."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx2
import pytest

from e2e.whole_desk import wait_until
from faults.nursery import Nursery
from faults.processes import SERVE, ServiceProcess, environment_of, run_command
from servers.postgres import DatabaseServer
from tierdesk_bus import Address, Message, PublishResult, connect
from tierdesk_cli.services import DEFINITIONS
from tierdesk_contracts import outcome as outcomes
from tierdesk_contracts import parse, seal
from tierdesk_contracts.names import OUTCOMES, VENDOR_INBOUND, VENDOR_WORK, event_key, vendor_namespace, work_queue
from tierdesk_contracts.work import WorkOffered
from tierdesk_runtime.clock import FastClock
from tierdesk_runtime.identifiers import Identifiers
from tierdesk_runtime.keys import KeyRing
from tierdesk_runtime.secrets import Secrets

RATE = 600.0
"""A minute of the desk is a tenth of a second here."""
SCOPES = ("events:write", "tickets:read", "tickets:write", "clocks:read")
SLOW = "30d"
POLICY: dict[str, Any] = {
    "name": "Desk that climbs",
    "tiers": [{"id": "l1"}, {"id": "l2"}, {"id": "l4"}],
    "edges": [["l1", "l2"], ["l1", "l4"], ["l4", "l1"]],
    "offer": {"accept_within": SLOW},
    "groups": [
        {"id": "front", "tier": "l1"},
        {"id": "patient", "tier": "l1"},
        {"id": "experts", "tier": "l2"},
        {"id": "printers", "tier": "l4", "vendor": "acme"},
    ],
    "vendors": [{"id": "acme", "group": "printers", "covers": ["printer"]}],
    "categories": [
        {"id": "urgent", "tier": "l1", "group": "front"},
        {"id": "printer", "tier": "l1", "group": "front"},
        {"id": "long", "tier": "l1", "group": "patient"},
        {"id": "endless", "tier": "l1", "group": "patient"},
    ],
    "targets": [
        {"kind": "first_response", "within": SLOW},
        {"kind": "resolution", "within": "30m", "categories": ["urgent", "long", "endless"]},
        {"kind": "resolution", "within": SLOW},
    ],
    "escalations": [
        {
            "id": "breach",
            "on": {"clock": ["resolution"]},
            "categories": ["urgent"],
            "steps": [
                {"notify": "team-lead"},
                {"wait": "30m"},
                {"raise_priority": 1},
                {"notify": "duty-manager"},
                {"wait": "30m"},
                {"next_tier": True},
            ],
        },
        {
            "id": "reminder",
            "on": {"clock": ["resolution"]},
            "categories": ["long"],
            "steps": [{"notify": "team-lead"}, {"wait": "10m"}, {"repeat": 20}],
        },
        {
            "id": "nagging",
            "on": {"clock": ["resolution"]},
            "categories": ["endless"],
            "steps": [{"notify": "team-lead"}, {"wait": "10m"}, {"repeat": 100}, {"wait": "30d"}, {"next_tier": True}],
        },
        {
            "id": "silent",
            "on": {"silent": "30m"},
            "vendors": ["acme"],
            "steps": [{"notify": "contact-owner"}, {"wait": "15m"}, {"repeat": 2}, {"send_back": True}],
        },
    ],
}


class Desk:
    """The services as processes, and a client of theirs."""

    def __init__(self, folder: Path, database_url: str, nursery: Nursery) -> None:
        clock, policy = folder / "clock.json", folder / "policy.json"
        FastClock.starting(datetime(2026, 3, 2, 9, tzinfo=UTC), rate=RATE).save(clock)
        policy.write_text(json.dumps(POLICY))
        self.database_url, self.nursery = database_url, nursery
        secrets = folder / "secrets.json"
        environment = environment_of(
            database_url=database_url, bus_url=database_url, secrets_file=str(secrets), clock_file=str(clock),
            policy_file=str(policy), sla_settle_seconds="0.2", log_level="warning",
        )  # fmt: skip
        run_command(["migrate"], environment, nursery)
        self.key = KeyRing(Secrets.load(secrets)).mint("lea", "main", SCOPES)
        self.http = httpx2.Client(headers={"Authorization": f"Bearer {self.key}"}, trust_env=False, timeout=20)
        self.services = {
            name: ServiceProcess(name, (*SERVE, name), environment, folder / f"{name}.log", nursery)
            for name in DEFINITIONS
        }
        self._identifiers = Identifiers()

    def report(self, category: str) -> str:
        event = {
            "type": "problem_reported",
            "requester": {"party": "ann"},
            "title": "Broken",
            "category": category,
            "contact": "extension 18",
            "affected": "Accounts",
        }
        answer = self.http.post(f"{self.services['intake'].url}/v1/events", json=event)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["ticket"])

    def story(self, ticket: str) -> dict[str, Any]:
        answer = self.http.get(f"{self.services['router'].url}/v1/tickets/{ticket}")
        return answer.json() if answer.status_code == 200 else {"ticket": {}, "log": []}

    def events(self, ticket: str, *kinds: str) -> list[dict[str, Any]]:
        return [event for event in self.story(ticket)["log"] if event["kind"] in kinds]

    def until(self, ticket: str, done: Callable[[list[str]], bool], what: str) -> list[dict[str, Any]]:
        """The log, once its kinds are as `done` wants them."""
        wait_until(lambda: done([event["kind"] for event in self.story(ticket)["log"]]), what)
        return self.story(ticket)["log"]

    def take(self, ticket: str, queue: str, namespace: str = "") -> WorkOffered:
        """The offer of this ticket, off a work queue."""

        async def take() -> WorkOffered:
            bus = await connect(self.database_url, name="worker")
            try:
                consumer = await bus.consume(queue, prefetch=1, namespace=namespace)
                async with asyncio.timeout(30):
                    while True:
                        for delivery in await consumer.receive(1, timeout_seconds=5):
                            await consumer.ack([delivery])
                            envelope = parse(delivery.body)
                            if envelope.subject == ticket and isinstance(envelope.data, WorkOffered):
                                await consumer.close()
                                return envelope.data
            finally:
                await bus.close()

        return asyncio.run(take())

    def act(
        self, kind: type[outcomes.Outcome], ticket: str, offer: WorkOffered, *, namespace: str = "", **fields: Any
    ) -> None:
        told = {"assignment_id": offer.assignment_id, "token": offer.token, "ordinal": 1} | fields
        envelope = seal(
            kind.model_validate(told), message_id=self._identifiers.new(), source="/worker", subject=str(UUID(ticket)),
            time=datetime.now(UTC), tenant="main",
        )  # fmt: skip
        exchange = VENDOR_INBOUND if namespace else OUTCOMES
        address = Address(namespace, exchange, event_key("main", envelope.type))

        async def publish() -> None:
            bus = await connect(self.database_url, name="worker")
            try:
                message = Message(str(envelope.id), envelope.type, address, envelope.to_bytes())
                assert await bus.publish([message], timeout_seconds=20) == [PublishResult.CONFIRMED]
            finally:
                await bus.close()

        asyncio.run(publish())


@pytest.fixture(scope="module")
def desk(database_server: DatabaseServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with database_server.fresh_database() as url, Nursery(environment_of()) as nursery:
        desk = Desk(tmp_path_factory.mktemp("climbing"), url, nursery)
        try:
            for service in desk.services.values():
                service.start()
            for service in desk.services.values():
                service.wait_until_ready()
            yield desk
        finally:
            desk.http.close()
            for service in desk.services.values():
                service.stop()


def told(log: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """What a chain did, without the times."""
    names = {
        "chain_started": "escalation", "notified": "role", "chain_waiting": "step", "reprioritised": "priority",
        "escalated": "to_group", "offered": "group", "chain_stopped": "why",
    }  # fmt: skip
    return [(event["kind"], event[names[event["kind"]]]) for event in log if event["kind"] in names]


@pytest.mark.timeout(240)
def test_a_breach_is_told_made_more_pressing_and_handed_to_the_next_tier(desk):
    ticket = desk.report("urgent")
    offer = desk.take(ticket, work_queue("main", "l1", "front"))
    desk.act(outcomes.WorkAccepted, ticket, offer, worker="bob")
    log = desk.until(ticket, lambda kinds: "chain_stopped" in kinds, "the chain has ended")
    assert told(log)[1:] == [
        ("chain_started", "breach"),
        ("notified", "team-lead"),
        ("chain_waiting", 2),
        ("reprioritised", 2),
        ("notified", "duty-manager"),
        ("chain_waiting", 5),
        ("escalated", "experts"),
        ("offered", "experts"),
        ("chain_stopped", "finished"),
    ]
    waits = [event for event in log if event["kind"] == "chain_waiting"]
    for wait, kind in zip(waits, ("reprioritised", "escalated"), strict=True):
        (after,) = (event for event in log if event["kind"] == kind)
        assert datetime.fromisoformat(after["at"]) >= datetime.fromisoformat(wait["until"])
    assert [reason["reason"] for reason in log if reason["kind"] == "escalated"] == ["overdue"]


@pytest.mark.timeout(240)
def test_an_acknowledgement_stops_it(desk):
    ticket = desk.report("endless")
    desk.until(ticket, lambda kinds: "notified" in kinds, "somebody was told")
    url = desk.services["router"].url
    run_command(
        ["acknowledge", ticket, "--note", "I am on it."], environment_of(url=url, api_key=desk.key), desk.nursery
    )
    again = desk.http.post(f"{url}/v1/tickets/{ticket}/acknowledgement", json={"note": "I am on it."})
    assert (again.status_code, again.json()["by"], again.json()["escalations"]) == (200, "lea", ["nagging"])
    log = desk.story(ticket)["log"]
    assert told(log)[-1] == ("chain_stopped", "acknowledged")
    later = desk.report("endless")
    desk.until(later, lambda kinds: kinds.count("notified") >= 3, "the same chain of a later ticket goes on")
    assert desk.story(ticket)["log"] == log


@pytest.mark.timeout(240)
def test_the_owner_of_a_silent_vendors_work_is_reminded_and_the_work_goes_back(desk):
    ticket = desk.report("printer")
    offer = desk.take(ticket, work_queue("main", "l1", "front"))
    handed = {"reason": "needs_vendor", "to_tier": "l4", "findings": "a worn drum"}
    desk.act(outcomes.WorkEscalated, ticket, offer, worker="bob", **handed)
    vendor = vendor_namespace("main", "acme")
    desk.act(outcomes.WorkAccepted, ticket, desk.take(ticket, VENDOR_WORK, vendor), namespace=vendor, worker="acme-1")
    log = desk.until(ticket, lambda kinds: "chain_stopped" in kinds, "the chain has ended")
    assert [event["to"] for event in log if event["kind"] == "notified"] == ["bob"] * 3
    assert told(log)[-3:] == [("escalated", "front"), ("offered", "front"), ("chain_stopped", "finished")]
    assert desk.story(ticket)["ticket"]["contact_owner"] == "bob"


@pytest.mark.timeout(300)
def test_a_router_that_is_killed_again_and_again_takes_each_step_once(desk):
    ticket = desk.report("long")
    router = desk.services["router"]
    for number in (3, 10):
        wait_until(lambda number=number: len(desk.events(ticket, "notified")) >= number, f"{number} were told")
        router.kill9()
        router.start()
        router.wait_until_ready()
    wait_until(lambda: len(desk.events(ticket, "notified")) >= 16, "16 were told")
    log = desk.until(ticket, lambda kinds: "chain_stopped" in kinds, "the chain has ended")
    places = [event["round"] for event in log if event["kind"] == "notified"]
    assert places == list(range(1, 22))
    waits = [event["until"] for event in log if event["kind"] == "chain_waiting"]
    assert waits == sorted(set(waits))
    assert [event["sequence"] for event in log] == list(range(1, len(log) + 1))
