"""Bad input against every endpoint: a clear problem, nothing stored, never a 500."""

import gzip
import json
import socket
from uuid import uuid4

import pytest

PROBLEM = {"type": "problem_reported", "requester": {"party": "ann"}, "title": "No mail"}
CALL = {"event": "newCall", "direction": "in", "callId": "c-1", "from": "491", "to": "493"}
JSON = {"Content-Type": "application/json"}
NDJSON = {"Content-Type": "application/x-ndjson"}


def replaced(values, field, raw):
    """The JSON of `values` with `raw` standing for one field."""
    return json.dumps(values | {field: "@"}).replace('"@"', raw).encode()


def bodies(values, text_field):
    """Group 1: what no reader of JSON should take. With the status that each deserves."""
    whole = json.dumps(values).encode()
    return {
        "empty": (b"", 400),
        "one byte": (b"x", 400),
        "invalid UTF-8": (replaced(values, text_field, '"\x00"').replace(b"\x00", b"\xff"), 400),
        "UTF-16": (json.dumps(values).encode("utf-16"), 400),
        "a byte order mark": (b"\xef\xbb\xbf" + whole, 400),
        "NUL": (replaced(values, text_field, r'"a\u0000b"'), 422),
        "a raw NUL": (replaced(values, text_field, '"a\x00b"'), 400),
        "a lone surrogate": (replaced(values, text_field, r'"\ud800"'), 400),
        "100,000 arrays": (b"[" * 100_000 + b"]" * 100_000, 400),
        "10,000 objects": (b'{"a":' * 10_000 + b"1" + b"}" * 10_000, 400),
        "a field twice": (whole[:-1] + b"," + whole[1:], 400),
        "NaN": (replaced(values, text_field, "NaN"), 422),
        "Infinity": (replaced(values, text_field, "-Infinity"), 422),
        "1e400": (replaced(values, text_field, "1e400"), 422),
        "beyond 64 bits": (replaced(values, text_field, str(2**63)), 422),
        "a number of 5,000 digits": (replaced(values, text_field, "9" * 5_000), 400),
        "a float": (replaced(values, text_field, "1.5"), 422),
        "null": (b"null", 422),
        "a list": (b"[" + whole + b"]", 422),
        "a text": (b'"' + b"x" * 1000 + b'"', 422),
        "cut off": (whole[:-5], 400),
        "two values": (whole + whole, 400),
        "an object instead of a text": (replaced(values, text_field, '{"a": 1}'), 422),
        "a text that is too long": (replaced(values, text_field, '"' + "x" * 70_000 + '"'), 422),
    }


ONLY_OURS = {
    "100,000 unknown fields": (json.dumps(PROBLEM | {f"k{n}": 1 for n in range(80_000)}).encode(), 422),
    "__proto__": (json.dumps(PROBLEM | {"__proto__": {"a": 1}}).encode(), 422),
    "__class__": (json.dumps(PROBLEM | {"__class__": "x"}).encode(), 422),
    "another tenant": (json.dumps(PROBLEM | {"tenant": "other"}).encode(), 422),
    "a tier of its own": (json.dumps(PROBLEM | {"tier": "l4"}).encode(), 422),
    "a reference of its own": (json.dumps(PROBLEM | {"reference": "TD-0000-0000"}).encode(), 422),
    "a float as identifier": (json.dumps({"type": "confirmed", "ticket": 1.5}).encode(), 422),
    "a path as identifier": (json.dumps({"type": "confirmed", "ticket": "../../x"}).encode(), 422),
    "an unknown ticket": (json.dumps({"type": "confirmed", "ticket": str(uuid4())}).encode(), 404),
    "an unknown type": (json.dumps(PROBLEM | {"type": "call"}).encode(), 422),
}
TIMES = [
    "0000-01-01T00:00:00Z",
    "0001-01-01T00:00:00Z",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59Z",
    "9999-12-31T23:59:59-14:00",
    "2016-12-31T23:59:60Z",
    "2026-01-01T00:00:00",
    "2026-01-01T00:00:00+25:00",
    "2026-02-30T00:00:00Z",
    "2999-01-01T00:00:00Z",
    "now",
    "",
]
TEXTS = [
    "\u202egpj.exe",
    "a\u200bb\u2060c",
    "\u0430dmin",
    "x" * 65_000,
    "\U0001f468\u200d\U0001f469\u200d\U0001f467" * 5_000,
    "z" + "\u0301" * 10_000,
    "Subject: x\r\nBcc: y",
    "\x1b[31mred\x1b[0m\x07",
    "=cmd|' /C calc'!A0",
    "{{7*7}} ${7*7} <%= 7*7 %>",
    "[x](javascript:alert(1)) <svg onload=alert(1)> data:text/html,x",
    "<a><table><a><table>" * 1_000,
    "a" * 30_000 + "!",
    "'; DROP TABLE ticket; --",
    "\uffff\ufdd0",
]
EVENT_BODIES = bodies(PROBLEM, "title") | ONLY_OURS
CALL_BODIES = bodies(CALL, "from")


