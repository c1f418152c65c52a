"""Bad input at every endpoint of the desk: a clear problem, never a 500, never a hang, and the rest goes on."""

from __future__ import annotations

import itertools
import json
import secrets
import socket
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import quote, urlsplit

import httpx2
import pytest

from e2e import bad_inputs
from e2e.bad_inputs import Document
from e2e.conftest import OWN
from e2e.whole_desk import ANSWER_SECONDS, WholeDesk, wait_until

PROBLEM: Document = {"type": "problem_reported", "requester": {"party": "ann"}, "title": "No mail", "text": "None"}
CALL: Document = {"event": "newCall", "direction": "in", "callId": "c-1", "from": "491", "to": "493"}
ARTICLE: Document = {"title": "Unjam", "body": "Open the lid"}
POLICY: Document = {
    "name": "Desk",
    "tiers": [{"id": "l1"}],
    "groups": [{"id": "front", "tier": "l1"}],
    "edges": [],
    "categories": [{"id": "other", "tier": "l1", "group": "front"}],
    "default_category": "other",
}
REFUSED = {400, 413, 415, 422}
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Point:
    """An endpoint that takes something in: a document that it takes, and a text in it to be spoiled."""

    method: str
    path: str
    document: Document
    field: str
    media_type: str = "application/json"
    wrap: Callable[[bytes], bytes] = bytes
    ignores_bodies: bool = False
    takes: frozenset[str] = frozenset()
    """Bodies of the corpus that are good here."""


def as_line(body: bytes) -> bytes:
    """A line of a batch with this event."""
    return b'{"key": "' + secrets.token_hex(8).encode() + b'", "event": ' + body + b"}"


MORE_THAN_DOCUMENTED = frozenset({"an unknown field", "80,000 unknown fields", "__proto__", "__class__"})
"""Telephone systems send more fields than they document; what nobody knows is ignored."""
TEXTS_IN_YAML = frozenset({"NaN", "Infinity", "1e400", "beyond 64 bits"})
"""A policy is YAML, where a plain word is a text unless it is a number."""
POINTS = {
    f"{point.method} {point.path}": point
    for point in (
        Point("POST", "/v1/events", PROBLEM, "title"),
        Point("POST", "/v1/events:batch", PROBLEM, "title", "application/x-ndjson", as_line),
        Point("POST", "/v1/phone/generic", CALL, "from", takes=MORE_THAN_DOCUMENTED),
        Point("PUT", "/v1/policy", POLICY, "name", "application/yaml", takes=TEXTS_IN_YAML),
        Point("POST", "/v1/articles", ARTICLE, "title"),
        Point("PUT", "/v1/articles/{article_id}", ARTICLE | {"based_on": 1}, "title"),
        Point("POST", "/v1/articles/{article_id}/publish", {}, "", ignores_bodies=True),
        Point("POST", "/v1/articles/{article_id}/retire", {}, "", ignores_bodies=True),
    )
}
TAKING = {name: point for name, point in POINTS.items() if not point.ignores_bodies}


class Door:
    """The desk, asked as a client would."""

    def __init__(self, desk: WholeDesk, client: httpx2.Client, article: str) -> None:
        self.desk = desk
        self.client = client
        self._article = article

    def send(self, point: Point, body: bytes, **headers: str) -> httpx2.Response:
        """One request, signed where that is asked for."""
        given = {"Content-Type": point.media_type} | headers
        if point.path == "/v1/phone/generic":
            given |= self.desk.signed(OWN, body, f"w-{next(_numbers)}")
        return self.client.request(point.method, self.path(point.path), content=body, headers=given)

    def path(self, pattern: str) -> str:
        """A path without parameters."""
        return pattern.replace("{article_id}", self._article).replace("{ticket}", "TD-0000-0000")

    def goes_on(self) -> None:
        """A good event becomes a ticket."""
        posted = self.client.post("/v1/events", json=PROBLEM)
        assert posted.status_code == 202, posted.text
        path = f"/v1/tickets/{posted.json()['ticket']}"
        wait_until(lambda: self.client.get(path).status_code == 200, "the ticket is opened")


@pytest.fixture(scope="module")
def door(whole_desk):
    with whole_desk.client(OWN) as client:
        assert client.put("/v1/policy", content=json.dumps(POLICY)).status_code == 200
        article = client.post("/v1/articles", json=ARTICLE).json()["id"]
        yield Door(whole_desk, client, article)


def fault_of(answer: httpx2.Response) -> str | None:
    """What is wrong with a refusal; None when it is as it should be."""
    if answer.status_code not in REFUSED:
        return f"{answer.status_code}: {answer.text[:300]}"
    if answer.headers["Content-Type"] != "application/problem+json":
        return f"no problem details: {answer.headers['Content-Type']}"
    problem = answer.json()
    if problem["status"] != answer.status_code or not problem["title"] or not problem.get("detail"):
        return f"says too little: {problem}"
    if len(answer.content) > 30_000:
        return f"says too much: {len(answer.content)} bytes"
    return None


