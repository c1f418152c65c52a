"""Services that are ordered: intake opens their tickets, and their requesters go on about them as about any other."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from tierdesk_contracts import seal
from tierdesk_contracts.intake import ProblemReported, Requester
from tierdesk_contracts.notice import ServiceOrdered
from tierdesk_runtime.identifiers import Identifiers

ORDERED = {
    "item": "laptop",
    "version": 3,
    "requester": Requester(party="ann", name="Ann", phone="+44 20 7946 0018"),
    "title": "Laptop for a new colleague",
    "text": "To be done:\n1. Order it",
    "category": "hardware",
    "location": "Room 4",
    "contact": "At her desk",
}


def order(ticket, *, tenant="main", at=None, message_id=None, **fields):
    return seal(
        ServiceOrdered(**ORDERED | fields), message_id=message_id or Identifiers().new(), source="/test",
        subject=str(ticket), time=at or datetime.now(UTC), tenant=tenant,
    )  # fmt: skip


def wait_for(look):
    deadline = time.monotonic() + 20
    while not look():
        assert time.monotonic() < deadline, "not within 20 seconds"
        time.sleep(0.05)


def test_an_order_opens_a_ticket_whose_requester_goes_on_about_it(intake):
    ticket = uuid4()
    intake.publish(order(ticket))
    (opened,) = intake.messages(1)
    assert (opened.type, opened.subject, opened.position) == ("intake.problem_reported.v1", str(ticket), 1)
    told = ProblemReported(
        reference=opened.data.reference, **{k: v for k, v in ORDERED.items() if k not in {"item", "version"}}
    )
    assert opened.data == told
    reply = {"type": "requester_replied", "ticket": str(ticket), "text": "Any news?"}
    with intake.client() as client, intake.client("other") as other:
        answer = client.post("/v1/events", json=reply)
        assert (answer.status_code, answer.json()["reference"]) == (202, opened.data.reference)
        assert other.post("/v1/events", json=reply).status_code == 404
    (replied,) = intake.messages(1)
    assert (replied.type, replied.position) == ("intake.requester_replied.v1", 2)


def test_an_order_that_comes_again_opens_nothing_though_the_inbox_has_forgotten_it(intake):
    first, second, last = uuid4(), uuid4(), uuid4()
    told = order(first)
    intake.publish(told)
    intake.messages(1)
    before = intake.stored()
    intake.query("DELETE FROM intake.inbox")
    intake.publish(told)
    intake.publish(order(second))
    assert [one.subject for one in intake.messages(1)] == [str(second)]
    after = intake.stored()
    assert {table: after[table] - before[table] for table in ("ticket", "raw_event", "outbox")} == dict.fromkeys(
        ("ticket", "raw_event", "outbox"), 1
    )
    intake.publish(order(first, title="Another order of the same ticket"))
    intake.publish(order(last))
    assert [one.subject for one in intake.messages(1)] == [str(last)]
    wait_for(lambda: intake.count("parked") == 1)


def test_what_is_ordered_counts_from_when_it_was_ordered_and_not_from_a_time_to_come(intake):
    past = datetime.now(UTC) - timedelta(hours=1)
    intake.publish(order(uuid4(), at=past))
    intake.publish(order(uuid4(), at=past + timedelta(days=1)))
    early, late = sorted(intake.messages(2), key=lambda one: one.time)
    assert early.time == past
    assert late.time < datetime.now(UTC)


def test_an_order_of_no_ticket_is_parked_and_the_others_go_on(intake):
    good = uuid4()
    intake.publish(order("nothing"))
    intake.publish(order(good))
    assert [one.subject for one in intake.messages(1)] == [str(good)]
    wait_for(lambda: intake.count("parked") == 1)


def test_a_reference_that_is_taken_is_drawn_anew(intake, monkeypatch):
    drawn = iter(("TD-AAAA-AAAA", "TD-AAAA-AAAA", "TD-BBBB-BBBB"))
    monkeypatch.setattr(Identifiers, "reference", lambda _self: next(drawn))
    for expected in ("TD-AAAA-AAAA", "TD-BBBB-BBBB"):
        intake.publish(order(uuid4()))
        (opened,) = intake.messages(1)
        assert opened.data.reference == expected
