"""When the desk writes to requesters of its own accord."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncConnection

from tierdesk_desk.domain.reminders import Reminder

_SAVE: Final = text("""
    INSERT INTO desk.mail_reminder (tenant, ticket, occasion, due_at, told)
    SELECT * FROM unnest(
        CAST(:tenant AS text[]), CAST(:ticket AS text[]), CAST(:occasion AS text[]), CAST(:due_at AS timestamptz[]),
        CAST(:told AS integer[])
    )
    ON CONFLICT (tenant, ticket) DO UPDATE SET occasion = excluded.occasion, due_at = excluded.due_at, told = excluded.told
""")
_LOCK_DUE: Final = text("""
    SELECT tenant, ticket, occasion, due_at, told FROM desk.mail_reminder
    WHERE due_at <= :now ORDER BY due_at LIMIT :limit FOR UPDATE SKIP LOCKED
""")
_DROP: Final = text("""
    DELETE FROM desk.mail_reminder WHERE (tenant, ticket) IN (
        SELECT * FROM unnest(CAST(:tenants AS text[]), CAST(:tickets AS text[]))
    )
""")
_FIELDS: Final = ("tenant", "ticket", "occasion", "due_at", "told")


async def save_reminders(connection: AsyncConnection, reminders: Collection[Reminder]) -> None:
    """Write what is due next of each of these tickets, in the place of what was."""
    if reminders:
        ordered = sorted(reminders, key=lambda one: (one.tenant, one.ticket))
        values: dict[str, list[Any]] = {name: [getattr(one, name) for one in ordered] for name in _FIELDS}
        await connection.execute(_SAVE, values)


async def lock_due(connection: AsyncConnection, now: datetime, *, limit: int) -> list[Reminder]:
    """What is due by this business time and nobody else has in hand, locked until the transaction ends."""
    rows = await connection.execute(_LOCK_DUE, {"now": now, "limit": limit})
    return [_reminder(row) for row in rows.mappings()]


async def drop_reminders(connection: AsyncConnection, reminders: Sequence[Reminder]) -> None:
    """Of these tickets nothing is due any more."""
    if reminders:
        keys = {"tenants": [one.tenant for one in reminders], "tickets": [one.ticket for one in reminders]}
        await connection.execute(_DROP, keys)


def _reminder(row: RowMapping) -> Reminder:
    return Reminder(**row)
