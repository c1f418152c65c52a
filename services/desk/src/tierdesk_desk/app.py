"""The wiring of the desk."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Final

from tierdesk_bus.port import Binding, Exchange, Queue, Topology
from tierdesk_contracts.names import EVENTS, OUTCOMES, WORK, event_pattern, work_key, work_queue
from tierdesk_desk.accounts import Accounts
from tierdesk_desk.board import Board
from tierdesk_desk.console.neighbours import Neighbours, minting, open_client
from tierdesk_desk.console.pages import console_routes, show_errors
from tierdesk_desk.console.rendering import Renderer
from tierdesk_desk.console.visiting import Console
from tierdesk_desk.domain.people import Place, places_worked
from tierdesk_desk.feed import Feed
from tierdesk_desk.handlers.forgetting import Forgetting
from tierdesk_desk.handlers.tickets import QUEUE, TicketsHandler
from tierdesk_desk.handlers.work import WorkHandler
from tierdesk_desk.hashing import PasswordHashing
from tierdesk_desk.http.access import Access
from tierdesk_desk.http.accounts import account_routes
from tierdesk_desk.http.audit import audit_routes
from tierdesk_desk.http.board import board_routes
from tierdesk_desk.http.sessions import session_routes
from tierdesk_desk.http.stream import stream_routes
from tierdesk_desk.http.works import work_routes
from tierdesk_desk.settings import DeskSettings
from tierdesk_desk.signing_in import SignIn
from tierdesk_desk.store.policies import PolicyShelf
from tierdesk_desk.store.tables import LOG_TABLES, SCHEMA
from tierdesk_desk.store.works import list_known_places
from tierdesk_runtime.clock import FastClock
from tierdesk_runtime.http import create_app
from tierdesk_runtime.publishing import Publisher
from tierdesk_runtime.service import Parts, Service, ServiceDefinition
from tierdesk_store import ServiceSchema
from tierdesk_store.pausing import wait_for_any

TOPOLOGY: Final = Topology(
    exchanges=(Exchange(EVENTS), Exchange(WORK), Exchange(OUTCOMES)),
    queues=(Queue(QUEUE),),
    bindings=tuple(Binding(QUEUE, EVENTS, event_pattern(name)) for name in sorted(TicketsHandler.accepts)),
)
LOOK_SECONDS: Final = 1.0
KEPT: Final = timedelta(days=90)
"""So long work that is over is kept, for those who follow up what they handed on."""


async def build(parts: Parts, *, groups: frozenset[str] | None = None) -> Service:
    """The desk: the board, what people do with it, and the consumers of the groups that they work.

    Those are `groups` where given, else what the settings name.
    """
    settings = DeskSettings()
    named = settings.named_groups if groups is None else groups
    shelf, publisher = PolicyShelf(), Publisher(parts.clock, parts.identifiers, source=f"/tierdesk/{SCHEMA}")
    board, feed = Board(parts.database, shelf, publisher, worked=named), Feed(parts.database)
    hashing, access = PasswordHashing(), Access(parts.database, public_url=settings.public_url)
    sign_in = SignIn(parts.database, hashing, parts.clock, parts.secrets.pepper)
    accounts = Accounts(parts.database, hashing, parts.clock, parts.identifiers)
    app = create_app(title="Tierdesk desk", ring=parts.ring, settings=parts.settings)
    access.install(app)
    app.include_router(session_routes(access, sign_in, default_tenant=parts.settings.default_tenant))
    app.include_router(account_routes(accounts))
    app.include_router(audit_routes(parts.database))
    app.include_router(board_routes(board))
    app.include_router(work_routes(board))
    app.include_router(stream_routes(feed, access.still_signed_in))
    service = Service(SCHEMA, parts, app, topology=TOPOLOGY)
    http = open_client()
    neighbours = Neighbours(http, minting(parts.secrets), url=settings.services_url)
    rate = parts.clock.rate if isinstance(parts.clock, FastClock) else 1.0
    console = Console(board, Renderer(), neighbours, access, rate)
    app.include_router(console_routes(console, sign_in, default_tenant=parts.settings.default_tenant))
    show_errors(app, console)

    async def close_client(stop: asyncio.Event) -> None:
        await stop.wait()
        await http.aclose()

    service.add_task("neighbours", close_client)
    service.add_consumption(TicketsHandler(), QUEUE)
    service.add_task("feed", feed.run)

    async def end_streams(stop: asyncio.Event) -> None:
        await wait_for_any(stop, service.stopping)
        feed.end()

    service.add_task("streams", end_streams)
    service.add_task("consumers", _Consumers(service, shelf, WorkHandler(shelf, publisher), named).run)
    service.add_task("forgetting", Forgetting(parts.database, publisher, after=KEPT).run)
    return service


class _Consumers:
    """Consumes the queue of each group that people work, as the policies in force name them."""

    def __init__(
        self, service: Service, shelf: PolicyShelf, handler: WorkHandler, named: frozenset[str] | None
    ) -> None:
        self._service = service
        self._shelf = shelf
        self._handler = handler
        self._named = named
        self._worked: set[tuple[str, Place]] = set()

    async def run(self, stop: asyncio.Event) -> None:
        """Look each second for policies that were applied."""
        while not stop.is_set():
            async with self._service.parts.database.read() as connection:
                policies = await self._shelf.fetch_in_force(connection)
                known = await list_known_places(connection)
            for tenant, policy in policies.items():
                for place in places_worked(policy, self._named, known.get(tenant, ())):
                    if (tenant, place) not in self._worked:
                        await self._begin(tenant, place)
            await wait_for_any(stop, timeout_seconds=LOOK_SECONDS)

    async def _begin(self, tenant: str, place: Place) -> None:
        """A group that a later policy has no more is consumed on: what is on its way to it is still to be worked."""
        tier, group = place
        queue = work_queue(tenant, tier, group)
        topology = Topology(
            queues=(Queue(queue, single_active=True),), bindings=(Binding(queue, WORK, work_key(tenant, tier, group)),)
        )
        await self._service.parts.bus.declare(Topology(exchanges=(Exchange(WORK),)) + topology)
        self._service.add_topology(topology)
        self._service.add_consumption(self._handler, queue)
        self._worked.add((tenant, place))


DEFINITION: Final = ServiceDefinition(
    name=SCHEMA,
    schema=ServiceSchema(SCHEMA, Path(__file__).parent / "migrations" / "versions", LOG_TABLES),
    paths=("/v1/desk",),
    build=build,
    topology=TOPOLOGY,
    takes_rest=True,
)
