"""Mails as those see them who keep the desk running: whereto and how they stand, and nothing of what they say."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import RowMapping, Select, func, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from tierdesk_desk.domain.mailing import Reason, State
from tierdesk_desk.store.mail_tables import mail as mails


@dataclass(frozen=True, slots=True)
class Listed:
    """How a mail stands. `detail` is what the server said last."""

    id: UUID
    kind: str
    address: str
    ticket: str | None
    reference: str | None
    state: str
    reason: str | None
    detail: str | None
    attempts: int
    message_id: str | None
    added_at: datetime
    due_at: datetime
    ended_at: datetime | None


_COLUMNS: Final = [mails.c[name] for name in Listed.__dataclass_fields__]
_STATES: Final = {state: text(f"state = '{state.value}'") for state in State}
"""As the partial indexes have it: in other words they would not be used."""


async def list_mails(
    connection: AsyncConnection, tenant: str, state: State, *, before: UUID | None, limit: int
) -> list[Listed]:
    """The newest first; those before this one."""
    statement = _listed(tenant).where(_STATES[state]).order_by(mails.c.id.desc()).limit(limit)
    if before is not None:
        statement = statement.where(mails.c.id < before)
    return [_one(row) for row in (await connection.execute(statement)).mappings()]


async def lock_mail(connection: AsyncConnection, tenant: str, mail_id: UUID) -> Listed | None:
    """This mail, locked until the transaction ends."""
    row = (await connection.execute(_listed(tenant).where(mails.c.id == mail_id).with_for_update())).mappings()
    found = row.one_or_none()
    return None if found is None else _one(found)


async def send_again(connection: AsyncConnection, tenant: str, mail_id: UUID) -> None:
    """Try a mail that ended anew, from its first attempt. The mail is locked."""
    await connection.execute(
        update(mails)
        .where(mails.c.tenant == tenant, mails.c.id == mail_id)
        .values(state=State.QUEUED.value, reason=None, detail=None, attempts=0, due_at=func.now(), ended_at=None)
    )


async def discard(connection: AsyncConnection, tenant: str, mail_id: UUID) -> None:
    """Never send it, whatever is on its way still: who has it leased finds the lease gone. The mail is locked."""
    await connection.execute(
        update(mails)
        .where(mails.c.tenant == tenant, mails.c.id == mail_id)
        .values(
            state=State.SUPPRESSED.value,
            reason=Reason.DISCARDED.value,
            ended_at=func.now(),
            is_open=False,
            lease=None,
            leased_until=None,
        )
    )


def _listed(tenant: str) -> Select[Any]:
    return select(*_COLUMNS).where(mails.c.tenant == tenant)


def _one(row: RowMapping) -> Listed:
    return Listed(**row)
