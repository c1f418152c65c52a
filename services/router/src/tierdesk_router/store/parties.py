"""Requesters: personal data, in one table, referred to by identifier everywhere else."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from uuid import UUID

from sqlalchemy import text

from tierdesk_router.domain.announcements import Party
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
_FIND = text(
    """
    SELECT p.tenant, p.id, p.external, p.name, p.email, p.phone, p.contact FROM router.party p
    JOIN unnest(CAST(:tenants AS text[]), CAST(:ids AS uuid[])) AS k(tenant, id) USING (tenant, id)
    """
)


async def keep_parties(
    tx: Transaction, told: dict[tuple[str, str], Party], new_id: Callable[[], UUID]
) -> dict[tuple[str, str], Party]:
    """Make each requester known, by (tenant, name in the client's directory); what is newly told replaces the old."""
    if not told:
        return {}
    keys = sorted(told)
    rows = await tx.execute(
        _KEEP,
        {
            "tenants": [key[0] for key in keys],
            "ids": [new_id() for _ in keys],
            "externals": [key[1] for key in keys],
            "names": [told[key].name for key in keys],
            "emails": [told[key].email for key in keys],
            "phones": [told[key].phone for key in keys],
            "contacts": [told[key].contact for key in keys],
        },
    )
    return {
        (row.tenant, row.external): Party(row.id, row.external, row.name, row.email, row.phone, row.contact)
        for row in rows
    }


async def find_parties(tx: Transaction, keys: Iterable[Key]) -> dict[Key, Party]:
    """Requesters by identifier."""
    wanted = sorted(set(keys))
    if not wanted:
        return {}
    rows = await tx.execute(_FIND, {"tenants": [key[0] for key in wanted], "ids": [key[1] for key in wanted]})
    return {
        (row.tenant, row.id): Party(row.id, row.external, row.name, row.email, row.phone, row.contact) for row in rows
    }
