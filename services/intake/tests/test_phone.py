"""`POST /v1/phone/generic` on the running service."""

import json
import random
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode
from uuid import UUID

import pytest

from tierdesk_contracts.intake import CallOutcome
from tierdesk_intake.domain import phone_log
from tierdesk_runtime.signatures import sign

FORM = "application/x-www-form-urlencoded"
START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def call(event, seconds=None, **more):
    values = {"event": event, "direction": "in", "callId": "c-1", "from": "4912347114711", "to": "4930600000000"}
    if seconds is not None:
        values["occurred_at"] = (START + timedelta(seconds=seconds)).isoformat()
    return json.dumps(values | more).encode()


class Line:
    """One call at the telephones of an intake that all tests share."""

    def __init__(self, intake, name):
        self.intake = intake
        self.name = name

    def post(self, body, key, **options):
        """As this call: under its identifier, and with webhooks of its own."""
        body = body.replace(b'"c-1"', json.dumps(self.name).encode())
        return self.intake.post_call(body, webhook_id=f"{self.name}-{key}", **options)

    def post_all(self, bodies):
        answers = [self.post(body, number) for number, body in enumerate(bodies)]
        assert {answer.status_code for answer in answers} == {200}
        return [answer.json() for answer in answers]

    def told(self, ticket, count):
        """What was published of this ticket, as it came."""
        found = []
        while len(found) < count:
            found += [message for message in self.intake.messages(1) if message.subject == ticket]
        return found

    def told_so_far(self, ticket):
        (row,) = self.intake.query("SELECT last_sequence FROM intake.ticket WHERE id = $1", UUID(ticket))
        return row["last_sequence"]

    def events(self):
        return len(self.intake.query("SELECT FROM intake.call_event WHERE call_id = $1", self.name))

    def state(self):
        (row,) = self.intake.query("SELECT state FROM intake.call WHERE call_id = $1", self.name)
        return json.loads(row["state"])


@pytest.fixture
def line(shared_intake, request):
    return Line(shared_intake, request.node.name[:100])


def test_a_call_that_is_answered_becomes_a_ticket_and_each_change_is_told(line):
    bodies = [call("newCall", 0), call("answer", 12, user="ann"), call("hangup", 60, cause="normalClearing")]
    ringing, answered, ended = line.post_all(bodies)
    assert ringing == {"call": line.name, "ticket": None, "reference": None, "route": "queue"}
    assert answered == ended
    assert answered["ticket"]
    first, last = line.told(answered["ticket"], 2)
    assert [first.type, last.type] == ["intake.call.v1"] * 2
    assert [first.position, last.position] == [1, 2]
    assert (first.data.outcome, last.data.outcome) == (CallOutcome.ANSWERED, CallOutcome.ENDED)
    assert (first.time, last.time) == (START + timedelta(seconds=12), START + timedelta(seconds=60))
    told = last.data
    assert told.reference == answered["reference"]
    assert (told.provider, told.call_id, told.caller, told.called) == (
        "pbx", line.name, "4912347114711", "4930600000000",
    )  # fmt: skip
    assert (told.waiting_seconds, told.talking_seconds, told.answered_by) == (12, 48, "ann")
    assert told.cause == "normalClearing"


def test_a_missed_call_becomes_a_ticket(line):
    _, ended = line.post_all([call("newCall", 0), call("hangup", 9, cause="cancel")])
    (message,) = line.told(ended["ticket"], 1)
    assert message.data.outcome is CallOutcome.MISSED
    assert message.data.waiting_seconds == 9


def test_a_voicemail_keeps_where_its_recording_is_and_fetches_nothing(line):
    recording = "http://169.254.169.254/latest/meta-data"
    bodies = [call("newCall", 0), call("voicemail", 30, recording=recording), call("hangup", 31)]
    first, last = line.told(line.post_all(bodies)[1]["ticket"], 2)
    assert first.data.outcome is last.data.outcome is CallOutcome.VOICEMAIL
    assert first.data.recording == last.data.recording == recording


def test_calls_that_we_make_open_no_ticket(line):
    bodies = [call(event, at, direction="out") for at, event in enumerate(("newCall", "answer", "hangup"))]
    assert {answer["ticket"] for answer in line.post_all(bodies)} == {None}
    assert line.events() == 3


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 2, 1, 0), (2, 0, 3, 1), (1, 3, 0, 2)])
def test_in_any_order_and_told_thrice_the_call_is_the_same(line, order):
    said = [
        call("newCall", 0),
        call("answer", 12, user=["ann", "bob"]),
        call("hangup", 60, cause="normalClearing"),
        call("answer", 70),
    ]
    arrived = [said[number] for number in order for _ in range(3)]
    random.Random(str(order)).shuffle(arrived)
    assert line.post_all(arrived)[-1]["ticket"]
    state = line.state()
    assert (state["outcome"], state["waiting_seconds"], state["talking_seconds"]) == ("ended", 12, 48)
    assert (state["answered_by"], state["cause"]) == ("ann", "normalClearing")


