"""Call sequences that other systems test with, from the reference data beside the checkout: shuffled, and told thrice."""

import json
import random
from urllib.parse import urlencode

import pytest

pytestmark = pytest.mark.reference

ORDERS = 24
EXPECTED = {"in": "ended", "out": "missed"}
"""An incoming call that is answered and ends; an outgoing call that is given up before it is answered."""


@pytest.fixture(scope="module")
def items(reference_payloads):
    return json.loads(reference_payloads.read_text())["items"]


@pytest.mark.parametrize("direction", EXPECTED)
@pytest.mark.parametrize("form", [False, True], ids=["json", "form"])
def test_a_sequence_gives_its_outcome_in_any_order(shared_intake, items, direction, form, capsys):
    (sequence,) = [
        item["sequence"]
        for item in items
        if item["kind"] == "phone-call-sequence" and item["sequence"][0]["direction"] == direction
    ]
    chance = random.Random(direction)
    for order in range(ORDERS):
        call = f"{direction}-{form}-{order}"
        arrived = [event | {"call_id": call} for event in sequence * 3]
        chance.shuffle(arrived)
        for number, event in enumerate(arrived):
            body = urlencode(event).encode() if form else json.dumps(event).encode()
            kind = "application/x-www-form-urlencoded" if form else "application/json"
            answer = shared_intake.post_call(body, webhook_id=f"{call}-{number}", content_type=kind)
            assert answer.status_code == 200
        check(shared_intake, call, direction)
    with capsys.disabled():
        print(f"\n{ORDERS} orders of the {direction}going sequence of {len(sequence)} events, each thrice")  # noqa: T201


def check(intake, call, direction):
    (row,) = intake.query("SELECT state, ticket FROM intake.call WHERE call_id = $1", call)
    state = json.loads(row["state"])
    assert state["outcome"] == EXPECTED[direction]
    assert (row["ticket"] is not None) == (direction == "in")
    assert state["waiting_seconds"] >= 0
    if direction == "in":
        assert state["talking_seconds"] >= 0
        assert state["cause"] == "normalClearing"
        told = intake.query("SELECT body FROM intake.outbox WHERE subject = $1 ORDER BY position", str(row["ticket"]))
        assert [int(json.loads(one["body"])["sequence"]) for one in told] == list(range(1, len(told) + 1))
        assert json.loads(told[-1]["body"])["data"]["outcome"] == "ended"


def test_a_call_may_ring_several_people(shared_intake, items):
    (payload,) = [item["payload"] for item in items if item["kind"] == "phone-call"]
    answer = shared_intake.post_call(json.dumps(payload).encode(), webhook_id="several")
    assert answer.json() == {"call": payload["call_id"], "ticket": None, "reference": None, "route": "queue"}
