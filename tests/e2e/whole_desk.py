"""All services in one process, as `tierdesk up` runs them, beside the test."""

from __future__ import annotations

import asyncio
import functools
import secrets
import ssl
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx2
import pytest
from pwdlib.hashers.argon2 import Argon2Hasher

from servers.postgres import DatabaseServer, let_in
from servers.thread import ServingThread
from tierdesk_cli.desk import declare_all
from tierdesk_cli.services import DEFINITIONS
from tierdesk_desk.accounts import Accounts
from tierdesk_desk.domain.roles import Grant, Role
from tierdesk_desk.hashing import PasswordHashing
from tierdesk_desk.signing_in import SignIn, digest_of
from tierdesk_runtime.clock import SystemClock
from tierdesk_runtime.identifiers import Identifiers
from tierdesk_runtime.keys import SCOPES, KeyRing
from tierdesk_runtime.secrets import Secrets
from tierdesk_runtime.settings import Settings
from tierdesk_runtime.signatures import sign
from tierdesk_store import Database, service_url

OWN, OTHER = "acme", "other"
"""The tenants of most tests."""
ANSWER_SECONDS = 20.0
PATIENCE_SECONDS = 20.0
PHONE = "phone"
QUICK = Argon2Hasher(time_cost=1, memory_cost=8, parallelism=1)
"""Hashes what tests make: their passwords are no secrets, and each costs a fifth of a second as it should be."""
_TLS = ssl.create_default_context()  # made once: it takes longer than a request


@contextmanager
def migrated_database(server: DatabaseServer) -> Iterator[str]:
    """The address of a new database in which the schemas of all services stand."""
    with server.fresh_database(*(definition.schema for definition in DEFINITIONS.values())) as url:
        yield url