def test_the_same_webhook_gets_the_same_answer(line):
    first = line.post(call("hangup"), 1)
    stored = line.intake.stored()
    second = line.post(call("hangup"), 1)
    assert (second.status_code, second.content) == (200, first.content)
    assert second.headers["Idempotency-Replayed"] == "true"
    assert line.intake.stored() == stored


def test_the_same_webhook_with_another_body_is_refused(line):
    line.post(call("hangup"), 1)
    stored = line.intake.stored()
    answer = line.post(call("hangup", 5, callId="another"), 1)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "webhook-id"
    assert line.intake.stored() == stored


def test_the_same_said_in_another_webhook_changes_nothing(line):
    before = line.intake.count("raw_event")
    *_, last = line.post_all([call("newCall", 0), call("answer", 5), call("answer", 5), call("answer", 5)])
    assert line.told_so_far(last["ticket"]) == 1
    assert line.events() == 2
    assert line.intake.count("raw_event") == before + 4


def test_events_of_many_calls_at_once_keep_each_call_whole(intake):
    bodies = [
        call(event, at, callId=f"c-{number}")
        for number in range(15)
        for at, event in enumerate(("newCall", "answer", "hangup"))
    ]
    random.Random(7).shuffle(bodies)
    with ThreadPoolExecutor(15) as threads:
        answers = list(
            threads.map(lambda pair: intake.post_call(pair[1], webhook_id=f"w-{pair[0]}"), enumerate(bodies))
        )
    assert {answer.status_code for answer in answers} == {200}
    assert intake.count("ticket") == 15
    states = [json.loads(row["state"]) for row in intake.query("SELECT state FROM intake.call")]
    assert {state["outcome"] for state in states} == {"ended"}
    told = {}
    for message in intake.messages(intake.count("outbox")):
        assert message.position == told.get(message.subject, 0) + 1
        told[message.subject] = message.position
    assert len(told) == 15


def test_a_reply_on_the_ticket_of_a_call_takes_the_next_place(line):
    ticket = line.post_all([call("newCall", 0), call("hangup", 9)])[1]["ticket"]
    with line.intake.client() as client:
        assert client.post("/v1/events", json={"type": "confirmed", "ticket": ticket}).status_code == 202
    line.post_all([call("newCall", 0), call("hangup", 9), call("voicemail", 8)])
    assert [message.position for message in line.told(ticket, 3)] == [1, 2, 3]


def test_a_form_is_read_as_json_is(line):
    pairs = [
        ("event", "newCall"),
        ("direction", "in"),
        ("call_id", line.name),
        ("from", "491"),
        ("user[]", "a"),
        ("user[]", "b"),
    ]
    assert line.post(urlencode(pairs).encode(), 1, content_type=FORM).status_code == 200
    hangup = {"event": "hangup", "direction": "in", "callId": line.name}
    answer = line.post(urlencode(hangup).encode(), 2, content_type=FORM)
    assert line.told(answer.json()["ticket"], 1)[0].data.caller == "491"


def test_a_call_has_no_end_of_events(line, monkeypatch):
    monkeypatch.setattr(phone_log, "EVENTS_PER_CALL", 5)
    bodies = [call("newCall", number) for number in range(6)]
    line.post_all(bodies[:5])
    assert line.post(bodies[5], "last").status_code == 422
    assert line.post(bodies[0], "again").status_code == 200
    assert line.events() == 5


def post_signed(intake, headers, body=None):
    body = call("newCall") if body is None else body
    given = {"Tierdesk-Source": "pbx", "Content-Type": "application/json"} | headers
    return intake.pbx.post(f"{intake.url}/v1/phone/generic", content=body, headers=given)


NOW = datetime.now(UTC)


BADLY_SIGNED = [
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
]


def test_what_is_not_signed_well_is_refused(shared_intake):
    before = shared_intake.stored()
    for change in BADLY_SIGNED:
        headers = sign(shared_intake.phone_secrets["main"], "w-1", datetime.now(UTC), call("newCall"))
        answer = post_signed(shared_intake, headers | change)
        assert answer.status_code == 401, change
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


def test_a_secret_that_is_added_counts_within_seconds_and_that_of_a_vendor_never(shared_intake):
    """It stands in the same file, for the bridge."""
    intake = shared_intake
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