def fault_of_lines(answer: httpx2.Response) -> str | None:
    """The same for the lines of a batch, which itself is taken."""
    if answer.status_code != 200:
        return fault_of(answer)
    lines = [json.loads(line) for line in answer.text.splitlines()]
    taken = [line for line in lines if line["status"] not in REFUSED or not line["problem"]["detail"]]
    return f"taken: {taken}" if taken else None


def described(desk: WholeDesk) -> dict[tuple[str, str], Document]:
    with desk.client() as nobody:
        paths = nobody.get("/openapi.json").json()["paths"]
    return {
        (method.upper(), path): item[method]
        for path, item in paths.items()
        for method in item
        if method != "parameters"
    }


def test_every_endpoint_that_takes_something_in_is_tried(whole_desk):
    writing = {f"{method} {path}" for method, path in described(whole_desk) if method != "GET"}
    assert writing == set(POINTS), "say in POINTS what the new endpoint takes"


@pytest.mark.parametrize("name", TAKING)
def test_what_each_endpoint_takes_is_taken(door, name):
    """The control: the documents that are spoiled below are good before."""
    point = TAKING[name]
    answer = door.send(point, point.wrap(json.dumps(point.document).encode()))
    assert answer.status_code in {200, 201, 202}, answer.text


@pytest.mark.parametrize("name", TAKING)
def test_bodies_that_do_not_read_are_refused_with_a_problem(door, name):
    point = TAKING[name]
    judge = fault_of_lines if point.path == "/v1/events:batch" else fault_of
    corpus = bad_inputs.bodies(point.document, point.field)
    whole = json.dumps(point.document).encode()
    corpus["a field twice"] = b"{" + bad_inputs.TWICE + whole[1:]
    faults = {}
    for what, body in corpus.items():
        if what in point.takes:
            assert door.send(point, point.wrap(body)).status_code == 200, what
            continue
        fault = judge(door.send(point, point.wrap(body)))
        if fault is not None:
            faults[what] = fault
    assert not faults, "\n".join(f"{k}: {v}" for k, v in faults.items())
    door.goes_on()


@pytest.mark.parametrize("name", [name for name in POINTS if POINTS[name].ignores_bodies])
def test_an_endpoint_without_a_body_does_not_mind_one(door, name):
    point = POINTS[name]
    answers = {
        what: door.send(point, body).status_code for what, body in bad_inputs.bodies({"title": "x"}, "title").items()
    }
    assert set(answers.values()) <= {200, 204, 409}, answers


@pytest.mark.parametrize("name", TAKING)
def test_another_kind_of_body_is_refused(door, name):
    point = TAKING[name]
    body = point.wrap(json.dumps(point.document).encode())
    if point.path != "/v1/policy":  # takes the bytes for what they are, whatever they are called
        for media_type in ("text/plain", "multipart/form-data; boundary=x", "application/json; charset=utf-16", ""):
            assert fault_of(door.send(point, body, **{"Content-Type": media_type})) is None, media_type
    fault = fault_of(door.send(point, bad_inputs.COMPRESSED, **{"Content-Encoding": "gzip"}))
    assert fault is None, fault


@pytest.mark.parametrize("name", POINTS)
def test_a_body_that_is_too_long_is_refused(door, name):
    point = POINTS[name]
    answer = door.send(point, b"x" * bad_inputs.TOO_LONG)
    assert answer.status_code == 413 or point.ignores_bodies, answer.text
    assert answer.status_code < 500
    assert point.ignores_bodies or fault_of(answer) is None


@pytest.mark.parametrize("name", POINTS)
def test_a_request_that_is_no_whole_one_neither_hangs_nor_breaks(door, name):
    point = POINTS[name]
    address = urlsplit(door.desk.url)
    head = (
        f"{point.method} {door.path(point.path)} HTTP/1.1\r\nHost: desk\r\nAuthorization: Bearer {door.desk.keys[OWN]}\r\n"
        f"Content-Type: {point.media_type}\r\n"
    )
    for rest in (
        "Content-Length: 100\r\n\r\n{}",
        'Transfer-Encoding: chunked\r\n\r\n5\r\n{"typ',
        "Transfer-Encoding: chunked\r\n\r\nZZ\r\n{}\r\n0\r\n\r\n",
        "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
        "Content-Length: -1\r\n\r\n{}",
        "Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n{}",
        "X: " + "y" * 200_000 + "\r\n\r\n",
    ):
        with socket.create_connection((address.hostname, address.port), timeout=ANSWER_SECONDS) as connection:
            try:
                connection.sendall((head + rest).encode())
                connection.shutdown(socket.SHUT_WR)
                answer = connection.recv(65_536)
            except ConnectionError:
                continue  # cut off while it sent
        assert not answer.startswith(b"HTTP/1.1 5"), (rest[:50], answer)
        assert point.ignores_bodies or not answer.startswith(b"HTTP/1.1 2"), (rest[:50], answer)
    door.goes_on()


