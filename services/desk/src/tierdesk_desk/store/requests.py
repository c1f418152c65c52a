"""Requests: followed from the bus in bulk, read by whoever made them."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any, Final

from sqlalchemy import RowMapping, select, text, tuple_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from tierdesk_desk.domain.requests import OVER, Entry, Request, Requester
from tierdesk_desk.store.request_tables import request as requests
from tierdesk_desk.store.request_tables import request_entry as entries
from tierdesk_desk.store.request_tables import requester as requesters
from tierdesk_desk.store.tickets import TicketKey

PartyKey = tuple[str, str]
"""A tenant, and a name in the client's own directory."""
Cursor = tuple[datetime, str]
"""When a request was opened, and its ticket: what follows on a page stands after it."""
MOST_ENTRIES: Final = 1_000
"""So much of what was said on one request is shown, the last of it."""

_KEEP_REQUESTERS: Final = text("""
    INSERT INTO desk.requester (tenant, party, name, email, phone)
    SELECT * FROM unnest(
        CAST(:tenants AS text[]), CAST(:parties AS text[]), CAST(:names AS text[]), CAST(:emails AS text[]),
        CAST(:phones AS text[])
    )
    ON CONFLICT (tenant, party) DO UPDATE SET
        name = excluded.name, email = excluded.email, phone = excluded.phone
    WHERE (coalesce(excluded.name, requester.name), coalesce(excluded.email, requester.email), coalesce(excluded.phone, requester.phone))
        IS DISTINCT FROM (requester.name, requester.email, requester.phone)
""")
_SAVE: Final = text("""
    INSERT INTO desk.request (
        tenant, ticket, opened_at, changed_at, party, reference, channel, title, text, category, status,
        is_awaited, asked, missing, merged_into, sequence
    )
    SELECT tenant, ticket, opened_at, changed_at, party, reference, channel, title, text, category, status,
        is_awaited, asked, ARRAY(SELECT jsonb_array_elements_text(missing)), merged_into, sequence
    FROM unnest(
        CAST(:tenant AS text[]), CAST(:ticket AS text[]), CAST(:opened_at AS timestamptz[]),
        CAST(:changed_at AS timestamptz[]), CAST(:party AS text[]), CAST(:reference AS text[]),
        CAST(:channel AS text[]), CAST(:title AS text[]), CAST(:text AS text[]), CAST(:category AS text[]),
        CAST(:status AS text[]), CAST(:is_awaited AS boolean[]), CAST(:asked AS text[]),
        CAST(:missing AS jsonb[]), CAST(:merged_into AS text[]), CAST(:sequence AS bigint[])
    ) AS told(
        tenant, ticket, opened_at, changed_at, party, reference, channel, title, text, category, status,
        is_awaited, asked, missing, merged_into, sequence
    )
    ON CONFLICT (tenant, ticket) DO UPDATE SET
        opened_at = excluded.opened_at, changed_at = excluded.changed_at, party = excluded.party,
        reference = excluded.reference, channel = excluded.channel,
        title = excluded.title, text = excluded.text, category = excluded.category, status = excluded.status,
        is_awaited = excluded.is_awaited, asked = excluded.asked, missing = excluded.missing,
        merged_into = excluded.merged_into, sequence = excluded.sequence
""")
_ADD_ENTRIES: Final = text("""
    INSERT INTO desk.request_entry (tenant, ticket, sequence, at, kind, by_requester, text, files)
    SELECT * FROM unnest(
        CAST(:tenant AS text[]), CAST(:ticket AS text[]), CAST(:sequence AS bigint[]), CAST(:at AS timestamptz[]),
        CAST(:kind AS text[]), CAST(:by_requester AS boolean[]), CAST(:text AS text[]), CAST(:files AS jsonb[])
    )
    ON CONFLICT DO NOTHING
""")
_COLUMNS: Final = tuple(column.name for column in requests.c)
_OPEN: Final = "status NOT IN ('closed', 'cancelled', 'merged')"
"""As the partial index has it: in other words it would not be used."""


async def lock_requests(connection: AsyncConnection, keys: Iterable[TicketKey]) -> dict[TicketKey, Request]:
    """The requests of these tickets that are known, locked in order until the transaction ends."""
    sought = sorted(set(keys))
    if not sought:
        return {}
    statement = (
        select(requests)
        .where(tuple_(requests.c.tenant, requests.c.ticket).in_(sought))
        .order_by(requests.c.tenant, requests.c.ticket)
        .with_for_update()
    )
    rows = await connection.execute(statement)
    return {(row["tenant"], row["ticket"]): _request(row) for row in rows.mappings()}


