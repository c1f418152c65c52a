"""Requesters: personal data, in one table, referred to by identifier everywhere else."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text

from tierdesk_router.domain.disclosure import Party
from tierdesk_router.store.tickets import Key
from tierdesk_store import Transaction

_KEEP = text(
    """
    INSERT INTO router.party (tenant, id, external, name, email, phone, contact)
    SELECT * FROM unnest(
        CAST(:tenants AS text[]), CAST(:ids AS uuid[]), CAST(:externals AS text[]), CAST(:names AS text[]),
        CAST(:emails AS text[]), CAST(:phones AS text[]), CAST(:contacts AS text[]))
    ON CONFLICT (tenant, external) DO UPDATE SET
        name = coalesce(excluded.name, party.name), email = coalesce(excluded.email, party.email),
        phone = coalesce(excluded.phone, party.phone), contact = coalesce(excluded.contact, party.contact)
    RETURNING tenant, id, external, name, email, phone, contact
    """
)
_SAVE_CONTACTS = text(
    """
    UPDATE router.party SET contact = told.contact
    FROM unnest(CAST(:tenants AS text[]), CAST(:ids AS uuid[]), CAST(:contacts AS text[])) AS told(tenant, id, contact)
    WHERE party.tenant = told.tenant AND party.id = told.id
    """
)
_FIND_NAMED = text(
    """
    SELECT found.tenant, found.id, found.external, found.name, found.email, found.phone, found.contact
    FROM unnest(CAST(:tenants AS text[]), CAST(:externals AS text[])) AS k(tenant, external)
    CROSS JOIN LATERAL (
        SELECT p.* FROM router.party p WHERE p.tenant = k.tenant AND p.external = k.external LIMIT 1
    ) AS found
    """
)
_FIND = text(
    """
    SELECT found.tenant, found.id, found.external, found.name, found.email, found.phone, found.contact
    FROM unnest(CAST(:tenants AS text[]), CAST(:ids AS uuid[])) AS k(tenant, id)
    CROSS JOIN LATERAL (
        SELECT p.* FROM router.party p WHERE p.tenant = k.tenant AND p.id = k.id LIMIT 1
    ) AS found
    """
)


async def keep_parties(
    tx: Transaction, told: dict[tuple[str, str], Party], new_id: Callable[[], UUID]
) -> dict[tuple[str, str], Party]:
    """Make each requester known, by (tenant, name in the client's directory); what is newly told replaces the old."""
    if not told:
        return {}
    names = sorted(told)
    given = {"tenants": [name[0] for name in names], "externals": [name[1] for name in names]}
    known = _by_name(await tx.execute(_FIND_NAMED, given))
    # A write locks the row until the commit, and two routers have requesters in common in every batch: write what is news.
    news = [name for name in names if name not in known or _updated(known[name], told[name]) != known[name]]
    if not news:
        return known
    rows = await tx.execute(
        _KEEP,
        {
            "tenants": [name[0] for name in news],
            "ids": [new_id() for _ in news],
            "externals": [name[1] for name in news],
            "names": [told[name].name for name in news],
            "emails": [told[name].email for name in news],
            "phones": [told[name].phone for name in news],
            "contacts": [told[name].contact for name in news],
        },
    )
    return known | _by_name(rows)


async def find_parties(tx: Transaction, keys: Iterable[Key]) -> dict[Key, Party]:
    """Requesters by identifier."""
    wanted = sorted(set(keys))
    if not wanted:
        return {}
    rows = await tx.execute(_FIND, {"tenants": [key[0] for key in wanted], "ids": [key[1] for key in wanted]})
    return {
        (row.tenant, row.id): Party(row.id, row.external, row.name, row.email, row.phone, row.contact) for row in rows
    }


async def save_contacts(tx: Transaction, contacts: dict[Key, str]) -> None:
    """Remember how these requesters, by identifier, are reached from now on."""
    if contacts:
        keys = sorted(contacts)
        await tx.execute(
            _SAVE_CONTACTS,
            {
                "tenants": [key[0] for key in keys],
                "ids": [key[1] for key in keys],
                "contacts": [contacts[key] for key in keys],
            },
        )


def _by_name(rows: Iterable[Row[Any]]) -> dict[tuple[str, str], Party]:
    return {
        (row.tenant, row.external): Party(row.id, row.external, row.name, row.email, row.phone, row.contact)
        for row in rows
    }


def _updated(known: Party, told: Party) -> Party:
    """What is known, with what is newly told in place of the old."""
    news = {name: getattr(told, name) for name in ("name", "email", "phone", "contact")}
    return replace(known, **{name: value for name, value in news.items() if value is not None})
