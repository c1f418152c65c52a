"""F7: the network between the services and RabbitMQ stalls, resets, cuts in the middle, goes silent, is slow."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from functools import partial

import pytest

from servers.proxy import FaultProxy, Weather
from tierdesk_bus import connect
from tierdesk_bus.port import HOME, Address, Message, PublishResult

from .broker_access import SERVICE_QUEUES, Broker
from .field import Field, Ground, Plan, running_field
from .load import Book
from .run import Disturb, Work, run, wait_for

PUBLISH_SECONDS = 2.0
LEEWAY_SECONDS = 3.0
"""A busy machine may be late by so much; a publish that hangs is later."""
BACK_SECONDS = 60.0
"""30 s until aiormq calls a silent broker lost, and as much for all to come back."""


@pytest.fixture
async def proxy(amqp_url) -> AsyncIterator[FaultProxy]:
    async with FaultProxy(amqp_url) as proxy:
        yield proxy


@pytest.fixture
def ground_behind_proxy(ground: Ground, proxy: FaultProxy) -> Ground:
    """The services reach the broker through the proxy; the workers and the test do not."""
    return replace(ground, service_amqp_url=proxy.url)


async def stall(proxy: FaultProxy) -> None:
    proxy.stall()
    await asyncio.sleep(12)
    proxy.flow()


async def reset(proxy: FaultProxy) -> None:
    for _ in range(5):
        proxy.reset_all()
        await asyncio.sleep(1)


async def cut_mid_frame(proxy: FaultProxy) -> None:
    """The first bytes of a connection are its handshake; the cut comes within what is published or acknowledged."""
    proxy.weather = Weather(cut_after_bytes=9_001)
    proxy.reset_all()
    await asyncio.sleep(10)
    proxy.weather = Weather()


async def go_half_open(proxy: FaultProxy) -> None:
    proxy.forget_clients()
    await asyncio.sleep(2)


async def jitter(proxy: FaultProxy) -> None:
    proxy.weather = Weather(delay_seconds=0.05)
    await asyncio.sleep(10)
    proxy.weather = Weather()


async def be_slow(proxy: FaultProxy) -> None:
    proxy.weather = Weather(bytes_per_second=50_000)
    await asyncio.sleep(10)
    proxy.weather = Weather()


FAULTS = (stall, reset, cut_mid_frame, go_half_open, jitter, be_slow)


def _disturb_with(
    proxy: FaultProxy, faults: tuple[Callable[[FaultProxy], Awaitable[None]], ...], back: dict[str, float]
) -> Disturb:
    """One fault after the other; after each, all consumers return before the next."""

    async def disturb(desk: Field, book: Book) -> None:
        broker = Broker(desk.ground)
        consumed = partial(broker.are_consumed, SERVICE_QUEUES)
        for fault in faults:
            await asyncio.sleep(2)
            await fault(proxy)
            back[fault.__name__] = await wait_for(consumed, seconds=BACK_SECONDS, what=f"consumers, {fault.__name__}")
        await broker.close()

    return disturb


@pytest.mark.faults
@pytest.mark.timeout(600)
async def test_whatever_the_network_to_the_broker_does_nothing_is_lost(ground_behind_proxy, proxy, tell):
    back: dict[str, float] = {}
    async with running_field(ground_behind_proxy, Plan(replicas=1)) as desk:
        outcome = await run(desk, Work(200, per_second=5), _disturb_with(proxy, FAULTS, back))
    times = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in back.items())
    tell(outcome.line(f"{proxy.cuts} cuts; consumers back after: {times}"))
    outcome.expect_nothing_amiss()
    assert not outcome.book.refused, "intake answers 202 whatever happens to the broker"


@pytest.mark.faults
@pytest.mark.timeout(200)
@pytest.mark.parametrize("fault", [stall, reset, cut_mid_frame, go_half_open])
async def test_no_publish_outlasts_its_time_limit(proxy, fault):
    bus = await connect(proxy.url, name="publisher", wait_seconds=10)
    loop = asyncio.get_running_loop()
    disturbing = asyncio.ensure_future(fault(proxy))
    slowest, fates = 0.0, set()
    while not disturbing.done():
        began_at = loop.time()
        fates.update(await bus.publish([_message(number) for number in range(50)], timeout_seconds=PUBLISH_SECONDS))
        slowest = max(slowest, loop.time() - began_at)
        await asyncio.sleep(0.05)
    await disturbing
    assert slowest < PUBLISH_SECONDS + LEEWAY_SECONDS
    assert PublishResult.CONFIRMED not in fates, "nothing is bound"

    async def is_answered() -> bool:
        [fate] = await bus.publish([_message(0)], timeout_seconds=PUBLISH_SECONDS)
        return fate is PublishResult.RETURNED

    await wait_for(is_answered, seconds=BACK_SECONDS, what="the broker's answer to a publish")
    await bus.close()


def _message(number: int) -> Message:
    return Message(f"m-{number}", "test", Address(HOME, "amq.topic", "nobody"), b"x" * 2_000)
