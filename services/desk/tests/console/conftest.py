"""The pages on a real database, asked over HTTP; the other services are played by an application that may be slow."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response
from httpx2 import ASGITransport, AsyncClient

from tierdesk_desk.accounts import Accounts
from tierdesk_desk.console.mails import mail_page_routes
from tierdesk_desk.console.neighbours import Neighbours, minting
from tierdesk_desk.console.pages import console_routes, show_errors
from tierdesk_desk.console.people import people_routes
from tierdesk_desk.console.rendering import Renderer
from tierdesk_desk.console.visiting import Console
from tierdesk_desk.domain.accounts import read_grant
from tierdesk_desk.hashing import PasswordHashing
from tierdesk_desk.http.access import Access
from tierdesk_desk.outgoing import Outgoing
from tierdesk_desk.signing_in import SignIn
from tierdesk_desk.staff import Staff
from tierdesk_runtime.clock import SystemClock
from tierdesk_runtime.http import create_app
from tierdesk_runtime.identifiers import Identifiers
from tierdesk_runtime.keys import KeyRing
from tierdesk_runtime.secrets import Secrets
from tierdesk_runtime.settings import Settings
from tierdesk_store import Database

HTML = {"Accept": "text/html"}


class Others:
    """The other services: they answer what stands in `answers`, else 503; those of `slow` never in time.

    What is not a GET is found under its method too, as `POST v1/events`, and what it brought in `told`. An answer may be a
    response, or a document, which is answered with the status in `statuses`.
    """

    def __init__(self) -> None:
        self.answers: dict[str, object] = {}
        self.statuses: dict[str, int] = {}
        self.slow: set[str] = set()
        self.asked: list[str] = []
        self.told: list[tuple[str, str, bytes, dict[str, str]]] = []
        self.app = FastAPI()
        self.app.add_api_route("/{path:path}", self.answer, methods=["GET", "POST", "PUT", "PATCH", "DELETE"])

    async def answer(self, path: str, request: Request) -> Response:
        self.asked.append(path)
        name = path if request.method == "GET" else f"{request.method} {path}"
        if request.method != "GET":
            self.told.append((name, request.url.query, await request.body(), dict(request.headers)))
        if path in self.slow:
            await asyncio.sleep(60)
        if name not in self.answers:
            return Response(status_code=503)
        answer = self.answers[name]
        return answer if isinstance(answer, Response) else JSONResponse(answer, self.statuses.get(name, 200))


@pytest.fixture
def others() -> Others:
    return Others()


@pytest.fixture(scope="session")
def renderer() -> Renderer:
    """One for all: to read the templates takes longer than most tests."""
    return Renderer()


@pytest.fixture
async def app(
    desk,
    database: Database,
    hashing: PasswordHashing,
    others: Others,
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
        app.include_router(people_routes(console, Staff(database, desk.shelf, desk.publisher)))
        app.include_router(mail_page_routes(console, Outgoing(database, SystemClock().now), has_server=False))
        accounts = Accounts(database, hashing, SystemClock(), Identifiers())
        app.include_router(console_routes(console, sign_in, accounts, database, default_tenant="main"))
        show_errors(app, console)
        yield app


@pytest.fixture
async def visitor(app: FastAPI) -> AsyncIterator[AsyncClient]:
    """Somebody with a browser who is not signed in."""
    async with AsyncClient(transport=ASGITransport(app=app), base_url="http://desk", headers=HTML) as client:
        yield client


@pytest.fixture
async def sign_in(
    visitor: AsyncClient, database: Database, hashing: PasswordHashing
) -> Callable[..., Awaitable[AsyncClient]]:
    """Signs the visitor in, by the form, to an account with these grants."""

    async def build(name: str, *grants: str, tenant: str = "main") -> AsyncClient:
        accounts = Accounts(database, hashing, SystemClock(), Identifiers())
        held = [read_grant(one) for one in grants]
        _, password = await accounts.add(tenant, name, by="desk", grants=held, must_change=False)
        answer = await visitor.post("/login", data={"name": name, "password": password, "tenant": tenant})
        assert answer.status_code == 303, answer.text
        return visitor

    return build
