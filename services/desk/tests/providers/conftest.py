"""A desk with pages, a provider that is real, and browsers that go from the one to the other."""

from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from fastapi import FastAPI
from httpx2 import ASGITransport, AsyncClient, Response

from servers.openid import CLIENT, SECRET, OpenIdProvider, new_key
from tierdesk_desk.accounts import Accounts
from tierdesk_desk.console.lists import list_routes
from tierdesk_desk.console.neighbours import Neighbours, minting
from tierdesk_desk.console.pages import show_errors
from tierdesk_desk.console.provider_sign_in import provider_routes
from tierdesk_desk.console.sign_in import sign_in_routes
from tierdesk_desk.console.sign_in_page import SignInPage
from tierdesk_desk.console.statics import static_routes
from tierdesk_desk.console.visiting import Console
from tierdesk_desk.domain.accounts import Account, read_grant
from tierdesk_desk.domain.providers import Provider
from tierdesk_desk.hashing import PasswordHashing
from tierdesk_desk.http.access import Access
from tierdesk_desk.http.sessions import session_routes
from tierdesk_desk.linking import Linking
from tierdesk_desk.oidc.asking import Asker
from tierdesk_desk.oidc.issuer import Issuer
from tierdesk_desk.portal.pages import make_renderer
from tierdesk_desk.provider_sign_in import ProviderSignIn
from tierdesk_desk.signing_in import SignIn
from tierdesk_runtime.clock import DrivenClock
from tierdesk_runtime.http import create_app
from tierdesk_runtime.identifiers import Identifiers
from tierdesk_runtime.keys import KeyRing
from tierdesk_runtime.secrets import Secrets
from tierdesk_runtime.settings import Settings

DESK = "http://desk"
RULES = [
    {"claim": "groups", "value": "service-desk", "grants": ["agent:l1"]},
    {"claim": ["realm", "roles"], "value": "desk-admin", "grants": ["administrator"]},
]


_renderer = cache(make_renderer)
"""One for all: what its templates compile to is kept with it."""


