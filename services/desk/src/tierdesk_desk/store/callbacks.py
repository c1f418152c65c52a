"""Callbacks in the tables: locked and changed, listed in line, told to those who look."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import fields
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import RowMapping, Select, select, text, tuple_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from tierdesk_desk.domain.callbacks import Attempt, Callback, Cause, Result, Stage
from tierdesk_desk.domain.changes import CallbackChange
from tierdesk_desk.domain.people import Place
from tierdesk_desk.store.callback_tables import callback as callbacks
from tierdesk_desk.store.callback_tables import callback_attempt as attempts
from tierdesk_desk.store.feed import tell
from tierdesk_desk.store.tickets import TicketKey

MOST_OF_TICKET: Final = 100
MOST_HELD: Final = 100
MOST_PLACES: Final = 1_000
LineKey = tuple[datetime, UUID]
"""Where a callback stands in line: when it is due, and its identifier."""
_IS_OPEN: Final = "stage IN ('waiting', 'claimed')"
"""As the partial indexes have it: in other words they would not be used."""
_FORGET: Final = text("""
    WITH gone AS (
        SELECT tenant, id FROM desk.callback
        WHERE stage NOT IN ('waiting', 'claimed') AND changed_at < :before
        ORDER BY changed_at LIMIT :limit FOR UPDATE SKIP LOCKED
    ), tried AS (
        DELETE FROM desk.callback_attempt AS a USING gone WHERE a.tenant = gone.tenant AND a.callback = gone.id
    )
    DELETE FROM desk.callback AS c USING gone WHERE c.tenant = gone.tenant AND c.id = gone.id
