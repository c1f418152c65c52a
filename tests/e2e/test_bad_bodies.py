"""Bad bodies at every endpoint that takes one: a clear problem, never a 500, never a hang, and the rest goes on."""

from __future__ import annotations

import json

import pytest

from e2e.corpus import bodies
from e2e.endpoints import ATTACHMENTS, KINDS, NEW_PASSWORD, POINTS, TAKING, described, fault_of, judge_of


def test_every_endpoint_that_takes_something_in_is_tried(door):
    writing = {f"{method} {path}" for method, path in described(door.desk) if method != "GET"}
    assert writing == set(POINTS), "say in POINTS what the new endpoint takes"


@pytest.mark.parametrize("name", TAKING)
def test_what_each_endpoint_takes_is_taken(door, name):
    """The control: the documents that are spoiled below are good before."""
    point = TAKING[name]
    door.write_article()
    answer = door.send(point, point.wrap(json.dumps(point.document).encode()))
    assert answer.status_code in point.read, answer.text


@pytest.mark.parametrize("name", [name for name in TAKING if name in KINDS])
def test_bodies_that_do_not_read_are_refused_with_a_problem(door, name):
    point = TAKING[name]
    judge = judge_of(point)
    corpus = bodies.bodies(point.document, point.field)
    whole = json.dumps(point.document).encode()
    corpus["a field twice"] = b"{" + bodies.TWICE + whole[1:]
    faults = {}
    for what, body in corpus.items():
        if what in point.takes:
            assert door.send(point, point.wrap(body)).status_code in point.read, what
            continue
        fault = judge(door.send(point, point.wrap(body)))
        if fault is not None:
            faults[what] = fault
    assert not faults, "\n".join(f"{k}: {v}" for k, v in faults.items())
    door.goes_on()


@pytest.mark.parametrize("name", [name for name in POINTS if POINTS[name].ignores_bodies])
def test_an_endpoint_without_a_body_does_not_mind_one(door, name):
    point = POINTS[name]
    corpus = bodies.bodies({"title": "x"}, "title")
    if name == NEW_PASSWORD:  # each is hashed, which is slow on purpose
        corpus = {what: corpus[what] for what in ("cut off", "an unknown field")}
    answers = {what: door.send(point, body).status_code for what, body in corpus.items()}
    assert set(answers.values()) <= {200, 204, 404, 409}, answers


def test_bytes_are_kept_whatever_they_are_and_nothing_is_none(door):
    point = POINTS[f"POST {ATTACHMENTS}"]
    corpus = bodies.bodies({"title": "x"}, "title")
    for what, body in corpus.items():
        door.open_ticket()
        answer = door.send(point, body)
        if body:
            assert (answer.status_code, answer.json()["size_bytes"]) == (201, len(body)), what
        else:
            assert fault_of(answer) is None
    for media_type in ("multipart/form-data; boundary=x", "application/x-www-form-urlencoded"):
        assert fault_of(door.send(point, b"x", **{"Content-Type": media_type})) is None, media_type
    assert fault_of(door.send(point, bodies.COMPRESSED, **{"Content-Encoding": "gzip"})) is None
    door.goes_on()


@pytest.mark.parametrize("name", [name for name in TAKING if name in KINDS])
def test_another_kind_of_body_is_refused(door, name):
    point = TAKING[name]
    body = point.wrap(json.dumps(point.document).encode())
    if point.path != "/v1/policy":  # takes the bytes for what they are, whatever they are called
        for media_type in ("text/plain", "multipart/form-data; boundary=x", "application/json; charset=utf-16", ""):
            assert fault_of(door.send(point, body, **{"Content-Type": media_type})) is None, media_type
    fault = fault_of(door.send(point, bodies.COMPRESSED, **{"Content-Encoding": "gzip"}))
    assert fault is None, fault


@pytest.mark.parametrize("name", KINDS)
def test_a_body_that_is_too_long_is_refused(door, name):
    point = POINTS[name]
    answer = door.send(point, b"x" * bodies.TOO_LONG)
    assert answer.status_code == 413 or point.ignores_bodies, answer.text
    assert answer.status_code < 500
    assert point.ignores_bodies or fault_of(answer) is None
