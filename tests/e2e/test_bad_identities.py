"""Somebody who is nobody, questions that make no sense, and names of nothing, at every endpoint."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

from e2e.corpus import identities
from e2e.endpoints import ARTICLE, OUTCOMES, PROBLEM, ask, described, fault_of
from e2e.tenant_desk_plans import SIGN_IN
from e2e.whole_desk import OWN, WholeDesk
from tierdesk_cli.services import DEFINITIONS

EVERYWHERE = {"nothing", "another secret", "a revoked key"}
"""Shown at every endpoint. What a header must be is judged in one place, so that the others are shown once to each service."""


def test_whoever_is_nobody_gets_nowhere(door):
    key = door.desk.keys[OWN]
    now = datetime.now(UTC)
    expired = door.desk.ring.mint("expired", OWN, ["tickets:read"], expires_at=now - timedelta(seconds=1))
    revoked = door.desk.ring.mint("revoked", OWN, ["tickets:read", "events:write"])
    door.desk.ring.revoke(next(stored.id for stored in door.desk.secrets.keys if stored.label == "revoked"))
    changed = key[:40] + ("a" if key[40] != "a" else "b") + key[41:]
    words = {
        "key": key, "short": key[:-1], "changed": changed, "elsewhere": key.replace("_local_", "_live_"),
        "revoked": revoked, "expired": expired,
    }  # fmt: skip
    closed = [(method, path) for method, path in described(door.desk) if path != SIGN_IN]
    endpoints = [(method, door.path(path)) for method, path in closed] + [("GET", "/metrics")]
    opened = {}
    of_each_service = [next(one for one in endpoints if one[1].startswith(it.paths)) for it in DEFINITIONS.values()]
    with door.desk.client() as nobody:
        for what, pattern in identities.CREDENTIALS.items():
            for method, path in endpoints if what in EVERYWHERE else of_each_service:
                header = {"Authorization": pattern.format(**words).encode()}
                status = nobody.request(method, path, headers=header, content=b"{}").status_code
                if status != 401 and not (what == "60,000 letters" and status in {400, 431}):
                    opened[what, method, path] = status
        for method, path in endpoints:
            status = nobody.request(method, path, headers=identities.SPOOFED_HEADERS).status_code
            if status != 401:
                opened["spoofed", method, path] = status
    assert not opened
    door.goes_on()


def test_many_bad_logins_do_not_lock_out_a_good_one(door):
    with door.desk.client(Authorization="Bearer tierdesk_local_nobody") as stranger:
        assert {stranger.get("/v1/tickets").status_code for _ in range(500)} == {401}
    door.goes_on()


def parameters_of(desk: WholeDesk) -> dict[str, set[str]]:
    """The names of what each endpoint that is read takes in its query."""
    with desk.client() as nobody:
        paths = nobody.get("/openapi.json").json()["paths"]
    return {
        path: {one["name"] for one in item["get"].get("parameters", ()) if one["in"] == "query"}
        for path, item in paths.items()
        if "get" in item
    }


def test_queries_that_make_no_sense_are_refused(door):
    wrong = {}
    for path, known in parameters_of(door.desk).items():
        for query in identities.QUERIES:
            name = query.partition("=")[0]
            if name in identities.PARAMETERS and name not in known:
                continue
            answer = ask(door.client, "GET", f"{door.path(path)}?{query}")
            if answer.status_code not in {200, 400, 404, 422}:
                wrong[path, query] = f"{answer.status_code} {answer.text[:200]}"
            elif answer.status_code != 200 and not answer.json()["title"]:
                wrong[path, query] = answer.text[:200]
    assert not wrong, "\n".join(f"{k}: {v}" for k, v in wrong.items())
    for query in ("limit=-1", "limit=0", "limit=501", "limit=all", "after=x", "status=unknown", "status=lost"):
        answer = door.client.get(f"/v1/tickets?{query}")
        assert answer.status_code == 422, (query, answer.text)
        assert answer.json()["errors"][0]["field"].endswith(query.partition("=")[0])


def test_names_in_paths_that_are_none_are_not_found(door):
    wrong = {}
    for method, path in described(door.desk):
        if "{" not in path:
            continue
        begin, end = path[: path.index("{")], path[path.index("}") + 1 :]
        body = json.dumps(ARTICLE | {"based_on": 1}).encode() if method == "PUT" else b""
        for name in identities.NAMES:
            headers = {"Content-Type": "application/json"}
            answer = door.client.request(method, f"{begin}{name}{end}", content=body, headers=headers)
            if answer.status_code not in {400, 404, 405, 414, 422} | ({401} if path == OUTCOMES else set()):
                wrong[method, path, name] = f"{answer.status_code} {answer.text[:200]}"
    assert not wrong, "\n".join(f"{k}: {v}" for k, v in wrong.items())


def test_keys_of_requests_are_checked_everywhere(door):
    for key in ("", "k" * 201, "caf\u00e9".encode("latin-1"), "\u0430".encode()):
        answer = door.client.post("/v1/events", json=PROBLEM, headers={"Idempotency-Key": key})
        assert fault_of(answer) is None, (key, answer.text)
    for other in (PROBLEM, PROBLEM | {"title": "Another"}):
        answer = door.client.post("/v1/events", json=other, headers={"Idempotency-Key": "the same"})
    assert (answer.status_code, answer.json()["title"]) == (422, "Idempotency key reused")
    unknown = door.client.post("/v1/events", json=PROBLEM | {"category": quote("no such thing", safe="")})
    assert fault_of(unknown) is None
