"""A service: its parts, its HTTP application, its consumers, its background tasks, from start to drain."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import structlog
from fastapi import FastAPI
from starlette.types import ASGIApp

from tierdesk_bus import connect
from tierdesk_bus.port import HOME, Bus, BusError, Topology
from tierdesk_runtime.clock import Clock, load_clock
from tierdesk_runtime.consumers import ConsumedQueue, QueueConsumer
from tierdesk_runtime.health import OK, Check, Readiness, State
from tierdesk_runtime.identifiers import Identifiers
from tierdesk_runtime.keys import KeyRing
from tierdesk_runtime.metrics import Metrics
from tierdesk_runtime.observation import Observer
from tierdesk_runtime.parked import parked_routes
from tierdesk_runtime.secrets import Secrets
from tierdesk_runtime.settings import Settings
from tierdesk_runtime.supervision import Run, SupervisedTask
from tierdesk_runtime.tracing import start_tracing
from tierdesk_store import Database, DatabaseUnavailableError, Handler, Relay, ServiceSchema, Sweep, service_url
from tierdesk_store.observation import outbox_state
from tierdesk_store.pausing import wait_for_any

if TYPE_CHECKING:
    from tierdesk_runtime.spans import Tracing

_CHECK_SECONDS: Final = 2.0
_RELAY_FRESH_SECONDS: Final = 30.0
_REDECLARE_SECONDS: Final = 30.0
_DECLARE_PAUSE_SECONDS: Final = 1.0
_FLUSH_SECONDS: Final = 3.0
_RETIRE_SECONDS: Final = 20.0
_FLUSH_STANDSTILL_SECONDS: Final = 0.5

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Parts:
    """What a service is built from."""

    settings: Settings
    database: Database
    bus: Bus
    clock: Clock
    identifiers: Identifiers
    ring: KeyRing
    secrets: Secrets
    tracing: Tracing | None = None


@dataclass(frozen=True, slots=True)
class ServiceDefinition:
    """What one needs to know of a service to run it. `paths` are the prefixes of the URLs that it serves; one that
    `takes_rest` answers also what no service has a prefix for, as pages for people do.

    `topology` must be declared before any service publishes, as `tierdesk migrate` does: a fact that is published before
    a follower's queue exists never reaches that follower.
    """

    name: str
    schema: ServiceSchema
    paths: tuple[str, ...]
    build: Callable[[Parts], Awaitable[Service]]
    topology: Topology
    takes_rest: bool = False

    @property
    def prefixes(self) -> tuple[str, ...]:
        """The prefixes that it answers, the empty one among them where it takes the rest."""
        return (*self.paths, "/") if self.takes_rest else self.paths


async def build_parts(definition: ServiceDefinition, settings: Settings, *, clock: Clock | None = None) -> Parts:
    """Read the secrets and make the connections, which open when first used.

    Raises `SecretsError`, `SettingsError` or `ClockError`; a database or bus that is away is no error here.
    """
    secrets = Secrets.load(settings.secrets_file)
    url = service_url(settings.database_url, definition.name, secrets.database_password(definition.name))
    tracing = start_tracing(settings, definition.name)
    bus = await connect(
        settings.bus,
        name=f"tierdesk-{definition.name}",
        management_url=settings.amqp_management_url,
        namespace_prefix=settings.namespace_prefix,
        wait_seconds=0.0,
    )
    return Parts(
        settings=settings,
        database=Database(url, schema=definition.schema.name, name=f"tierdesk-{definition.name}"),
        bus=bus,
        clock=clock or load_clock(settings.clock_file),
        identifiers=Identifiers(),
        ring=KeyRing(secrets),
        secrets=secrets,
        tracing=tracing,
    )


class Service:
    """A running service. Built by the service's `app.py`, started and drained by `tierdesk_runtime.serving`."""

    def __init__(self, name: str, parts: Parts, app: FastAPI, *, topology: Topology) -> None:
        self.name = name
        self.parts = parts
        self.app = app
        app.include_router(parked_routes(name, parts.database))
        self.entry: ASGIApp = app if parts.tracing is None else parts.tracing.trace_requests(app)
        """What answers requests: the application, under spans where there are traces."""
        self.metrics: Metrics = app.state.metrics
        self.stopping = asyncio.Event()
        """Set when the process is told to stop, before HTTP ends: answers that have no end of their own end then."""
        self._topology = topology
        self._declared = asyncio.Event()
        self._declare_again = asyncio.Event()
        self._relay = Relay(parts.database, parts.bus)
        self._consumers: dict[tuple[str, str], QueueConsumer] = {}
        self._sweeps: dict[str, SupervisedTask] = {}
        self._tasks: dict[str, SupervisedTask] = {}
        self._observer = Observer(parts.database, self._relay, self.metrics, self._consumers)
        self._declaring = SupervisedTask("topology", self._keep_declared, self.metrics)
        self._relaying = SupervisedTask("relay", self._run_relay, self.metrics)
        self._observing = SupervisedTask("observer", self._observer.run, self.metrics)
        self._started = False
        self._draining = False

    def add_consumption(
        self,
        handler: Handler[Any],
        queue: str,
        *,
        namespace: str = HOME,
        batch: int = 200,
        gather_seconds: float = 0.0,
    ) -> None:
        """Consume this queue with this handler, from now on when the service runs. A queue twice changes nothing.

        `gather_seconds` is how long a batch that is not full waits for more: something for those nobody waits for.
        """
        if (namespace, queue) in self._consumers or self._draining:
            return
        if self.parts.tracing is not None:
            handler = self.parts.tracing.trace_messages(handler)
        consumer = QueueConsumer(
            ConsumedQueue(handler, queue, namespace, batch, gather_seconds),
            self.parts.bus,
            self.parts.database,
            self.metrics,
            self._declared,
        )
        self._consumers[namespace, queue] = consumer
        if self._started:
            consumer.start()
        sweep = f"sweep {handler.name}"
        if sweep not in self._sweeps:
            run = Sweep(self.parts.database, handler).run
            self._sweeps[sweep] = self._begin(SupervisedTask(sweep, run, self.metrics))

    async def remove_consumption(self, queue: str, *, namespace: str = HOME) -> None:
        """Finish the batch in flight and consume this queue no more. One that is not consumed changes nothing."""
        consumer = self._consumers.get((namespace, queue))
        if consumer is not None:
            await consumer.retire(timeout_seconds=_RETIRE_SECONDS)
            self._consumers.pop((namespace, queue), None)  # until here it is said to consume, as it may

    def add_task(self, name: str, run: Run) -> None:
        """Run this beside the service until its event is set; one that raises is begun anew, later each time.

        While it is down the service is not ready, unless bus or database were away. A normal return ends it.
        """
        self._tasks[name] = self._begin(SupervisedTask(name, run, self.metrics))

    def add_topology(self, topology: Topology) -> None:
        """Keep this declared too. It is declared soon; declare it yourself first if something must wait for it."""
        self._topology += topology
        self._declare_again.set()

    def add_reconciliation(self, kind: str, count: Callable[[], Awaitable[int]]) -> None:
        """Count each minute what should not be there, as `tierdesk_reconciler_findings{kind}`."""
        self._observer.add_reconciliation(kind, count)

    async def start(self) -> None:
        """Begin all loops, in the background: HTTP answers at once, also while bus and database are away."""
        self._started = True
        loops = (self._declaring, self._relaying, self._observing)
        for task in (*loops, *self._sweeps.values(), *self._tasks.values()):
            task.start()
        for consumer in self._consumers.values():
            consumer.start()
        log.info("service_started", service=self.name)

    async def ready(self) -> Readiness:
        """How the service is, within a little more than two seconds."""
        database, bus = await asyncio.gather(self._check_database(), self._check_bus())
        checks = {"database": database, "bus": bus, "relay": self._check_relay()}
        checks |= {f"queue {consumer.source.label}": consumer.check() for consumer in self._consumers.values()}
        checks |= {f"task {name}": _check_task(task) for name, task in (self._sweeps | self._tasks).items()}
        if self._draining:
            checks["service"] = Check(State.FAILED, "stopping")
        elif not self._started:
            checks["service"] = Check(State.FAILED, "starting")
        return Readiness(checks)

    async def drain(self, *, timeout_seconds: float | None = None) -> None:
        """Finish the batches in flight, publish what they wrote as far as it goes, and close; within `drain_seconds`.

        HTTP must have stopped before. What is cut off at the end of the time was not acknowledged and comes again;
        what is not published stands in the outbox.
        """
        self._draining = True
        loop = asyncio.get_running_loop()
        end = loop.time() + (timeout_seconds or self.parts.settings.drain_seconds)
        work: list[QueueConsumer | SupervisedTask] = [
            *self._consumers.values(),
            *self._sweeps.values(),
            *self._tasks.values(),
        ]
        for loop_of_no_work in (self._declaring, self._observing):
            await loop_of_no_work.finish(timeout_seconds=0.0)  # they may be cut off anywhere
        finished = await asyncio.gather(
            *(one.finish(timeout_seconds=end - _FLUSH_SECONDS - loop.time()) for one in work)
        )
        if self._started:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(min(end, loop.time() + _FLUSH_SECONDS)):
                    await self._flush()
        finished.append(await self._relaying.finish(timeout_seconds=end - loop.time()))
        for close in (self.parts.bus.close, self.parts.database.close):
            try:
                async with asyncio.timeout(2.0):
                    await close()
            except Exception:
                log.exception("close_failed", service=self.name)
        if self.parts.tracing is not None:
            await self.parts.tracing.close()
        log.info("service_drained", service=self.name, cut_off=finished.count(False))

    def _begin(self, task: SupervisedTask) -> SupervisedTask:
        if self._started and not self._draining:
            task.start()
        return task

    async def _keep_declared(self, stop: asyncio.Event) -> None:
        # Declared again now and then: a broker that came back without its data has forgotten all of it.
        while not stop.is_set():
            self._declare_again.clear()
            try:
                await self.parts.bus.declare(self._topology)
                self._declared.set()
                pause = _REDECLARE_SECONDS
            except BusError as error:
                log.warning("topology_not_declared", service=self.name, reason=str(error))
                pause = _DECLARE_PAUSE_SECONDS
            await wait_for_any(stop, self._declare_again, timeout_seconds=pause)

    async def _run_relay(self, stop: asyncio.Event) -> None:
        await wait_for_any(stop, self._declared)
        if not stop.is_set():
            await self._relay.run(stop)

    async def _flush(self) -> None:
        """Return when the outbox is empty or stands still."""
        loop = asyncio.get_running_loop()
        fewest, fewer_at = None, loop.time()
        while loop.time() - fewer_at < _FLUSH_STANDSTILL_SECONDS:
            try:
                async with self.parts.database.read() as connection:
                    pending = (await outbox_state(connection, self.parts.database.tables)).pending
            except DatabaseUnavailableError:
                return
            if pending == 0:
                return
            if fewest is None or pending < fewest:
                fewest, fewer_at = pending, loop.time()
            await asyncio.sleep(0.05)

    async def _check_database(self) -> Check:
        try:
            async with asyncio.timeout(_CHECK_SECONDS):
                await self.parts.database.ping()
        except (DatabaseUnavailableError, TimeoutError):
            return Check(State.FAILED, "PostgreSQL does not answer")
        return OK

    async def _check_bus(self) -> Check:
        try:
            async with asyncio.timeout(_CHECK_SECONDS):
                await self.parts.bus.ping()
        except (BusError, TimeoutError):
            return Check(State.DEGRADED, "the bus does not answer; messages are kept in the outbox")
        return OK if self._declared.is_set() else Check(State.DEGRADED, "the topology is not declared yet")

    def _check_relay(self) -> Check:
        if self._relaying.failing:
            return _check_task(self._relaying)
        if not self._declared.is_set():
            return Check(State.DEGRADED, "waits for the bus")
        late = asyncio.get_running_loop().time() - self._relay.last_round_at
        if self._relay.last_round_at and late > _RELAY_FRESH_SECONDS:
            return Check(State.FAILED, f"has not come round for {late:.0f} s")
        return OK


def _check_task(task: SupervisedTask) -> Check:
    if not task.failing:
        return OK
    return Check(State.DEGRADED if task.outage else State.FAILED, "it raised and is begun anew; see the log")
