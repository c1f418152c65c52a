"""One trace leads from the request to what the tier made of it; without a collector, and without the setting, nothing changes."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from e2e.collector import Seen, collecting
from e2e.endpoints import BATCH, CALL, PHONE, POLICY, PROBLEM, as_line
from e2e.whole_desk import OWN, WholeDesk, migrated_database, wait_until
from servers.postgres import DatabaseServer
from servers.rabbitmq import Broker
from tierdesk_runtime import spans
from tierdesk_tier import Job, serve_tier

TRACE = "0af7651916cd43dd8448eb211c80319c"
CALLER = "b7ad6b7169203331"
TRACEPARENT = f"00-{TRACE}-{CALLER}-01"
OUTBOXES = ("intake", "router", "sla", "kb")
REQUESTER, WORKER = "req-7713", "wrk-2290"
TEXT = "The printer of Zebedee Quux eats paper"


@pytest.fixture(autouse=True)
def direct(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@contextmanager
def run_desk(
    server: DatabaseServer, folder: Path, services: tuple[str, ...] = OUTBOXES, **settings: Any
) -> Iterator[WholeDesk]:
    with migrated_database(server) as url:
        desk = WholeDesk(folder, url, tenants=(OWN,), services=services, **settings)
        desk.start()
        try:
            yield desk
        finally:
            desk.stop()


@contextmanager
def at_work(desk: WholeDesk) -> Iterator[None]:
    """A tier that resolves what it is offered."""

    async def work(job: Job) -> None:
        await job.resolve("Took the paper out")

    async def run() -> None:
        stopping = asyncio.Event()
        loops.append((asyncio.get_running_loop(), stopping))
        await serve_tier(
            desk.settings.bus, tenant=OWN, tier="l1", group="front", worker=WORKER, work=work, stop=stopping
        )

    loops: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []
    thread = threading.Thread(target=asyncio.run, args=(run(),))
    thread.start()
    try:
        yield
    finally:
        for loop, stopping in loops:
            loop.call_soon_threadsafe(stopping.set)
        thread.join(30)
        assert not thread.is_alive()


def post(desk: WholeDesk) -> str:
    """An event; answers its ticket."""
    with desk.client(OWN, traceparent=TRACEPARENT) as client:
        told = {"requester": {"party": REQUESTER, "name": REQUESTER}, "title": TEXT, "text": TEXT}
        answer = client.post("/v1/events", json=PROBLEM | told)
    assert answer.status_code == 202, answer.text
    ticket: str = answer.json()["ticket"]
    return ticket


def put_policy(desk: WholeDesk) -> None:
    with desk.client(OWN) as client:
        assert client.put("/v1/policy", content=json.dumps(POLICY)).status_code == 200


def wait_for_status(desk: WholeDesk, ticket: str, status: str) -> None:
    with desk.client(OWN) as client:
        path = f"/v1/tickets/{ticket}"
        wait_until(lambda: client.get(path).json().get("ticket", {}).get("status") == status, f"it is {status}")


def messages(desk: WholeDesk, services: tuple[str, ...] = OUTBOXES) -> list[dict[str, Any]]:
    """All that was ever sent by these services."""
    union = " UNION ALL ".join(f"SELECT body FROM {service}.outbox" for service in services)
    return [json.loads(row["body"]) for row in desk.query(union)]


def followed(desk: WholeDesk, ticket: str) -> bool:
    """Whether all followers have applied all changes of the ticket."""
    rows = desk.query(
        "SELECT (SELECT max(sequence) FROM router.ticket_log WHERE ticket_id = $1::uuid) AS last, "
        "(SELECT sequence FROM sla.applied WHERE subject = $1::uuid::text) AS sla, "
        "(SELECT sequence FROM kb.applied WHERE subject = $1::uuid::text) AS kb",
        ticket,
    )
    return bool(rows[0]["last"] == rows[0]["sla"] == rows[0]["kb"])


def span_of(spans: list[Seen], service: str, event_type: str) -> Seen:
    (found,) = [
        span
        for span in spans
        if span.service == service and span.attributes.get("cloudevents.event_type") == event_type
    ]
    return found


@pytest.fixture(scope="module")
def story(
    database_server: DatabaseServer, broker: Broker, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, list[Seen], list[dict[str, Any]]]:
    """A ticket, from a traced request until it is resolved: its identifier, all spans of the desk, all messages of it."""
    folder = tmp_path_factory.mktemp("traced")
    with collecting() as collector, broker.fresh_vhost() as bus_url:
        settings = {"bus_url": bus_url, "otlp_endpoint": collector.url}
        with run_desk(database_server, folder, **settings) as desk, at_work(desk):
            put_policy(desk)
            ticket = post(desk)
            wait_for_status(desk, ticket, "resolved")
            wait_until(lambda: followed(desk, ticket), "clocks and knowledge have followed the ticket to its end")
            sent = [message for message in messages(desk) if message["subject"] == ticket]
        return ticket, collector.spans, sent


def test_every_span_of_a_ticket_is_in_the_trace_of_its_request(story):
    ticket, spans, _ = story
    (request,) = [span for span in spans if span.name == "POST /v1/events"]
    assert (request.service, request.kind, request.trace_id) == ("intake", "server", TRACE)
    assert request.parent_id == CALLER
    assert request.attributes["http.response.status_code"] == 202
    assert request.attributes["tierdesk.tenant"] == OWN
    of_ticket = [span for span in spans if span.attributes.get("tierdesk.ticket") == ticket]
    assert {span.trace_id for span in of_ticket} == {TRACE}
    assert {span.kind for span in of_ticket} == {"consumer"}
    assert {span.service for span in of_ticket} == {"router", "sla", "kb"}
    assert not [span for span in of_ticket if span.failed]


def test_each_step_is_the_child_of_the_one_that_caused_it(story):
    _, spans, _ = story
    (request,) = [span for span in spans if span.name == "POST /v1/events"]
    opened = span_of(spans, "router", "intake.problem_reported.v1")
    accepted = span_of(spans, "router", "outcome.accepted.v1")
    resolved = span_of(spans, "router", "outcome.resolved.v1")
    assert opened.parent_id == request.span_id
    assert accepted.parent_id == opened.span_id
    assert resolved.parent_id == accepted.span_id


def test_every_message_of_a_traced_ticket_carries_its_trace(story):
    _, _, sent = story
    types = {message["type"] for message in sent}
    assert types >= {"intake.problem_reported.v1", "ticket.changed.v1", "work.offered.v1", "work.assigned.v1"}
    assert {message.get("traceparent", "none")[:36] for message in sent} == {f"00-{TRACE}-"}


def test_a_consumer_span_says_what_was_handled_and_how_long_it_waited(story):
    ticket, spans, sent = story
    (reported,) = [message for message in sent if message["type"] == "intake.problem_reported.v1"]
    span = span_of(spans, "router", "intake.problem_reported.v1")
    assert span.name == "process router.intake"
    age_seconds = span.attributes.pop("tierdesk.message.age_seconds")
    assert 0 <= age_seconds < 60
    assert span.seconds >= 0
    at = span.attributes.pop("tierdesk.message.time")
    assert at.replace("+00:00", "Z") == reported["time"].replace("+00:00", "Z")
    assert span.attributes == {
        "messaging.system": "rabbitmq",
        "messaging.destination.name": "router.intake",
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "messaging.message.id": reported["id"],
        "cloudevents.event_type": "intake.problem_reported.v1",
        "tierdesk.tenant": OWN,
        "tierdesk.ticket": ticket,
        "tierdesk.decision": "applied",
    }


def test_no_span_holds_what_people_wrote_or_who_they_are(story):
    _, spans, _ = story
    told = repr(spans)
    assert OWN in told
    for word in ("Zebedee", "printer", REQUESTER, WORKER):
        assert word not in told, word


def test_requests_that_share_a_commit_keep_their_own_traces(database_server, tmp_path):
    def trace_of(number: int) -> str:
        return f"{number:032x}"

    def send(number: int) -> None:
        header = f"00-{trace_of(number)}-{CALLER}-01"
        with desk.client(OWN, traceparent=header) as client:
            tickets[number] = client.post("/v1/events", json=PROBLEM).json()["ticket"]

    tickets: dict[int, str] = {}
    with (
        collecting() as collector,
        run_desk(database_server, tmp_path, ("intake",), otlp_endpoint=collector.url) as desk,
    ):
        threads = [threading.Thread(target=send, args=(number,)) for number in range(1, 13)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        body = b"\n".join(as_line(json.dumps(PROBLEM).encode()) for _ in range(3))
        call = json.dumps(CALL | {"event": "answer"}).encode()
        with desk.client(OWN, traceparent=f"00-{trace_of(99)}-{CALLER}-01") as client:
            lines = client.post(BATCH, content=body, headers={"Content-Type": "application/x-ndjson"}).text.split()
            headers = {"Content-Type": "application/json"} | desk.signed(OWN, call, "w-1")
            called = client.post(PHONE, content=call, headers=headers).json()["ticket"]
        found = {message["subject"]: message["traceparent"][3:35] for message in messages(desk, ("intake",))}
    expected = {ticket: trace_of(number) for number, ticket in tickets.items()}
    expected |= {json.loads(line)["ticket"]: trace_of(99) for line in lines} | {called: trace_of(99)}
    assert len(expected) == 16
    assert found == expected


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"nonsense",
        f"00-{TRACE}-{'0' * 16}-01".encode(),
        f"ff-{TRACE}-{CALLER}-01".encode(),
        f"00-{TRACE.upper()}-{CALLER}-01".encode(),
        b"\xc3\xa9\xff" * 40,
    ],
)
def test_a_traceparent_that_is_none_begins_a_new_trace(header, traced_intake):
    with traced_intake.client(OWN) as client:
        posted = client.post("/v1/events", json=PROBLEM, headers=[(b"traceparent", header)])
    (message,) = [one for one in messages(traced_intake, ("intake",)) if one["subject"] == posted.json()["ticket"]]
    assert len(message["traceparent"]) == 55
    assert TRACE not in message["traceparent"]


def test_two_traceparents_are_none(traced_intake):
    headers = [(b"traceparent", TRACEPARENT.encode()), (b"traceparent", f"00-{'1' * 32}-{CALLER}-01".encode())]
    with traced_intake.client(OWN) as client:
        posted = client.post("/v1/events", json=PROBLEM, headers=headers)
    (message,) = [one for one in messages(traced_intake, ("intake",)) if one["subject"] == posted.json()["ticket"]]
    assert message["traceparent"][3:35] not in {TRACE, "1" * 32}


@pytest.fixture(scope="module")
def traced_intake(database_server: DatabaseServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WholeDesk]:
    with collecting() as collector:
        folder = tmp_path_factory.mktemp("intake")
        with run_desk(database_server, folder, ("intake",), otlp_endpoint=collector.url) as desk:
            yield desk


def test_a_caller_who_does_not_sample_gets_no_spans_and_its_trace_is_handed_on(database_server, tmp_path):
    unsampled = "f" * 31 + "e"
    with collecting() as collector:
        with run_desk(database_server, tmp_path, ("intake",), otlp_endpoint=f"{collector.url}/v1/traces") as desk:
            post(desk)
            with desk.client(OWN, traceparent=f"00-{unsampled}-{CALLER}-00") as client:
                ticket = client.post("/v1/events", json=PROBLEM).json()["ticket"]
            (message,) = [one for one in messages(desk, ("intake",)) if one["subject"] == ticket]
        assert [span.trace_id for span in collector.spans] == [TRACE]
    assert message["traceparent"].startswith(f"00-{unsampled}-")
    assert message["traceparent"].endswith("-00")


@pytest.mark.parametrize("collector", ["refuses", "never answers"])
def test_a_collector_that_is_away_harms_nobody(collector, database_server, tmp_path, monkeypatch):
    # Whoever waited for an export, or for all spans, would wait for longer than the desk may take to answer or to stop.
    monkeypatch.setattr(spans, "_EXPORT_SECONDS", 120.0)
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "40")
    monkeypatch.setenv("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "20")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = 1 if collector == "refuses" else listener.getsockname()[1]
        url = f"http://127.0.0.1:{port}"
        with run_desk(database_server, tmp_path, ("intake", "router"), otlp_endpoint=url) as desk:
            put_policy(desk)
            tickets = [post(desk) for _ in range(100)]
            wait_for_status(desk, tickets[-1], "offered")
            told = {
                message["subject"] for message in messages(desk, ("router",)) if message["type"] == "work.offered.v1"
            }
            begun = time.monotonic()
        assert time.monotonic() - begun < desk.settings.drain_seconds
    assert told == set(tickets)


def test_without_the_setting_no_message_has_a_traceparent(database_server, tmp_path):
    with run_desk(database_server, tmp_path) as desk, at_work(desk):
        put_policy(desk)
        ticket = post(desk)
        wait_for_status(desk, ticket, "resolved")
        sent = messages(desk)
        outcomes = desk.query("SELECT count(*) AS n FROM router.ticket_log WHERE ticket_id = $1", ticket)
    assert outcomes[0]["n"] > 3
    assert len(sent) > 5
    assert not [message for message in sent if "traceparent" in message]