""")


async def lock_of_tickets(connection: AsyncConnection, keys: Iterable[TicketKey]) -> dict[TicketKey, list[Callback]]:
    """All callbacks of these tickets, locked in order until the transaction ends."""
    sought = sorted(set(keys))
    if not sought:
        return {}
    statement = (
        select(callbacks)
        .where(tuple_(callbacks.c.tenant, callbacks.c.ticket).in_(sought))
        .order_by(callbacks.c.tenant, callbacks.c.id)
        .limit(MOST_OF_TICKET * len(sought))
        .with_for_update()
    )
    found: dict[TicketKey, list[Callback]] = {}
    for one in await _fetch(connection, statement):
        found.setdefault((one.tenant, one.ticket), []).append(one)
    return found


async def read_callback(connection: AsyncConnection, tenant: str, callback_id: UUID) -> Callback | None:
    """One callback."""
    statement = select(callbacks).where(callbacks.c.tenant == tenant, callbacks.c.id == callback_id)
    found = await _fetch(connection, statement)
    return found[0] if found else None


async def lock_numbers(connection: AsyncConnection, numbers: Iterable[tuple[str, str]]) -> None:
    """Let nobody else promise to call one of these numbers, each with its tenant, or take that on, until the transaction ends."""
    for tenant, number in sorted(set(numbers)):
        await connection.execute(
            text("SELECT pg_advisory_xact_lock(hashtextextended(:tenant || '/' || :number, 11))"),
            {"tenant": tenant, "number": number},
        )


async def lock_callback(connection: AsyncConnection, tenant: str, callback_id: UUID) -> Callback | None:
    """One callback, locked until the transaction ends."""
    statement = select(callbacks).where(callbacks.c.tenant == tenant, callbacks.c.id == callback_id).with_for_update()
    found = await _fetch(connection, statement)
    return found[0] if found else None


async def list_held_of_number(connection: AsyncConnection, tenant: str, number: str, at: datetime) -> list[Callback]:
    """The callbacks of this number whose claim holds. One person has them all, where each claim is made under `lock_numbers`."""
    return await _fetch(connection, _held(tenant, at).where(callbacks.c.number == number))


async def list_held_by(connection: AsyncConnection, tenant: str, worker: str, at: datetime) -> list[Callback]:
    """The callbacks that this person has taken on, the first in line first."""
    return await _fetch(connection, _held(tenant, at).where(callbacks.c.claimed_by == worker))


async def save_callbacks(connection: AsyncConnection, changed: Collection[Callback]) -> None:
    """Write callbacks, new and old, and tell those who look."""
    if not changed:
        return
    statement = insert(callbacks)
    changes = {column.name: statement.excluded[column.name] for column in callbacks.c if not column.primary_key}
    await connection.execute(
        statement.on_conflict_do_update(index_elements=[callbacks.c.tenant, callbacks.c.id], set_=changes),
        [_row(one) for one in changed],
    )
    await tell(connection, [_change(one) for one in changed])


async def add_attempt(connection: AsyncConnection, callback: Callback, made: Attempt) -> None:
    """Keep a call that was made."""
    row = {"tenant": callback.tenant, "callback": callback.id, "number": made.number, "at": made.at}
    told = {"worker": made.worker, "result": made.result.value, "note": made.note}
    await connection.execute(insert(attempts).values(**row, **told))


async def list_attempts(connection: AsyncConnection, tenant: str, callback_id: UUID) -> list[Attempt]:
    """The calls that were made, in order."""
    statement = (
        select(attempts.c.number, attempts.c.at, attempts.c.worker, attempts.c.result, attempts.c.note)
        .where(attempts.c.tenant == tenant, attempts.c.callback == callback_id)
        .order_by(attempts.c.number)
        .limit(1_000)
    )
    return [
        Attempt(number, at, worker, Result(result), note)
        for number, at, worker, result, note in await connection.execute(statement)
    ]


async def list_line(
    connection: AsyncConnection, tenant: str, places: Sequence[Place], *, after: LineKey | None, limit: int
) -> list[Callback]:
    """Who is to be called back by these groups, the first in line first, after this place."""
    since = "AND (c.due_at, c.id) > (:due_at, :id)" if after is not None else ""
    statement = text(f"""
        SELECT first.* FROM unnest(CAST(:tiers AS text[]), CAST(:groups AS text[])) AS g(tier, group_id)
        CROSS JOIN LATERAL (
            SELECT c.* FROM desk.callback AS c
            WHERE c.tenant = :tenant AND c.tier = g.tier AND c.group_id = g.group_id AND {_IS_OPEN} {since}
            ORDER BY c.due_at, c.id LIMIT :limit
        ) AS first
        ORDER BY first.due_at, first.id LIMIT :limit
    """)  # noqa: S608 - made of this module's own text
    parameters: dict[str, Any] = {
        "tenant": tenant,
        "tiers": [tier for tier, _ in places],
        "groups": [group for _, group in places],
        "limit": limit,
    }
    if after is not None:
        parameters |= {"due_at": after[0], "id": after[1]}
    return [_read(row) for row in (await connection.execute(statement, parameters)).mappings()]


async def list_places(connection: AsyncConnection, tenant: str) -> list[Place]:
    """The groups by which somebody is to be called back, also those that the policy has no more."""
    statement = (
        select(callbacks.c.tier, callbacks.c.group_id)
        .where(callbacks.c.tenant == tenant, text(_IS_OPEN))
        .distinct()
        .order_by(callbacks.c.tier, callbacks.c.group_id)
        .limit(MOST_PLACES)
    )
    return [(tier, group) for tier, group in await connection.execute(statement)]


async def list_of_ticket(connection: AsyncConnection, tenant: str, ticket: str) -> list[Callback]:
    """The callbacks of a ticket, those that are open first."""
    statement = (
        select(callbacks)
        .where(callbacks.c.tenant == tenant, callbacks.c.ticket == ticket)
        .order_by(text(f"{_IS_OPEN} DESC"), callbacks.c.promised_at.desc())
        .limit(MOST_OF_TICKET)
    )
    return await _fetch(connection, statement)


async def forget_callbacks(connection: AsyncConnection, now: datetime, *, after: timedelta, limit: int) -> int:
    """Delete up to `limit` of what has been over for this long, with their attempts; answers how many."""
    result = await connection.execute(_FORGET, {"before": now - after, "limit": limit})
    return result.rowcount


def _held(tenant: str, at: datetime) -> Select[Any]:
    return (
        select(callbacks)
        .where(
            callbacks.c.tenant == tenant,
            text(_IS_OPEN),
            callbacks.c.stage == Stage.CLAIMED.value,
            callbacks.c.claimed_until > at,
        )
        .order_by(callbacks.c.due_at, callbacks.c.id)
        .limit(MOST_HELD)
    )


async def _fetch(connection: AsyncConnection, statement: Select[Any]) -> list[Callback]:
    return [_read(row) for row in (await connection.execute(statement)).mappings()]


def _read(row: RowMapping) -> Callback:
    return Callback(**{**row, "stage": Stage(row["stage"]), "cause": Cause(row["cause"])})


def _row(one: Callback) -> dict[str, Any]:
    held = {field.name: getattr(one, field.name) for field in fields(one)}
    return held | {"stage": one.stage.value, "cause": one.cause.value}


def _change(one: Callback) -> CallbackChange:
    return CallbackChange(
        tenant=one.tenant,
        ticket=one.ticket,
        tier=one.tier,
        group=one.group_id,
        callback=one.id,
        callback_stage=one.stage.value,
        claimed_by=one.claimed_by,
        due_at=one.due_at,
    )
