"""Webhooks that sign nothing, that come twice, late or in another order, and calls that are odd."""

from __future__ import annotations

import itertools
import json
import secrets
import time
from datetime import UTC, datetime, timedelta

import pytest

from e2e.corpus import webhooks
from e2e.endpoints import CALL, PHONE, POINTS, fault_of
from e2e.whole_desk import OWN
from e2e.whole_desk import PHONE as SOURCE
from tierdesk_runtime.signatures import sign

JSON = {"Content-Type": "application/json"}
POINT = POINTS[f"POST {PHONE}"]
_numbers = itertools.count(1)


def call(**changes: object) -> bytes:
    """An event of a call of its own."""
    return json.dumps(CALL | {"callId": f"odd-{next(_numbers)}"} | changes).encode()


def post(door, body, headers):
    answer = door.client.post(PHONE, content=body, headers=JSON | headers)
    door.note(answer)
    return answer


@pytest.mark.parametrize("what", webhooks.UNSIGNED)
def test_a_webhook_that_signs_nothing_is_refused(door, what):
    body = call(event="hangup")
    headers = webhooks.UNSIGNED[what](door.desk.signed(OWN, body, secrets.token_hex(8)), int(time.time()))
    answer = post(door, body, {name: value.encode("latin-1") for name, value in headers.items()})
    assert answer.status_code == 401, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["detail"]


def test_the_same_document_in_other_bytes_is_not_what_was_signed(door):
    body = call()
    headers = door.desk.signed(OWN, body, secrets.token_hex(8))
    assert post(door, json.dumps(json.loads(body), indent=1).encode(), headers).status_code == 401
    assert post(door, body, headers).status_code == 200


def test_a_signature_among_others_counts_and_one_header_of_two_does_not(door):
    body = call()
    headers = door.desk.signed(OWN, body, secrets.token_hex(8))
    signature = headers.pop("webhook-signature")
    twice = [*headers.items(), *JSON.items(), ("webhook-signature", "v1,AAAA"), ("webhook-signature", signature)]
    assert door.client.post(PHONE, content=body, headers=twice).status_code in {200, 401}
    assert post(door, body, headers | {"webhook-signature": f"v1,AAAA v2,x {signature}"}).status_code == 200


def test_a_webhook_that_comes_again_a_day_later_has_the_same_answer_and_another_body_none(door):
    body, webhook_id = call(event="hangup"), secrets.token_hex(8)
    first = post(door, body, door.desk.signed(OWN, body, webhook_id))
    assert first.status_code == 200
    yesterday = sign(door.desk.phone_secrets[OWN], webhook_id, datetime.now(UTC) - timedelta(days=1), body)
    assert post(door, body, yesterday | {webhooks.SOURCE: SOURCE}).status_code == 401
    again = post(door, body, door.desk.signed(OWN, body, webhook_id))
    assert (again.json(), again.headers["Idempotency-Replayed"]) == (first.json(), "true")
    other = call(event="hangup", cause="another")
    assert fault_of(post(door, other, door.desk.signed(OWN, other, webhook_id))) is None


@pytest.mark.parametrize("what", webhooks.CALLS)
def test_an_odd_call_is_a_call(door, what):
    answer = door.send(POINT, call(**webhooks.CALLS[what]))
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("what", webhooks.WRONG_CALLS)
def test_a_wrong_call_is_refused(door, what):
    assert fault_of(door.send(POINT, call(**webhooks.WRONG_CALLS[what]))) is None


def test_two_beginnings_and_an_end_before_them_are_one_call(door):
    name = f"twice-{next(_numbers)}"
    told = [
        door.send(POINT, call(callId=name, event=event)).json()
        for event in ("hangup", "newCall", "newCall", "answer", "hangup")
    ]
    assert len({answer["ticket"] for answer in told if answer["ticket"]}) == 1


def test_the_desk_goes_on_after_all_that(door):
    door.goes_on()