class Monotonic:
    """A clock that a test moves, for what is kept."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


class Gate:
    """The parts that let people in. `build` makes the desk anew, as its settings say."""

    def __init__(
        self, desk: Any, hashing: PasswordHashing, admin_url: str, folder: Path, there: OpenIdProvider
    ) -> None:
        self.there = there
        self.database = desk.database
        self.monotonic = Monotonic()
        self.skipped_seconds = 0.0
        self._desk = desk
        self._hashing = hashing
        self._admin_url = admin_url
        self.folder = folder
        self.clock = DrivenClock(datetime(2026, 3, 2, 9, tzinfo=UTC))
        self.accounts = Accounts(desk.database, hashing, self.clock, Identifiers())
        self.linking = Linking(desk.database, self.clock, Identifiers())
        self.secrets = Secrets.create(folder / "secrets.json")

    def provider(self, **fields: Any) -> Provider:
        secret = self.folder / "secret"
        secret.write_text(f"{SECRET}\n")
        told = {
            "id": "company", "name": "Example & Co.", "issuer": self.there.issuer, "client_id": CLIENT,
            "client_secret_file": secret, "grants": RULES,
        }  # fmt: skip
        return Provider.model_validate(told | fields)

    def build(
        self, *, passwords_of: dict[str, tuple[str, ...]] | None = None, public_url: str = DESK, **fields: Any
    ) -> FastAPI:
        settings = Settings(database_url=self._admin_url, secrets_file=self.secrets.path)
        app = create_app(title="desk", ring=KeyRing(self.secrets), settings=settings)
        access = Access(self.database, public_url=public_url)
        access.install(app)
        sign_in = SignIn(self.database, self._hashing, self.clock, self.secrets.pepper, passwords_of=passwords_of or {})
        provider = self.provider(**fields)
        issuer = Issuer(provider, asker=Asker(seconds=1.0), monotonic=self.monotonic)
        self.providers = ProviderSignIn(
            self.database, sign_in, self.linking, self.clock, self.secrets.pepper, [issuer], public_url=public_url,
            now=lambda: datetime.fromtimestamp(datetime.now(UTC).timestamp() + self.skipped_seconds, UTC),
        )  # fmt: skip
        neighbours = Neighbours(AsyncClient(verify=False), minting(self.secrets), url="http://nobody.invalid")
        console = Console(
            self._desk.board,
            _renderer(),
            neighbours,
            access,
            self._desk.callbacks,
            self._desk.visits,
            self._desk.repairs,
        )
        app.include_router(session_routes(access, sign_in, default_tenant="main"))
        app.include_router(static_routes(console.renderer.statics))
        page = SignInPage(console, sign_in, "main", self.providers)
        for routes in (sign_in_routes(page), provider_routes(page, self.providers), list_routes(console)):
            app.include_router(routes)
        show_errors(app, console)
        return app

    async def add(self, name: str, *grants: str, **fields: Any) -> Account:
        held = [read_grant(one) for one in grants]
        account, self.password = await self.accounts.add(
            "main", name, by="desk", grants=held, must_change=False, **fields
        )
        return account

    async def sql(self, statement: str, *arguments: Any) -> list[Any]:
        """As the administrator of the database."""
        connection = await asyncpg.connect(self._admin_url)
        try:
            return list(await connection.fetch(statement, *arguments))
        finally:
            await connection.close()

    async def audited(self) -> list[tuple[str, str, str]]:
        rows = await self.sql("SELECT actor, action, subject FROM desk.audit ORDER BY position")
        return [tuple(row) for row in rows]


class Browser:
    """A browser of somebody who is signed in at the provider as whoever that says."""

    def __init__(self, client: AsyncClient) -> None:
        self.client = client

    async def leave(self, path: str = "/login/company") -> str:
        """To the provider; answers where that sends the browser back to."""
        sent = await self.client.get(path)
        assert sent.status_code == 303, sent.text
        async with AsyncClient(verify=False) as outside:  # plain http: reading all authorities takes long
            answer = await outside.get(sent.headers["location"])
        assert answer.status_code == 302, answer.text
        location: str = answer.headers["location"]
        return location

    async def sign_in(self, path: str = "/login/company") -> Response:
        """All the way."""
        return await self.client.get(await self.leave(path))

    async def who(self) -> dict[str, Any] | None:
        answer = await self.client.get("/v1/desk/session")
        return answer.json()["person"] if answer.status_code == 200 else None


@pytest.fixture(scope="session")
def provider_server() -> Iterator[OpenIdProvider]:
    with OpenIdProvider(f"{DESK}/login/company/return") as there:
        yield there


@pytest.fixture
def there(provider_server: OpenIdProvider) -> OpenIdProvider:
    """As if it had just started, with keys of its own."""
    fresh = provider_server
    fresh.returns_to = f"{DESK}/login/company/return"
    fresh.person = {"sub": "s-ana", "preferred_username": "Ana", "name": "Ana Archer", "groups": ["service-desk"]}
    fresh.userinfo, fresh.metadata, fresh.answers, fresh.asked = {}, {}, {}, []
    fresh.keys = [new_key("first")]
    fresh.sign, fresh.change = fresh.sign_well, lambda claims: claims
    return fresh


@pytest.fixture
def gate(desk: Any, hashing: PasswordHashing, postgres_url: str, tmp_path: Path, there: OpenIdProvider) -> Gate:
    return Gate(desk, hashing, postgres_url, tmp_path, there)


@pytest.fixture
async def open_browser(gate: Gate) -> AsyncIterator[Callable[..., Browser]]:
    clients: list[AsyncClient] = []

    def build(app: FastAPI) -> Browser:
        client = AsyncClient(transport=ASGITransport(app=app), base_url=DESK, headers={"Accept": "text/html"})
        clients.append(client)
        return Browser(client)

    yield build
    for client in clients:
        await client.aclose()
    await gate.providers.close()
