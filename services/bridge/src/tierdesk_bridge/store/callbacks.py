"""What was taken of vendors, under which identifier."""

from __future__ import annotations

from typing import NamedTuple
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert

from tierdesk_bridge.store.tables import callback as callbacks
from tierdesk_store import Transaction


class Noted(NamedTuple):
    """What was taken under an identifier before."""

    fingerprint: bytes
    message_id: UUID


async def note_callback(
    tx: Transaction, tenant: str, vendor: str, webhook_id: str, fingerprint: bytes, message_id: UUID
) -> Noted | None:
    """Note that this was taken; answers what was taken under the same identifier before, if there was anything.

    Waits for another transaction that is noting the same.
    """
    given = {"tenant": tenant, "vendor": vendor, "webhook_id": webhook_id}
    noted = {"fingerprint": fingerprint, "message_id": message_id, "taken_at": func.now()}
    inserted = await tx.execute(insert(callbacks).values(**given, **noted).on_conflict_do_nothing())
    if inserted.rowcount:
        return None
    known = select(callbacks.c.fingerprint, callbacks.c.message_id).where(
        *(callbacks.c[name] == value for name, value in given.items())
    )
    row = (await tx.execute(known)).one()
    return Noted(row.fingerprint, row.message_id)
