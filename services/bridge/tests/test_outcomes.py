"""What vendors post back: signed, once, and never believed about who they are."""

import json
import secrets
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from uuid import UUID

import httpx2
import pytest

from servers.bridges import CLOUDEVENT, PATIENCE_SECONDS, TLS, VENDOR, Ground, changed, outcome_body
from tierdesk_bridge.app import DEFINITION
from tierdesk_contracts import outcome, parse
from tierdesk_runtime.signatures import sign
from tierdesk_store import migrate

PROBLEM = "application/problem+json"


@pytest.fixture
def bridge(bridge, receiver):
    bridge.set_url(receiver.url)
    bridge.set_url(receiver.url, tenant="other")
    return bridge


def post(bridge, body, headers, vendor=VENDOR):
    with httpx2.Client(base_url=bridge.url, timeout=PATIENCE_SECONDS, verify=TLS, trust_env=False) as client:
        return client.post(f"/v1/bridge/{vendor}/outcomes", content=body, headers=headers)


def stored(bridge):
    return bridge.query("SELECT namespace, exchange, key, body FROM bridge.outbox ORDER BY position")


def test_an_outcome_goes_to_where_the_vendor_would_publish_it(bridge):
    body = outcome_body(outcome.WorkResolved, how="Fuser replaced.")
    answer = bridge.call_back(body)
    assert answer.status_code == 202, answer.text
    sent = parse(body)
    assert UUID(answer.json()["id"]) == sent.id
    (came,) = bridge.inbound(1)
    assert came == sent.model_copy(update={"tenant": "main", "source": f"/vendors/{VENDOR}"})


def test_the_secret_tells_whose_vendor_it_is_and_the_body_does_not(bridge):
    body = changed(outcome_body(), tenant="main", source="/tierdesk/router")
    assert bridge.call_back(body, secret=bridge.secret("other")).status_code == 202
    (came,) = bridge.inbound(1, tenant="other")
    assert (came.tenant, came.source) == ("other", f"/vendors/{VENDOR}")
    assert {row["namespace"] for row in stored(bridge)} == {f"v-other.{VENDOR}"}


def test_the_same_webhook_again_has_the_same_answer_and_no_effect(bridge):
    body, webhook_id = outcome_body(), secrets.token_hex(8)
    first = bridge.call_back(body, webhook_id=webhook_id)
    again = bridge.call_back(body, webhook_id=webhook_id)
    assert (first.status_code, first.content) == (again.status_code, again.content)
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"
    assert len(stored(bridge)) == 1


def test_many_at_once_under_one_identifier_are_one(bridge):
    body, webhook_id = outcome_body(), secrets.token_hex(8)
    with ThreadPoolExecutor(10) as threads:
        answers = list(threads.map(lambda _: bridge.call_back(body, webhook_id=webhook_id), range(20)))
    assert {(answer.status_code, answer.content) for answer in answers} == {(202, answers[0].content)}
    assert len(stored(bridge)) == 1


def test_another_body_under_a_used_identifier_is_refused(bridge):
    webhook_id = secrets.token_hex(8)
    assert bridge.call_back(outcome_body(), webhook_id=webhook_id).status_code == 202
    refused = bridge.call_back(outcome_body(), webhook_id=webhook_id)
    assert refused.status_code == 422
    assert [fault["field"] for fault in refused.json()["errors"]] == ["webhook-id"]
    assert len(stored(bridge)) == 1


def test_an_identifier_belongs_to_one_vendor_of_one_tenant(bridge):
    webhook_id = secrets.token_hex(8)
    for tenant in ("main", "other"):
        answer = bridge.call_back(outcome_body(), webhook_id=webhook_id, secret=bridge.secret(tenant))
        assert answer.status_code == 202
    assert len(stored(bridge)) == 2


def signed(bridge, body, **changes):
    return sign(bridge.secret(), secrets.token_hex(8), datetime.now(UTC), body) | changes


FORGED = {
    "nothing signed": lambda bridge, body: {},
    "another secret": lambda bridge, body: sign("whsec_" + "A" * 43 + "=", "w-1", datetime.now(UTC), body),
    "another body": lambda bridge, body: signed(bridge, body + b" "),
    "another identifier": lambda bridge, body: signed(bridge, body, **{"webhook-id": "another"}),
    "too old": lambda bridge, body: sign(bridge.secret(), "w-2", datetime.now(UTC) - timedelta(minutes=6), body),
    "too new": lambda bridge, body: sign(bridge.secret(), "w-3", datetime.now(UTC) + timedelta(minutes=6), body),
    "no base 64": lambda bridge, body: signed(bridge, body, **{"webhook-signature": "v1,%%%"}),
    "another version": lambda bridge, body: signed(bridge, body, **{"webhook-signature": "v1a,AAAA"}),
    "no time": lambda bridge, body: signed(bridge, body, **{"webhook-timestamp": "NaN"}),
}


@pytest.mark.parametrize("what", FORGED)
def test_what_the_vendor_did_not_sign_is_refused(bridge, what):
    body = outcome_body()
    answer = post(bridge, body, CLOUDEVENT | FORGED[what](bridge, body))
    assert (answer.status_code, answer.headers["Content-Type"]) == (401, PROBLEM)
    assert stored(bridge) == []


