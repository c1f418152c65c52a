import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tierdesk_contracts import MESSAGE_TYPES, MalformedMessageError, MessageError, UnknownTypeError, parse, seal
from tierdesk_contracts.intake import Reply, RequesterReplied
from tierdesk_contracts.notice import PolicyApplied
from tierdesk_contracts.outcome import WorkAccepted
from tierdesk_contracts.samples import sample_messages
from tierdesk_contracts.ticket import TicketChanged, UnknownEvent
from tierdesk_contracts.work import Internal

SAMPLES = sample_messages()
NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
SOME_ID = UUID("01936f3a-5c00-7000-8000-000000000abc")

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=20,
)


def sealed(text: str, **changes: Any) -> bytes:
    envelope = seal(
        RequesterReplied(text=text),
        message_id=SOME_ID,
        source="/tierdesk/intake",
        subject="a ticket",
        time=NOW,
        tenant="main",
        sequence=7,
    )
    return json.dumps(json.loads(envelope.to_bytes()) | changes).encode()


@given(st.text(max_size=200).filter(lambda text: "\x00" not in text), st.integers(1, 10**16 - 1))
def test_what_was_sealed_is_read_back(text: str, sequence: int) -> None:
    envelope = seal(
        RequesterReplied(text=text),
        message_id=SOME_ID,
        source="/tierdesk/intake",
        subject="a ticket",
        time=NOW,
        tenant="main",
        sequence=sequence,
    )
    read = parse(envelope.to_bytes())
    assert read.data == RequesterReplied(text=text)
    assert (read.id, read.position, read.time, read.tenant) == (SOME_ID, sequence, NOW, "main")


@pytest.mark.parametrize("hint", [None, "intake.requester_replied.v1", "work.offered.v1", "no.such.type.v1"])
def test_a_hint_that_is_wrong_changes_nothing(hint: str | None) -> None:
    read = parse(sealed("hello"), type_hint=hint)
    assert read.type == "intake.requester_replied.v1"
    assert read.data == RequesterReplied(text="hello")


def test_sealing_a_model_that_is_no_message_raises() -> None:
    with pytest.raises(KeyError):
        seal(Reply(text="x"), message_id=SOME_ID, source="/x", subject="s", time=NOW, tenant="main")


@given(st.binary(max_size=200), st.sampled_from([None, *MESSAGE_TYPES]))
def test_bytes_that_are_no_message_raise_a_message_error_and_nothing_else(body: bytes, hint: str | None) -> None:
    with pytest.raises(MessageError):
        parse(body, type_hint=hint)


def read_or_reason(body: bytes, hint: str | None = None) -> tuple[str | None, str]:
    """The type that was read, or that the error names, and the error's reason."""
    try:
        return parse(body, type_hint=hint).type, ""
    except MalformedMessageError as error:
        return error.message_type, error.reason


@given(json_values, st.sampled_from(list(MESSAGE_TYPES)), st.booleans())
def test_any_json_as_data_is_read_or_named_malformed(data: object, message_type: str, hinted: bool) -> None:
    read, reason = read_or_reason(sealed("x", type=message_type, data=data), message_type if hinted else None)
    assert read == message_type or reason.startswith("not JSON")
    assert "\x00" not in reason


@given(json_values)
def test_any_json_as_a_ticket_event_is_read_or_named_malformed(event: object) -> None:
    body = json.loads(SAMPLES["ticket.changed.v1"].to_bytes())
    body["data"]["events"] = [event]
    read, reason = read_or_reason(json.dumps(body).encode())
    assert read == "ticket.changed.v1" or reason.startswith("not JSON")


