"""Clients that are slow, endless or speak something else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest
from notes import DEFINITION

from tierdesk_runtime import connection
from tierdesk_runtime.secrets import Secrets
from tierdesk_runtime.serving import serve
from tierdesk_runtime.settings import Settings

Connected = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@pytest.fixture
async def port(desk: Settings, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[int]:
    """Where the notes service is served, with little patience."""
    monkeypatch.setattr(connection, "HEAD_SECONDS", 1.0)
    stop, ready = asyncio.Event(), asyncio.Event()
    urls: list[str] = []

    async def on_ready(url: str) -> None:
        urls.append(url)
        ready.set()

    serving = asyncio.create_task(serve([DEFINITION], desk, on_ready=on_ready, stop=stop))
    async with asyncio.timeout(30):
        await ready.wait()
    yield int(urls[0].rpartition(":")[2])
    stop.set()
    await serving


@pytest.fixture
async def connected(port: int) -> AsyncIterator[Connected]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    yield reader, writer
    writer.close()


async def answer_of(reader: asyncio.StreamReader) -> tuple[int, dict[str, Any]]:
    """Status and problem of the one answer that comes before the connection ends."""
    async with asyncio.timeout(20):
        whole = await reader.read()
    head, _, body = whole.partition(b"\r\n\r\n")
    assert b"application/problem+json" in head
    assert b"connection: close" in head.lower()
    problem: dict[str, Any] = orjson.loads(body)
    assert int(head.split()[1]) == problem["status"]
    return problem["status"], problem


async def test_a_client_that_says_nothing_is_left(connected: Connected) -> None:
    reader, _ = connected
    async with asyncio.timeout(20):
        assert await reader.read() == b""


@pytest.mark.parametrize("begun", [b"GET /healthz HT", b"GET /healthz HTTP/1.1\r\nhost: a\r\nx-slow: 1", b"\r\n"])
async def test_a_head_that_does_not_end_in_time_is_refused(connected: Connected, begun: bytes) -> None:
    reader, writer = connected
    writer.write(begun)
    assert (await answer_of(reader))[0] == 408


async def test_a_head_that_comes_in_drops_is_refused_all_the_same(connected: Connected) -> None:
    reader, writer = connected

    async def drip() -> None:
        while not writer.is_closing():
            writer.write(b"a")
            await asyncio.sleep(0.1)

    writer.write(b"GET /healthz HTTP/1.1\r\nx-slow: ")
    dripping = asyncio.create_task(drip())
    try:
        assert (await answer_of(reader))[0] == 408
    finally:
        dripping.cancel()


async def test_a_later_request_on_the_connection_has_the_same_time(connected: Connected) -> None:
    reader, writer = connected
    writer.write(b"GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n")
    assert b"200" in await reader.readline()
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(int(line.split(b":")[1]) for line in head.lower().splitlines() if line.startswith(b"content-length"))
    await reader.readexactly(length)
    writer.write(b"GET /healthz HTTP/1.1\r\n")
    assert (await answer_of(reader))[0] == 408


async def test_a_head_without_end_is_refused_before_it_fills_the_memory(connected: Connected) -> None:
    reader, writer = connected
    writer.write(b"GET /healthz HTTP/1.1\r\nx-long: ")
    writer.write(
        b"a" * connection.HEAD_BYTES
    )  # no more: what the server has not read when it closes resets the connection
    status, problem = await answer_of(reader)
    assert status == 431
    assert str(connection.HEAD_BYTES) in problem["detail"]


@pytest.mark.parametrize(
    "words", [b"\x16\x03\x01\x02\x00\x01\x00", b"HELO desk\r\n\r\n", b"GET / HTTP/1.1\r\nno colon\r\n\r\n"]
)
async def test_what_is_no_http_is_answered_by_a_problem(connected: Connected, words: bytes) -> None:
    reader, writer = connected
    writer.write(words)
    assert (await answer_of(reader))[0] == 400


async def test_a_body_that_goes_on_after_its_answer_is_not_taken_for_a_head(
    connected: Connected, secrets: Secrets
) -> None:
    reader, writer = connected
    size = 4 * connection.HEAD_BYTES
    key = secrets.local_key()
    writer.write(
        f"POST /v1/notes HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {key}\r\n"
        f"content-type: application/json\r\ncontent-length: {size}\r\n\r\n".encode()
    )
    assert b"413" in await reader.readline()
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b" " * size + b"GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n")
    async with asyncio.timeout(20):
        assert b" 431 " not in await reader.read(100_000)
