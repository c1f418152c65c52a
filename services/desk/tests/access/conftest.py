"""Accounts and sessions of the desk, over HTTP."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from fastapi import FastAPI
from httpx2 import ASGITransport, AsyncClient, Response

from tierdesk_desk.accounts import Accounts
from tierdesk_desk.domain.accounts import Account, read_grant
from tierdesk_desk.hashing import PasswordHashing
from tierdesk_desk.http.access import Access
from tierdesk_desk.http.accounts import account_routes
from tierdesk_desk.http.audit import audit_routes
from tierdesk_desk.http.sessions import session_routes
from tierdesk_desk.signing_in import SignIn
from tierdesk_runtime.clock import DrivenClock
from tierdesk_runtime.http import create_app
from tierdesk_runtime.identifiers import Identifiers
from tierdesk_runtime.keys import KeyRing
from tierdesk_runtime.secrets import Secrets
from tierdesk_runtime.settings import Settings
from tierdesk_store import Database

PEPPER = b"p" * 32


@dataclass
class Gate:
    """The parts that let people in, and those who were let in."""

    database: Database
    hashing: PasswordHashing
    admin_url: str
    clock: DrivenClock = field(default_factory=lambda: DrivenClock(datetime(2026, 3, 2, 9, tzinfo=UTC)))

    def __post_init__(self) -> None:
        self.accounts = Accounts(self.database, self.hashing, self.clock, Identifiers())
        self.sign_in = SignIn(self.database, self.hashing, self.clock, PEPPER)
        self.access = Access(self.database)

    async def add(self, name: str, *grants: str, tenant: str = "main", password: str = "", **fields: Any) -> Account:
        """An account; with `password` that one, so that nothing else need be chosen."""
        account, made = await self.accounts.add(
            tenant, name, by="desk", grants=[read_grant(one) for one in grants], must_change=not password, **fields
        )
        if password:
            signed = await self.sign_in.sign_in(tenant, name, made)
            session = await self.session(signed.token)
            await self.sign_in.change_password(session, made, password)
            await self.sql("DELETE FROM desk.session WHERE account_id = $1", account.id)
        return await self.accounts.read(tenant, account.id)

    async def session(self, token: str) -> Any:
        from tierdesk_desk.signing_in import digest_of
        from tierdesk_desk.store.sessions import find_session

        async with self.database.read() as connection:
            return await find_session(connection, digest_of(token))

    async def sql(self, statement: str, *arguments: Any) -> list[Any]:
        """As the administrator of the database."""
        connection = await asyncpg.connect(self.admin_url)
        try:
            return list(await connection.fetch(statement, *arguments))
        finally:
            await connection.close()

    async def audited(self, tenant: str = "main") -> list[tuple[str, str, str]]:
        rows = await self.sql(
            "SELECT actor, action, subject FROM desk.audit WHERE tenant = $1 ORDER BY position", tenant
        )
        return [tuple(row) for row in rows]


@pytest.fixture
async def gate(database: Database, hashing: PasswordHashing, postgres_url: str) -> Gate:
    return Gate(database, hashing, postgres_url)


@pytest.fixture
def app(gate: Gate, postgres_url: str, tmp_path: Path) -> FastAPI:
    secrets = Secrets.create(tmp_path / "secrets.json")
    settings = Settings(database_url=postgres_url, secrets_file=secrets.path)
    app = create_app(title="desk", ring=KeyRing(secrets), settings=settings)
    gate.access.install(app)
    app.include_router(session_routes(gate.access, gate.sign_in, default_tenant="main"))
    app.include_router(account_routes(gate.accounts))
    app.include_router(audit_routes(gate.database))
    return app


class Browser:
    """A browser with its cookies, and the CSRF token of its session."""

    def __init__(self, client: AsyncClient) -> None:
        self.client = client
        self.csrf = ""

    async def sign_in(self, name: str, password: str, **fields: Any) -> Response:
        body = {"name": name, "password": password} | fields
        answer = await self.client.post("/v1/desk/sessions", json=body)
        if answer.status_code == 201:
            self.csrf = answer.json()["csrf"]
        return answer

    async def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Response:
        sent = {"X-CSRF-Token": self.csrf} | {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.client.request(method, f"/v1/desk{path}", json=body, headers=sent)


@pytest.fixture
async def open_browser(app: FastAPI) -> AsyncIterator[Callable[..., Browser]]:
    clients: list[AsyncClient] = []

    def build() -> Browser:
        client = AsyncClient(transport=ASGITransport(app=app), base_url="http://desk")
        clients.append(client)
        return Browser(client)

    yield build
    for client in clients:
        await client.aclose()


@pytest.fixture
def browser(open_browser: Callable[..., Browser]) -> Browser:
    return open_browser()


@pytest.fixture
def signed_in(gate: Gate, open_browser: Callable[..., Browser]) -> Callable[..., Awaitable[Browser]]:
    """The browser of somebody with these grants, whose account is made for it."""

    async def build(name: str, *grants: str, tenant: str = "main") -> Browser:
        password = f"the password of {name}"
        await gate.add(name, *grants, tenant=tenant, password=password)
        browser = open_browser()
        answer = await browser.sign_in(name, password, tenant=tenant)
        assert answer.status_code == 201, answer.text
        return browser

    return build
