"""Outcomes of tiers: fenced, in order, each applied once; what is refused is answered with its reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

import prometheus_client
from prometheus_client import CollectorRegistry

from tierdesk_contracts import outcome as outcomes
from tierdesk_contracts.names import VENDOR_OFFERS, VENDOR_WORK, event_pattern, namespace_tenant, namespace_vendor
from tierdesk_contracts.vocabulary import RejectReason
from tierdesk_router.domain.announcements import Destination, destination_of, home_of
from tierdesk_router.domain.disclosure import assigned, rejected
from tierdesk_router.domain.outcomes import check_fence, decide_outcome
from tierdesk_router.domain.refusal import Refusal
from tierdesk_router.domain.ticket import Assignment
from tierdesk_router.handlers.desk import Desk, load_assignments
from tierdesk_router.handlers.intake import event_time
from tierdesk_router.store.policies import PolicyShelf
from tierdesk_router.store.refusals import RefusedOutcome
from tierdesk_router.store.tickets import AssignmentRow, Key
from tierdesk_runtime.clock import Clock
from tierdesk_runtime.identifiers import Identifiers
from tierdesk_store import GapError, PermanentError, Received, Transaction
from tierdesk_store.negative_controls import UNSAFE

QUEUE: Final = "router.outcomes"
TYPES: Final = frozenset(
    f"outcome.{stem}.v1"
    for stem in (
        "accepted",
        "progressed",
        "paused",
        "resumed",
        "resolved",
        "escalated",
        "carried",
        "invited",
        "contributed",
        "transferred",
        "returned",
    )
)
PATTERNS: Final = tuple(event_pattern(name) for name in sorted(TYPES))
GAP_SECONDS: Final = 30.0
"""How long an outcome waits for its predecessor before it is refused."""


def count_refused(registry: CollectorRegistry) -> Callable[[str, int], None]:
    """The metric of refused outcomes, in this registry; answers what counts so many of a reason."""
    counter = prometheus_client.Counter(
        "tierdesk_outcomes_refused_total", "Outcomes that changed nothing.", ("reason",), registry=registry
    )
    return lambda reason, number: counter.labels(reason).inc(number)


class OutcomeHandler:
    """Applies outcomes. The namespace that a message arrived in says whose it is."""

    name = "router.outcomes"
    accepts = TYPES

    def __init__(
        self, clock: Clock, identifiers: Identifiers, shelf: PolicyShelf, refused: Callable[[str, int], None]
    ) -> None:
        """Time, identifiers and policies are given. `refused` is told how many of a reason were, once that is committed."""
        self._refused = refused
        self._clock = clock
        self._identifiers = identifiers
        self._shelf = shelf

    async def load(self, tx: Transaction, messages: Sequence[Received]) -> Desk:
        """Lock the tickets of the assignments that the outcomes name."""
        desk = Desk(now=self._clock.now(), new_id=self._identifiers.new)
        await load_assignments(desk, tx, {_key(message) for message in messages}, self._shelf)
        return desk

    def decide(self, state: Desk, message: Received) -> None:
        """Apply the outcome, or answer why not. Raises `GapError` for one that is early."""
        outcome: outcomes.Outcome = message.envelope.data
        row = state.assignments.get(_key(message))
        state.traceparent = message.traceparent
        try:
            self._apply(state, message, outcome, _own(row, message))
        except Refusal as refusal:
            self._refuse(state, message, refusal, row)

    async def save(self, tx: Transaction, state: Desk) -> None:
        """Write the batch."""
        await state.save(tx)
        for reason, number in Counter(refused.reason.value for refused in state.refused).items():
            tx.after_commit(partial(self._refused, reason, number))

    def _apply(self, state: Desk, message: Received, outcome: outcomes.Outcome, row: AssignmentRow) -> None:
        ticket = state.tickets[row.tenant, row.ticket_id]
        if UNSAFE.no_fence and (owner := ticket.assignment) is not None:
            fence = {"assignment_id": owner.id, "token": owner.token, "worker": owner.worker or outcome.worker}
            outcome = outcome.model_copy(update=fence)
        live = check_fence(ticket, outcome)
        last = state.last_ordinal(row)
        if outcome.ordinal <= last:
            if isinstance(outcome, outcomes.WorkAccepted) and live.worker == outcome.worker:
                self._assign_again(state, row, live, last)
                return
            raise Refusal(RejectReason.REPEATED, f"ordinal {outcome.ordinal} is applied already; go on with {last + 1}")
        if outcome.ordinal > last + 1:
            if message.waited_seconds < GAP_SECONDS:
                raise GapError(
                    f"ordinal {last + 1} has not come yet", retry_in_seconds=GAP_SECONDS - message.waited_seconds
                )
            raise Refusal(RejectReason.GAP, f"ordinal {last + 1} never came")
        policy = state.policy_of(ticket)
        at = max(live.offered_at, event_time(message.envelope.time, ticket, state.now))
        decided = decide_outcome(ticket, outcome, at=at, policy=policy, new_id=state.new_id)
        if isinstance(outcome, outcomes.WorkProgressed) and outcome.contact and decided.refusal is None:
            state.keep_contact(ticket, outcome.contact)
        state.keep(decided.draft, policy)
        state.ordinals[row.tenant, row.id] = outcome.ordinal
        if decided.refusal is not None:
            self._refuse(state, message, decided.refusal, row)

    @staticmethod
    def _assign_again(state: Desk, row: AssignmentRow, live: Assignment, last: int) -> None:
        ticket = state.tickets[row.tenant, row.ticket_id]
        party = state.parties.get((ticket.tenant, ticket.requester_id))
        answer = assigned(ticket, live, last, state.policy_of(ticket), party)
        state.tell((row.tenant, row.ticket_id), answer, _reply_to(row))

    @staticmethod
    def _refuse(state: Desk, message: Received, refusal: Refusal, row: AssignmentRow | None) -> None:
        outcome: outcomes.Outcome = message.envelope.data
        tenant = namespace_tenant(message.namespace)
        refused = RefusedOutcome(
            tenant=tenant or message.envelope.tenant,
            outcome_id=message.envelope.id,
            namespace=message.namespace,
            vendor=namespace_vendor(message.namespace),
            assignment_id=outcome.assignment_id,
            ticket_id=None if row is None else row.ticket_id,
            worker=outcome.worker,
            ordinal=outcome.ordinal,
            reason=refusal.reason,
            detail=refusal.detail,
            at=state.now,
        )
        if refusal.reason is RejectReason.FOREIGN:
            if tenant is None:
                raise PermanentError(f"{refusal.reason.value}: {refusal.detail}") from refusal
            # A vendor hears it in its own namespace; the subject is what it claimed, since it may know no other.
            key: Key = (tenant, outcome.assignment_id)
            answer = rejected(outcome, message.envelope.id, refusal, 0, outside=True)
            state.refuse(key, answer, _vendor_inbox(message.namespace), refused)
            return
        assert row is not None
        last = state.last_ordinal(row)
        answer = rejected(outcome, message.envelope.id, refusal, last, outside=row.vendor is not None)
        state.refuse((row.tenant, row.ticket_id), answer, _reply_to(row), refused)


def _own(row: AssignmentRow | None, message: Received) -> AssignmentRow:
    """The assignment, if it was offered to the party in whose namespace the message arrived."""
    if row is None or home_of(row.tenant, row.vendor) != message.namespace:
        raise Refusal(RejectReason.FOREIGN, "no such assignment was offered to you")
    return row


def _key(message: Received) -> Key:
    tenant = namespace_tenant(message.namespace) or message.envelope.tenant
    return (tenant, message.envelope.data.assignment_id)


def _reply_to(row: AssignmentRow) -> Destination:
    return destination_of(row.tenant, row.tier, row.group, row.vendor)


def _vendor_inbox(namespace: str) -> Destination:
    return Destination(namespace, VENDOR_OFFERS, VENDOR_WORK)