@pytest.mark.parametrize("kind", [[], {}, None, 7, ["opened"]])
def test_a_ticket_event_whose_kind_is_no_word_is_malformed(kind: object) -> None:
    body = json.loads(SAMPLES["ticket.changed.v1"].to_bytes())
    body["data"]["events"][0]["kind"] = kind
    with pytest.raises(MalformedMessageError, match=r"data\.events\.0"):
        parse(json.dumps(body).encode())


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"id": "no uuid"}, "id"),
        ({"time": "2026-11-22T08:00:00"}, "time"),
        ({"time": "0001-01-01T00:00:00+14:00"}, "time"),
        ({"time": "9999-12-31T23:59:59-14:00"}, "time"),
        ({"tenant": "Main"}, "tenant"),
        ({"tenant": "main\n"}, "tenant"),
        ({"specversion": "0.3"}, "specversion"),
        ({"sequence": "7"}, "sequence"),
        ({"sequence": "99999999999999999999"}, "sequence"),
        ({"source": "a\x00b"}, "source"),
        ({"traceparent": "a\x00b"}, "traceparent"),
        ({"subject": ""}, "subject"),
        ({"data": {"text": "a\x00b"}}, r"data\.text"),
        ({"data": {"text": "x" * 65_537}}, r"data\.text"),
        ({"data": None}, "data"),
    ],
)
def test_a_malformed_message_names_its_field(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(MalformedMessageError, match=rf"^{field}: ") as caught:
        parse(sealed("x", **changes))
    assert caught.value.message_type == "intake.requester_replied.v1"
    assert caught.value.message_id == changes.get("id", str(SOME_ID))


def test_a_type_of_a_later_release_is_told_apart_from_a_malformed_message() -> None:
    with pytest.raises(UnknownTypeError) as caught:
        parse(sealed("x", type="ticket.changed.v2"))
    assert caught.value.message_type == "ticket.changed.v2"


def test_what_an_error_says_can_be_stored() -> None:
    with pytest.raises(UnknownTypeError) as caught:
        parse(sealed("x", type="a\x00b" + "c" * 1000, id="d\x00e"))
    assert "\x00" not in f"{caught.value.reason}{caught.value.message_id}{caught.value.message_type}"
    assert len(caught.value.message_type or "") <= 100


@pytest.mark.parametrize("message_type", [entry.name for entry in MESSAGE_TYPES.values() if entry.stream])
def test_a_message_of_a_stream_without_its_sequence_is_malformed(message_type: str) -> None:
    body = json.loads(SAMPLES[message_type].to_bytes())
    del body["sequence"]
    with pytest.raises(MalformedMessageError, match=r"^sequence: "):
        parse(json.dumps(body).encode(), type_hint=message_type)


@pytest.mark.parametrize("field", ["token", "ordinal"])
@pytest.mark.parametrize("number", [0, -1, 2**31, 10**30])
def test_a_counter_that_fits_no_column_is_malformed(field: str, number: int) -> None:
    body = json.loads(SAMPLES["outcome.accepted.v1"].to_bytes())
    body["data"][field] = number
    with pytest.raises(MalformedMessageError, match=rf"^data\.{field}: "):
        parse(json.dumps(body).encode())


def test_a_ticket_event_of_a_later_release_is_kept_with_all_that_it_says() -> None:
    body = json.loads(SAMPLES["ticket.changed.v1"].to_bytes())
    told = {"kind": "beamed_up", "sequence": 21, "at": "2026-11-20T15:00:00Z", "crew": [{"name": "x", "rank": 3}]}
    body["data"]["events"].append(told | {"actor": {"kind": "android", "id": "d", "model": 5}})
    body["data"]["sequence"] = 21
    read = parse(json.dumps(body).encode(), type_hint="ticket.changed.v1")
    assert isinstance(read.data, TicketChanged)
    event = read.data.events[-1]
    assert isinstance(event, UnknownEvent)
    assert (event.kind, event.sequence, event.actor.kind) == ("beamed_up", 21, "unknown")
    again = json.loads(read.to_bytes())["data"]["events"][-1]
    assert {key: again[key] for key in told} == told


def test_a_writer_may_add_no_field() -> None:
    with pytest.raises(ValidationError):
        WorkAccepted(assignment_id=SOME_ID, token=1, worker="w", ordinal=1, mood="good")  # type: ignore[call-arg]  # the point


def test_a_number_that_is_not_finite_is_refused() -> None:
    with pytest.raises(ValidationError):
        Internal(completeness=float("nan"))


def test_null_inside_a_policy_document_survives_the_wire() -> None:
    document = {"until": None, "steps": [None, {"wait": None}]}
    data = PolicyApplied(version="v", name="n", document=document, applied_at=NOW)  # type: ignore[arg-type]  # JSON
    envelope = seal(data, message_id=SOME_ID, source="/x", subject="v", time=NOW + timedelta(1), tenant="main")
    assert parse(envelope.to_bytes()).data.document == document
