"""The wiring of the knowledge base."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tierdesk_bus.port import Binding, Exchange, Queue, Topology
from tierdesk_contracts.names import EVENTS, OUTCOMES, WORK, event_pattern, work_key, work_queue
from tierdesk_kb.domain.self_service import GROUP
from tierdesk_kb.handlers.hindsight import Hindsight
from tierdesk_kb.handlers.index_follower import IndexFollower
from tierdesk_kb.handlers.like_articles import LikeArticles
from tierdesk_kb.handlers.new_articles import Forgetting, NewArticles
from tierdesk_kb.handlers.patience import Patience
from tierdesk_kb.handlers.self_service import SelfServiceHandler
from tierdesk_kb.handlers.tickets import QUEUE, TicketsHandler
from tierdesk_kb.handlers.unanswered import UnansweredQuestions
from tierdesk_kb.http.articles import article_routes
from tierdesk_kb.http.catalogue import catalogue_routes
from tierdesk_kb.http.community import community_routes
from tierdesk_kb.http.deflection import deflection_routes
from tierdesk_kb.http.feedback import feedback_routes
from tierdesk_kb.http.moderation import moderation_routes
from tierdesk_kb.http.orders import order_routes
from tierdesk_kb.http.proposals import proposal_routes
from tierdesk_kb.http.search import search_routes
from tierdesk_kb.http.shift_left import shift_left_routes
from tierdesk_kb.http.synonyms import synonym_routes
from tierdesk_kb.search.library import Library
from tierdesk_kb.search.semantics import SemanticsMissingError, load_model
from tierdesk_kb.settings import KbSettings
from tierdesk_kb.store.policies import PolicyShelf
from tierdesk_kb.store.tables import LOG_TABLES, SCHEMA
from tierdesk_policy import Policy
from tierdesk_runtime.http import create_app
from tierdesk_runtime.publishing import Publisher
from tierdesk_runtime.service import Parts, Service, ServiceDefinition
from tierdesk_runtime.settings import SettingsError
from tierdesk_store import ServiceSchema

if TYPE_CHECKING:
    from tierdesk_kb.search.vectors import Model

TOPOLOGY: Final = Topology(
    exchanges=(Exchange(EVENTS), Exchange(WORK), Exchange(OUTCOMES)),
    queues=(Queue(QUEUE),),
    bindings=tuple(Binding(QUEUE, EVENTS, event_pattern(name)) for name in sorted(TicketsHandler.accepts)),
)
LOOK_SECONDS: Final = 1.0
GATHER_SECONDS: Final = 0.05
"""A match may come a moment after the offer; gathered, matches cost far fewer transactions."""


async def build(parts: Parts) -> Service:
    """The knowledge base: its endpoints, the index, the matches, and level 0.

    Raises `SettingsError` when semantic ranking is asked for and its packages are not installed.
    """
    settings = KbSettings()
    library, shelf = Library(_load_model() if settings.semantic else None), PolicyShelf()
    publisher = Publisher(parts.clock, parts.identifiers, source=f"/tierdesk/{SCHEMA}")
    follower = IndexFollower(parts.database, library)
    app = create_app(title="Tierdesk knowledge", ring=parts.ring, settings=parts.settings)
    unanswered = UnansweredQuestions(parts.database, publisher)
    app.include_router(search_routes(parts.database, library, unanswered.note))
    app.include_router(deflection_routes(parts.database, publisher))
    app.include_router(synonym_routes(parts.database, publisher, follower.poke))
    stale_after = timedelta(days=settings.stale_article_days)
    app.include_router(feedback_routes(parts.database, parts.clock.now, stale_after=stale_after))
    app.include_router(proposal_routes(parts.database))
    app.include_router(shift_left_routes(parts.database, shelf, parts.clock))
    app.include_router(article_routes(parts.database, publisher, parts.identifiers, follower.poke))
    app.include_router(order_routes(parts.database, publisher, parts.identifiers))
    app.include_router(catalogue_routes(parts.database, shelf, parts.clock.now))
    app.include_router(community_routes(parts.database, parts.identifiers, parts.clock.now))
    app.include_router(moderation_routes(parts.database, parts.identifiers, parts.clock.now))
    service = Service(SCHEMA, parts, app, topology=TOPOLOGY)
    service.add_task("index", follower.run)
    service.add_task("unanswered questions", unanswered.run)
    tickets = TicketsHandler(library, shelf, publisher, follower.poke)
    worker = SelfServiceHandler(library, shelf, publisher)
    service.add_task("new articles", NewArticles(parts.database, library, shelf, publisher, follower).run)
    service.add_task("like articles", LikeArticles(parts.database, library).run)
    service.add_task("hindsight", Hindsight(parts.database, library, shelf, publisher, follower).run)
    service.add_task("patience", Patience(parts.database, publisher).run)
    service.add_task("forgetting", Forgetting(parts.database, publisher).run)
    service.add_task("consumers", _Consumers(service, library, shelf, tickets, worker).run)
    return service


def _load_model() -> Model:
    try:
        return load_model()
    except SemanticsMissingError as error:
        raise SettingsError(f"TIERDESK_KB_SEMANTIC: {error}, or unset it") from error


class _Consumers:
    """Begins to consume when the index is built: the events, and level 0 of each tenant whose policy has it."""

    def __init__(
        self,
        service: Service,
        library: Library,
        shelf: PolicyShelf,
        tickets: TicketsHandler,
        worker: SelfServiceHandler,
    ) -> None:
        self._service = service
        self._library = library
        self._shelf = shelf
        self._tickets = tickets
        self._worker = worker
        self._worked: set[str] = set()

    async def run(self, stop: asyncio.Event) -> None:
        """Look each second for policies that were applied."""
        while not stop.is_set():
            if self._library.ready.is_set():
                self._service.add_consumption(self._tickets, QUEUE, gather_seconds=GATHER_SECONDS)
                await self._keep_up()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await stop.wait()

    async def _keep_up(self) -> None:
        async with self._service.parts.database.read() as connection:
            policies = await self._shelf.fetch_in_force(connection)
        for tenant, policy in policies.items():
            tier = tier_of_self_service(policy)
            queue = tier and work_queue(tenant, tier, GROUP)
            if tier and queue and queue not in self._worked:
                topology = Topology(
                    queues=(Queue(queue, single_active=True),),
                    bindings=(Binding(queue, WORK, work_key(tenant, tier, GROUP)),),
                )
                await self._service.parts.bus.declare(Topology(exchanges=(Exchange(WORK),)) + topology)
                self._service.add_topology(topology)
                self._service.add_consumption(self._worker, queue)
                self._worked.add(queue)


def tier_of_self_service(policy: Policy) -> str | None:
    """The lowest tier, if it has the group that the knowledge base works, in house."""
    lowest = policy.tiers[0].id
    groups = policy.groups_of(lowest)
    return lowest if any(group.id == GROUP and group.vendor is None for group in groups) else None


DEFINITION: Final = ServiceDefinition(
    name=SCHEMA,
    schema=ServiceSchema(SCHEMA, Path(__file__).parent / "migrations" / "versions", LOG_TABLES),
    paths=(
        "/v1/parked/kb",
        "/v1/articles",
        "/v1/suggest",
        "/v1/synonyms",
        "/v1/insight/deflection",
        "/v1/insight/shift-left",
        "/v1/catalogue",
        "/v1/community",
    ),
    build=build,
    topology=TOPOLOGY,
)
