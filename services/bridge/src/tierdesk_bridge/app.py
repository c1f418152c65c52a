"""The wiring of the bridge."""

from __future__ import annotations

import asyncio
import random
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from tierdesk_bridge.handlers.deliverer import Deliverer, DeliveryMetrics
from tierdesk_bridge.handlers.work import WorkHandler
from tierdesk_bridge.http.deliveries import delivery_routes
from tierdesk_bridge.http.endpoints import endpoint_routes
from tierdesk_bridge.http.outcomes import outcome_routes
from tierdesk_bridge.sending.posting import Poster
from tierdesk_bridge.settings import BridgeSettings
from tierdesk_bridge.store.endpoints import list_enabled
from tierdesk_bridge.store.tables import LOG_TABLES, SCHEMA
from tierdesk_bus.port import Topology
from tierdesk_contracts.names import VENDOR_WORK, vendor_namespace
from tierdesk_runtime.guarded_connections import Resolver
from tierdesk_runtime.http import create_app
from tierdesk_runtime.service import Parts, Service, ServiceDefinition
from tierdesk_runtime.webhook_secrets import WebhookSecrets
from tierdesk_store import ServiceSchema
from tierdesk_store.pausing import wait_for_any

TOPOLOGY: Final = Topology()
"""Nothing of its own: the router declares what a vendor's namespace holds."""
LOOK_SECONDS: Final = 1.0


async def build(parts: Parts) -> Service:
    """The bridge: its endpoints, a consumer for each vendor that has a webhook, and what sends."""
    private = BridgeSettings.read().private_networks
    secrets = WebhookSecrets(parts.secrets)
    app = create_app(title="Tierdesk bridge", ring=parts.ring, settings=parts.settings)
    service = Service(SCHEMA, parts, app, topology=TOPOLOGY)
    deliverer = Deliverer(
        parts.database,
        secrets,
        Poster(private, Resolver(), _wall_clock),
        DeliveryMetrics(service.metrics.registry),
        now=_wall_clock,
        draw=random.SystemRandom().random,
    )
    app.include_router(outcome_routes(parts.database, secrets, _wall_clock))
    app.include_router(endpoint_routes(parts.database, secrets, private, deliverer.poke))
    app.include_router(delivery_routes(parts.database, deliverer.poke))
    service.add_task("consumers", _Consumers(service, WorkHandler(deliverer.poke)).run)
    service.add_task("deliverer", deliverer.run)
    service.add_task("delivery count", deliverer.keep_count)
    return service


class _Consumers:
    """Consumes the queue of each vendor whose endpoint takes webhooks: what a disabled one does not take stays there."""

    def __init__(self, service: Service, handler: WorkHandler) -> None:
        self._service = service
        self._handler = handler
        self._consumed: set[str] = set()

    async def run(self, stop: asyncio.Event) -> None:
        """Look each second for endpoints that were set, removed, enabled or disabled."""
        while not stop.is_set():
            async with self._service.parts.database.read() as connection:
                enabled = await list_enabled(connection)
            wanted = {vendor_namespace(tenant, vendor) for tenant, vendor in enabled}
            for namespace in wanted - self._consumed:
                self._service.add_consumption(self._handler, VENDOR_WORK, namespace=namespace)
                self._consumed.add(namespace)
            for namespace in self._consumed - wanted:
                await self._service.remove_consumption(VENDOR_WORK, namespace=namespace)
                self._consumed.discard(namespace)
            await wait_for_any(stop, timeout_seconds=LOOK_SECONDS)


def _wall_clock() -> datetime:
    return datetime.now(UTC)


DEFINITION: Final = ServiceDefinition(
    name=SCHEMA,
    schema=ServiceSchema(SCHEMA, Path(__file__).parent / "migrations" / "versions", LOG_TABLES),
    paths=("/v1/bridge", "/v1/parked/bridge"),
    build=build,
    topology=TOPOLOGY,
)