def test_no_vendor_speaks_for_another(bridge, receiver):
    bridge.secrets.add_webhook_secret("main", "vendor.phones")
    bridge.set_url(receiver.url, vendor="phones")
    body = outcome_body()
    mine = sign(bridge.secret(vendor="phones"), "w-1", datetime.now(UTC), body)
    for vendor in (VENDOR, "nobody", "%00", "vendor.phones"):
        assert post(bridge, body, CLOUDEVENT | mine, vendor).status_code == 401
    assert post(bridge, body, CLOUDEVENT | mine, "phones").status_code == 202
    assert {row["namespace"] for row in stored(bridge)} == {"v-main.phones"}


def test_a_telephone_systems_secret_is_no_vendors(bridge):
    secret = bridge.secrets.add_webhook_secret("main", "phone")
    body = outcome_body()
    assert post(bridge, body, CLOUDEVENT | sign(secret, "w-1", datetime.now(UTC), body), "phone").status_code == 401


def test_what_the_desk_sent_signed_is_no_outcome_when_it_comes_back(bridge, receiver):
    bridge.offer("t-1")
    hook = receiver.wait_for(lambda hooks: hooks and hooks[0], "a webhook")
    names = ("webhook-id", "webhook-timestamp", "webhook-signature", "content-type")
    refused = post(bridge, hook.body, {name: hook.headers[name] for name in names})
    assert refused.status_code == 422
    assert [fault["field"] for fault in refused.json()["errors"]] == ["type"]
    assert stored(bridge) == []


def test_old_and_new_secret_are_taken_while_one_replaces_the_other(bridge):
    old = bridge.secret()
    new = bridge.secrets.add_webhook_secret("main", f"vendor.{VENDOR}")
    bridge.wait_until(lambda: bridge.call_back(outcome_body(), secret=new).status_code == 202, "the new one is taken")
    assert bridge.call_back(outcome_body(), secret=old).status_code == 202
    bridge.secrets.drop_webhook_secrets("main", f"vendor.{VENDOR}", keep=1)
    bridge.wait_until(lambda: bridge.call_back(outcome_body(), secret=old).status_code == 401, "the old one is not")
    assert bridge.call_back(outcome_body(), secret=new).status_code == 202


WRONG = {
    "no JSON": (b"{", 400, "body"),
    "not UTF-8": (b"\xff\xfe", 400, "body"),
    "a field twice": (b'{"type": "a", "type": "b"}', 400, "body"),
    "no object": (b"[]", 422, "body"),
    "no type": (b"{}", 422, "type"),
    "a fact of the desk": (changed(outcome_body(), type="ticket.changed.v1"), 422, "type"),
    "work of the desk": (changed(outcome_body(), type="work.offered.v1"), 422, "type"),
    "an unknown type": (changed(outcome_body(), type="outcome.juggled.v1"), 422, "type"),
    "no identifier": (changed(outcome_body(), id="x"), 422, "id"),
    "no data": (changed(outcome_body(), data={}), 422, "data.assignment_id"),
    "an ordinal of zero": (outcome_body().replace(b'"ordinal":1', b'"ordinal":0'), 422, "data.ordinal"),
    "a NUL": (changed(outcome_body(), subject="a\x00b"), 422, "subject"),
    "another specversion": (changed(outcome_body(), specversion="0.3"), 422, "specversion"),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_is_no_outcome_is_refused_with_its_field(bridge, what):
    body, status, field = WRONG[what]
    answer = bridge.call_back(body)
    assert (answer.status_code, answer.headers["Content-Type"]) == (status, PROBLEM), answer.text
    assert [fault["field"] for fault in answer.json()["errors"]] == [field]
    assert stored(bridge) == []


def test_a_field_that_nobody_knows_is_passed_over_as_on_the_bus(bridge):
    assert bridge.call_back(changed(outcome_body(), colour="red")).status_code == 202
    (row,) = stored(bridge)
    assert "colour" not in json.loads(row["body"])


def test_another_media_type_and_a_packed_body_are_refused(bridge):
    body = outcome_body()
    for more in ({"Content-Type": "application/json"}, {"Content-Encoding": "gzip"}):
        assert bridge.call_back(body, **more).status_code == 415
    assert (
        bridge.call_back(body, **{"Content-Type": 'application/cloudevents+json; charset="UTF-8"'}).status_code == 202
    )


def test_a_body_beyond_the_limit_is_refused_before_it_is_read(bridge):
    assert bridge.call_back(b"x" * (bridge.settings.body_limit_bytes + 1)).status_code == 413


def test_without_an_endpoint_no_answer_is_taken_and_a_disabled_one_may_answer_on(bridge):
    bridge.query("UPDATE bridge.endpoint SET enabled = false")
    assert bridge.call_back(outcome_body()).status_code == 202
    assert bridge.ask("DELETE", VENDOR).status_code == 204
    assert bridge.call_back(outcome_body()).status_code == 409


def test_while_the_database_is_away_nothing_is_promised(private_postgres, tmp_path):
    migrate(private_postgres.url(), DEFINITION.schema, password="of nobody")
    ground = Ground(private_postgres.url(), tmp_path)
    port = private_postgres.port
    with ground.running() as bridge:
        bridge.set_url("https://vendor.example/hook")
        body, webhook_id = outcome_body(), secrets.token_hex(8)
        private_postgres.kill()
        answer = bridge.call_back(body, webhook_id=webhook_id)
        assert (answer.status_code, answer.headers["Content-Type"]) == (503, PROBLEM)
        assert int(answer.headers["Retry-After"]) >= 1
        private_postgres.start(port=port)
        bridge.wait_until(lambda: bridge.call_back(body, webhook_id=webhook_id).status_code == 202, "it is stored")
        assert len(stored(bridge)) == 1
