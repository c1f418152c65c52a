"""`POST /v1/phone/generic` on the running service."""

import itertools
import json
import random
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

import pytest

from tierdesk_contracts.intake import CallOutcome
from tierdesk_runtime.signatures import sign

FORM = "application/x-www-form-urlencoded"
START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def call(event, seconds=None, **more):
    values = {"event": event, "direction": "in", "callId": "c-1", "from": "4912347114711", "to": "4930600000000"}
    if seconds is not None:
        values["occurred_at"] = (START + timedelta(seconds=seconds)).isoformat()
    return json.dumps(values | more).encode()


def post_all(intake, bodies):
    answers = [intake.post_call(body, webhook_id=f"w-{number}") for number, body in enumerate(bodies)]
    assert {answer.status_code for answer in answers} == {200}
    return [answer.json() for answer in answers]


def test_a_call_that_is_answered_becomes_a_ticket_and_each_change_is_told(intake):
    bodies = [call("newCall", 0), call("answer", 12, user="ann"), call("hangup", 60, cause="normalClearing")]
    ringing, answered, ended = post_all(intake, bodies)
    assert ringing == {"call": "c-1", "ticket": None, "reference": None}
    assert answered == ended
    assert answered["ticket"]
    first, last = intake.messages(2)
    assert [first.type, last.type] == ["intake.call.v1"] * 2
    assert [first.position, last.position] == [1, 2]
    assert first.subject == last.subject == answered["ticket"]
    assert (first.data.outcome, last.data.outcome) == (CallOutcome.ANSWERED, CallOutcome.ENDED)
    assert (first.time, last.time) == (START + timedelta(seconds=12), START + timedelta(seconds=60))
    told = last.data
    assert told.reference == answered["reference"]
    assert (told.provider, told.call_id, told.caller, told.called) == ("pbx", "c-1", "4912347114711", "4930600000000")
    assert (told.waiting_seconds, told.talking_seconds, told.answered_by) == (12, 48, "ann")
    assert told.cause == "normalClearing"


def test_a_missed_call_becomes_a_ticket(intake):
    told = post_all(intake, [call("newCall", 0), call("hangup", 9, cause="cancel")])
    assert told[1]["ticket"]
    (message,) = intake.messages(1)
    assert message.data.outcome is CallOutcome.MISSED
    assert message.data.waiting_seconds == 9


def test_a_voicemail_keeps_where_its_recording_is_and_fetches_nothing(intake):
    recording = "http://169.254.169.254/latest/meta-data"
    post_all(intake, [call("newCall", 0), call("voicemail", 30, recording=recording), call("hangup", 31)])
    first, last = intake.messages(2)
    assert first.data.outcome is last.data.outcome is CallOutcome.VOICEMAIL
    assert first.data.recording == last.data.recording == recording


def test_calls_that_we_make_open_no_ticket(intake):
    bodies = [call(event, at, direction="out") for at, event in enumerate(("newCall", "answer", "hangup"))]
    assert {answer["ticket"] for answer in post_all(intake, bodies)} == {None}
    assert intake.count("outbox") == 0
    assert intake.count("call_event") == 3


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
def test_in_any_order_and_told_thrice_the_call_is_the_same(shared_intake, order):
    name = "".join(map(str, order))
    said = [
        call("newCall", 0, callId=name),
        call("answer", 12, callId=name, user=["ann", "bob"]),
        call("hangup", 60, callId=name, cause="normalClearing"),
        call("answer", 70, callId=name),
    ]
    arrived = [said[number] for number in order for _ in range(3)]
    random.Random(name).shuffle(arrived)
    for number, body in enumerate(arrived):
        assert shared_intake.post_call(body, webhook_id=f"{name}-{number}").status_code == 200
    (row,) = shared_intake.query("SELECT state, ticket FROM intake.call WHERE call_id = $1", name)
    state = json.loads(row["state"])
    assert row["ticket"] is not None
    assert (state["outcome"], state["waiting_seconds"], state["talking_seconds"]) == ("ended", 12, 48)
    assert (state["answered_by"], state["cause"]) == ("ann", "normalClearing")


def test_the_same_webhook_gets_the_same_answer(intake):
    first = intake.post_call(call("hangup"), webhook_id="w-1")
    second = intake.post_call(call("hangup"), webhook_id="w-1")
    assert (second.status_code, second.content) == (200, first.content)
    assert second.headers["Idempotency-Replayed"] == "true"
    assert intake.count("raw_event") == 1


def test_the_same_webhook_with_another_body_is_refused(intake):
    intake.post_call(call("hangup"), webhook_id="w-1")
    answer = intake.post_call(call("hangup", 5, callId="c-2"), webhook_id="w-1")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "webhook-id"
    assert intake.count("call") == 1


def test_the_same_said_in_another_webhook_changes_nothing(intake):
    post_all(intake, [call("newCall", 0), call("answer", 5), call("answer", 5), call("answer", 5)])
    assert intake.count("outbox") == 1
    assert intake.count("call_event") == 2
    assert intake.count("raw_event") == 4


def test_events_of_many_calls_at_once_keep_each_call_whole(intake):
    bodies = [
        call(event, at, callId=f"c-{number}")
        for number in range(30)
        for at, event in enumerate(("newCall", "answer", "hangup"))
    ]
    random.Random(7).shuffle(bodies)
    with ThreadPoolExecutor(20) as threads:
        answers = list(
            threads.map(lambda pair: intake.post_call(pair[1], webhook_id=f"w-{pair[0]}"), enumerate(bodies))
        )
    assert {answer.status_code for answer in answers} == {200}
    assert intake.count("ticket") == 30
    states = [json.loads(row["state"]) for row in intake.query("SELECT state FROM intake.call")]
    assert {state["outcome"] for state in states} == {"ended"}
    told = {}
    for message in intake.messages(intake.count("outbox")):
        assert message.position == told.get(message.subject, 0) + 1
        told[message.subject] = message.position
    assert len(told) == 30