async def keep_requesters(connection: AsyncConnection, told: Mapping[PartyKey, Requester]) -> None:
    """Note who asks and how to reach them, as the router knew them when it told it."""
    if not told:
        return
    ordered = [told[key] for key in sorted(told)]
    await connection.execute(
        _KEEP_REQUESTERS,
        {
            "tenants": [one.tenant for one in ordered],
            "parties": [one.party for one in ordered],
            "names": [one.name for one in ordered],
            "emails": [one.email for one in ordered],
            "phones": [one.phone for one in ordered],
        },
    )


async def save_requests(connection: AsyncConnection, changed: Collection[Request]) -> None:
    """Write requests, new and old, in one statement. Their rows are locked already, or new."""
    if changed:
        ordered = sorted(changed, key=lambda one: (one.tenant, one.ticket))
        values: dict[str, list[Any]] = {name: [getattr(one, name) for one in ordered] for name in _COLUMNS}
        values["missing"] = [json.dumps(one.missing) for one in ordered]
        await connection.execute(_SAVE, values)


async def add_entries(connection: AsyncConnection, told: Sequence[Entry]) -> None:
    """Write what was said. What stands there already stays as it is."""
    if told:
        values: dict[str, list[Any]] = {name.name: [getattr(one, name.name) for one in told] for name in fields(Entry)}
        values["files"] = [json.dumps([dict(file) for file in one.files]) for one in told]
        await connection.execute(_ADD_ENTRIES, values)


async def note_request(connection: AsyncConnection, request: Request) -> None:
    """Keep a request that was just made, until its events tell of it. One that is known already stays as it is."""
    values = {name: getattr(request, name) for name in _COLUMNS} | {"missing": list(request.missing)}
    await connection.execute(insert(requests).values(values).on_conflict_do_nothing())


async def lock_request(connection: AsyncConnection, tenant: str, ticket: str) -> Request | None:
    """As `read_request`, locked until the transaction ends."""
    return (await lock_requests(connection, [(tenant, ticket)])).get((tenant, ticket))


async def find_by_reference(connection: AsyncConnection, tenant: str, reference: str) -> Request | None:
    """The request of this reference, whoever made it."""
    statement = select(requests).where(requests.c.tenant == tenant, requests.c.reference == reference).limit(1)
    row = (await connection.execute(statement)).mappings().first()
    return None if row is None else _request(row)


async def read_requester(connection: AsyncConnection, tenant: str, party: str) -> Requester | None:
    """What is known of somebody who asked before."""
    statement = select(requesters).where(requesters.c.tenant == tenant, requesters.c.party == party)
    row = (await connection.execute(statement)).mappings().first()
    return None if row is None else Requester(**row)


async def list_requests(
    connection: AsyncConnection,
    tenant: str,
    party: str,
    *,
    limit: int,
    after: Cursor | None = None,
    only_open: bool = False,
    only_over: bool = False,
) -> list[Request]:
    """Somebody's own requests, the newest first, those after the cursor."""
    statement = select(requests).where(requests.c.tenant == tenant, requests.c.party == party)
    if only_open:
        statement = statement.where(text(_OPEN))
    if only_over:
        statement = statement.where(requests.c.status.in_(sorted(OVER)))
    if after is not None:
        statement = statement.where(tuple_(requests.c.opened_at, requests.c.ticket) < tuple_(*after))
    ordered = statement.order_by(requests.c.opened_at.desc(), requests.c.ticket.desc()).limit(limit)
    return [_request(row) for row in (await connection.execute(ordered)).mappings()]


async def read_request(connection: AsyncConnection, tenant: str, ticket: str) -> Request | None:
    """One request, whoever made it: look at `party` before you show it to anybody."""
    statement = select(requests).where(requests.c.tenant == tenant, requests.c.ticket == ticket)
    row = (await connection.execute(statement)).mappings().first()
    return None if row is None else _request(row)


async def read_entries(connection: AsyncConnection, tenant: str, ticket: str) -> list[Entry]:
    """What was said on a request, in order; the last `MOST_ENTRIES` of it."""
    statement = (
        select(entries)
        .where(entries.c.tenant == tenant, entries.c.ticket == ticket)
        .order_by(entries.c.sequence.desc())
        .limit(MOST_ENTRIES)
    )
    rows = (await connection.execute(statement)).mappings().all()
    return [Entry(**{**row, "files": tuple(row["files"])}) for row in reversed(rows)]


def _request(row: RowMapping) -> Request:
    return Request(**{**row, "missing": tuple(row["missing"])})
