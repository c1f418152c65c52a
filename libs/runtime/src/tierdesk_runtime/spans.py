"""Traces by OpenTelemetry: a span for each request and for each message that is handled, joined by `traceparent`.

Spans are exported by a thread of their own from a bounded queue; while the collector is away they are dropped, and nobody
waits. They hold identifiers, names and numbers, never what people wrote.

The context is handed on as a value, from request or message to what is sent because of it: a group commit and a batch
handle many at once, so that there is no one current span.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, Final
from uuid import UUID

import structlog
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, SpanKind, StatusCode, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tierdesk_contracts import MESSAGE_TYPES
from tierdesk_contracts.names import namespace_tenant
from tierdesk_runtime.framing import METHODS, route_of
from tierdesk_runtime.tracing import TRACEPARENT
from tierdesk_runtime.watched_bus import age_seconds
from tierdesk_store import Handler, Received, Transaction, TransientError

CLOSE_SECONDS: Final = 2.0
"""So long a stop waits for the last spans to be taken."""
_EXPORT_SECONDS: Final = 5.0
_PATH: Final = "/v1/traces"
_NOT_OF_TICKETS: Final = ("article.", "policy.")

_propagator: Final = TraceContextTextMapPropagator()


class Tracing:
    """The spans of one service, sent to `endpoint` by OTLP over HTTP.

    What else OpenTelemetry reads from `OTEL_*` variables holds: the sampler, the headers and the certificate of the
    exporter, the size of its queue.
    """

    def __init__(self, endpoint: str, *, service: str, bus_url: str) -> None:
        """Begins the exporting thread. Opens no connection before there are spans, and raises for none that fails."""
        url = endpoint.rstrip("/")
        self._exporter = OTLPSpanExporter(
            endpoint=url if url.endswith(_PATH) else f"{url}{_PATH}", timeout=_EXPORT_SECONDS
        )
        resource = Resource.create({"service.name": service, "service.namespace": "tierdesk"})
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(self._exporter))
        self._tracer = self._provider.get_tracer("tierdesk")
        self._messaging_system = "rabbitmq" if bus_url.startswith("amqp") else "postgresql"

    def trace_requests(self, app: ASGIApp) -> ASGIApp:
        """The application, with a span around each request."""
        return _TracedRequests(app, self._tracer)

    def trace_messages(self, handler: Handler[Any]) -> Handler[Any]:
        """The handler, with a span for each message that it decides."""
        return _TracedHandler(handler, self._tracer, self._messaging_system)

    async def close(self) -> None:
        """Send what is left, for at most `CLOSE_SECONDS`; then drop it."""
        loop = asyncio.get_running_loop()
        ended = asyncio.Event()

        def shut_down() -> None:
            self._provider.shutdown()
            with suppress(RuntimeError):  # the loop may be gone
                loop.call_soon_threadsafe(ended.set)

        # A thread of its own, for which the end of the process does not wait: the library may take its time.
        threading.Thread(target=shut_down, name="tracing-shutdown", daemon=True).start()
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await ended.wait()
                return
        self._exporter.shutdown()  # type: ignore[no-untyped-call]  # the library does not say


class _TracedRequests:
    """ASGI middleware around all of a service. The log lines of a request name its trace."""

    def __init__(self, app: ASGIApp, tracer: Tracer) -> None:
        self._app = app
        self._tracer = tracer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        method = scope["method"] if scope["method"] in METHODS else "_OTHER"
        span = self._tracer.start_span(
            method,
            context=_context_of_headers(scope),
            kind=SpanKind.SERVER,
            attributes={"http.request.method": method, "url.scheme": scope["scheme"]},
        )
        scope[TRACEPARENT] = traceparent = _traceparent(span)
        status = 0

        async def send_seen(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        bound = structlog.contextvars.bind_contextvars(**({"trace_id": traceparent[3:35]} if traceparent else {}))
        try:
            await self._app(scope, receive, send_seen)
        finally:
            structlog.contextvars.reset_contextvars(**bound)
            _end_request(span, scope, method, status)


def _end_request(span: Span, scope: Scope, method: str, status: int) -> None:
    route = route_of(scope)
    span.update_name(f"{method} {route}")
    span.set_attribute("http.route", route)
    if status:  # else the client left before it was answered
        span.set_attribute("http.response.status_code", status)
    if status >= 500:
        span.set_attribute("error.type", str(status))
        span.set_status(StatusCode.ERROR)
    principal = scope.get("tierdesk.principal")
    if principal is not None:
        span.set_attribute("tierdesk.tenant", principal.tenant)
    span.end()


@dataclass(slots=True)
class _TracedBatch:
    """The inner handler's state, and the spans of the messages decided so far."""

    state: Any
    began_at_nanoseconds: int
    spans: dict[tuple[str, UUID], Span] = field(default_factory=dict)

    def end(self) -> None:
        """The transaction has committed."""
        for span in self.spans.values():
            span.end()


