"""How posted events are read, and how each fault is told."""

import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tierdesk_contracts import type_of
from tierdesk_contracts.intake import Alerted, Confirmed, ProblemReported, RequesterReplied
from tierdesk_intake.domain.events import as_message, business_time, read_event, read_line
from tierdesk_intake.domain.refusals import RefusalKind, RefusedError

NOW = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
TICKET = "01a0b1c2-d3e4-7f00-8000-000000000001"
PROBLEM = {"type": "problem_reported", "requester": {"party": "ann"}, "title": "No mail"}
FACTS = PROBLEM | {
    "channel": "web_form",
    "requester": {"party": "ann", "name": "Ann", "email": "ann@example.org", "phone": "+4930"},
    "text": "Since nine o'clock.",
    "category": "network",
    "location": "Room 12",
    "contact": "extension 4711",
    "steps_tried": [{"step": "Turned it off and on", "result": "Nothing"}],
    "impact": 2,
    "affected": "The whole office",
    "department": "infrastructure",
    "urgency": 1,
    "asset": "router-7",
}


def read(values):
    return read_event(json.dumps(values).encode(), now=NOW)


def refusal(body, reader=read_event):
    with pytest.raises(RefusedError) as refused:
        reader(body if isinstance(body, bytes) else json.dumps(body).encode(), now=NOW)
    return refused.value


def test_the_seven_facts_become_the_message():
    message = as_message(read(FACTS), reference="TD-1")
    told = {name: value for name, value in FACTS.items() if name != "type"} | {"reference": "TD-1"}
    assert message.model_dump() == ProblemReported.model_validate(told).model_dump()
    assert json.loads(message.model_dump_json(exclude_none=True))["steps_tried"] == [
        {"step": "Turned it off and on", "result": "Nothing"}
    ]


@pytest.mark.parametrize(
    ("posted", "message", "name"),
    [
        ({"type": "requester_replied", "text": "Still so."}, RequesterReplied(text="Still so."), "requester_replied"),
        ({"type": "confirmed"}, Confirmed(), "confirmed"),
    ],
)
def test_a_follow_up_names_its_ticket_and_becomes_its_message(posted, message, name):
    event = read(posted | {"ticket": TICKET})
    assert event.ticket == UUID(TICKET)
    assert as_message(event) == message
    assert type_of(as_message(event)).name == f"intake.{name}.v1"


def test_an_alert_becomes_its_message():
    alert = {"source": "monitor", "fingerprint": "a1bc", "title": "Hot", "impact": 1}
    assert as_message(read(alert | {"type": "alert"}), reference="TD-2") == Alerted(**alert, reference="TD-2")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"type": "solved"}, "type"),
        ({"type": None}, "type"),
        ({"title": ""}, "title"),
        ({"title": 7}, "title"),
        ({"title": "a\x00b"}, "title"),
        ({"title": "x" * 301}, "title"),
        ({"requester": {}}, "requester.party"),
        ({"requester": "ann"}, "requester"),
        ({"requester": {"party": "ann", "email": "no address"}}, "requester.email"),
        ({"priority": 1}, "priority"),
        ({"tenant": "other"}, "tenant"),
        ({"requester": {"party": "ann", "tier": "l3"}}, "requester.tier"),
        ({"steps_tried": [{"step": "x"}, {"result": "y"}]}, "steps_tried.1.step"),
        ({"impact": "2"}, "impact"),
        ({"impact": 2.0}, "impact"),
        ({"impact": True}, "impact"),
        ({"impact": 0}, "impact"),
        ({"impact": 2**70}, "impact"),
        ({"category": "Net Work"}, "category"),
        ({"channel": "pigeon"}, "channel"),
        ({"occurred_at": "2026-11-02T09:05:01Z"}, "occurred_at"),
        ({"occurred_at": "2026-11-02T09:00:00"}, "occurred_at"),
        ({"occurred_at": "2026-11-02T09:00:00+25:00"}, "occurred_at"),
        ({"occurred_at": "2016-12-31T23:59:60Z"}, "occurred_at"),
        ({"occurred_at": "0001-01-01T00:00:00+14:00"}, "occurred_at"),
        ({"occurred_at": "9999-12-31T23:59:59-14:00"}, "occurred_at"),
        ({"occurred_at": 1762074000}, "occurred_at"),
        ({"__proto__": {}}, "__proto__"),
    ],
)
def test_each_fault_names_its_field(change, field):
    refused = refusal(PROBLEM | change)
    assert refused.kind is RefusalKind.INVALID
    assert [fault.field for fault in refused.faults] == [field]
    assert field in refused.detail


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xef\xbb\xbf{}",
        "{}".encode("utf-16"),
        b'{"type": "confirmed\xff"}',
        b'{"title": "\\ud800"}',
        b"[" * 100_000,
        json.dumps(PROBLEM).replace('"No mail"', '"a", "title": "b"').encode(),
        json.dumps(PROBLEM).replace('{"party": "ann"}', '{"party": "a", "party": "b"}').encode(),
    ],
)
def test_what_is_no_strict_json_is_refused(body):
    refused = refusal(body)
    assert refused.kind is RefusalKind.NOT_JSON
    assert refused.faults[0].field == "body"


def test_a_follow_up_without_its_ticket_is_refused():
    assert refusal({"type": "confirmed"}).faults[0].field == "ticket"
    assert refusal({"type": "confirmed", "ticket": "../x"}).faults[0].field == "ticket"


def test_a_hundred_thousand_faults_are_told_in_few_words():
    refused = refusal(PROBLEM | {f"k{number}": 1 for number in range(100_000)})
    assert len(refused.faults) == 20
    assert "99999 more" in refused.detail
    assert refusal(PROBLEM | {"k" * 500_000: 1}).faults[0].field == "k" * 100


def test_the_fields_of_a_line_stand_under_event():
    assert refusal({"key": "k", "event": PROBLEM | {"impact": 9}}, read_line).faults[0].field == "event.impact"
    assert refusal({"key": "k", "event": {}}, read_line).faults[0].field == "event.type"
    assert refusal({"event": PROBLEM}, read_line).faults[0].field == "key"
    assert refusal({"key": "", "event": PROBLEM}, read_line).faults[0].field == "key"
    assert refusal({"key": "k", "event": PROBLEM | {"channel": "pigeon"}}, read_line).faults[0].field == "event.channel"


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(body):
    refused = refusal(body)
    assert refused.faults
    assert len(refused.detail) < 1_000


@given(
    st.dictionaries(
        st.sampled_from([*(name for name in FACTS if name != "type"), "occurred_at", "ticket"]),
        st.recursive(
            st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
            max_leaves=10,
        ),
    )
)
def test_any_json_in_any_field_is_read_or_refused(change):
    with suppress(RefusedError):
        assert as_message(read(FACTS | change), reference="TD-1").reference == "TD-1"


def test_business_time_is_never_ahead_of_now():
    assert business_time(None, NOW) == NOW
    assert business_time(NOW + timedelta(minutes=4), NOW) == NOW
    assert business_time(NOW - timedelta(days=4000), NOW) == NOW - timedelta(days=4000)