@pytest.fixture
def nothing_stored(shared_intake):
    before = shared_intake.stored()
    yield
    assert shared_intake.stored() == before


def check_problem(answer, status, *, with_field=True):
    assert answer.status_code == status, answer.text[:500]
    assert answer.headers["Content-Type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == status
    assert problem["title"]
    assert len(answer.content) < 10_000
    if with_field:
        assert all(error["field"] and error["message"] for error in problem["errors"])
        assert problem["errors"]


@pytest.mark.parametrize("name", EVENT_BODIES)
def test_an_event_that_does_not_read(shared_intake, nothing_stored, name):
    body, status = EVENT_BODIES[name]
    with shared_intake.client() as client:
        check_problem(client.post("/v1/events", content=body, headers=JSON), status)


@pytest.mark.parametrize("name", EVENT_BODIES)
def test_a_line_that_does_not_read(shared_intake, nothing_stored, name):
    body, status = EVENT_BODIES[name]
    line = b'{"key": "k", "event": ' + body + b"}"
    with shared_intake.client() as client:
        answer = client.post("/v1/events:batch", content=line, headers=NDJSON)
    assert answer.status_code == 200
    (result,) = [json.loads(text) for text in answer.content.splitlines()]
    assert (result["line"], result["status"]) == (1, status)
    assert result["problem"]["errors"]
    assert "ticket" not in result


@pytest.mark.parametrize("name", CALL_BODIES)
def test_a_phone_event_that_does_not_read(shared_intake, nothing_stored, name):
    body, status = CALL_BODIES[name]
    check_problem(shared_intake.post_call(body, webhook_id="w-1"), status)


@pytest.mark.parametrize("at", TIMES)
def test_a_time_that_is_none(shared_intake, nothing_stored, at):
    with shared_intake.client() as client:
        answer = client.post("/v1/events", json=PROBLEM | {"occurred_at": at})
    check_problem(answer, 422)
    assert answer.json()["errors"][0]["field"] == "occurred_at"
    if at:  # in a form, nothing said is an empty field
        check_problem(shared_intake.post_call(json.dumps(CALL | {"occurred_at": at}).encode(), webhook_id="w-1"), 422)


@pytest.mark.parametrize("number", range(len(TEXTS)))
def test_any_text_is_kept_as_it_was_written(intake_of_texts, number):
    text = TEXTS[number]
    with intake_of_texts.client() as client:
        ticket = client.post("/v1/events", json=PROBLEM | {"text": text}).json()["ticket"]
    (row,) = intake_of_texts.query("SELECT body FROM intake.outbox WHERE subject = $1", ticket)
    assert json.loads(row["body"])["data"]["text"] == text
    name = {"callId": text[:100], "event": "hangup", "user": text[:200], "cause": text[:200]}
    answer = intake_of_texts.post_call(json.dumps(CALL | name).encode(), webhook_id=f"w-{number}")
    assert answer.status_code == 200
    assert answer.json()["call"] == text[:100]


@pytest.fixture(scope="module")
def intake_of_texts(database_server, tmp_path_factory, running):
    with running(database_server, tmp_path_factory.mktemp("texts")) as intake:
        yield intake


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/v1/events", {"Content-Type": "text/plain"}, 415),
        ("/v1/events", {"Content-Type": "application/x-www-form-urlencoded"}, 415),
        ("/v1/events", {"Content-Type": "application/json; charset=latin-1"}, 415),
        ("/v1/events", {"Content-Type": ""}, 415),
        ("/v1/events", JSON | {"Content-Encoding": "gzip"}, 415),
        ("/v1/events:batch", JSON, 415),
        ("/v1/events:batch", NDJSON | {"Content-Encoding": "gzip"}, 415),
    ],
)
def test_another_kind_of_body(shared_intake, nothing_stored, path, headers, status):
    body = json.dumps(PROBLEM).encode()
    if "Content-Encoding" in headers:
        body = gzip.compress(b" " * 100_000_000)
    with shared_intake.client() as client:
        check_problem(client.post(path, content=body, headers=headers), status, with_field=False)


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-ndjson", "multipart/form-data; boundary=x", ""])
def test_another_kind_of_body_from_a_telephone_system(shared_intake, nothing_stored, content_type):
    answer = shared_intake.post_call(json.dumps(CALL).encode(), webhook_id="w-1", content_type=content_type)
    check_problem(answer, 415, with_field=False)


