"""Connections that hold no whole request: refused or cut off, never a 5xx, never a hang, and others are served."""

from __future__ import annotations

import contextlib
import itertools
import socket
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from e2e.corpus import requests
from e2e.endpoints import KINDS, POINTS, Door, Point
from e2e.whole_desk import ANSWER_SECONDS, OWN
from tierdesk_runtime import framing

SLOW = 100
"""So many slow clients at once."""


@contextlib.contextmanager
def connected(door: Door) -> Iterator[socket.socket]:
    address = urlsplit(door.desk.url)
    with socket.create_connection((address.hostname, address.port), timeout=ANSWER_SECONDS) as connection:
        yield connection


def head_of(door: Door, point: Point) -> bytes:
    """The head of a good request, but for what tells of its body."""
    headers = door.hands.headers(point.method, point.path) | {"Authorization": f"Bearer {door.desk.keys[OWN]}"}
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    begin = f"{point.method} {door.path(point.path)} HTTP/1.1\r\nHost: desk\r\n"
    return f"{begin}{lines}Content-Type: {point.media_type}\r\n".encode()


def read_to_the_end(connection: socket.socket) -> bytes:
    """All that the desk says before it closes; raises `TimeoutError` when it says nothing for `ANSWER_SECONDS`."""
    answer = b""
    with contextlib.suppress(ConnectionError):
        while part := connection.recv(65_536):
            answer += part
    return answer


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("what", requests.PIECES)
def test_a_request_that_is_no_whole_one_neither_hangs_nor_breaks(door, name, what):
    point = POINTS[name]
    answer = b""
    with connected(door) as connection, contextlib.suppress(ConnectionError):  # it may be cut off while it sends
        connection.sendall(head_of(door, point) + requests.PIECES[what])
        with contextlib.suppress(OSError):  # "not connected", when it was cut off just now
            connection.shutdown(socket.SHUT_WR)
        answer = read_to_the_end(connection)
    assert not answer.startswith(b"HTTP/1.1 5"), answer
    assert point.ignores_bodies or not answer.startswith(b"HTTP/1.1 2"), answer


@pytest.mark.parametrize("what", requests.UNFINISHED)
def test_a_body_that_does_not_come_is_waited_for_no_longer_than_the_limit(door, what, monkeypatch):
    """At all endpoints at once, since each waits."""
    monkeypatch.setattr(framing, "BODY_SECONDS", 1.0)
    with contextlib.ExitStack() as stack:
        waiting = {}
        for name, point in POINTS.items():
            if not point.ignores_bodies:
                waiting[name] = stack.enter_context(connected(door))
                waiting[name].sendall(head_of(door, point) + requests.UNFINISHED[what])
        answers = {name: read_to_the_end(connection) for name, connection in waiting.items()}
    wrong = {name: answer for name, answer in answers.items() if not answer.startswith(b"HTTP/1.1 408")}
    assert not wrong
    assert all(b"application/problem+json" in answer for answer in answers.values())


def test_a_body_that_comes_letter_by_letter_is_cut_off_at_the_limit(door, monkeypatch):
    monkeypatch.setattr(framing, "BODY_SECONDS", 1.0)
    with connected(door) as connection:
        connection.sendall(head_of(door, POINTS["POST /v1/events"]) + b"Content-Length: 1000000\r\n\r\n")
        end = time.monotonic() + ANSWER_SECONDS
        with contextlib.suppress(ConnectionError):
            while time.monotonic() < end:
                connection.sendall(b" ")
                time.sleep(0.05)
        assert time.monotonic() < end, "it is still listened to"


def test_slow_clients_keep_nobody_waiting(door):
    with contextlib.ExitStack() as stack:
        for number in range(SLOW):
            connection = stack.enter_context(connected(door))
            rest = itertools.cycle((b"POST /v1/ev", head_of(door, POINTS["POST /v1/events"]), b""))
            connection.sendall(next(itertools.islice(rest, number, None)))
        door.goes_on()


@pytest.mark.parametrize("number", range(len(requests.GARBAGE)))
def test_garbage_behind_a_good_request_spoils_only_itself(door, number):
    key = door.desk.keys[OWN].encode()
    good = b"GET /v1/policy HTTP/1.1\r\nHost: desk\r\nAuthorization: Bearer " + key + b"\r\n\r\n"
    with connected(door) as connection:
        connection.sendall(good + good + requests.GARBAGE[number])
        connection.shutdown(socket.SHUT_WR)
        answer = read_to_the_end(connection)
    assert answer.count(b"HTTP/1.1 200") <= 2
    assert b"HTTP/1.1 5" not in answer
    door.goes_on()


def test_the_desk_goes_on_after_all_that(door):
    door.goes_on()
