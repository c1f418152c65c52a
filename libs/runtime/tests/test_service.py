"""A service on a real PostgreSQL, with its bus there too."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from uuid import UUID

import asyncpg
import pytest
from notes import DEFINITION, QUEUE, TOPOLOGY, build

from tierdesk_bus.port import HOME, BusUnavailableError
from tierdesk_runtime import consumers, observation, supervision
from tierdesk_runtime.health import Readiness, State
from tierdesk_runtime.metrics import render
from tierdesk_runtime.service import Service, build_parts
from tierdesk_runtime.settings import Settings
from tierdesk_store import DatabaseUnavailableError


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(observation, "_ROUND_SECONDS", 0.05)
    monkeypatch.setattr(supervision, "FIRST_PAUSE_SECONDS", 0.05)
    monkeypatch.setattr(supervision, "SETTLED_SECONDS", 0.3)


@asynccontextmanager
async def running(desk: Settings) -> AsyncIterator[Service]:
    service = await build(await build_parts(DEFINITION, desk))
    await service.start()
    try:
        yield service
    finally:
        await service.drain(timeout_seconds=5)


async def until(condition: Callable[[], Awaitable[bool]], *, seconds: float = 20) -> None:
    async with asyncio.timeout(seconds):
        while not await condition():  # noqa: ASYNC110 - the condition is of the test
            await asyncio.sleep(0.02)


async def write(service: Service, text: str) -> UUID:
    """What `POST /v1/notes` does."""
    import httpx2

    key = service.parts.ring.mint("t", "main", ["events:write"])
    transport = httpx2.ASGITransport(app=service.app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://desk") as client:
        headers = {"authorization": f"Bearer {key}"}
        response = await client.post("/v1/notes", json={"text": text}, headers=headers)
    assert response.status_code == 202, response.text
    return UUID(response.json()["id"])


async def seen(desk: Settings) -> set[UUID]:
    connection = await asyncpg.connect(desk.database_url)
    try:
        return {row["id"] for row in await connection.fetch("SELECT id FROM notes.seen")}
    finally:
        await connection.close()


async def pending(desk: Settings) -> int:
    connection = await asyncpg.connect(desk.database_url)
    try:
        count: int = await connection.fetchval("SELECT count(*) FROM notes.dispatch WHERE published_at IS NULL")
        return count
    finally:
        await connection.close()


def states(readiness: Readiness) -> dict[str, State]:
    return {name: check.state for name, check in readiness.checks.items()}


@pytest.fixture(params=["postgres", "rabbitmq"])
def desk_on(request: pytest.FixtureRequest, desk: Settings) -> Settings:
    """A desk on each kind of bus."""
    if request.param == "postgres":
        return desk
    return desk.model_copy(update={"amqp_url": request.getfixturevalue("amqp_url")})


async def test_what_is_written_goes_over_the_bus_and_comes_back(desk_on: Settings) -> None:
    desk = desk_on
    async with running(desk) as service:
        written = {await write(service, f"note {number}") for number in range(5)}

        async def all_seen() -> bool:
            return await seen(desk) == written

        await until(all_seen)
        readiness = await service.ready()
    assert readiness.state is State.OK, readiness
    assert set(states(readiness)) == {"database", "bus", "relay", f"queue {QUEUE}", "task sweep notes"}


async def test_a_consumption_may_be_added_while_the_service_runs_and_twice_is_once(desk: Settings) -> None:
    from notes import SeenHandler

    parts = await build_parts(DEFINITION, desk)
    service = Service("notes", parts, (await build(parts)).app, topology=TOPOLOGY)
    await service.start()
    try:
        note = await write(service, "before anyone consumes")
        for _ in range(2):
            service.add_consumption(SeenHandler(), QUEUE)

        async def is_seen() -> bool:
            return await seen(desk) == {note}

        await until(is_seen)
        assert f"queue {QUEUE}" in (await service.ready()).checks
    finally:
        await service.drain(timeout_seconds=5)


async def test_a_consumption_that_is_removed_takes_no_more_until_it_is_added_again(desk: Settings) -> None:
    from notes import SeenHandler

    async with running(desk) as service:
        first = await write(service, "while it is consumed")

        async def both_seen(*notes: UUID) -> bool:
            return await seen(desk) == set(notes)

        async def is_observed() -> bool:
            return service.metrics.registry.get_sample_value("tierdesk_queue_messages", {"queue": QUEUE}) is not None

        await until(lambda: both_seen(first))
        await until(is_observed)
        for _ in range(2):
            await service.remove_consumption(QUEUE)
        assert f"queue {QUEUE}" not in (await service.ready()).checks
        second = await write(service, "while it is not")
        await asyncio.sleep(1.0)
        assert await seen(desk) == {first}
        assert not await is_observed()
        service.add_consumption(SeenHandler(), QUEUE)
        await until(lambda: both_seen(first, second))
        assert f"queue {QUEUE}" in (await service.ready()).checks


async def test_a_parked_message_shows_in_the_metrics_and_does_not_spoil_readiness(desk: Settings) -> None:
    async with running(desk) as service:
        await write(service, "poison")
        registry = service.metrics.registry

        async def is_counted() -> bool:
            return registry.get_sample_value("tierdesk_parked_messages") == 1

        await until(is_counted)
        assert (await service.ready()).state is State.OK
        text = render({"notes": registry}).decode()
    assert 'tierdesk_relay_messages_total{fate="published",service="notes"} 1.0' in text
    assert 'tierdesk_outbox_pending{service="notes"} 0.0' in text
    assert f'tierdesk_queue_messages{{queue="{QUEUE}",service="notes"}} 0.0' in text
    assert f'tierdesk_consumer_lag_seconds{{queue="{QUEUE}",service="notes"}}' in text


async def test_with_the_bus_away_the_service_is_ready_but_degraded_and_keeps_its_messages(
    desk: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = desk.model_copy(update={"bus_url": "postgresql://nobody@127.0.0.1:1/none"})
    async with running(away) as service:
        await write(service, "kept")
        readiness = await service.ready()
        assert readiness.ready
        assert readiness.state is State.DEGRADED
        assert states(readiness)["bus"] is State.DEGRADED
    assert await pending(desk) == 1
    async with running(desk):

        async def is_published() -> bool:
            return len(await seen(desk)) == 1

        await until(is_published)


async def test_with_the_database_away_the_service_is_not_ready_within_the_time(settings: Settings) -> None:
    async with running(settings) as service:
        async with asyncio.timeout(3.5):
            readiness = await service.ready()
        assert not readiness.ready
        assert states(readiness)["database"] is State.FAILED
        assert "nobody" not in str(readiness.document())


async def test_a_task_that_raises_makes_the_service_not_ready_until_it_has_settled(desk: Settings) -> None:
    attempts = 0

    async def run(stop: asyncio.Event) -> None:
        nonlocal attempts
        attempts += 1
        if attempts < 3:
            raise RuntimeError("not yet")
        await stop.wait()

    async with running(desk) as service:
        service.add_task("shaky", run)
        await asyncio.sleep(0.02)
        assert states(await service.ready())["task shaky"] is State.FAILED

        async def is_ready() -> bool:
            return (await service.ready()).ready

        await until(is_ready)
        assert attempts == 3


@pytest.mark.parametrize("error", [BusUnavailableError("away"), DatabaseUnavailableError("away")])
async def test_a_task_that_suffers_an_outage_only_degrades(desk: Settings, error: Exception) -> None:
    async def run(stop: asyncio.Event) -> None:
        raise error

    async with running(desk) as service:
        service.add_task("suffering", run)
        await asyncio.sleep(0.02)
        readiness = await service.ready()
        assert states(readiness)["task suffering"] is State.DEGRADED
        assert readiness.ready


async def test_what_a_reconciliation_finds_is_a_metric(desk: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(observation, "_RECONCILE_SECONDS", 0.05)

    async def count() -> int:
        return 4

    async with running(desk) as service:
        service.add_reconciliation("offers_missing", count)
        registry = service.metrics.registry

        async def is_counted() -> bool:
            return registry.get_sample_value("tierdesk_reconciler_findings", {"kind": "offers_missing"}) == 4

        await until(is_counted)


class DeafBus:
    """The real bus, but consumers receive nothing while `deaf`."""

    def __init__(self, bus) -> None:
        self._bus = bus
        self.deaf = True
        self.consumed = 0

    def __getattr__(self, name: str):
        return getattr(self._bus, name)

    async def consume(self, queue: str, *, prefetch: int, namespace: str = HOME):
        self.consumed += 1
        deaf = self.deaf
        consumer = await self._bus.consume(queue, prefetch=prefetch, namespace=namespace)
        return DeafConsumer(consumer) if deaf else consumer


class DeafConsumer:
    """Connected, but consuming nothing."""

    def __init__(self, consumer) -> None:
        self._consumer = consumer

    def __getattr__(self, name: str):
        return getattr(self._consumer, name)

    async def receive(self, limit: int, *, timeout_seconds: float):
        await asyncio.sleep(timeout_seconds)
        return []


async def test_a_consumer_that_is_connected_but_gets_nothing_is_told_and_made_anew(
    desk: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumers, "STALE_SECONDS", 0.5)
    import dataclasses

    parts = await build_parts(DEFINITION, desk)
    bus = DeafBus(parts.bus)
    service = await build(dataclasses.replace(parts, bus=bus))
    await service.start()
    try:
        note = await write(service, "unheard")

        async def is_told() -> bool:
            return states(await service.ready())[f"queue {QUEUE}"] is State.FAILED

        await until(is_told)
        assert not (await service.ready()).ready
        assert bus.consumed > 1
        bus.deaf = False

        async def has_recovered() -> bool:
            return await seen(desk) == {note} and (await service.ready()).ready

        await until(has_recovered)
    finally:
        await service.drain(timeout_seconds=5)


async def test_an_empty_queue_makes_no_consumer_stale(desk: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consumers, "STALE_SECONDS", 0.7)
    async with running(desk) as service:
        await asyncio.sleep(2.0)
        assert (await service.ready()).state is State.OK


async def test_draining_finishes_what_is_in_flight_and_publishes_it(desk_on: Settings) -> None:
    desk = desk_on
    async with running(desk) as service:
        notes = [await write(service, f"note {number}") for number in range(50)]
        await service.drain(timeout_seconds=5)
        readiness = await service.ready()
        assert not readiness.ready
    assert await pending(desk) == 0
    connection = await asyncpg.connect(desk.database_url)
    try:
        users = await connection.fetch("SELECT usename FROM pg_stat_activity WHERE usename = 'tierdesk_notes'")
    finally:
        await connection.close()
    assert users == []
    async with running(desk):

        async def all_seen() -> bool:
            return await seen(desk) == set(notes)

        await until(all_seen)


async def test_draining_is_bounded_also_when_a_task_does_not_stop(desk: Settings) -> None:
    async def run(stop: asyncio.Event) -> None:
        await asyncio.sleep(600)

    async with running(desk) as service:
        service.add_task("deaf", run)
        await asyncio.sleep(0.05)
        async with asyncio.timeout(9):
            await service.drain(timeout_seconds=4)


async def test_a_service_that_was_never_started_can_be_drained(desk: Settings) -> None:
    service = await build(await build_parts(DEFINITION, desk))
    assert states(await service.ready())["service"] is State.FAILED
    await service.drain(timeout_seconds=2)
