"""Intake's events: a ticket is opened, or its requester says something."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import Final
from uuid import UUID

from prometheus_client import CollectorRegistry, Counter

from tierdesk_contracts import intake
from tierdesk_contracts.names import event_pattern
from tierdesk_policy import Policy
from tierdesk_router.domain.disclosure import Party
from tierdesk_router.domain.lifecycle import Draft
from tierdesk_router.domain.merging import pass_on
from tierdesk_router.domain.requests import answer_request, open_by, subject_of
from tierdesk_router.domain.ticket import Ticket
from tierdesk_router.handlers.desk import Desk, load_tickets
from tierdesk_router.handlers.likeness import Comparison, New
from tierdesk_router.store.parties import keep_parties
from tierdesk_router.store.policies import PolicyShelf
from tierdesk_runtime.clock import Clock
from tierdesk_runtime.identifiers import Identifiers
from tierdesk_store import PermanentError, Received, Transaction, TransientError

QUEUE: Final = "router.intake"
TYPES: Final = frozenset(
    f"intake.{stem}.v1"
    for stem in (
        "problem_reported",
        "requester_replied",
        "facts_told",
        "confirmed",
        "reopened",
        "cancelled",
        "call",
        "alert",
    )
)
PATTERNS: Final = tuple(event_pattern(name) for name in sorted(TYPES))
_OPENINGS: Final = (intake.ProblemReported, intake.Alerted, intake.Called)


def count_created(registry: CollectorRegistry) -> Callable[[str], None]:
    """The metric of tickets opened, in this registry; answers what counts one of a channel."""
    counter = Counter("tierdesk_tickets_created_total", "Tickets opened.", ("channel",), registry=registry)
    return lambda channel: counter.labels(channel).inc()


class IntakeHandler:
    """Opens tickets and applies what requesters ask for."""

    name = "router.intake"
    accepts = TYPES

    def __init__(
        self, clock: Clock, identifiers: Identifiers, shelf: PolicyShelf, created: Callable[[str], None]
    ) -> None:
        """Time, identifiers and policies are given. `created` is told the channel of each ticket once it is committed."""
        self._created = created
        self._clock = clock
        self._identifiers = identifiers
        self._shelf = shelf

    async def load(self, tx: Transaction, messages: Sequence[Received]) -> Desk:
        """Lock the tickets, and make the requesters of new ones known."""
        desk = Desk(now=self._clock.now(), new_id=self._identifiers.new)
        desk.in_force = await self._shelf.in_force(tx.connection, {message.envelope.tenant for message in messages})
        told = {}
        for message in messages:
            party = requester_of(message.envelope.data)
            if party is not None:
                told[message.envelope.tenant, party.external] = party
        desk.requesters = await keep_parties(tx, told, self._identifiers.new)
        desk.parties = {(tenant, party.id): party for (tenant, _), party in desk.requesters.items()}
        desk.comparison = await self._compare(desk, tx, messages)
        keys = {(message.envelope.tenant, _ticket_id(message)) for message in messages}
        await load_tickets(desk, tx, keys | desk.comparison.wanted, self._shelf)
        await self._load_successors(desk, tx)
        return desk

    async def _load_successors(self, desk: Desk, tx: Transaction) -> None:
        """Lock the tickets in which merged ones go on, and those in which these do: a chain is followed to its end.

        They are locked after the others, out of the order; who runs into another's locks does all again.
        """
        while successors := {
            (ticket.tenant, ticket.merged_into)
            for ticket in desk.tickets.values()
            if ticket.merged_into is not None and (ticket.tenant, ticket.merged_into) not in desk.tickets
        }:
            known = desk.tickets
            await load_tickets(desk, tx, successors, self._shelf)
            desk.tickets = known | desk.tickets

    async def _compare(self, desk: Desk, tx: Transaction, messages: Sequence[Received]) -> Comparison:
        """Find what the tickets that the messages open are like, where their policies ask for it."""
        news = []
        for message in messages:
            envelope = message.envelope
            if envelope.position != 1:  # a call tells of itself several times, and opens a ticket once
                continue
            policy, party = desk.in_force.get(envelope.tenant), requester_of(envelope.data)
            if policy is None or policy.likeness is None or party is None:
                continue
            subject = subject_of(
                envelope.data,
                ticket_id=_ticket_id(message),
                requester_id=desk.requesters[envelope.tenant, party.external].id,
                at=min(envelope.time, desk.now),
                policy=policy,
            )
            news.append(New(envelope.tenant, subject, policy))
        comparison = Comparison(desk.now, self._identifiers.new, self._identifiers.problem_reference)
        await comparison.compare(tx, news)
        return comparison

    def decide(self, state: Desk, message: Received) -> None:
        """Open the ticket, or answer a request on it."""
        envelope, state.traceparent = message.envelope, message.traceparent
        ticket_id = _ticket_id(message)
        key = (envelope.tenant, ticket_id)
        ticket = state.tickets.get(key)
        if ticket is not None:
            policy = state.policy_of(ticket)
            at = event_time(envelope.time, ticket, state.now)
            try:
                draft = answer_request(ticket, envelope.data, at=at, policy=policy, new_id=state.new_id)
            except KeyError as error:
                raise PermanentError(
                    f"{envelope.type} opens a ticket, and {ticket.reference} is open already"
                ) from error
            self._pass_on(state, ticket, draft)
            if isinstance(envelope.data, intake.FactsTold) and envelope.data.contact:
                state.keep_contact(ticket, envelope.data.contact)
            state.keep(draft, policy)
        else:
            policy = self._policy(state, envelope.tenant)
            party = requester_of(envelope.data)
            if party is None:
                raise PermanentError("no such ticket of this tenant")
            assert state.comparison is not None
            draft = open_by(
                envelope.data,
                tenant=envelope.tenant,
                ticket_id=ticket_id,
                requester_id=state.requesters[envelope.tenant, party.external].id,
                at=min(envelope.time, state.now),
                policy=policy,
                new_id=state.new_id,
                recurrence=state.comparison.recurrence_of(key),
            )
            state.keep(draft, policy)
            state.comparison.follow(state, key)
        if isinstance(envelope.data, intake.Called):
            state.calls.setdefault(key, []).append(envelope.data)

    async def save(self, tx: Transaction, state: Desk) -> None:
        """Write the batch."""
        await state.save(tx)
        if state.comparison is not None:
            await state.comparison.save(tx)
        for channel in state.opened_channels():
            tx.after_commit(partial(self._created, channel))

    @staticmethod
    def _pass_on(state: Desk, ticket: Ticket, said: Draft) -> None:
        successor = ticket
        while successor.merged_into is not None:
            successor = state.tickets[successor.tenant, successor.merged_into]
        if successor is not ticket:
            at = event_time(state.now, successor, state.now)
            state.keep(pass_on(ticket, successor, said.events, at=at), state.policy_of(successor))

    @staticmethod
    def _policy(state: Desk, tenant: str) -> Policy:
        try:
            return state.in_force[tenant]
        except KeyError as error:
            raise TransientError(
                f"tenant {tenant} has no policy in force yet: apply one", retry_in_seconds=2.0
            ) from error


def event_time(claimed: datetime, ticket: Ticket, now: datetime) -> datetime:
    """Business time of a party's act: when it says it acted, but not before its last act nor in the future."""
    return max(min(claimed, now), ticket.last_at)


def _ticket_id(message: Received) -> UUID:
    try:
        return UUID(message.envelope.subject)
    except ValueError as error:
        raise PermanentError("subject: not a ticket's identifier") from error


def requester_of(data: object) -> Party | None:
    """Who opens a ticket by this message; None for one that opens none. The identifier is to be given yet."""
    nobody = UUID(int=0)
    if isinstance(data, intake.ProblemReported):
        who = data.requester
        return Party(nobody, who.party, who.name, who.email, who.phone, data.contact)
    if isinstance(data, intake.Alerted):
        return Party(nobody, f"monitor:{data.source}"[:200], data.source)
    if isinstance(data, intake.Called) and data.direction == "in":
        return Party(nobody, _caller_name(data), phone=data.caller)
    return None


def _caller_name(call: intake.Called) -> str:
    """What a caller is known by. Who withholds the number is somebody else at each call."""
    return f"tel:{call.caller or f'withheld:{call.provider}:{call.call_id}'}"[:200]
