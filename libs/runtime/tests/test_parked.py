"""Messages that a service has set aside, asked for over HTTP: by whom, of whom, and what becomes of them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import pytest
from httpx2 import ASGITransport, AsyncClient
from sqlalchemy import text

from tierdesk_runtime.http import create_app
from tierdesk_runtime.keys import KeyRing
from tierdesk_runtime.parked import MOST_SHOWN_BYTES, parked_routes
from tierdesk_runtime.secrets import Secrets
from tierdesk_runtime.settings import Settings
from tierdesk_store import Database, service_url

PATH = "/v1/parked/notes"


@pytest.fixture
async def database(desk: Settings, secrets: Secrets) -> AsyncIterator[Database]:
    url = service_url(desk.database_url, "notes", secrets.database_password("notes"))
    database = Database(url, schema="notes", name="parked test", pool_size=2)
    yield database
    await database.close()


async def park(database: Database, tenant: str, body: bytes = b'{"a": 1}') -> UUID:
    parked = uuid4()
    async with database.transaction() as tx:
        await tx.execute(
            text(
                "INSERT INTO notes.parked (id, consumer, tenant, subject, message_id, type, namespace, queue, body, reason)"
                " VALUES (:id, 'notes', :tenant, 's', 'm', 'some.v1', '', 'q', :body, 'unknown')"
            ),
            {"id": parked, "tenant": tenant, "body": body},
        )
    return parked


@pytest.fixture
async def client(database: Database, ring: KeyRing, settings: Settings) -> AsyncIterator[AsyncClient]:
    app = create_app(title="notes", ring=ring, settings=settings)
    app.include_router(parked_routes("notes", database))
    async with AsyncClient(transport=ASGITransport(app=app), base_url="http://desk") as client:
        yield client


def bearer(ring: KeyRing, tenant: str, *scopes: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {ring.mint('ops', tenant, scopes)}"}


async def test_each_tenant_sees_and_resolves_its_own(client: AsyncClient, database: Database, ring: KeyRing) -> None:
    own, other = await park(database, "main"), await park(database, "other")
    await park(database, "")
    keeper = bearer(ring, "main", "parked:read", "parked:write")
    listed = (await client.get(PATH, headers=keeper)).json()
    assert (listed["service"], [one["id"] for one in listed["messages"]]) == ("notes", [str(own)])
    assert (await client.get(PATH, headers=keeper, params={"type": "none.v1"})).json()["messages"] == []
    for method, tail in (("GET", ""), ("POST", "/replay"), ("POST", "/discard")):
        body = {"reason": "Mine"} if tail == "/discard" else None
        foreign = await client.request(method, f"{PATH}/{other}{tail}", headers=keeper, json=body)
        nobodys = await client.request(method, f"{PATH}/{uuid4()}{tail}", headers=keeper, json=body)
        assert (foreign.status_code, nobodys.status_code) == (404, 404)
        assert foreign.json()["title"] == nobodys.json()["title"]
    given_up = await client.post(f"{PATH}/{own}/discard", headers=keeper, json={"reason": "A test"})
    assert given_up.status_code == 200
    assert (given_up.json()["resolution"], given_up.json()["detail"]) == ("discarded", "discarded: A test (ops)")
    for tail in ("/replay", "/discard"):
        again = await client.post(f"{PATH}/{own}{tail}", headers=keeper, json={"reason": "Again"})
        assert again.status_code == 409
    assert (await client.get(PATH, headers=keeper)).json()["messages"] == []
    theirs = bearer(ring, "other", "parked:read")
    assert [one["id"] for one in (await client.get(PATH, headers=theirs)).json()["messages"]] == [str(other)]


async def test_what_is_replayed_waits_for_its_consumer(client: AsyncClient, database: Database, ring: KeyRing) -> None:
    own = await park(database, "main")
    keeper = bearer(ring, "main", "parked:read", "parked:write")
    replayed = await client.post(f"{PATH}/{own}/replay", headers=keeper)
    assert (replayed.status_code, replayed.json()["resolution"]) == (200, "replayed")
    async with database.read() as connection:
        waits = await connection.execute(text("SELECT reason FROM notes.waiting WHERE consumer = 'notes'"))
        assert waits.scalars().all() == ["replayed"]


async def test_who_may_read_does_not_resolve(client: AsyncClient, database: Database, ring: KeyRing) -> None:
    own = await park(database, "main")
    reader, writer = bearer(ring, "main", "parked:read"), bearer(ring, "main", "parked:write")
    assert (await client.post(f"{PATH}/{own}/replay", headers=reader)).status_code == 403
    assert (await client.post(f"{PATH}/{own}/discard", headers=reader, json={"reason": "x"})).status_code == 403
    assert (await client.get(PATH, headers=writer)).status_code == 403
    assert (await client.get(PATH)).status_code == 401
    async with database.read() as connection:
        resolved = await connection.execute(text("SELECT resolution FROM notes.parked"))
        assert resolved.scalars().all() == [None]


@pytest.mark.parametrize("reason", ["", "x" * 1_501, "a\x00b", None])
async def test_why_a_message_is_given_up_must_be_said(
    client: AsyncClient, database: Database, ring: KeyRing, reason: str | None
) -> None:
    own = await park(database, "main")
    keeper = bearer(ring, "main", "parked:write")
    answer = await client.post(f"{PATH}/{own}/discard", headers=keeper, json={"reason": reason})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "reason"


async def test_a_long_body_and_one_that_is_no_text_are_shown_as_far_as_they_go(
    client: AsyncClient, database: Database, ring: KeyRing
) -> None:
    keeper = bearer(ring, "main", "parked:read")
    long = await park(database, "main", b"x" * (MOST_SHOWN_BYTES + 1))
    shown = (await client.get(f"{PATH}/{long}", headers=keeper)).json()
    assert (len(shown["body"]), shown["is_cut"], shown["size_bytes"]) == (MOST_SHOWN_BYTES, True, MOST_SHOWN_BYTES + 1)
    odd = await park(database, "main", b"\xff<script>")
    shown = (await client.get(f"{PATH}/{odd}", headers=keeper)).json()
    assert (shown["body"], shown["is_cut"]) == ("\N{REPLACEMENT CHARACTER}<script>", False)
