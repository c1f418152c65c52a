"""A load client, as a process of its own: posts events and says when each was answered. As little work as can be, since
it shares the processors with what it measures.

`python -m bench.client` reads one JSON object from standard input and prints one.
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
import time
from dataclasses import dataclass, field
from typing import Any, cast
from urllib.parse import urlsplit

import uvloop

CATEGORIES = ("usage", "laptop", "network", "printer")


@dataclass(slots=True)
class Load:
    """What to post: `count` events of `batch` a request (1: single), over `connections`; `per_second` None for all at once."""

    url: str
    key: str
    count: int
    connections: int
    batch: int = 1
    per_second: float | None = None
    first: int = 0
    answered: list[tuple[str, float, float]] = field(default_factory=list)
    """Ticket, when posted and when answered, by the monotonic clock that all processes of a machine share."""


def event_of(number: int) -> dict[str, Any]:
    """One problem, as a portal tells it."""
    return {
        "type": "problem_reported",
        "requester": {
            "party": f"person-{number % 1000}",
            "name": f"Person {number % 1000}",
            "phone": "+44 20 7946 0018",
        },
        "title": f"Problem {number} with the machine in the corner",
        "text": "It stopped this morning; there is a light on the left that blinks red three times and then pauses.",
        "category": CATEGORIES[number % len(CATEGORIES)],
        "impact": 2,
        "urgency": 2,
        "location": "Building B, floor 3",
        "department": "accounts",
    }


class _Connection(asyncio.Protocol):
    """One kept-alive HTTP/1.1 connection with one request on its way."""

    def __init__(self) -> None:
        self._buffer = b""
        self._answer: asyncio.Future[tuple[int, bytes]] | None = None
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.WriteTransport", transport)  # uvloop's own is no subclass

    def connection_lost(self, exc: Exception | None) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(exc or ConnectionResetError("the server closed the connection"))

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, found, rest = self._buffer.partition(b"\r\n\r\n")
        if not found:
            return
        length = next(int(line[15:]) for line in head.split(b"\r\n") if line[:15].lower() == b"content-length:")
        if len(rest) < length:
            return
        self._buffer = b""
        assert self._answer is not None
        self._answer.set_result((int(head[9:12]), rest))

    async def ask(self, request: bytes) -> tuple[int, bytes]:
        """Send a request and answer its status and body."""
        assert self._transport is not None
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._answer


def _request(load: Load, first: int) -> bytes:
    if load.batch == 1:
        path, media, body = "/v1/events", "application/json", json.dumps(event_of(first)).encode()
        key = f"Idempotency-Key: bench-{first}\r\n"
    else:
        lines = [
            json.dumps({"key": f"bench-{number}", "event": event_of(number)})
            for number in range(first, min(first + load.batch, load.first + load.count))
        ]
        path, media, body, key = "/v1/events:batch", "application/x-ndjson", "\n".join(lines).encode(), ""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: desk\r\nAuthorization: Bearer {load.key}\r\n"
        f"Content-Type: {media}\r\n{key}Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def post(load: Load) -> dict[str, Any]:
    """Post it all. Raises `RuntimeError` for any answer but 202 or 200."""
    parts = urlsplit(load.url)
    loop = asyncio.get_running_loop()
    firsts = range(load.first, load.first + load.count, load.batch)
    requests = [_request(load, first) for first in firsts]
    prepared = _processor_seconds()
    turn = iter(enumerate(requests))
    began = time.monotonic()

    async def run() -> None:
        _, connection = await loop.create_connection(_Connection, parts.hostname or "127.0.0.1", parts.port or 80)
        for number, request in turn:
            if load.per_second is not None:
                await asyncio.sleep(began + number * load.batch / load.per_second - time.monotonic())
            # Of an open load the request counts from when it was due, whenever a connection was free for it.
            due = time.monotonic() if load.per_second is None else began + number * load.batch / load.per_second
            status, body = await connection.ask(request)
            now = time.monotonic()
            if status not in {200, 202}:
                raise RuntimeError(f"{status} {body[:300]!r}")
            for ticket in _tickets(load, body):
                load.answered.append((ticket, due, now))

    await asyncio.gather(*(run() for _ in range(load.connections)))
    return {
        "began": began,
        "ended": time.monotonic(),
        "processor_seconds": _processor_seconds() - prepared,
        "answered": load.answered,
    }


def _tickets(load: Load, body: bytes) -> list[str]:
    if load.batch == 1:
        return [json.loads(body)["ticket"]]
    answers = [json.loads(line) for line in body.splitlines()]
    refused = [answer for answer in answers if "ticket" not in answer]
    if refused:
        raise RuntimeError(f"{len(refused)} lines refused: {refused[0]}")
    return [answer["ticket"] for answer in answers]


def _processor_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Do as standard input says."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        json.dump(runner.run(post(Load(**json.load(sys.stdin)))), sys.stdout)


if __name__ == "__main__":
    main()
