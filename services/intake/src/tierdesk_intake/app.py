"""The wiring of intake."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from tierdesk_bus.port import Binding, Exchange, Queue, Topology
from tierdesk_contracts.names import EVENTS, event_pattern
from tierdesk_intake.fetching.hosts import Hosts, read_host
from tierdesk_intake.fetching.recordings import Recordings
from tierdesk_intake.handlers import added_tickets, noted_callbacks, ordered_services
from tierdesk_intake.handlers.policy import PolicyHandler
from tierdesk_intake.handlers.recordings import RecordingFetcher
from tierdesk_intake.handlers.unfinished_attachments import UnfinishedAttachments
from tierdesk_intake.http.attachments import attachment_routes, write_view
from tierdesk_intake.http.batch import batch_route
from tierdesk_intake.http.events import EventCommit, event_route
from tierdesk_intake.http.phone import PhoneCommit, phone_route
from tierdesk_intake.settings import IntakeSettings
from tierdesk_intake.store.attachment_writer import AttachmentWriter
from tierdesk_intake.store.event_writer import EventWriter
from tierdesk_intake.store.phone_writer import PhoneWriter
from tierdesk_intake.store.tables import LOG_TABLES, SCHEMA
from tierdesk_runtime.guarded_connections import Resolver
from tierdesk_runtime.http import create_app
from tierdesk_runtime.service import Parts, Service, ServiceDefinition
from tierdesk_runtime.webhook_secrets import WebhookSecrets
from tierdesk_store import ServiceSchema

QUEUE: Final = "intake.events"
TOPOLOGY: Final = Topology(
    exchanges=(Exchange(EVENTS),),
    queues=(Queue(QUEUE), Queue(added_tickets.QUEUE), Queue(ordered_services.QUEUE), Queue(noted_callbacks.QUEUE)),
    bindings=(
        Binding(QUEUE, EVENTS, event_pattern("policy.applied.v1")),
        Binding(added_tickets.QUEUE, EVENTS, event_pattern("ticket.added.v1")),
        Binding(ordered_services.QUEUE, EVENTS, event_pattern("service.ordered.v1")),
        Binding(noted_callbacks.QUEUE, EVENTS, event_pattern("callback.noted.v1")),
    ),
)
ATTACHMENT_CONNECTIONS: Final = 3
"""Of the pool's eight: whoever sends or reads files leaves the others to events."""


async def build(parts: Parts) -> Service:
    """The service."""
    now = parts.clock.now
    writer = EventWriter(parts.identifiers, now)
    events = EventCommit(
        parts.database, writer, write_alone=writer.write_alone, size_of=lambda event: len(event.posted.body)
    )
    calls = PhoneCommit(parts.database, PhoneWriter(parts.identifiers, now), size_of=lambda call: len(call.posted.body))
    app = create_app(title="Tierdesk intake", ring=parts.ring, settings=parts.settings)
    app.router.routes += [
        event_route(events, now),
        batch_route(events, now, parts.settings),
        phone_route(calls, WebhookSecrets(parts.secrets), now, _wall_clock),
    ]
    settings = IntakeSettings.read()
    turns = asyncio.Semaphore(ATTACHMENT_CONNECTIONS)
    attachments = AttachmentWriter(
        parts.database,
        parts.identifiers,
        settings.limits,
        now=now,
        wall_clock=_wall_clock,
        write_answer=write_view,
        turns=turns,
    )
    app.include_router(attachment_routes(parts.database, attachments, turns))
    service = Service("intake", parts, app, topology=TOPOLOGY)
    service.add_consumption(PolicyHandler(), QUEUE)
    service.add_consumption(added_tickets.AddedTicketsHandler(), added_tickets.QUEUE)
    orders = ordered_services.OrderedServicesHandler(parts.identifiers, now)
    service.add_consumption(orders, ordered_services.QUEUE)
    noted = noted_callbacks.NotedCallbacksHandler(parts.identifiers, now)
    service.add_consumption(noted, noted_callbacks.QUEUE)
    service.add_task("event writer", events.run)
    service.add_task("phone writer", calls.run)
    named = Hosts(read_host(one) for one in settings.recording_hosts)
    recordings = Recordings(named, Resolver(), limit_bytes=settings.attachment_limit_bytes)
    fetcher = RecordingFetcher(parts.database, recordings, attachments, service.metrics.registry)
    service.add_task("recordings", fetcher.run)
    service.add_task("unfinished attachments", UnfinishedAttachments(parts.database, _wall_clock).run)
    return service


def _wall_clock() -> datetime:
    return datetime.now(UTC)


DEFINITION: Final = ServiceDefinition(
    name="intake",
    schema=ServiceSchema(SCHEMA, Path(__file__).parent / "migrations", LOG_TABLES),
    paths=("/v1/events", "/v1/phone", "/v1/parked/intake"),
    build=build,
    topology=TOPOLOGY,
)
