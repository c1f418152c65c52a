"""No tenant reaches another's data, at any endpoint."""

import json

PROBLEM = {"type": "problem_reported", "requester": {"party": "ann"}, "title": "No mail"}
HANGUP = json.dumps({"event": "hangup", "direction": "in", "callId": "c-1", "from": "491"}).encode()


def post_line(client, event, key):
    body = json.dumps({"key": key, "event": event}).encode()
    answer = client.post("/v1/events:batch", content=body, headers={"Content-Type": "application/x-ndjson"})
    return json.loads(answer.content)


def test_the_same_key_of_two_tenants_are_two_keys(intake):
    with intake.client("main") as ours, intake.client("other") as theirs:
        key = {"Idempotency-Key": "key-1"}
        first = ours.post("/v1/events", json=PROBLEM, headers=key)
        second = theirs.post("/v1/events", json=PROBLEM | {"title": "No web"}, headers=key)
        assert (first.status_code, second.status_code) == (202, 202)
        assert first.json()["ticket"] != second.json()["ticket"]
        assert post_line(ours, PROBLEM, "key-2")["ticket"] != post_line(theirs, PROBLEM, "key-2")["ticket"]
    tenants = {(message.subject, message.tenant) for message in intake.messages(4)}
    assert (first.json()["ticket"], "main") in tenants
    assert (second.json()["ticket"], "other") in tenants


def test_a_foreign_ticket_looks_like_one_that_does_not_exist(intake):
    with intake.client("main") as ours, intake.client("other") as theirs:
        ticket = ours.post("/v1/events", json=PROBLEM).json()["ticket"]
        absent = ticket[:-4] + ("0000" if ticket[-4:] != "0000" else "1111")
        before = intake.stored()
        told = []
        for kind, more in (
            ("requester_replied", {"text": "x"}),
            ("confirmed", {}),
            ("reopened", {"reason": "x"}),
            ("cancelled", {}),
        ):
            for spelled in (ticket, ticket.upper(), ticket.replace("-", ""), f"urn:uuid:{ticket}", absent):
                event = {"type": kind, "ticket": spelled} | more
                answer = theirs.post("/v1/events", json=event)
                line = post_line(theirs, event, f"{kind}-{spelled}")
                assert (answer.status_code, line["status"]) == (404, 404)
                told.append({name: value for name, value in answer.json().items() if name != "request_id"})
        assert all(one == told[0] for one in told)
    assert intake.stored() == before


def test_the_same_call_of_two_tenants_are_two_calls(intake):
    first = intake.post_call(HANGUP, tenant="main", webhook_id="w-1")
    second = intake.post_call(HANGUP, tenant="other", webhook_id="w-1")
    assert first.json()["ticket"] != second.json()["ticket"]
    assert "Idempotency-Replayed" not in second.headers
    assert {message.tenant for message in intake.messages(2)} == {"main", "other"}


def test_a_phone_event_cannot_reach_the_call_of_another_tenant(intake):
    ours = intake.post_call(HANGUP, tenant="main", webhook_id="w-1").json()["ticket"]
    answer = json.dumps({"event": "answer", "direction": "in", "callId": "c-1", "user": "mallory"}).encode()
    intake.post_call(answer, tenant="other", webhook_id="w-2")
    (state,) = intake.query("SELECT state FROM intake.call WHERE tenant = 'main'")
    assert "answered_by" not in json.loads(state["state"])
    with intake.client("other") as theirs:
        assert theirs.post("/v1/events", json={"type": "confirmed", "ticket": ours}).status_code == 404


def test_each_tenant_has_the_categories_of_its_own_policy(intake):
    intake.apply_policy(tenant="main", categories=["network"])
    intake.apply_policy(tenant="other", categories=["printer"])
    intake.wait_for_terms(2)
    with intake.client("main") as ours, intake.client("other") as theirs:
        for client, known, unknown in ((ours, "network", "printer"), (theirs, "printer", "network")):
            assert client.post("/v1/events", json=PROBLEM | {"category": known}).status_code == 202
            refused = client.post("/v1/events", json=PROBLEM | {"category": unknown})
            assert refused.status_code == 422
            assert known in refused.text
