"""Writes groups of phone events."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import ARRAY, Text, Uuid, bindparam, func, select, true, update
from sqlalchemy.dialects.postgresql import JSONB

from tierdesk_intake.domain.calls import CallEvent, CallState, SeenEvent
from tierdesk_intake.domain.ledger import Answer, Ledger, Mint
from tierdesk_intake.domain.phone_log import Call, CallName, PostedByPhone, note
from tierdesk_intake.domain.refusals import RefusedError
from tierdesk_intake.store.bulk import arrays, columns_of, find_rows, insert_rows, keys_of
from tierdesk_intake.store.ledgers import find_keys, insert_all, lock_tickets, save
from tierdesk_intake.store.tables import call, call_event
from tierdesk_store import Transaction

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
    func.unnest(
        *(bindparam(f"{name}s", type_=ARRAY(Text)) for name in keys_of(call)),
        bindparam("states", type_=ARRAY(JSONB)),
        bindparam("tickets", type_=ARRAY(Uuid)),
    )
    .table_valued(*(column for column in columns_of(call)), name="told")
    .render_derived()
)
_update_calls: Final = (
    update(call)
    .values(state=_told.c.state, ticket=_told.c.ticket)
    .where(*(call.c[name] == _told.c[name] for name in keys_of(call)))
)


class PhoneWriter:
    """Adds phone events to their calls, in order, and writes what follows."""

    def __init__(self, mint: Mint, now: Callable[[], datetime]) -> None:
        self._mint = mint
        self._now = now

    async def __call__(self, tx: Transaction, requests: Sequence[PostedByPhone]) -> list[Answer | RefusedError]:
        """Answer each request, in order. A refused one has changed nothing."""
        calls = await _lock_calls(tx, {one.call_name for one in requests})
        known = frozenset(calls)
        continued = {(name[0], one.ticket) for name, one in calls.items() if one.ticket is not None}
        ledger = Ledger(self._mint, self._now(), tickets=await lock_tickets(tx, continued))
        ledger.keys = await find_keys(tx, {one.posted.key_name for one in requests if one.posted.key_name is not None})
        answers: list[Answer | RefusedError] = []
        for one in requests:
            try:
                answers.append(note(ledger, calls.setdefault(one.call_name, Call(one.call_name)), one))
            except RefusedError as refused:
                answers.append(refused)
        await save(tx, ledger)
        await _save_calls(tx, [calls[name] for name in sorted(calls)], known)
        return answers


async def _lock_calls(tx: Transaction, names: Collection[CallName]) -> dict[CallName, Call]:
    parameters = arrays(keys_of(call), sorted(names))
    calls = {
        (row.tenant, row.provider, row.call_id): Call(
            (row.tenant, row.provider, row.call_id), state=CallState.model_validate(row.state), ticket=row.ticket
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
    if not events:
        return
    rows: defaultdict[bool, list[tuple[object, ...]]] = defaultdict(list)
    for one in calls:
        if one.changed and one.state is not None:
            state = one.state.model_dump(mode="json", exclude_none=True)
            rows[one.name in known].append((*one.name, state, one.ticket))
    if rows[True]:
        names = [*(f"{name}s" for name in keys_of(call)), "states", "tickets"]
        await tx.execute(_update_calls, arrays(names, rows[True]))
    if rows[False]:
        await insert_all(tx, call, rows[False])
    await tx.execute(insert_rows(call_event), arrays(columns_of(call_event), events))