@pytest.mark.parametrize("what", bad_inputs.TEXTS)
def test_any_text_is_kept_as_it_was_written_or_refused(door, what):
    text = bad_inputs.TEXTS[what]
    event = PROBLEM | {"title": text[:300], "text": text, "location": text[:200], "steps_tried": [{"step": text[:300]}]}
    posted = door.client.post("/v1/events", json=event)
    assert posted.status_code == 202, posted.text
    call = json.dumps(CALL | {"callId": f"{what} {text[:100]}", "user": text[:200], "cause": text[:200]}).encode()
    assert door.send(POINTS["POST /v1/phone/generic"], call).status_code == 200
    article = door.client.post("/v1/articles", json={"title": text[:300], "body": text, "keywords": [text[:60]]})
    assert article.status_code == 201, article.text
    read = door.client.get(f"/v1/articles/{article.json()['id']}").json()
    assert (read["title"], read["body"], read["keywords"]) == (text[:300], text, [text[:60]])
    assert door.client.post(f"/v1/articles/{read['id']}/publish").status_code == 200
    policy = door.client.put("/v1/policy", content=json.dumps(POLICY | {"name": text[:300]}))
    assert policy.status_code in {200, 422}, policy.text
    for path in ("/v1/articles", "/v1/suggest"):
        assert door.client.get(path, params={"q": text[:3_000]}).status_code == 200
    ticket = f"/v1/tickets/{posted.json()['ticket']}"
    wait_until(lambda: door.client.get(ticket).status_code == 200, "the ticket is opened")
    story = door.client.get(ticket).json()
    assert (story["ticket"]["title"], story["ticket"]["text"]) == (text[:300], text)
    assert door.client.get("/v1/tickets").status_code == 200


@pytest.mark.parametrize("name", ["POST /v1/events", "POST /v1/events:batch", "POST /v1/phone/generic"])
def test_times_that_are_none_are_refused(door, name):
    point = POINTS[name]
    judge = fault_of_lines if point.path == "/v1/events:batch" else fault_of
    faults = {}
    for at in bad_inputs.TIMES:
        if name == "POST /v1/phone/generic" and at in {"", "-1"}:
            continue  # there, empty says nothing, and a number counts seconds
        fault = judge(door.send(point, point.wrap(json.dumps(point.document | {"occurred_at": at}).encode())))
        if fault is not None:
            faults[at] = fault
    assert not faults, "\n".join(f"{k}: {v}" for k, v in faults.items())
    door.goes_on()


@pytest.mark.parametrize("what", bad_inputs.SCHEDULES)
def test_schedules_that_make_no_sense_are_refused_and_the_policy_stays(door, what):
    before = door.client.get("/v1/policy").json()["version"]
    calendar = {"id": "odd", "tz": "Europe/London"} | bad_inputs.SCHEDULES[what]
    target = {"kind": "resolution", "within": "4h", "calendar": "odd"}
    answer = door.client.put(
        "/v1/policy", content=json.dumps(POLICY | {"name": what, "calendars": [calendar], "targets": [target]})
    )
    if what == "all the time":
        assert answer.status_code == 200, answer.text
        return
    assert answer.status_code in {200, 422}, answer.text
    if answer.status_code == 422:
        assert fault_of(answer) is None
        assert any("calendars.0" in error["field"] for error in answer.json()["errors"]), answer.text
        assert door.client.get("/v1/policy").json()["version"] == before
    door.goes_on()


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
    endpoints = [(method, door.path(path)) for method, path in described(door.desk)] + [("GET", "/metrics")]
    opened = {}
    with door.desk.client() as nobody:
        for what, pattern in bad_inputs.CREDENTIALS.items():
            for method, path in endpoints if what != "60,000 letters" else endpoints[:1]:
                header = {"Authorization": pattern.format(**words).encode()}
                status = nobody.request(method, path, headers=header, content=b"{}").status_code
                if status != 401 and not (what == "60,000 letters" and status in {400, 431}):
                    opened[what, method, path] = status
        for method, path in endpoints:
            status = nobody.request(method, path, headers=bad_inputs.SPOOFED_HEADERS).status_code
            if status != 401:
                opened["spoofed", method, path] = status
    assert not opened
    door.goes_on()


def test_many_bad_logins_do_not_lock_out_a_good_one(door):
    with door.desk.client(Authorization="Bearer tierdesk_local_nobody") as stranger:
        assert {stranger.get("/v1/tickets").status_code for _ in range(500)} == {401}
    door.goes_on()


def test_queries_that_make_no_sense_are_refused(door):
    wrong = {}
    for method, path in described(door.desk):
        if method != "GET":
            continue
        for query in bad_inputs.QUERIES:
            answer = door.client.get(f"{door.path(path)}?{query}")
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
        for name in bad_inputs.NAMES:
            headers = {"Content-Type": "application/json"}
            answer = door.client.request(method, f"{begin}{name}{end}", content=body, headers=headers)
            if answer.status_code not in {400, 404, 405, 414, 422}:
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
