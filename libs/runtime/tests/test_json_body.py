"""Bodies that are not what they should be (and those that only look so)."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict
from starlette.requests import Request

from tierdesk_contracts.intake import ProblemReport
from tierdesk_runtime.json_body import parse_json, read_json
from tierdesk_runtime.problems import ProblemError

GOOD = {"requester": {"party": "p-1", "email": "ana@example.org"}, "title": "No paper"}


class Open(BaseModel):
    """A model that refuses nothing by itself: what is refused for it, the reader refuses."""

    model_config = ConfigDict(extra="allow")


def problem_of(body: bytes, model: type[BaseModel] = ProblemReport) -> ProblemError:
    with pytest.raises(ProblemError) as refused:
        parse_json(body, model)
    return refused.value


def test_a_good_body_is_read() -> None:
    assert parse_json(json.dumps(GOOD).encode(), ProblemReport) == ProblemReport.model_validate(GOOD)


NOT_STRICT_JSON = {
    "empty": b"",
    "one byte": b"{",
    "a word": b"hello",
    "invalid UTF-8": b'{"a":"\xff"}',
    "overlong UTF-8": b'{"a":"\xc0\x80"}',
    "a surrogate in UTF-8": b'{"a":"\xed\xa0\x80"}',
    "UTF-16": '{"a":1}'.encode("utf-16"),
    "UTF-8 byte order mark": b'\xef\xbb\xbf{"a":1}',
    "NUL": b'{"a":"\x00"}',
    "only NUL": b"\x00",
    "a lone surrogate": b'{"a":"\\ud800"}',
    "a lone low surrogate": b'{"a":"\\udc00x"}',
    "a surrogate in a name": b'{"\\ud800":1}',
    "100,000 deep arrays": b"[" * 100_000 + b"]" * 100_000,
    "100,000 deep objects": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "unclosed": b'{"a":[1,2',
    "trailing": b'{"a":1} x',
    "two values": b'{"a":1}{"a":1}',
    "a trailing comma": b'{"a":1,}',
    "a comment": b'{"a":1 /* one */}',
    "single quotes": b"{'a':1}",
    "NaN": b'{"a":NaN}',
    "Infinity": b'{"a":Infinity}',
    "-Infinity": b'{"a":-Infinity}',
    "a number beyond all": b'{"a":1e400}',
    "a name twice": b'{"a":1,"a":2}',
    "a name twice, once escaped": b'{"a":1,"\\u0061":2}',
    "a name twice, deep inside": b'{"a":[{"b":{"c":1,"d":2,"c":3}}]}',
    "a number of 5,000 digits": b'{"a":' + b"9" * 5000 + b"}",
    "a leading zero": b'{"a":01}',
    "a control character": b'{"a":"\n"}',
}


@pytest.mark.parametrize("name", NOT_STRICT_JSON)
def test_what_is_not_strict_json_is_400_and_names_the_body(name: str) -> None:
    problem = problem_of(NOT_STRICT_JSON[name], Open)
    assert problem.status == 400
    assert [fault["field"] for fault in problem.errors] == ["body"]


@pytest.mark.parametrize("value", ["null", "true", "7", '"text"', "[]", "[{}]"])
def test_json_that_is_no_object_is_422(value: str) -> None:
    assert problem_of(value.encode()).status == 422


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"title": None}, "title"),
        ({"title": ""}, "title"),
        ({"title": 7}, "title"),
        ({"title": "a\x00b"}, "title"),
        ({"title": "x" * 301}, "title"),
        ({"text": "x" * 65_537}, "text"),
        ({"requester": {}}, "requester.party"),
        ({"requester": {"party": "p", "email": "no address"}}, "requester.email"),
        ({"requester": {"party": "p", "admin": True}}, "requester.admin"),
        ({"impact": 4}, "impact"),
        ({"impact": 1.5}, "impact"),
        ({"impact": 2**70}, "impact"),
        ({"impact": "1; drop table"}, "impact"),
        ({"steps_tried": [{"step": "a"}, {}]}, "steps_tried.1.step"),
        ({"steps_tried": [{"step": "a"}] * 101}, "steps_tried"),
        ({"priority": 1}, "priority"),
        ({"tenant": "acme"}, "tenant"),
        ({"__proto__": {}}, "__proto__"),
        ({"__class__": "x"}, "__class__"),
    ],
)
def test_each_wrong_field_is_named_by_its_path(change: dict[str, object], field: str) -> None:
    problem = problem_of(json.dumps(GOOD | change).encode())
    assert problem.status == 422
    assert field in [fault["field"] for fault in problem.errors]


def test_a_body_full_of_unknown_fields_is_refused_with_a_short_answer() -> None:
    body = json.dumps(GOOD | {f"field{number}": 1 for number in range(60_000)}).encode()
    problem = problem_of(body)
    assert problem.status == 422
    assert len(problem.errors) == 100


def test_the_answer_never_repeats_what_was_sent() -> None:
    problem = problem_of(json.dumps(GOOD | {"impact": "hunter2-secret", "category": "hunter2-secret!"}).encode())
    assert len(problem.errors) == 2
    assert "hunter2" not in str(problem.errors)


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=5) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner)
    ),
    max_leaves=20,
)


@given(st.dictionaries(st.from_regex(r"f_[a-z]{1,8}", fullmatch=True), values, max_size=5))
def test_every_json_object_is_strict_json(value: dict[str, object]) -> None:
    assert parse_json(json.dumps(value).encode(), Open).model_extra == value
    assert parse_json(json.dumps(value, ensure_ascii=False).encode(), Open).model_extra == value


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused_and_nothing_else(body: bytes) -> None:
    try:
        value = parse_json(body, Open)
    except ProblemError as problem:
        status = problem.status
    else:
        status = 200
        assert value.model_extra == json.loads(body)
    assert status in {200, 400, 422}


def request_with(headers: dict[str, str], body: bytes) -> Request:
    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": body, "more_body": False}

    raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    return Request({"type": "http", "method": "POST", "path": "/", "headers": raw}, receive)


@pytest.mark.parametrize(
    "media_type",
    ["application/json", "application/json; charset=utf-8", 'application/json;charset="UTF-8"', "Application/JSON"],
)
async def test_json_is_taken_under_its_media_type(media_type: str) -> None:
    request = request_with({"content-type": media_type}, json.dumps(GOOD).encode())
    assert (await read_json(request, ProblemReport)).title == "No paper"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"content-type": ""},
        {"content-type": "text/plain"},
        {"content-type": "application/x-www-form-urlencoded"},
        {"content-type": "multipart/form-data; boundary=x"},
        {"content-type": "application/json; charset=latin-1"},
        {"content-type": "application/json; charset=utf-16"},
        {"content-type": "application/jsonp"},
        {"content-type": "application/cloudevents+json"},
        {"content-type": "application/json, text/html"},
        {"content-type": "application/json" + " " * 10_000 + "x"},
        {"content-type": "application/json", "content-encoding": "gzip"},
        {"content-type": "application/json", "content-encoding": "br"},
    ],
)
async def test_json_under_another_media_type_or_compressed_is_415(headers: dict[str, str]) -> None:
    with pytest.raises(ProblemError) as refused:
        await read_json(request_with(headers, json.dumps(GOOD).encode()), ProblemReport)
    assert refused.value.status == 415
