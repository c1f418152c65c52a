"""The wiring of the watcher."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from tierdesk_bus.port import Binding, Exchange, Queue, Topology
from tierdesk_contracts.names import EVENTS, event_pattern
from tierdesk_runtime.http import create_app
from tierdesk_runtime.service import Parts, Service, ServiceDefinition
from tierdesk_sla.handlers.ticket_changes import QUEUE, Followed, TicketChangesHandler
from tierdesk_sla.handlers.watcher import SpokenMetrics, Watcher
from tierdesk_sla.http.clocks import clock_routes
from tierdesk_sla.settings import SlaSettings
from tierdesk_sla.store.policies import PolicyShelf
from tierdesk_sla.store.tables import LOG_TABLES, SCHEMA
from tierdesk_sla.store.wakeups import WakeUps
from tierdesk_store import ServiceSchema

TOPOLOGY: Final = Topology(
    exchanges=(Exchange(EVENTS),),
    queues=(Queue(QUEUE),),
    bindings=tuple(Binding(QUEUE, EVENTS, event_pattern(name)) for name in sorted(TicketChangesHandler.accepts)),
)

GATHER_SECONDS: Final = 0.05
"""Far below the settling time of an alert, and ten times fewer transactions under load."""


async def build(parts: Parts) -> Service:
    """The watcher: its consumer, its endpoints, and the task that speaks when something falls due."""
    shelf, followed = PolicyShelf(), Followed()
    app = create_app(title="Tierdesk clocks", ring=parts.ring, settings=parts.settings)
    app.include_router(clock_routes(parts.database, parts.clock, shelf))
    service = Service(SCHEMA, parts, app, topology=TOPOLOGY)
    handler = TicketChangesHandler(shelf, parts.clock, parts.identifiers, followed)
    service.add_consumption(handler, QUEUE, gather_seconds=GATHER_SECONDS)
    wakeups = WakeUps(parts.database)
    watcher = Watcher(
        parts.database,
        parts.bus,
        parts.clock,
        parts.identifiers,
        followed,
        wakeups=wakeups,
        settle_seconds=SlaSettings().settle_seconds,
        spoken=SpokenMetrics(service.metrics.registry),
    )
    service.add_task("watcher", watcher.run)
    service.add_task("wake-ups", wakeups.run)
    return service


DEFINITION: Final = ServiceDefinition(
    name=SCHEMA,
    schema=ServiceSchema(SCHEMA, Path(__file__).parent / "migrations" / "versions", LOG_TABLES),
    paths=("/v1/clocks", "/v1/parked/sla"),
    build=build,
    topology=TOPOLOGY,
)
