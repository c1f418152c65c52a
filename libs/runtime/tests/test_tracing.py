"""Spans of requests and of messages, and what is not there without the setting."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import httpx2
import pytest
from notes import DEFINITION, SeenHandler, build
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from tierdesk_bus.port import HOME
from tierdesk_contracts import AnyEnvelope, seal
from tierdesk_contracts.notice import ArticleRetired
from tierdesk_runtime.service import Service, build_parts
from tierdesk_runtime.settings import Settings, SettingsError
from tierdesk_runtime.spans import Tracing
from tierdesk_runtime.tracing import start_tracing
from tierdesk_store import Database, GapError, PermanentError, Received, Transaction

TRACE = "0af7651916cd43dd8448eb211c80319c"
TRACEPARENT = f"00-{TRACE}-b7ad6b7169203331-01"
NOWHERE = "http://127.0.0.1:1"


class SettlingHandler(SeenHandler):
    """Refuses or puts off what is named so; remembers what it is told of traces."""

    def __init__(self) -> None:
        self.told: list[str | None] = []

    async def load(self, tx: Transaction, messages: Sequence[Received]) -> list[Any]:
        return []

    def decide(self, state: list[Any], message: Received) -> None:
        self.told.append(message.traceparent)
        if message.envelope.subject == "early" and len(self.told) < 2:
            raise GapError("too early", retry_in_seconds=1.0)
        if message.envelope.subject == "poison":
            raise PermanentError("a text that somebody wrote")


@pytest.fixture
async def tracing(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Tracing]:
    monkeypatch.setattr("tierdesk_runtime.spans.CLOSE_SECONDS", 0.1)
    tracing = Tracing(NOWHERE, service="notes", bus_url="amqp://nowhere/")
    yield tracing
    await tracing.close()


@pytest.fixture
def spans(tracing: Tracing) -> InMemorySpanExporter:
    exporter = InMemorySpanExporter()
    tracing._provider.add_span_processor(SimpleSpanProcessor(exporter))
    return exporter


@pytest.fixture
async def database(desk: Settings) -> AsyncIterator[Database]:
    database = Database(desk.database_url, schema="notes", name="test")
    yield database
    await database.close()


def received(subject: str = "note", traceparent: str | None = TRACEPARENT, namespace: str = HOME) -> Received:
    envelope: AnyEnvelope = seal(
        ArticleRetired(article_id="a-1"),
        message_id=uuid4(),
        source="/notes",
        subject=subject,
        time=datetime.now(UTC),
        tenant="main",
        traceparent=traceparent,
    )
    return Received(envelope, namespace, "inbound" if namespace else "notes.events", 0.0, 0)


async def handle(tracing: Tracing, database: Database, handler: SettlingHandler, *messages: Received) -> None:
    """What a consumption does with a batch, as far as handlers go."""
    traced = tracing.trace_messages(handler)
    async with database.transaction() as tx:
        state = await traced.load(tx, messages)
        for message in messages:
            try:
                traced.decide(state, message)
            except (GapError, PermanentError):
                continue
        await traced.save(tx, state)


@asynccontextmanager
async def serving(desk: Settings) -> AsyncIterator[Service]:
    service = await build(await build_parts(DEFINITION, desk))
    yield service
    await service.drain()


def asking(app: Any) -> httpx2.AsyncClient:
    headers = {"traceparent": TRACEPARENT}
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://desk", headers=headers)


async def test_a_handler_is_told_what_to_hand_on_and_its_span_goes_on_from_the_message(tracing, spans, database):
    handler = SettlingHandler()
    await handle(tracing, database, handler, received())
    (span,) = spans.get_finished_spans()
    assert handler.told == [f"00-{TRACE}-{span.context.span_id:016x}-01"]
    assert f"{span.context.trace_id:032x}" == TRACE
    assert f"{span.parent.span_id:016x}" == "b7ad6b7169203331"
    assert span.attributes["tierdesk.decision"] == "applied"
    assert span.attributes["messaging.system"] == "rabbitmq"
    assert "tierdesk.ticket" not in span.attributes  # an article


@pytest.mark.parametrize("traceparent", [None, "", "nonsense", f"00-{'0' * 32}-b7ad6b7169203331-01"])
async def test_a_message_without_a_valid_trace_begins_one(tracing, spans, database, traceparent):
    await handle(tracing, database, SettlingHandler(), received(traceparent=traceparent))
    (span,) = spans.get_finished_spans()
    assert span.parent is None


async def test_a_refused_message_shows_the_kind_of_error_and_not_its_text(tracing, spans, database):
    await handle(tracing, database, SettlingHandler(), received("poison"))
    (span,) = spans.get_finished_spans()
    assert span.status.status_code is StatusCode.ERROR
    assert span.attributes["tierdesk.decision"] == "refused"
    assert span.attributes["error.type"] == "PermanentError"
    assert "somebody wrote" not in span.to_json()


async def test_a_message_that_is_decided_twice_in_one_batch_has_one_span(tracing, spans, database):
    handler, message = SettlingHandler(), received("early")
    await handle(tracing, database, handler, message)
    await handle(tracing, database, handler, message, message)
    put_off, applied = spans.get_finished_spans()
    assert put_off.attributes["tierdesk.decision"] == "put_off"
    assert applied.attributes["tierdesk.decision"] == "applied"
    assert put_off.status.status_code is StatusCode.UNSET


async def test_a_transaction_that_fails_leaves_no_span(tracing, spans, database):
    traced, message = tracing.trace_messages(SettlingHandler()), received()

    async def lose() -> None:
        async with database.transaction() as tx:
            traced.decide(await traced.load(tx, [message]), message)
            raise RuntimeError("lost")

    with pytest.raises(RuntimeError, match="lost"):
        await lose()
    assert spans.get_finished_spans() == ()


async def test_the_tenant_of_a_vendors_message_is_that_of_its_namespace(tracing, spans, database):
    await handle(tracing, database, SettlingHandler(), received(namespace="v-acme.printers"))
    (span,) = spans.get_finished_spans()
    assert span.attributes["tierdesk.tenant"] == "acme"
    assert span.attributes["messaging.destination.name"] == "v-acme.printers/inbound"


async def test_a_request_that_fails_is_a_failed_span_and_its_log_lines_name_the_trace(desk, stream, spans, tracing):
    async with serving(desk) as service, asking(tracing.trace_requests(service.app)) as client:
        answers = [
            await client.get("/v1/notes/nobody/secret-path"),
            await client.request("BREW", "/v1/notes"),
            await client.post("/v1/notes", content=b"{"),
        ]
    assert [answer.status_code for answer in answers] == [404, 405, 401]
    found = spans.get_finished_spans()
    assert [span.name for span in found] == ["GET unmatched", "_OTHER /v1/notes", "POST /v1/notes"]
    assert {f"{span.context.trace_id:032x}" for span in found} == {TRACE}
    assert "secret-path" not in "".join(span.to_json() for span in found)
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [line["trace_id"] for line in lines if line["event"] == "request"] == [TRACE] * 3
    assert [line for line in lines if line["event"] != "request" and "trace_id" in line] == []


async def test_without_the_setting_a_service_is_as_it_was(desk):
    parts = await build_parts(DEFINITION, desk)
    service = await build(parts)
    assert parts.tracing is None
    assert service.entry is service.app
    (consumer,) = service._consumers.values()
    assert type(consumer.source.handler) is SeenHandler
    await service.drain()


def test_without_the_setting_opentelemetrys_sdk_is_not_imported():
    code = (
        "import sys; from tierdesk_cli import main; "
        "print([name for name in sys.modules if name.startswith(('opentelemetry.sdk', 'opentelemetry.exporter'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"


def test_an_endpoint_without_the_packages_is_a_faulty_setting(settings, monkeypatch):
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    monkeypatch.delitem(sys.modules, "tierdesk_runtime.spans")
    monkeypatch.delattr("tierdesk_runtime.spans")
    traced = settings.model_copy(update={"otlp_endpoint": NOWHERE})
    with pytest.raises(SettingsError, match=r"TIERDESK_OTLP_ENDPOINT.*requirements/telemetry\.txt"):
        start_tracing(traced, "notes")