class _TracedHandler:
    """A handler that shows, as one span each, what it decided: from the begin of the batch to its commit.

    A transaction that fails leaves no span: its messages are handled again.
    """

    def __init__(self, handler: Handler[Any], tracer: Tracer, messaging_system: str) -> None:
        self._handler = handler
        self._tracer = tracer
        self._messaging_system = messaging_system
        self.name = handler.name
        self.accepts = handler.accepts

    async def load(self, tx: Transaction, messages: Sequence[Received]) -> _TracedBatch:
        """As the handler."""
        began_at = time.time_ns()
        batch = _TracedBatch(await self._handler.load(tx, messages), began_at)
        tx.after_commit(batch.end)
        return batch

    def decide(self, state: _TracedBatch, message: Received) -> None:
        """As the handler, which is told the `traceparent` of the message's span."""
        key = (message.namespace, message.envelope.id)
        span = state.spans.get(key)
        if span is None:
            span = state.spans[key] = self._begin(message, state.began_at_nanoseconds)
        try:
            self._handler.decide(state.state, replace(message, traceparent=_traceparent(span)))
        except TransientError:
            span.set_attribute("tierdesk.decision", "put_off")
            raise
        except Exception as error:
            span.set_attributes({"tierdesk.decision": "refused", "error.type": type(error).__qualname__})
            span.set_status(StatusCode.ERROR)
            raise
        span.set_attribute("tierdesk.decision", "applied")

    async def save(self, tx: Transaction, state: _TracedBatch) -> None:
        """As the handler."""
        await self._handler.save(tx, state.state)

    def _begin(self, message: Received, began_at_nanoseconds: int) -> Span:
        envelope = message.envelope
        attributes: dict[str, str | float] = {
            "messaging.system": self._messaging_system,
            "messaging.destination.name": f"{message.namespace}/{message.queue}".removeprefix("/"),
            "messaging.operation.name": "process",
            "messaging.operation.type": "process",
            "messaging.message.id": str(envelope.id),
            "cloudevents.event_type": envelope.type,
            "tierdesk.tenant": namespace_tenant(message.namespace) or envelope.tenant,
            "tierdesk.message.time": envelope.time.isoformat(),
            "tierdesk.message.age_seconds": age_seconds(str(envelope.id)),
        }
        ticket = _ticket_of(envelope.type, envelope.subject)
        if ticket is not None:
            attributes["tierdesk.ticket"] = ticket
        return self._tracer.start_span(
            f"process {message.queue}",
            context=_read_traceparent(envelope.traceparent),
            kind=SpanKind.CONSUMER,
            attributes=attributes,
            start_time=began_at_nanoseconds,
        )


def _ticket_of(message_type: str, subject: str) -> str | None:
    """The ticket that a message is about. A vendor can write anything there, so only an identifier counts."""
    if message_type.startswith(_NOT_OF_TICKETS) or message_type not in MESSAGE_TYPES:
        return None
    try:
        return str(UUID(subject))
    except ValueError:
        return None


def _context_of_headers(scope: Scope) -> Context:
    found = [value for name, value in scope["headers"] if name == b"traceparent"]
    return _read_traceparent(found[0].decode("latin-1") if len(found) == 1 else None)


def _read_traceparent(text: str | None) -> Context:
    """The context to go on from: an empty one, which begins a new trace, for none and for one that is malformed."""
    empty = Context()
    return empty if text is None else _propagator.extract({"traceparent": text}, empty)


def _traceparent(span: Span) -> str | None:
    """What leads to this span; None where OpenTelemetry is switched off."""
    context = span.get_span_context()
    if not context.is_valid:
        return None
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"
