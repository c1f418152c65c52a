"""`POST /v1/events` on the running service."""

import json
import re
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from tierdesk_runtime.clock import FastClock

PROBLEM = {"type": "problem_reported", "requester": {"party": "ann"}, "title": "No mail"}


def post(client, event, key=None):
    headers = {"Content-Type": "application/json"} | ({"Idempotency-Key": key} if key else {})
    body = event if isinstance(event, bytes) else json.dumps(event).encode()
    return client.post("/v1/events", content=body, headers=headers)


def test_a_problem_is_stored_published_and_answered(intake):
    with intake.client() as client:
        answer = post(client, PROBLEM | {"occurred_at": "2026-01-02T03:04:05+01:00"}, "key-1")
    assert answer.status_code == 202
    told = answer.json()
    assert told.keys() == {"ticket", "reference", "status"}
    assert told["status"] == "accepted"
    assert re.fullmatch(r"TD-[0-9A-Z]{4}-[0-9A-Z]{4}", told["reference"])
    assert answer.headers["Location"] == f"/v1/tickets/{told['ticket']}"
    assert "Idempotency-Replayed" not in answer.headers
    (message,) = intake.messages(1)
    assert message.type == "intake.problem_reported.v1"
    assert (message.subject, message.tenant, message.position) == (told["ticket"], "main", 1)
    assert message.source == "/tierdesk/intake"
    assert message.time == datetime(2026, 1, 2, 2, 4, 5, tzinfo=UTC)
    assert message.data.reference == told["reference"]
    (raw,) = intake.query("SELECT * FROM intake.raw_event")
    assert json.loads(raw["body"])["title"] == "No mail"
    assert (raw["id"], str(raw["ticket"])) == (message.id, told["ticket"])


def test_what_follows_on_a_ticket_is_told_without_a_gap(intake):
    with intake.client() as client:
        ticket = post(client, PROBLEM).json()["ticket"]
        for event in (
            {"type": "requester_replied", "text": "Still so."},
            {"type": "facts_told", "location": "Room 4", "contact": "4711"},
            {"type": "cancelled", "reason": "It works again."},
            {"type": "reopened", "reason": "It does not."},
            {"type": "confirmed"},
        ):
            answer = post(client, event | {"ticket": ticket})
            assert answer.status_code == 202
            assert answer.json()["ticket"] == ticket
    messages = intake.messages(6)
    assert [message.position for message in messages] == [1, 2, 3, 4, 5, 6]
    assert [message.type.split(".")[1] for message in messages] == [
        "problem_reported",
        "requester_replied",
        "facts_told",
        "cancelled",
        "reopened",
        "confirmed",
    ]
    assert {message.subject for message in messages} == {ticket}


def test_many_replies_at_once_are_told_without_a_gap(intake):
    with intake.client() as client, ThreadPoolExecutor(20) as threads:
        ticket = post(client, PROBLEM).json()["ticket"]
        reply = {"type": "requester_replied", "ticket": ticket, "text": "And?"}
        assert {answer.status_code for answer in threads.map(lambda _: post(client, reply), range(60))} == {202}
    assert [message.position for message in intake.messages(61)] == list(range(1, 62))


def test_an_alert_opens_a_ticket(intake):
    alert = {"type": "alert", "source": "monitor", "fingerprint": "a1bc", "title": "Hot"}
    with intake.client() as client:
        told = post(client, alert).json()
    (message,) = intake.messages(1)
    assert (message.type, message.subject) == ("intake.alert.v1", told["ticket"])
    assert message.data.fingerprint == "a1bc"


def test_the_same_key_and_body_get_the_same_answer_for_ever(intake):
    with intake.client() as client:
        first, second = post(client, PROBLEM, "key-1"), post(client, PROBLEM, "key-1")
        assert (second.status_code, second.content) == (202, first.content)
        assert second.headers["Location"] == first.headers["Location"]
        assert second.headers["Idempotency-Replayed"] == "true"
        reply = {"type": "requester_replied", "ticket": first.json()["ticket"], "text": "And?"}
        assert post(client, reply, "key-2").content == post(client, reply, "key-2").content
    assert [message.position for message in intake.messages(2)] == [1, 2]
    assert intake.stored() == {
        "raw_event": 2, "idempotency_key": 2, "ticket": 1, "call": 0, "call_event": 0, "outbox": 2,
        "attachment": 0, "attachment_piece": 0, "attachment_day": 0,
    }  # fmt: skip


