"""Tickets that the desk itself opened: their requesters go on about them as about any other."""

from __future__ import annotations

import time
from uuid import uuid4

REFERENCE = "TD-5HNE-2KQ8"


def wait_for_ticket(intake, count=1):
    deadline = time.monotonic() + 20
    while intake.count("ticket") < count:
        assert time.monotonic() < deadline, "no ticket within 20 seconds"
        time.sleep(0.05)


def test_what_is_said_of_an_added_ticket_is_counted_from_one(intake):
    ticket = uuid4()
    reply = {"type": "requester_replied", "ticket": str(ticket), "text": "Any news?"}
    with intake.client() as client, intake.client("other") as other:
        assert client.post("/v1/events", json=reply).status_code == 404
        intake.add_ticket(ticket, REFERENCE)
        wait_for_ticket(intake)
        for _ in range(3):
            answer = client.post("/v1/events", json=reply)
            assert (answer.status_code, answer.json()["reference"]) == (202, REFERENCE)
        assert other.post("/v1/events", json=reply).status_code == 404
    told = intake.messages(3)
    assert [(one.subject, one.position, one.type) for one in told] == [
        (str(ticket), number, "intake.requester_replied.v1") for number in (1, 2, 3)
    ]


def test_an_added_ticket_that_is_told_again_goes_on_where_it_was(intake):
    ticket, other = uuid4(), uuid4()
    reply = {"type": "requester_replied", "ticket": str(ticket), "text": "Any news?"}
    intake.add_ticket(ticket, REFERENCE)
    wait_for_ticket(intake)
    with intake.client() as client:
        assert client.post("/v1/events", json=reply).status_code == 202
        intake.add_ticket(ticket, REFERENCE)
        intake.add_ticket(other, "TD-0RFC-6WZ1")
        wait_for_ticket(intake, 2)
        assert client.post("/v1/events", json=reply).status_code == 202
    assert [one.position for one in intake.messages(2)] == [1, 2]
