"""Writes groups of phone events."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import ARRAY, Text, bindparam, func, select, true, update

from tierdesk_intake.domain.calls import CallEvent, CallState, SeenEvent
from tierdesk_intake.domain.ledger import Answer, Ledger, Mint
from tierdesk_intake.domain.phone_log import Call, PostedByPhone, Surroundings, note
from tierdesk_intake.domain.phone_routes import LONGEST_CALL, CallName, Lines
from tierdesk_intake.domain.refusals import RefusedError
from tierdesk_intake.store.bulk import arrays, columns_of, find_rows, insert_rows, keys_of
from tierdesk_intake.store.ledgers import find_keys, insert_all, lock_tickets, save
from tierdesk_intake.store.recordings import add_recording
from tierdesk_intake.store.tables import call, call_event
from tierdesk_intake.store.terms import KnownTerms
from tierdesk_policy import Phone
from tierdesk_store import Transaction

MOST_COUNTED: Final = 1_000

_named = (
    func.unnest(*(bindparam(name, type_=ARRAY(Text)) for name in keys_of(call)))
    .table_valued(*keys_of(call), name="named")
    .render_derived()
)
_events_of: Final = (
    select(call_event).where(*(call_event.c[name] == _named.c[name] for name in keys_of(call))).lateral("found")
)
_find_events: Final = select(*_events_of.columns).select_from(_named.join(_events_of, true()))
_told = (
    func.unnest(*(bindparam(f"{column.name}s", type_=ARRAY(column.type)) for column in call.columns))
    .table_valued(*(column for column in columns_of(call)), name="told")
    .render_derived()
)
_update_calls: Final = (
    update(call)
    .values({name: _told.c[name] for name in columns_of(call) if name not in keys_of(call)})
    .where(*(call.c[name] == _told.c[name] for name in keys_of(call)))
)


class PhoneWriter:
    """Adds phone events to their calls, in order, and writes what follows."""

    def __init__(self, mint: Mint, now: Callable[[], datetime]) -> None:
        self._mint = mint
        self._now = now
        self._terms = KnownTerms()

    async def __call__(self, tx: Transaction, requests: Sequence[PostedByPhone]) -> list[Answer | RefusedError]:
        """Answer each request, in order. A refused one has changed nothing."""
        calls = await _lock_calls(tx, {one.call_name for one in requests})
        known = frozenset(calls)
        continued = {(name[0], one.ticket) for name, one in calls.items() if one.ticket is not None}
        ledger = Ledger(self._mint, self._now(), tickets=await lock_tickets(tx, continued))
        ledger.keys = await find_keys(tx, {one.posted.key_name for one in requests if one.posted.key_name is not None})
        around = await self._look_around(tx, {one.posted.tenant for one in requests}, ledger.now)
        answers: list[Answer | RefusedError] = []
        for one in requests:
            try:
                of = calls.setdefault(one.call_name, Call(one.call_name))
                answers.append(note(ledger, of, one, around[one.posted.tenant]))
            except RefusedError as refused:
                answers.append(refused)
        await save(tx, ledger)
        await _save_calls(tx, [calls[name] for name in sorted(calls)], known)
        return answers

    async def _look_around(self, tx: Transaction, tenants: Collection[str], now: datetime) -> dict[str, Surroundings]:
        """What each tenant's policy says of the telephone, and what goes on there, where the policy asks for it."""
        terms = await self._terms.find(tx, tenants)
        phones = {tenant: terms[tenant].phone if tenant in terms else Phone() for tenant in tenants}
        return {
            tenant: Surroundings(phone, await find_lines(tx, tenant, now) if phone.overflow else Lines())
            for tenant, phone in sorted(phones.items())
        }


async def find_lines(tx: Transaction, tenant: str, now: datetime) -> Lines:
    """Who waits and who talks at this tenant's telephones: up to a thousand of each."""
    since = now - LONGEST_CALL
    waiting = select(call.c.provider, call.c.call_id, call.c.state["queue"].astext.label("queue"))
    waiting = waiting.where(call.c.tenant == tenant, call.c.waits_since > since).limit(MOST_COUNTED)
    talking = select(call.c.provider, call.c.call_id)
    talking = talking.where(call.c.tenant == tenant, call.c.talks_since > since).limit(MOST_COUNTED)
    return Lines(
        {(tenant, row.provider, row.call_id): row.queue for row in await tx.execute(waiting)},
        {(tenant, row.provider, row.call_id) for row in await tx.execute(talking)},
    )


async def _lock_calls(tx: Transaction, names: Collection[CallName]) -> dict[CallName, Call]:
    parameters = arrays(keys_of(call), sorted(names))
    calls = {
        (row.tenant, row.provider, row.call_id): Call(
            (row.tenant, row.provider, row.call_id),
            state=CallState.model_validate(row.state),
            ticket=row.ticket,
        )
        for row in await tx.execute(find_rows(call, lock=True), parameters)
    }
    if calls:
        for row in await tx.execute(_find_events, parameters):
            seen = SeenEvent(CallEvent.model_validate(row.event), row.seen_at)
            calls[row.tenant, row.provider, row.call_id].events[row.digest] = seen
    return calls


async def _save_calls(tx: Transaction, calls: Sequence[Call], known: Collection[CallName]) -> None:
    events = [
        (*one.name, digest, seen.event.model_dump(mode="json", exclude_none=True), seen.seen_at)
        for one in calls
        for digest, seen in one.new_events.items()
    ]
    rows: defaultdict[bool, list[tuple[object, ...]]] = defaultdict(list)
    for one in calls:
        if one.changed and one.state is not None:
            state = one.state.model_dump(mode="json", exclude_none=True)
            waits, talks = one.state.waits_since, one.state.talks_since
            rows[one.name in known].append((*one.name, state, one.ticket, waits, talks))
    if rows[True]:
        names = [f"{name}s" for name in columns_of(call)]
        await tx.execute(_update_calls, arrays(names, rows[True]))
    if rows[False]:
        await insert_all(tx, call, rows[False])
    if events:
        await tx.execute(insert_rows(call_event), arrays(columns_of(call_event), events))
    for one in calls:
        if one.to_fetch is not None and one.ticket is not None:
            await add_recording(tx, one.name, one.ticket, one.to_fetch)