def test_the_same_key_with_another_body_is_refused(intake):
    with intake.client() as client:
        post(client, PROBLEM, "key-1")
        for other in (PROBLEM | {"title": "No web"}, json.dumps(PROBLEM, indent=1).encode()):
            answer = post(client, other, "key-1")
            assert answer.status_code == 422
            assert answer.json()["errors"][0]["field"] == "Idempotency-Key"
    assert intake.count("ticket") == 1


def test_without_a_key_each_repetition_is_new(intake):
    with intake.client() as client:
        assert post(client, PROBLEM).json()["ticket"] != post(client, PROBLEM).json()["ticket"]


def test_a_refused_event_does_not_use_up_its_key(intake):
    with intake.client() as client:
        assert post(client, PROBLEM | {"impact": 9}, "key-1").status_code == 422
        reply = {"type": "confirmed", "ticket": str(uuid4())}
        assert post(client, reply, "key-1").status_code == 404
        assert post(client, PROBLEM, "key-1").status_code == 202


def test_fifty_clients_with_the_same_key_at_once_open_one_ticket(intake):
    def ask(_):
        with intake.client() as client:
            while (answer := post(client, PROBLEM, "key-1")).status_code == 409:
                assert answer.headers["Retry-After"] == "1"
                assert answer.headers["Content-Type"] == "application/problem+json"
                time.sleep(0.05)
            return answer.status_code, answer.content

    with ThreadPoolExecutor(50) as threads:
        answers = set(threads.map(ask, range(50)))
    assert len(answers) == 1
    assert answers.pop()[0] == 202
    assert intake.count("ticket") == 1
    assert len(intake.messages(1)) == 1
    assert intake.count("outbox") == 1


def test_a_client_that_leaves_has_its_event_stored_once(intake):
    body = json.dumps(PROBLEM).encode()
    head = (
        f"POST /v1/events HTTP/1.1\r\nHost: desk\r\nAuthorization: Bearer {intake.keys['main']}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    )
    host, port = intake.url.removeprefix("http://").split(":")
    for number in range(20):
        with socket.create_connection((host, int(port))) as client:
            client.sendall(f"{head}Idempotency-Key: key-{number}\r\n\r\n".encode() + body)
    with intake.client() as client:
        for number in range(20):
            while (answer := post(client, PROBLEM, f"key-{number}")).status_code == 409:
                time.sleep(0.05)
            assert answer.status_code == 202
    assert intake.count("ticket") == 20
    assert len({message.subject for message in intake.messages(20)}) == 20
    assert intake.count("outbox") == 20


def test_a_client_that_leaves_in_the_middle_of_its_body_stores_nothing(intake):
    host, port = intake.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as client:
        client.sendall(
            f"POST /v1/events HTTP/1.1\r\nHost: desk\r\nAuthorization: Bearer {intake.keys['main']}\r\n"
            'Content-Type: application/json\r\nContent-Length: 500\r\n\r\n{"type": '.encode()
        )
    with intake.client() as client:
        assert post(client, PROBLEM).status_code == 202
    assert intake.count("raw_event") == 1


def test_times_are_business_times(run_intake):
    start = datetime(2031, 5, 1, 8, 0, tzinfo=UTC)
    intake = run_intake(FastClock.starting(start, rate=1))
    with intake.client() as client:
        assert post(client, PROBLEM | {"occurred_at": "2031-05-01T07:59:00Z"}).status_code == 202
        assert post(client, PROBLEM).status_code == 202
        assert post(client, PROBLEM | {"occurred_at": "2031-05-01T09:00:00Z"}).status_code == 422
    told, now = sorted(message.time for message in intake.messages(2))  # two tickets: in any order
    assert told == datetime(2031, 5, 1, 7, 59, tzinfo=UTC)
    assert start <= now < start + timedelta(minutes=5)
