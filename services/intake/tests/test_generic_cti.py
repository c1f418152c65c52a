"""How the generic shape of telephone systems is read."""

import json
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tierdesk_intake.domain.calls import CallKind
from tierdesk_intake.domain.generic_cti import FORM_FIELDS, party, read_form, read_json
from tierdesk_intake.domain.refusals import RefusalKind, RefusedError

NOW = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
CALL = {"event": "newCall", "direction": "in", "callId": "c-1", "from": "4912347114711", "to": "4930600000000"}


def read(values):
    return read_json(json.dumps(values).encode(), now=NOW)


def test_json_and_form_say_the_same():
    values = CALL | {"user": ["ann", "bob"], "queue": "support", "timestamp": "1762074000"}
    pairs = [pair for name, value in values.items() if name != "user" for pair in [(name, value)]]
    form = urlencode([*pairs, ("user[]", "ann"), ("user[]", "bob")]).encode()
    assert read_form(form, now=NOW) == read(values)


def test_both_spellings_of_the_call_are_read():
    other = {name: value for name, value in CALL.items() if name != "callId"} | {"call_id": "c-1"}
    assert read(other) == read(CALL)


def test_one_user_or_several():
    assert read(CALL | {"user": "ann"})[1].users == ("ann",)
    assert read(CALL | {"user": ["ann", "", "bob"]})[1].users == ("ann", "bob")
    assert read_form(urlencode(CALL | {"user": "ann"}).encode(), now=NOW)[1].users == ("ann",)


def test_fields_that_nobody_documents_are_ignored():
    assert read(CALL | {"originalCallId": "x", "diversion": {"a": 1}}) == read(CALL)


@pytest.mark.parametrize(
    "withheld", [None, "", " ", "anonymous", "Anonymous", "withheld", "sip:anonymous@anonymous.invalid"]
)
def test_a_withheld_number_is_nobody(withheld):
    assert read(CALL | {"from": withheld})[1].caller is None


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("tel:+49-30-600", "+49-30-600"),
        ("tel:+4930600;ext=12", "+4930600"),
        ("sip:ann@pbx.example", "sip:ann@pbx.example"),
        (" +4930600 ", "+4930600"),
        ("9" * 200, "9" * 200),
    ],
)
def test_a_number_is_kept_as_people_know_it(given, kept):
    assert read(CALL | {"from": given})[1].caller == kept


@given(st.none() | st.text(max_size=200))
def test_any_text_is_a_party_or_nobody(number):
    found = party(number)
    assert found is None or found == found.strip() != ""


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"event": "transfer"}, "event"),
        ({"event": None}, "event"),
        ({"direction": "sideways"}, "direction"),
        ({"callId": ""}, "callId"),
        ({"callId": 7}, "callId"),
        ({"from": "9" * 256}, "from"),
        ({"from": "1\x002"}, "from"),
        ({"from": ["1"]}, "from"),
        ({"user": [7]}, "user.0"),
        ({"user": ["x"] * 101}, "user"),
        ({"user": {"a": "b"}}, "user"),
        ({"occurred_at": "2026-11-02T09:00:00"}, "occurred_at"),
        ({"occurred_at": "yesterday"}, "occurred_at"),
        ({"occurred_at": "2026-11-02T09:05:01Z"}, "occurred_at"),
        ({"occurred_at": "0001-01-01T00:00:00+14:00"}, "occurred_at"),
        ({"timestamp": 1e300}, "timestamp"),
        ({"recording": "r" * 2049}, "recording"),
    ],
)
def test_each_fault_names_its_field(change, field):
    with pytest.raises(RefusedError) as refused:
        read(CALL | change)
    assert refused.value.kind is RefusalKind.INVALID
    assert [fault.field for fault in refused.value.faults] == [field]


@pytest.mark.parametrize("name", list(CALL))
def test_a_field_of_a_form_stands_there_once(name):
    form = urlencode([*CALL.items(), (name, CALL[name])]).encode()
    with pytest.raises(RefusedError, match="given more than once"):
        read_form(form, now=NOW)


@pytest.mark.parametrize(
    "body", [b"\xff=1", b"event=%ff", "&".join(f"f{number}=1" for number in range(FORM_FIELDS + 1)).encode()]
)
def test_what_is_no_form_is_refused(body):
    with pytest.raises(RefusedError) as refused:
        read_form(body, now=NOW)
    assert refused.value.kind is RefusalKind.NOT_JSON


def test_a_sender_may_be_a_little_ahead():
    _, event = read(CALL | {"occurred_at": (NOW + timedelta(minutes=4)).isoformat()})
    assert event.kind is CallKind.NEW_CALL
    assert event.occurred_at == NOW + timedelta(minutes=4)
