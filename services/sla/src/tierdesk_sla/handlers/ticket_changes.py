"""Follows tickets and policies: folds the clocks of each ticket, and takes back breaches that did not happen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from tierdesk_contracts.notice import ClockNotice, PolicyApplied
from tierdesk_contracts.ticket import TicketChanged
from tierdesk_policy import BusinessTimeError, Policy, PolicyError
from tierdesk_runtime.clock import Clock as BusinessClock
from tierdesk_runtime.identifiers import Identifiers
from tierdesk_sla.domain.alarms import Moment, is_refuted, notice, retract
from tierdesk_sla.domain.folding import fold
from tierdesk_sla.domain.timeline import Timeline
from tierdesk_sla.handlers.publishing import publish
from tierdesk_sla.store.policies import AppliedPolicy, PolicyKey, PolicyShelf, save_policies
from tierdesk_sla.store.timelines import Change, Record, TicketKey, load_records, save_records
from tierdesk_sla.store.wakeups import HORIZON_SECONDS
from tierdesk_sla.store.watch import Said, save_alerts
from tierdesk_store import PermanentError, Received, Transaction, TransientError

QUEUE: Final = "sla.events"


@dataclass(slots=True)
class Followed:
    """How far this process has followed the events: the latest business time at which one that it applied was sent."""

    until: datetime | None = None


@dataclass(slots=True)
class Batch:
    """What a batch reads and changes."""

    policies: dict[PolicyKey, Policy]
    records: dict[TicketKey, Record]
    applied: dict[PolicyKey, AppliedPolicy] = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)
    changed: dict[TicketKey, None] = field(default_factory=dict)
    retracted: list[tuple[Said, ClockNotice, UUID]] = field(default_factory=list)
    until: datetime | None = None


class TicketChangesHandler:
    """Applies `ticket.changed.v1` and `policy.applied.v1`. A message that names an unknown policy waits for it."""

    name = "sla"
    accepts = frozenset({"ticket.changed.v1", "policy.applied.v1"})

    def __init__(self, shelf: PolicyShelf, clock: BusinessClock, identifiers: Identifiers, followed: Followed) -> None:
        self._shelf = shelf
        self._clock = clock
        self._identifiers = identifiers
        self._followed = followed

    async def load(self, tx: Transaction, messages: Sequence[Received]) -> Batch:
        """Lock and read the clocks of the tickets, and the policies that they name."""
        keys: list[TicketKey] = []
        versions: set[PolicyKey] = set()
        for envelope in (message.envelope for message in messages):
            if isinstance(envelope.data, TicketChanged):
                versions.add((envelope.tenant, envelope.data.policy_version))
                ticket_id = _ticket_id(envelope.subject)
                if ticket_id is not None:
                    keys.append((envelope.tenant, ticket_id))
        records = await load_records(tx.connection, keys, lock=True)
        versions |= {(key[0], moved) for key, one in records.items() if (moved := one.timeline.moved_to) is not None}
        await self._shelf.fetch(tx.connection, versions)
        policies = {key: policy for key in versions if (policy := self._shelf.get(key)) is not None}
        return Batch(policies, records)

    def decide(self, state: Batch, message: Received) -> None:
        """Apply one message. Raises `TransientError` for an unknown policy, `PermanentError` for what makes no sense."""
        envelope = message.envelope
        if isinstance(envelope.data, PolicyApplied):
            _take_policy(state, envelope.tenant, envelope.data)
        else:
            _take_change(state, envelope.tenant, _ticket_id(envelope.subject), envelope.data)
        state.until = max(envelope.time, state.until or envelope.time)

    async def save(self, tx: Transaction, state: Batch) -> None:
        """Write policies, clocks and events; publish the retractions."""
        await save_policies(tx.connection, state.applied.values())
        horizon = self._clock.reach(HORIZON_SECONDS)
        records = [state.records[key] for key in state.changed]
        await save_records(tx.connection, records, state.changes, horizon=horizon)
        if state.retracted:
            now = self._clock.now()
            new = await save_alerts(tx.connection, [said for said, _, _ in state.retracted], now)
            for said, data, ticket_id in state.retracted:
                if said.key in new:
                    publish(tx, data, said.tenant, ticket_id, now, self._identifiers)
        # Told before the commit; if that fails the same messages come again, and an alert told too early is retracted.
        if state.until is not None:
            self._followed.until = max(state.until, self._followed.until or state.until)


def _ticket_id(subject: str) -> UUID | None:
    try:
        return UUID(subject)
    except ValueError:
        return None


def _take_policy(state: Batch, tenant: str, data: PolicyApplied) -> None:
    key = (tenant, data.version)
    try:
        policy = Policy.from_document(data.document, source=data.version)
    except PolicyError as error:
        raise PermanentError(f"policy {data.version} is none to this release: {error}") from error
    state.policies[key] = policy
    state.applied[key] = AppliedPolicy(tenant, data.version, dict(data.document), data.applied_at)


def _take_change(state: Batch, tenant: str, ticket_id: UUID | None, data: TicketChanged) -> None:
    if ticket_id is None:
        raise PermanentError("subject: not the identifier of a ticket")
    key = (tenant, ticket_id)
    record = state.records.get(key) or Record(Timeline(tenant, ticket_id, data.reference, data.policy_version))
    version = record.timeline.pinned_to(data.policy_version).policy_version
    policy = state.policies.get((tenant, version))
    if policy is None:
        raise TransientError(f"policy {version} of tenant {tenant} is not known here yet")
    try:
        timeline = _fold_all(record.timeline, data, policy)
    except BusinessTimeError as error:
        raise PermanentError(f"no calendar reaches an instant of this ticket: {error}") from error
    record.timeline = timeline
    state.records[key] = record
    state.changed[key] = None
    state.changes.append(Change(key, data))
    state.retracted.extend(retract_refuted(record))


def _fold_all(timeline: Timeline, data: TicketChanged, policy: Policy) -> Timeline:
    timeline = timeline.pinned_to(data.policy_version)
    for event in data.events:
        timeline = fold(timeline, event, policy)
    return timeline


def retract_refuted(record: Record) -> list[tuple[Said, ClockNotice, UUID]]:
    """Take back the breaches that the record refutes, and begin their clocks' next cycle."""
    retracted: list[tuple[Said, ClockNotice, UUID]] = []
    timeline = record.timeline
    for clock in timeline.clocks:
        alarm = record.alarm(clock.id)
        if alarm.breach_due_at is None or not is_refuted(clock, alarm):
            continue
        moment = Moment(alarm.breach_due_at, "retracted", 1, alarm.breach_due_at)
        data: Any = notice(clock, alarm, moment, reference=timeline.reference)
        retracted.append((Said(timeline.tenant, clock, alarm, moment), data, timeline.ticket_id))
        record.alarms[clock.id] = retract(alarm)
    return retracted
