"""One suite for both adapters: each test that asks for `bus_url` runs on PostgreSQL and on RabbitMQ."""

import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import pytest
import pytest_asyncio

from bus.operators import AmqpOperator, Operator, PostgresOperator, remove_vhosts, vhost_of
from tierdesk_bus import Bus, connect

Connect = Callable[..., Awaitable[Bus]]


@pytest.fixture(params=["postgres", "amqp"])
def adapter(request: pytest.FixtureRequest) -> str:
    """Which adapter the test runs on."""
    return request.param


@pytest.fixture
def bus_url(request: pytest.FixtureRequest, adapter: str) -> str:
    """The URL of a fresh, empty bus."""
    return request.getfixturevalue(f"{adapter}_url")


@pytest_asyncio.fixture
async def operator(request: pytest.FixtureRequest, adapter: str, bus_url: str) -> AsyncIterator[Operator]:
    """The operator of the server behind `bus`."""
    if adapter == "postgres":
        yield PostgresOperator(bus_url)
        return
    operator = AmqpOperator(bus_url, request.getfixturevalue("amqp_management_url"))
    yield operator
    await operator.close()


@pytest.fixture
def clean_server(request: pytest.FixtureRequest) -> Iterator[None]:
    """Have the server of the test cleaned after its buses were closed, and its further virtual hosts removed with it."""
    urls = [
        request.getfixturevalue(name)
        for name in ("bus_url", "postgres_url", "amqp_url")
        if name in request.fixturenames
    ]
    yield
    for url in urls:
        if url.startswith("amqp"):
            remove_vhosts(request.getfixturevalue("amqp_management_url"), prefix=f"{vhost_of(url)}-")


@pytest_asyncio.fixture
async def connect_bus(request: pytest.FixtureRequest, clean_server: None) -> AsyncIterator[Connect]:
    """Connect to a bus; it is closed after the test."""
    async with contextlib.AsyncExitStack() as stack:

        async def open_bus(url: str, **options: Any) -> Bus:
            if url.startswith("amqp"):
                options.setdefault("management_url", request.getfixturevalue("amqp_management_url"))
                options.setdefault("namespace_prefix", f"{vhost_of(url)}-")
            bus = await connect(url, name="test", **options)
            stack.push_async_callback(bus.close)
            return bus

        yield open_bus


@pytest_asyncio.fixture
async def bus(connect_bus: Connect, bus_url: str) -> Bus:
    """A bus, connected."""
    return await connect_bus(bus_url)


@pytest.fixture
def unused_port() -> int:
    """A port of this machine where nobody listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]