class WholeDesk(ServingThread):
    """The desk, or some services of it, in a thread of its own, with a key of all scopes for each tenant.

    `database_url` is that of a `migrated_database`. Passwords are hashed by `QUICK`.
    """

    def __init__(
        self,
        folder: Path,
        database_url: str,
        *,
        tenants: Iterable[str],
        services: Iterable[str] = DEFINITIONS,
        **settings: Any,
    ) -> None:
        self.database_url = database_url
        self.secrets = Secrets.create(folder / "secrets.json", services=DEFINITIONS)
        self.ring = KeyRing(self.secrets)
        self.keys = {tenant: self.ring.mint("test", tenant, SCOPES) for tenant in tenants}
        self.metrics_key = self.ring.mint("metrics", next(iter(self.keys)), ["metrics:read"])
        self.phone_secrets = {tenant: self.secrets.add_webhook_secret(tenant, PHONE) for tenant in self.keys}
        self.settings = Settings(
            database_url=database_url,
            secrets_file=self.secrets.path,
            http_port=0,
            **({"bus_url": database_url} | settings),
        )
        names = list(services)
        self.has_people = "desk" in names
        self.sessions: dict[str, dict[str, str]] = {}
        """By tenant: the headers of somebody of it who is signed in and may do everything."""
        self.accounts: dict[str, tuple[str, str]] = {}
        """By tenant: the account of that person, and one that nobody uses."""
        super().__init__([DEFINITIONS[name] for name in names], self.settings, SystemClock())

    def start(self) -> None:
        for name in DEFINITIONS:
            let_in(self.database_url, name, self.secrets.database_password(name))
        asyncio.run(declare_all(self.settings))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("tierdesk_desk.app.PasswordHashing", functools.partial(PasswordHashing, QUICK))
            super().start()
        if self.has_people:
            asyncio.run(self._sign_in())

    async def _sign_in(self) -> None:
        url = service_url(self.database_url, "desk", self.secrets.database_password("desk"))
        database, hashing = Database(url, schema="desk", name="test people", pool_size=1), PasswordHashing(QUICK)
        accounts = Accounts(database, hashing, SystemClock(), Identifiers())
        gate = SignIn(database, hashing, SystemClock(), self.secrets.pepper)
        grants = [Grant(role) for role in Role]
        try:
            for tenant in self.keys:
                account, password = await accounts.add(tenant, "tess", by="test", grants=grants, must_change=False)
                other, _ = await accounts.add(tenant, "otto", by="test", grants=grants, must_change=False)
                session = await gate.sign_in(tenant, account.name, password)
                self.sessions[tenant] = {"Cookie": f"tierdesk={session.token}", "X-CSRF-Token": session.csrf}
                self.accounts[tenant] = str(account.id), str(other.id)
        finally:
            hashing.close()
            await database.close()

    def new_session(self, tenant: str, account: str | None = None) -> dict[str, str]:
        """The headers of one more session: of this account of the tenant, else of who is signed in already."""
        token, csrf = secrets.token_hex(32), secrets.token_hex(32)
        self.query(
            "INSERT INTO desk.session (digest, tenant, account_id, csrf, created_at, seen_at, expires_at) "
            "VALUES ($1, $2, $3, $4, now(), now(), now() + interval '1 day')",
            digest_of(token),
            tenant,
            UUID(account or self.accounts[tenant][0]),
            csrf,
        )
        return {"Cookie": f"tierdesk={token}", "X-CSRF-Token": csrf}

    def client(self, tenant: str | None = None, **headers: str) -> httpx2.Client:
        """A client with the key of this tenant, or with none. It waits `ANSWER_SECONDS` for an answer, no longer."""
        if tenant is not None:
            headers = {"Authorization": f"Bearer {self.keys[tenant]}"} | self.sessions.get(tenant, {}) | headers
        return httpx2.Client(base_url=self.url, headers=headers, timeout=ANSWER_SECONDS, verify=_TLS, trust_env=False)

    def signed(self, tenant: str, body: bytes, webhook_id: str) -> dict[str, str]:
        """The headers with which the telephone system of this tenant signs."""
        headers = sign(self.phone_secrets[tenant], webhook_id, datetime.now(UTC), body)
        return headers | {"Tierdesk-Source": PHONE}

    def tables(self) -> dict[str, set[str]]:
        """The columns of each table of the services."""
        rows = self.query(
            "SELECT table_schema || '.' || table_name AS name, array_agg(column_name::text) AS columns "
            "FROM information_schema.columns WHERE table_schema = ANY($1) GROUP BY 1",
            list(DEFINITIONS),
        )
        return {row["name"]: set(row["columns"]) for row in rows}

    def rows_of(self, tenant: str) -> dict[str, list[str]]:
        """Every row of this tenant in every table."""
        tables = sorted(table for table, columns in self.tables().items() if "tenant" in columns)
        parts = [f"SELECT '{table}' AS name, t::text AS row FROM {table} AS t WHERE tenant = $1" for table in tables]
        found: dict[str, list[str]] = {table: [] for table in tables}
        for row in self.query(" UNION ALL ".join(parts) + " ORDER BY 1, 2", tenant):
            found[row["name"]].append(row["row"])
        return found

    def settle(self, tenant: str) -> dict[str, list[str]]:
        """Wait until nothing of this tenant is on its way any more; answer its rows."""
        end = time.monotonic() + PATIENCE_SECONDS
        same, last = 0, self.rows_of(tenant)
        while same < 4:
            assert time.monotonic() < end, f"the rows of {tenant} go on to change"
            time.sleep(0.25)
            rows = self.rows_of(tenant)
            same = same + 1 if rows == last else 0
            last = rows
        return last


def wait_until(look: Callable[[], Any], what: str) -> Any:
    """The first true answer of `look`."""
    end = time.monotonic() + PATIENCE_SECONDS
    while not (found := look()):
        assert time.monotonic() < end, f"not within {PATIENCE_SECONDS:.0f} s: {what}"
        time.sleep(0.05)
    return found
