"""What telephone calls change at the desk: who is to be called back, who is at the telephone. Follows what `TicketsHandler` hears, in its transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from tierdesk_contracts.intake import Called, CallOutcome
from tierdesk_contracts.vocabulary import Status
from tierdesk_desk.domain.accounts import fold_login
from tierdesk_desk.domain.call_guard import Count, counts_of
from tierdesk_desk.domain.callbacks import Callback, callback_id, follow_call, number_of, withdraw
from tierdesk_desk.domain.people import Place, places_worked
from tierdesk_desk.store.call_guard import Counted, add_counts, is_first, note_ended, note_talking, was_offered
from tierdesk_desk.store.callbacks import lock_numbers, lock_of_tickets, save_callbacks
from tierdesk_desk.store.policies import PolicyShelf
from tierdesk_desk.store.tickets import Standing, TicketKey, find_standings
from tierdesk_policy import Policy

NOWHERE: Final[Place] = ("", "")
"""Where callbacks stand that no group makes: those see them who are granted all groups."""
_ENDS: Final = frozenset({Status.CLOSED.value, Status.CANCELLED.value})


@dataclass(frozen=True, slots=True)
class Call:
    """What is now known of a call, of which ticket it is, and when that was."""

    ticket: TicketKey
    data: Called
    at: datetime


async def follow_calls(connection: AsyncConnection, shelf: PolicyShelf, calls: Sequence[Call]) -> None:
    """Write who is to be called back, in the order in which the calls were told of."""
    calls = [call for call in calls if call.data.direction == "in"]
    if not calls:
        return
    policies = await shelf.fetch_in_force(connection)
    await lock_numbers(connection, _numbers(calls, policies))
    known = await lock_of_tickets(connection, [call.ticket for call in calls])
    standings = await find_standings(connection, {call.ticket for call in calls})
    changed: dict[tuple[str, object], Callback] = {}
    for call in calls:
        tenant, ticket = call.ticket
        policy, standing = policies.get(tenant), standings.get(call.ticket)
        of_ticket = known.setdefault(call.ticket, [])
        one = follow_call(
            of_ticket,
            call.data,
            tenant=tenant,
            ticket=ticket,
            place=place_of(policy),
            policy=policy,
            priority=None if standing is None else standing.priority,
            category=None if standing is None else standing.category,
            at=call.at,
        )
        if one is not None:
            known[call.ticket] = [*(other for other in of_ticket if other.id != one.id), one]
            changed[tenant, one.id] = one
    await save_callbacks(connection, list(changed.values()))
    await _count(connection, calls)
    await _note_agents(connection, calls, policies)


async def _count(connection: AsyncConnection, calls: Sequence[Call]) -> None:
    """Count what each call cost, once."""
    counted: list[Counted] = []
    for call in calls:
        tenant, counts = call.ticket[0], counts_of(call.data)
        if counts and await is_first(connection, tenant, _id_of(call), call.at):
            counted += [(tenant, call.at, what, seconds) for what, seconds in counts]
    await add_counts(connection, counted)


async def _note_agents(connection: AsyncConnection, calls: Sequence[Call], policies: Mapping[str, Policy]) -> None:
    """Note who is at the telephone, where somebody looks after that: in the order of their names, as rows are locked."""
    told = []
    for call in calls:
        tenant, data = call.ticket[0], call.data
        policy = policies.get(tenant)
        if policy is None or policy.telephone.guard is None or data.answered_by is None:
            continue
        name = fold_login(data.answered_by)
        if name:  # else the telephone system calls its people otherwise than they sign in
            told.append((tenant, name, call))
    for tenant, name, call in sorted(told, key=lambda one: one[:2]):
        data = call.data
        if data.outcome is CallOutcome.ANSWERED:
            await note_talking(connection, tenant, name, _id_of(call), data.answered_at or call.at)
        elif data.outcome is CallOutcome.ENDED:
            await note_ended(connection, tenant, name, _id_of(call), data.ended_at or call.at)


async def count_handed_on(connection: AsyncConnection, told: Sequence[tuple[str, str, datetime]]) -> None:
    """Count what these workers, each with tenant and time, handed to another tier, if they were offered to."""
    counted: list[Counted] = [
        (tenant, at, Count.HANDED_ON, 0.0)
        for tenant, name, at in told
        if await was_offered(connection, tenant, name, at)
    ]
    await add_counts(connection, counted)


def _id_of(call: Call) -> UUID:
    return callback_id(call.ticket[0], call.data.provider, call.data.call_id)


def _numbers(calls: Sequence[Call], policies: Mapping[str, Policy]) -> list[tuple[str, str]]:
    return [
        (call.ticket[0], number_of(call.data.caller, policies.get(call.ticket[0])))
        for call in calls
        if call.data.caller is not None
    ]


async def end_with_tickets(connection: AsyncConnection, changed: Sequence[Standing]) -> None:
    """Nobody is called back on a ticket that is closed or cancelled."""
    over = {(one.tenant, one.id): one.changed_at for one in changed if one.status in _ENDS}
    found = await lock_of_tickets(connection, over)
    ended = [
        withdraw(one, "ticket_over", over[key]) for key, of_ticket in found.items() for one in of_ticket if one.is_open
    ]
    await save_callbacks(connection, ended)


def place_of(policy: Policy | None) -> Place:
    """The group that calls back: the one that the policy names, else the first that people work."""
    if policy is None:
        return NOWHERE
    named = policy.telephone.callbacks.group
    if named is not None:
        group = policy.group(named)
        return group.tier, group.id
    return next(iter(places_worked(policy, None)), NOWHERE)