def test_a_reply_on_the_ticket_of_a_call_takes_the_next_place(intake):
    ticket = post_all(intake, [call("newCall", 0), call("hangup", 9)])[1]["ticket"]
    with intake.client() as client:
        assert client.post("/v1/events", json={"type": "confirmed", "ticket": ticket}).status_code == 202
    post_all(intake, [call("newCall", 0), call("hangup", 9), call("voicemail", 8)])
    assert [message.position for message in intake.messages(3)] == [1, 2, 3]


def test_a_form_is_read_as_json_is(intake):
    pairs = [
        ("event", "newCall"),
        ("direction", "in"),
        ("call_id", "c-1"),
        ("from", "491"),
        ("user[]", "a"),
        ("user[]", "b"),
    ]
    assert intake.post_call(urlencode(pairs).encode(), webhook_id="w-1", content_type=FORM).status_code == 200
    hangup = {"event": "hangup", "direction": "in", "callId": "c-1"}
    answer = intake.post_call(urlencode(hangup).encode(), webhook_id="w-2", content_type=FORM)
    assert answer.json()["ticket"]
    assert intake.messages(1)[0].data.caller == "491"


def test_a_call_has_no_end_of_events(intake):
    bodies = [call("newCall", number) for number in range(201)]
    answers = [intake.post_call(body, webhook_id=f"w-{number}") for number, body in enumerate(bodies)]
    assert {answer.status_code for answer in answers[:200]} == {200}
    assert answers[200].status_code == 422
    assert intake.post_call(bodies[0], webhook_id="again").status_code == 200
    assert intake.count("call_event") == 200


def post_signed(intake, headers, body=None):
    body = call("newCall") if body is None else body
    given = {"Tierdesk-Source": "pbx", "Content-Type": "application/json"} | headers
    return intake.pbx.post(f"{intake.url}/v1/phone/generic", content=body, headers=given)


NOW = datetime.now(UTC)


@pytest.mark.parametrize(
    "change",
    [
        {"webhook-signature": ""},
        {"webhook-signature": "v1"},
        {"webhook-signature": "v1,AAAA"},
        {"webhook-signature": "v1,no base 64"},
        {"webhook-signature": "v2,AAAA"},
        {"webhook-signature": " ".join(["v1,AAAA"] * 100)},
        {"webhook-timestamp": str(int((NOW - timedelta(minutes=6)).timestamp()))},
        {"webhook-timestamp": str(int((NOW + timedelta(minutes=6)).timestamp()))},
        {"webhook-timestamp": str(int(NOW.timestamp() * 1000))},
        {"webhook-timestamp": "NaN"},
        {"webhook-timestamp": ""},
        {"webhook-id": "another"},
        {"webhook-id": ""},
        {"webhook-id": "x" * 201},
        {"Tierdesk-Source": "unknown"},
        {"Tierdesk-Source": ""},
        {"Tierdesk-Source": "phone"},
    ],
)
def test_what_is_not_signed_well_is_refused(shared_intake, change):
    before = shared_intake.stored()
    headers = sign(shared_intake.phone_secrets["main"], "w-1", datetime.now(UTC), call("newCall"))
    answer = post_signed(shared_intake, headers | change)
    assert answer.status_code == 401
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert shared_intake.stored() == before


@pytest.mark.parametrize("header", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_each_header_of_the_signature_must_be_there(shared_intake, header):
    headers = sign(shared_intake.phone_secrets["main"], "w-1", datetime.now(UTC), call("newCall"))
    del headers[header]
    assert post_signed(shared_intake, headers).status_code == 401


def test_a_body_that_was_written_anew_is_refused(shared_intake):
    headers = sign(shared_intake.phone_secrets["main"], "w-1", datetime.now(UTC), call("newCall"))
    anew = json.dumps(json.loads(call("newCall")), indent=1).encode()
    assert post_signed(shared_intake, headers, anew).status_code == 401


def test_a_key_of_the_desk_is_no_signature(shared_intake):
    with shared_intake.client() as client:
        answer = client.post("/v1/phone/generic", content=call("newCall"), headers={"Tierdesk-Source": "pbx"})
    assert answer.status_code == 401


def test_a_secret_that_is_added_counts_within_seconds(intake):
    secret = intake.secrets.add_webhook_secret("main", "new-pbx")
    body = call("newCall")
    headers = sign(secret, "w-1", datetime.now(UTC), body) | {"Tierdesk-Source": "new-pbx"}
    deadline = time.monotonic() + 10
    while (answer := post_signed(intake, headers, body)).status_code == 401 and time.monotonic() < deadline:
        time.sleep(0.1)
    assert answer.status_code == 200


def test_the_secret_of_a_vendor_reports_no_calls(intake):
    """It stands in the same file, for the bridge."""
    body = call("newCall")
    vendors, own = (intake.secrets.add_webhook_secret("main", name) for name in ("vendor.printers", "new-pbx"))

    def told(source, secret):
        headers = sign(secret, f"by {source}".replace(" ", "-"), datetime.now(UTC), body) | {"Tierdesk-Source": source}
        return post_signed(intake, headers, body).status_code

    deadline = time.monotonic() + 10
    while told("new-pbx", own) == 401 and time.monotonic() < deadline:
        time.sleep(0.1)
    assert told("new-pbx", own) == 200
    assert told("vendor.printers", vendors) == 401
