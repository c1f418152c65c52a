"""How a process begins and ends."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import signal
import socket
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import asyncpg
import httpx2
import pytest
from notes import DEFINITION, SCHEMA

from faults.nursery import Child
from faults.processes import common_nursery
from tierdesk_runtime.secrets import Secrets
from tierdesk_runtime.service import Parts, Service
from tierdesk_runtime.serving import ServingError, serve
from tierdesk_runtime.settings import Settings
from tierdesk_store import migrate

PROGRAM = Path(__file__).parent / "notes_desk" / "notes.py"


@pytest.fixture
def headers(secrets: Secrets) -> dict[str, str]:
    return {"authorization": f"Bearer {secrets.local_key()}"}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def process_of(settings: Settings, *, drain_seconds: float = 10) -> Iterator[tuple[Child, str]]:
    """The notes service as a process, which may not be ready yet, and its address."""
    port = free_port()
    arguments = [settings.database_url, settings.secrets_file, port, settings.bus_url, drain_seconds]
    log = settings.secrets_file.parent / "log"
    process = common_nursery().start(str(PROGRAM), [str(one) for one in arguments], os.environ, log)
    try:
        yield process, f"http://127.0.0.1:{port}"
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait(10)


async def until_status(url: str, status: int, *, seconds: float = 30) -> None:
    async with asyncio.timeout(seconds), httpx2.AsyncClient() as client:
        while True:
            try:
                if (await client.get(url)).status_code == status:
                    return
            except httpx2.TransportError:
                pass
            await asyncio.sleep(0.05)


async def wait(process: Child, *, seconds: float) -> int:
    return await asyncio.to_thread(process.wait, seconds)


async def count_notes(settings: Settings) -> int:
    connection = await asyncpg.connect(settings.database_url)
    try:
        count: int = await connection.fetchval("SELECT count(*) FROM notes.note")
        return count
    finally:
        await connection.close()


async def post_until_refused(url: str, headers: dict[str, str], tally: dict[str, int]) -> None:
    """Post on one connection after the other; what is refused before it is taken is no failure."""
    while True:
        async with httpx2.AsyncClient(base_url=url, headers=headers, timeout=10) as client:
            try:
                response = await client.post("/v1/notes", json={"text": "under load"})
            except httpx2.ConnectError:
                return
            while response.headers.get("connection") != "close":
                tally[str(response.status_code)] = tally.get(str(response.status_code), 0) + 1
                response = await client.post("/v1/notes", json={"text": "under load"})
            tally[str(response.status_code)] = tally.get(str(response.status_code), 0) + 1


async def test_a_stop_under_load_fails_no_request_and_ends_in_time_with_success(
    desk: Settings, headers: dict[str, str]
) -> None:
    with process_of(desk) as (process, url):
        await until_status(f"{url}/readyz", 200)
        tally: dict[str, int] = {}
        clients = [asyncio.create_task(post_until_refused(url, headers, tally)) for _ in range(8)]
        async with asyncio.timeout(60):
            while tally.get("202", 0) < 100:  # noqa: ASYNC110 - the clients tell nobody
                await asyncio.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        begun = time.perf_counter()
        await asyncio.gather(*clients)
        assert await wait(process, seconds=12) == 0
        assert time.perf_counter() - begun < 10
    assert set(tally) == {"202"}
    assert await count_notes(desk) == tally["202"]


async def test_a_request_in_flight_is_answered_before_the_process_ends(desk: Settings, headers: dict[str, str]) -> None:
    with process_of(desk) as (process, url):
        await until_status(f"{url}/readyz", 200)
        async with httpx2.AsyncClient(base_url=url, headers=headers, timeout=10) as client:
            body = {"text": "slow", "slow_seconds": 1.5}
            slow = asyncio.create_task(client.post("/v1/notes", json=body))
            await asyncio.sleep(0.3)
            process.send_signal(signal.SIGTERM)
            await asyncio.sleep(0.4)
            with pytest.raises(httpx2.ConnectError):
                await httpx2.AsyncClient().get(f"{url}/healthz")
            assert (await slow).status_code == 202
        assert await wait(process, seconds=10) == 0
    assert await count_notes(desk) == 1


async def test_a_request_that_does_not_end_is_cut_off_within_the_bound(desk: Settings, headers: dict[str, str]) -> None:
    with process_of(desk, drain_seconds=3) as (process, url):
        await until_status(f"{url}/readyz", 200)
        async with httpx2.AsyncClient(base_url=url, headers=headers, timeout=30) as client:
            endless = asyncio.create_task(client.post("/v1/notes", json={"text": "x", "slow_seconds": 600}))
            await asyncio.sleep(0.3)
            process.send_signal(signal.SIGTERM)
            begun = time.perf_counter()
            assert await wait(process, seconds=10) == 0
            assert time.perf_counter() - begun < 6
            await asyncio.wait([endless])
            assert endless.exception() is not None or endless.result().status_code >= 500


async def test_a_second_interrupt_ends_the_process_at_once(desk: Settings, headers: dict[str, str]) -> None:
    with process_of(desk, drain_seconds=60) as (process, url):
        await until_status(f"{url}/readyz", 200)
        async with httpx2.AsyncClient(base_url=url, headers=headers, timeout=30) as client:
            endless = asyncio.create_task(client.post("/v1/notes", json={"text": "x", "slow_seconds": 600}))
            await asyncio.sleep(0.3)
            process.send_signal(signal.SIGINT)
            await asyncio.sleep(0.5)
            assert process.poll() is None
            process.send_signal(signal.SIGINT)
            assert await wait(process, seconds=2) == 130
            await asyncio.wait([endless])


async def test_while_the_database_is_away_a_process_lives_refuses_and_can_be_stopped(
    settings: Settings, headers: dict[str, str]
) -> None:
    with process_of(settings) as (process, url):
        await until_status(f"{url}/healthz", 200)
        async with httpx2.AsyncClient(base_url=url, headers=headers, timeout=10) as client:
            assert (await client.get("/readyz")).status_code == 503
            response = await client.post("/v1/notes", json={"text": "x"})
            assert (response.status_code, response.headers["retry-after"]) == (503, "1")
        process.send_signal(signal.SIGTERM)
        assert await wait(process, seconds=12) == 0


async def test_a_process_that_is_stopped_while_it_starts_ends_with_success(settings: Settings) -> None:
    with process_of(settings) as (process, url):
        async with asyncio.timeout(20):
            while True:  # from the first moment at which it listens
                try:
                    socket.create_connection(("127.0.0.1", int(url.rsplit(":", 1)[1]))).close()
                    break
                except ConnectionRefusedError:
                    await asyncio.sleep(0.001)
        process.send_signal(signal.SIGTERM)
        assert await wait(process, seconds=12) == 0


@asynccontextmanager
async def serving(settings: Settings, **change: Any) -> AsyncIterator[tuple[httpx2.AsyncClient, asyncio.Event]]:
    ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    stop = asyncio.Event()

    async def on_ready(url: str) -> None:
        ready.set_result(url)

    definition = dataclasses.replace(DEFINITION, **change)
    task = asyncio.create_task(serve([definition], settings, on_ready=on_ready, stop=stop))
    await asyncio.wait([task, ready], return_when=asyncio.FIRST_COMPLETED)
    if task.done():
        await task
    async with httpx2.AsyncClient(base_url=ready.result(), timeout=10) as client:
        yield client, stop
    stop.set()
    await task


async def test_a_delayed_drain_tells_the_proxy_and_goes_on_to_answer(desk: Settings, headers: dict[str, str]) -> None:
    async with serving(desk.model_copy(update={"drain_delay_seconds": 1.0})) as (client, stop):
        assert (await client.get("/readyz")).status_code == 200
        stop.set()
        await asyncio.sleep(0.1)
        assert (await client.get("/readyz")).status_code == 503
        assert (await client.get("/healthz")).status_code == 200
        assert (await client.post("/v1/notes", json={"text": "late"}, headers=headers)).status_code == 202
    assert await count_notes(desk) == 1


async def test_no_header_names_the_server_or_its_version(desk: Settings) -> None:
    async with serving(desk) as (client, _):
        for path in ("/healthz", "/v1/notes", "/nothing"):
            assert "server" not in (await client.get(path)).headers


async def test_a_service_whose_build_needs_the_database_is_built_when_it_is_there(
    settings: Settings, secrets: Secrets, postgres_url: str
) -> None:
    builds = 0

    async def build(parts: Parts) -> Service:
        nonlocal builds
        builds += 1
        await parts.database.ping()
        return await DEFINITION.build(parts)

    later = settings.model_copy(update={"database_url": postgres_url, "bus_url": postgres_url})

    async def migrate_later() -> None:
        await asyncio.sleep(1.0)
        await asyncio.to_thread(migrate, postgres_url, SCHEMA, password=secrets.database_password("notes"))

    migration = asyncio.create_task(migrate_later())
    async with serving(later, build=build) as (client, _):
        assert (await client.get("/readyz")).status_code == 200
    await migration
    assert builds > 1


async def test_a_service_that_cannot_be_built_ends_the_process_with_its_reason(desk: Settings) -> None:
    async def build(parts: Parts) -> Service:
        raise LookupError("no policy")

    with pytest.raises(LookupError, match="no policy"):
        async with serving(desk, build=build):
            pass


async def test_a_port_that_is_taken_is_an_error_that_says_what_to_do(desk: Settings) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ServingError, match=rf"127\.0\.0\.1:{port}.*TIERDESK_HTTP_PORT"):
            await serve([DEFINITION], desk.model_copy(update={"http_port": port}))


async def test_a_name_that_is_no_address_is_an_error_that_says_what_to_do(desk: Settings) -> None:
    with pytest.raises(ServingError, match="no-such-host"):
        await serve([DEFINITION], desk.model_copy(update={"http_host": "no-such-host.invalid"}))


RAW = [
    b"GARBAGE\r\n\r\n",
    b"GET / HTTP/9.9\r\n\r\n",
    b"POST /v1/notes HTTP/1.1\r\nHost: x\r\nContent-Length: abc\r\n\r\n",
    b"POST /v1/notes HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
    b"POST /v1/notes HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n",
    b"GET /" + b"a" * 200_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\n" + b"".join(b"a%d: b\r\n" % number for number in range(20_000)) + b"\r\n",
    b"GET /\x00 HTTP/1.1\r\nHost: x\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 500,
]


async def test_bytes_that_are_no_http_are_refused_and_the_process_goes_on(desk: Settings) -> None:
    async with serving(desk) as (client, _):
        address = client.base_url
        for raw in RAW:
            reader, writer = await asyncio.open_connection(address.host, address.port)
            writer.write(raw)
            async with asyncio.timeout(10):
                try:
                    answer = await reader.read(64)
                except ConnectionResetError:
                    answer = b""
            assert not answer or answer.startswith((b"HTTP/1.1 4", b"HTTP/1.0 4")), raw[:50]
            writer.close()
            assert (await client.get("/healthz")).status_code == 200
