"""One process that serves one service or several: one HTTP server, one drain.

The drain, when told to stop by SIGTERM, SIGINT or the caller: `/readyz` answers 503 and every answer closes its
connection → `drain_delay_seconds` for a proxy to see it → no new connection → requests in flight are answered → consumers
finish their batch → the relay publishes what it can → all closes. A second SIGINT ends the process at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import signal
import socket
import threading
from collections.abc import Awaitable, Callable, Generator, Iterator, Sequence
from typing import Any, Final

import structlog
import uvicorn
import uvloop

from tierdesk_runtime.clock import Clock
from tierdesk_runtime.connection import Connection
from tierdesk_runtime.dispatching import Dispatcher
from tierdesk_runtime.logs import configure_logging
from tierdesk_runtime.service import Service, ServiceDefinition, build_parts
from tierdesk_runtime.settings import Settings
from tierdesk_store import DatabaseUnavailableError

_LINGER_SECONDS: Final = 1.0
_READY_ROUND_SECONDS: Final = 0.1
_BUILD_PAUSE_SECONDS: Final = 1.0
_BACKLOG: Final = 2048
_GARBAGE_OBJECTS: Final = 20_000

log = structlog.get_logger(__name__)


class ServingError(Exception):
    """The process cannot serve; the text says why and what to do."""


async def serve(
    definitions: Sequence[ServiceDefinition],
    settings: Settings,
    *,
    clock: Clock | None = None,
    on_ready: Callable[[str], Awaitable[None]] | None = None,
    stop: asyncio.Event | None = None,
) -> None:
    """Serve these services until SIGTERM, SIGINT or `stop`, then drain, within `drain_seconds`, and return.

    HTTP answers at once; a service whose database is away answers 503 and is built when it is there. `on_ready` is
    called once, with the address, when every service is ready. Raises `ServingError` when the port cannot be had, and
    what `build_parts` and a service's `build` raise.
    """
    stopping = stop or asyncio.Event()
    dispatcher = Dispatcher({definition.name: definition.prefixes for definition in definitions})
    server = _Server(dispatcher, settings)
    services: list[Service] = []
    # Signals first: whoever sees the port answer may stop the process in order from then on.
    with _signals(stopping), _listen(settings) as listener:
        url = f"http://{settings.http_host}:{listener.getsockname()[1]}"
        http = asyncio.create_task(server.serve(sockets=[listener]), name="http")
        life = asyncio.create_task(
            _live(definitions, settings, clock, dispatcher, services, url, on_ready), name="services"
        )
        stopped = asyncio.create_task(stopping.wait(), name="stop")
        try:
            await asyncio.wait([http, life, stopped], return_when=asyncio.FIRST_COMPLETED)
            if life.done():
                await life  # raises what a build raised
                await asyncio.wait([http, stopped], return_when=asyncio.FIRST_COMPLETED)
        finally:
            await _drain(server, dispatcher, services, [life, stopped], http, settings)
    if not stopping.is_set():
        raise ServingError("the HTTP server ended by itself; the log says why")


async def _live(
    definitions: Sequence[ServiceDefinition],
    settings: Settings,
    clock: Clock | None,
    dispatcher: Dispatcher,
    services: list[Service],
    url: str,
    on_ready: Callable[[str], Awaitable[None]] | None,
) -> None:
    for definition in definitions:
        service = await _build(definition, settings, clock)
        services.append(service)
        await service.start()
        dispatcher.add(service)
    while not all([(await service.ready()).ready for service in services]):  # noqa: ASYNC110 - nothing tells of it
        await asyncio.sleep(_READY_ROUND_SECONDS)
    # What start-up made stays to the end. Left to the collector, each of its full rounds would stop the loop for the
    # better part of a tenth of a second.
    gc.collect()
    gc.freeze()
    # Batches make many objects that live for a moment and form no cycles: looking through them every 700 cost 7 to 9 %
    # of the processor time.
    gc.set_threshold(_GARBAGE_OBJECTS, 20, 20)
    log.info("ready", url=url, services=[service.name for service in services])
    if on_ready is not None:
        await on_ready(url)


async def _build(definition: ServiceDefinition, settings: Settings, clock: Clock | None) -> Service:
    parts = await build_parts(definition, settings, clock=clock)
    try:
        while True:
            try:
                return await definition.build(parts)
            except DatabaseUnavailableError as error:
                log.warning("service_not_built", service=definition.name, reason=error.reason)
            await asyncio.sleep(_BUILD_PAUSE_SECONDS)
    except BaseException:
        await parts.bus.close()
        await parts.database.close()
        if parts.tracing is not None:
            await parts.tracing.close()
        raise


async def _drain(
    server: _Server,
    dispatcher: Dispatcher,
    services: Sequence[Service],
    others: Sequence[asyncio.Task[Any]],
    http: asyncio.Task[None],
    settings: Settings,
) -> None:
    log.info("stopping")
    dispatcher.stopping = True
    for service in services:
        service.stopping.set()
    for task in others:
        task.cancel()
    await asyncio.wait(others)
    if not http.done():
        await asyncio.sleep(settings.drain_delay_seconds)
    end = asyncio.get_running_loop().time() + settings.drain_seconds
    server.should_exit = True
    await asyncio.wait([http])
    if not http.cancelled() and (error := http.exception()) is not None:
        log.error("http_failed", exc_info=error)
    left = max(1.0, end - asyncio.get_running_loop().time())
    await asyncio.gather(*(service.drain(timeout_seconds=left) for service in services))
    log.info("stopped")


class _Server(uvicorn.Server):
    """uvicorn, told when to stop by `serve` alone, and gentle to clients that keep their connection."""

    def __init__(self, dispatcher: Dispatcher, settings: Settings) -> None:
        super().__init__(
            uvicorn.Config(
                dispatcher,
                http=Connection,
                lifespan="off",
                ws="none",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,  # whoever can reach the port could name any address
                backlog=_BACKLOG,
                timeout_graceful_shutdown=max(1, int(settings.drain_seconds / 2)),
            )
        )

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Leave the signals to `serve`."""
        yield

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept no more, let those who are connected ask once more, then close what is idle.

        Closing at once would reset a connection on which a request is on its way.
        """
        loop = asyncio.get_running_loop()
        for server in self.servers:
            server.close()
        end = loop.time() + _LINGER_SECONDS
        while self.server_state.connections and loop.time() < end:  # noqa: ASYNC110 - uvicorn tells nobody
            await asyncio.sleep(0.02)
        await super().shutdown(sockets)


def _listen(settings: Settings) -> socket.socket:
    host, port = settings.http_host, settings.http_port
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen(_BACKLOG)
        except BaseException:
            listener.close()
            raise
    except OSError as error:
        raise ServingError(f"cannot listen on {host}:{port}: {error.strerror}; set TIERDESK_HTTP_PORT") from error
    return listener


@contextlib.contextmanager
def _signals(stopping: asyncio.Event) -> Iterator[None]:
    """SIGTERM and SIGINT set `stopping`; one more SIGINT ends the process. Outside of the main thread: nothing."""
    loop = asyncio.get_running_loop()

    def on_interrupt() -> None:
        if stopping.is_set():
            os._exit(130)
        stopping.set()

    handlers = {signal.SIGTERM: stopping.set, signal.SIGINT: on_interrupt}
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    for number, handler in handlers.items():
        loop.add_signal_handler(number, handler)
    try:
        yield
    finally:
        for number in handlers:
            loop.remove_signal_handler(number)


def run(definitions: Sequence[ServiceDefinition], settings: Settings) -> None:
    """`serve` as a whole process: logs to stderr, on uvloop. Returns when it was told to stop and has drained."""
    configure_logging(settings.log_level)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(definitions, settings))
