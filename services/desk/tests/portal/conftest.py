"""The portal on a real database, asked over HTTP; intake and the knowledge base are played by an application that notes what it hears."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response
from httpx2 import ASGITransport, AsyncClient
from httpx2 import Response as Answer

from tierdesk_contracts import ticket as events
from tierdesk_contracts.ticket import KnownRequester, TicketChanged
from tierdesk_contracts.vocabulary import Actor, ActorKind, Channel, Status
from tierdesk_desk.accounts import Accounts
from tierdesk_desk.console.neighbours import Neighbours, minting
from tierdesk_desk.console.pages import console_routes, show_errors
from tierdesk_desk.console.rendering import Renderer
from tierdesk_desk.console.visiting import Console
from tierdesk_desk.domain.accounts import read_grant
from tierdesk_desk.feed import Feed
from tierdesk_desk.hashing import PasswordHashing
from tierdesk_desk.http.access import Access
from tierdesk_desk.links import Links, WantedLink
from tierdesk_desk.portal.others import Others, scopes_of
from tierdesk_desk.portal.pages import make_renderer, portal_routes
from tierdesk_desk.portal.visiting import Portal
from tierdesk_desk.requests import Requests
from tierdesk_desk.signing_in import SignIn
from tierdesk_runtime.clock import SystemClock
from tierdesk_runtime.http import create_app
from tierdesk_runtime.identifiers import Identifiers
from tierdesk_runtime.keys import KeyRing
from tierdesk_runtime.secrets import Secrets
from tierdesk_runtime.settings import Settings
from tierdesk_store import Database, Transaction

REQUESTER = Actor(kind=ActorKind.REQUESTER, id="somebody")
FILE = b"\x89PNG and so on"


@dataclass
class Neighbourhood:
    """Intake and the knowledge base: they answer what stands in `answers`, by method and path, and note what they are told."""

    answers: dict[str, tuple[int, Any]] = field(default_factory=dict)
    heard: list[tuple[str, str, Any]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)
    is_away: bool = False

    def __post_init__(self) -> None:
        self.app = FastAPI()
        self.app.add_api_route("/{path:path}", self.answer, methods=["GET", "POST", "PUT"])

    async def answer(self, request: Request) -> Response:
        path = request.url.path
        body = await request.body()
        self.keys.append(request.headers.get("idempotency-key", ""))
        if self.is_away:
            return Response(status_code=503)
        if (told := self.answers.get(f"{request.method} {path}")) is not None:
            self.heard.append((request.method, str(request.url).removeprefix("http://others"), _read(body)))
            return JSONResponse(told[1], told[0])
        if path == "/v1/events":
            event = json.loads(body)
            self.heard.append(("POST", path, event))
            ticket = event.get("ticket") or str(uuid4())
            return JSONResponse({"ticket": ticket, "reference": "TD-NEW1-0001", "status": "accepted"}, 202)
        if path == "/v1/events/attachments":
            name = str(uuid4())
            self.files[name] = body
            self.heard.append(("POST", path, dict(request.query_params)))
            return JSONResponse({"id": name, "name": request.query_params["name"]}, 201)
        if path.startswith("/v1/events/attachments/"):
            headers = {"Content-Disposition": 'attachment; filename="TD-1-1.png"'}
            return Response(FILE, headers=headers, media_type="image/png")
        return Response(status_code=404)


def _read(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return body


@pytest.fixture
def others() -> Neighbourhood:
    return Neighbourhood()


@pytest.fixture(scope="session")
def renderer() -> Renderer:
    """One for all: to read the templates takes longer than most tests."""
    return make_renderer()


@pytest.fixture
def sent() -> list[WantedLink]:
    """The links that were sent."""
    return []


@pytest.fixture
async def links(database: Database, sent: list[WantedLink]) -> Links:
    async def deliver(_tx: Transaction, link: WantedLink) -> None:
        sent.append(link)

    return Links(database, SystemClock(), Identifiers(), deliver=deliver)


@pytest.fixture
async def app(
    desk,
    database: Database,
    hashing: PasswordHashing,
    others: Neighbourhood,
    links: Links,
    renderer: Renderer,
    postgres_url: str,
    tmp_path: Path,
) -> AsyncIterator[FastAPI]:
    secrets = Secrets.create(tmp_path / "secrets.json")
    settings = Settings(database_url=postgres_url, secrets_file=secrets.path)
    app = create_app(title="desk", ring=KeyRing(secrets), settings=settings)
    access = Access(database)
    access.install(app)
    async with AsyncClient(transport=ASGITransport(app=others.app)) as http:
        neighbours = Neighbours(http, minting(secrets), url="http://others")
        console = Console(desk.board, renderer, neighbours, access, desk.callbacks, desk.visits, desk.repairs)
        sign_in = SignIn(database, hashing, SystemClock(), secrets.pepper)
        portal = Portal(
            console,
            Requests(database, desk.publisher),
            links,
            Others(http, minting(secrets, scopes_of), url="http://others"),
            Feed(database),
            "main",
            settling_seconds=0,
        )
        app.include_router(portal_routes(portal))
        accounts = Accounts(database, hashing, SystemClock(), Identifiers())
        app.include_router(console_routes(console, sign_in, accounts, database, default_tenant="main"))
        show_errors(app, console)
        yield app


class Visitor:
    """Somebody with a browser. Sends the CSRF token that the last page had with each form."""

    def __init__(self, client: AsyncClient) -> None:
        self.client = client
        self.csrf = ""
        self.key = ""

    async def get(self, path: str, **headers: str) -> Answer:
        answer = await self.client.get(path, headers=headers)
        for name in ("csrf", "key"):
            mark = f'name="{name}" value="'
            if mark in answer.text:
                setattr(self, name, answer.text.partition(mark)[2].partition('"')[0])
        return answer

    async def post(self, path: str, files: Any = None, **fields: str) -> Answer:
        data = {"csrf": self.csrf, "key": self.key} | {name.replace("__", "."): value for name, value in fields.items()}
        return await self.client.post(path, data=data, files=files)


@pytest.fixture
async def open_browser(app: FastAPI) -> AsyncIterator[Callable[[], Visitor]]:
    clients: list[AsyncClient] = []

    def build() -> Visitor:
        client = AsyncClient(transport=ASGITransport(app=app), base_url="http://desk", headers={"Accept": "text/html"})
        clients.append(client)
        return Visitor(client)

    yield build
    for client in clients:
        await client.aclose()


@pytest.fixture
def signed_in(
    open_browser: Callable[[], Visitor], database: Database, hashing: PasswordHashing
) -> Callable[..., Awaitable[Visitor]]:
    """The browser of somebody with these grants, whose account is made for it."""

    async def build(name: str, *grants: str, tenant: str = "main", party: str | None = None) -> Visitor:
        accounts = Accounts(database, hashing, SystemClock(), Identifiers())
        held = [read_grant(one) for one in grants]
        _, password = await accounts.add(
            tenant, name, by="desk", display_name=name.capitalize(), grants=held, party=party, must_change=False
        )
        visitor = open_browser()
        fields = {"name": name, "password": password, "tenant": tenant}
        answer = await visitor.client.post("/login", data=fields)
        assert answer.status_code == 303, answer.text
        visitor.csrf = await csrf_of(visitor)
        return visitor

    return build


async def csrf_of(visitor: Visitor) -> str:
    await visitor.get("/password")
    return visitor.csrf


@pytest.fixture
def report(desk, message_of, now) -> Callable[..., Awaitable[str]]:
    """Has somebody ask, and the events of the ticket arrive; answers the ticket."""

    async def build(
        *happened: Any,
        party: str = "ann",
        tenant: str = "main",
        status: Status = Status.OFFERED,
        title: str = "It smokes",
    ) -> str:
        ticket = str(uuid4())
        opened = events.Opened(
            sequence=1,
            at=now,
            actor=REQUESTER,
            channel=Channel.PORTAL,
            requester_id=uuid4(),
            title=title,
            text="A lot.",
        )
        story = (opened, *happened)
        changed = TicketChanged(
            reference=f"TD-{ticket[:4].upper()}",
            policy_version="v1",
            status=status,
            first_sequence=1,
            sequence=story[-1].sequence,
            events=story,
            requester=KnownRequester(party=party, name="Ann Archer", email=f"{party}@example.org"),
        )
        assert await desk.receive(desk.tickets, message_of(changed, subject=ticket, tenant=tenant, sequence=1)) == []
        return ticket

    return build
