"""The wiring of the desk."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from tierdesk_bus.port import Binding, Exchange, Queue, Topology
from tierdesk_contracts.names import EVENTS, OUTCOMES, WORK, event_pattern, work_key, work_queue
from tierdesk_desk.accounts import Accounts
from tierdesk_desk.board import Board
from tierdesk_desk.callbacks import Callbacks
from tierdesk_desk.console.mails import mail_page_routes
from tierdesk_desk.console.neighbours import Neighbours, minting, open_client
from tierdesk_desk.console.pages import console_routes, show_errors
from tierdesk_desk.console.people import people_routes
from tierdesk_desk.console.visiting import Console
from tierdesk_desk.domain.mailing import Kind
from tierdesk_desk.domain.people import Place, places_worked
from tierdesk_desk.domain.providers import Providers
from tierdesk_desk.feed import Feed
from tierdesk_desk.handlers.call_guard import CallGuardWatch
from tierdesk_desk.handlers.forgetting import Forgetting
from tierdesk_desk.handlers.mails import Mailroom
from tierdesk_desk.handlers.reminding import Reminding
from tierdesk_desk.handlers.tickets import QUEUE, TicketsHandler
from tierdesk_desk.handlers.work import WorkHandler
from tierdesk_desk.hashing import PasswordHashing
from tierdesk_desk.http.access import Access
from tierdesk_desk.http.accounts import account_routes
from tierdesk_desk.http.audit import audit_routes
from tierdesk_desk.http.board import board_routes
from tierdesk_desk.http.call_guard import call_guard_routes
from tierdesk_desk.http.callbacks import callback_routes
from tierdesk_desk.http.mails import mail_routes
from tierdesk_desk.http.repairs import repair_routes
from tierdesk_desk.http.sessions import session_routes
from tierdesk_desk.http.staff import staff_routes
from tierdesk_desk.http.stream import stream_routes
from tierdesk_desk.http.visits import visit_routes
from tierdesk_desk.http.works import work_routes
from tierdesk_desk.linking import Linking
from tierdesk_desk.links import Deliver, Links, WantedLink
from tierdesk_desk.mailing.office import add_mailing
from tierdesk_desk.mailing.settings import MailSettings
from tierdesk_desk.oidc.issuer import Issuer
from tierdesk_desk.outgoing import Outgoing
from tierdesk_desk.portal.others import Others, scopes_of
from tierdesk_desk.portal.pages import make_renderer, portal_routes
from tierdesk_desk.portal.visiting import Portal
from tierdesk_desk.provider_settings import read_providers
from tierdesk_desk.provider_sign_in import ProviderSignIn
from tierdesk_desk.pushing import Pusher
from tierdesk_desk.refusals import sum_up_refusals
from tierdesk_desk.repairs import Repairs
from tierdesk_desk.requests import Requests
from tierdesk_desk.settings import DeskSettings
from tierdesk_desk.signing_in import SignIn
from tierdesk_desk.staff import Staff
from tierdesk_desk.store.links import VALID
from tierdesk_desk.store.mails import NewMail, add_mail
from tierdesk_desk.store.policies import PolicyShelf
from tierdesk_desk.store.tables import LOG_TABLES, SCHEMA
from tierdesk_desk.store.works import list_known_places
from tierdesk_desk.visits import Visits
from tierdesk_runtime.clock import FastClock
from tierdesk_runtime.http import create_app
from tierdesk_runtime.publishing import Publisher
from tierdesk_runtime.service import Parts, Service, ServiceDefinition
from tierdesk_runtime.settings import SettingsError
from tierdesk_runtime.supervision import keep_looking
from tierdesk_store import ServiceSchema, Transaction
from tierdesk_store.pausing import wait_for_any

TOPOLOGY: Final = Topology(
    exchanges=(Exchange(EVENTS), Exchange(WORK), Exchange(OUTCOMES)),
    queues=(Queue(QUEUE),),
    bindings=tuple(Binding(QUEUE, EVENTS, event_pattern(name)) for name in sorted(TicketsHandler.accepts)),
)
LOOK_SECONDS: Final = 1.0
SUM_UP_SECONDS: Final = 60.0
KEPT: Final = timedelta(days=90)
"""So long work that is over is kept, for those who follow up what they handed on."""


async def build(parts: Parts, *, groups: frozenset[str] | None = None, mails: Path | None = None) -> Service:
    """The desk: the board, what people do with it, and the consumers of the groups that they work.

    Those are `groups` where given, else what the settings name. Where these say nothing of mail, it is laid into the folder `mails`.
    """
    settings, mailing = DeskSettings(), MailSettings.read(folder=mails)
    named = settings.named_groups if groups is None else groups
    shelf, publisher = PolicyShelf(), Publisher(parts.clock, parts.identifiers, source=f"/tierdesk/{SCHEMA}")
    board, feed = Board(parts.database, shelf, publisher, worked=named), Feed(parts.database)
    hashing, access = PasswordHashing(), Access(parts.database, public_url=settings.public_url)
    named_providers = Providers() if settings.providers_file is None else read_providers(settings.providers_file)
    sign_in = SignIn(
        parts.database, hashing, parts.clock, parts.secrets.pepper, passwords_of=named_providers.passwords_of
    )
    providers = _open_providers(parts, settings, named_providers, sign_in)
    accounts = Accounts(parts.database, hashing, parts.clock, parts.identifiers)
    callbacks = Callbacks(parts.database, shelf, publisher, board)
    outgoing = Outgoing(parts.database, parts.clock.now)
    staff = Staff(parts.database, shelf, publisher, worked=named)
    app = create_app(title="Tierdesk desk", ring=parts.ring, settings=parts.settings)
    access.install(app)
    service = Service(SCHEMA, parts, app, topology=TOPOLOGY)
    http = open_client()
    neighbours = Neighbours(http, minting(parts.secrets), url=settings.services_url)
    rate = parts.clock.rate if isinstance(parts.clock, FastClock) else 1.0
    visits, repairs = Visits(parts.database, publisher, board), Repairs(parts.database, publisher, board)
    console = Console(board, make_renderer(), neighbours, access, callbacks, visits, repairs, rate)
    tenant, has_server = parts.settings.default_tenant, mailing.url is not None
    portal = Portal(
        console,
        Requests(parts.database, publisher),
        Links(parts.database, parts.clock, parts.identifiers, deliver=_delivery_of(parts, mailing, settings)),
        Others(http, minting(parts.secrets, scopes_of), url=settings.services_url),
        feed,
        tenant,
    )
    for endpoints in (
        session_routes(access, sign_in, default_tenant=tenant),
        account_routes(accounts),
        audit_routes(parts.database),
        board_routes(board),
        work_routes(board),
        callback_routes(callbacks),
        call_guard_routes(callbacks),
        visit_routes(visits),
        repair_routes(repairs),
        stream_routes(feed, access.still_signed_in),
        mail_routes(outgoing, has_server=has_server),
        staff_routes(staff),
        portal_routes(portal),
        mail_page_routes(console, outgoing, has_server=has_server),
        people_routes(console, staff),
        console_routes(console, sign_in, accounts, parts.database, default_tenant=tenant, providers=providers),
    ):
        app.include_router(endpoints)
    show_errors(app, console)

    async def close_client(stop: asyncio.Event) -> None:
        await stop.wait()
        await http.aclose()
        if providers is not None:
            await providers.close()

    service.add_task("neighbours", close_client)
    mailroom = Mailroom(shelf, parts.identifiers.new, parts.clock.now, own=mailing.own)
    service.add_consumption(TicketsHandler(shelf, mailroom), QUEUE)
    service.add_task("reminding", Reminding(parts.database, shelf, mailroom, parts.clock.now).run)
    add_mailing(service, shelf, mailing, public_url=settings.public_url)
    pusher = Pusher(parts.database, shelf, publisher, worked=named)
    feed.watch(pusher.hear)
    service.add_task("feed", feed.run)
    service.add_task("pushing", pusher.run)

    async def end_streams(stop: asyncio.Event) -> None:
        await wait_for_any(stop, service.stopping)
        feed.end()

    service.add_task("streams", end_streams)
    service.add_task("consumers", _Consumers(service, shelf, WorkHandler(shelf, publisher), named).run)
    service.add_task("call guard", CallGuardWatch(parts.database, shelf, publisher).run)
    service.add_task("forgetting", Forgetting(parts.database, publisher, after=KEPT).run)

    async def sum_up(stop: asyncio.Event) -> None:
        await keep_looking(lambda: sum_up_refusals(parts.database, parts.clock), stop, rest_seconds=SUM_UP_SECONDS)

    service.add_task("refusals", sum_up)
    return service


def _delivery_of(parts: Parts, mailing: MailSettings, settings: DeskSettings) -> Deliver | None:
    """How links are sent to those who ask for them; None where the desk sends no mail, or does not know its own address."""
    if mailing.url is None or settings.public_url is None:
        return None
    root = settings.public_url.rstrip("/")

    async def deliver(tx: Transaction, wanted: WantedLink) -> None:
        mail = NewMail(
            tenant=wanted.request.tenant,
            id=parts.identifiers.new(),
            kind=Kind.LINK,
            address=wanted.email,
            values={"url": f"{root}{wanted.path}", "expires_at": (datetime.now(UTC) + VALID).isoformat()},
            party=wanted.request.party,
            ticket=wanted.request.ticket,
            reference=wanted.request.reference,
            digest=wanted.digest,
        )
        await add_mail(tx.connection, mail, own=mailing.own)

    return deliver


def _open_providers(parts: Parts, settings: DeskSettings, named: Providers, sign_in: SignIn) -> ProviderSignIn | None:
    """None without providers. Raises `SettingsError` when nobody could come back from them."""
    if not named.providers:
        return None
    if settings.public_url is None:
        raise SettingsError(
            "TIERDESK_DESK_PUBLIC_URL: providers send people back there; set it, as https://desk.example"
        )
    return ProviderSignIn(
        parts.database,
        sign_in,
        Linking(parts.database, parts.clock, parts.identifiers),
        parts.clock,
        parts.secrets.pepper,
        [Issuer(provider) for provider in named.providers],
        public_url=settings.public_url,
    )


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
    paths=("/v1/desk", "/v1/parked/desk"),
    build=build,
    topology=TOPOLOGY,
    takes_rest=True,
)