@pytest.mark.parametrize(
    ("path", "headers", "megabytes"),
    [("/v1/events", JSON, 10), ("/v1/events:batch", NDJSON, 17), ("/v1/phone/generic", JSON, 10)],
)
def test_a_body_that_is_too_long(shared_intake, nothing_stored, path, headers, megabytes):
    with shared_intake.client() as client:
        check_problem(client.post(path, content=b"x" * (megabytes << 20), headers=headers), 413, with_field=False)


@pytest.mark.parametrize("key", ["", "k" * 201, "caf\u00e9".encode("latin-1"), "\u0430".encode()])
def test_a_key_that_is_none(shared_intake, nothing_stored, key):
    with shared_intake.client() as client:
        answer = client.post("/v1/events", json=PROBLEM, headers={"Idempotency-Key": key})
    check_problem(answer, 422)
    assert answer.json()["errors"][0]["field"] == "Idempotency-Key"


def test_two_keys(shared_intake, nothing_stored):
    with shared_intake.client() as client:
        headers = [("Idempotency-Key", "a"), ("Idempotency-Key", "b")]
        check_problem(client.post("/v1/events", json=PROBLEM, headers=headers), 422)


@pytest.mark.parametrize("path", ["/v1/events", "/v1/events:batch"])
@pytest.mark.parametrize(
    "change",
    [
        lambda _: None,
        lambda _: "",
        lambda _: "Bearer",
        lambda _: "Bearer x",
        lambda key: f"Basic {key}",
        lambda key: f"Bearer {key[:-1]}",
        lambda key: f"Bearer {key}x",
        lambda key: f"Bearer {key[:40]}{'a' if key[40] != 'a' else 'b'}{key[41:]}",
    ],
)
def test_no_endpoint_is_open_without_a_key(shared_intake, nothing_stored, path, change):
    authorization = change(shared_intake.keys["main"])
    headers = {} if authorization is None else {"Authorization": authorization}
    answer = shared_intake.pbx.post(f"{shared_intake.url}{path}", json=PROBLEM, headers=headers)
    check_problem(answer, 401, with_field=False)


@pytest.mark.parametrize("path", ["/v1/events", "/v1/events:batch"])
def test_a_key_needs_the_scope(shared_intake, nothing_stored, path):
    headers = {"Authorization": f"Bearer {shared_intake.reader_key}"}
    answer = shared_intake.pbx.post(f"{shared_intake.url}{path}", json=PROBLEM, headers=headers)
    check_problem(answer, 403, with_field=False)


@pytest.mark.parametrize("path", ["/v1/events", "/v1/events:batch", "/v1/phone/generic"])
def test_another_method_and_another_path(shared_intake, nothing_stored, path):
    with shared_intake.client() as client:
        for method in ("GET", "PUT", "DELETE"):
            check_problem(client.request(method, path), 405, with_field=False)
        check_problem(client.post(f"{path}/x", json=PROBLEM), 404, with_field=False)


@pytest.mark.parametrize(
    "request_text",
    [
        "Content-Length: 10\r\n\r\n{}",
        'Transfer-Encoding: chunked\r\n\r\n5\r\n{"typ',
        "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
        "Content-Length: -1\r\n\r\n{}",
        "Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n{}",
    ],
)
def test_a_request_that_is_no_whole_one(shared_intake, nothing_stored, request_text):
    host, port = shared_intake.url.removeprefix("http://").split(":")
    key = shared_intake.keys["main"]
    with socket.create_connection((host, int(port)), timeout=10) as client:
        head = f"POST /v1/events HTTP/1.1\r\nHost: desk\r\nAuthorization: Bearer {key}\r\nContent-Type: application/json\r\n"
        client.sendall((head + request_text).encode())
        client.shutdown(socket.SHUT_WR)
        assert not client.recv(65_536).startswith((b"HTTP/1.1 2", b"HTTP/1.1 5"))
    with shared_intake.client() as client:
        check_problem(client.post("/v1/events", content=b"", headers=JSON), 400)
