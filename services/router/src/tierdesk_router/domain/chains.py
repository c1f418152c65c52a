"""Chains of escalation: what begins one, which steps it takes, and when it goes on.

All is decided by the ticket, its policy and the time. A chain runs its steps up to the next wait at once; there it
sleeps, as a row that is due. What fell due meanwhile is caught up in order, each wait counted from the end of the one before.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from tierdesk_contracts import ticket as events
from tierdesk_contracts.vocabulary import (
    Actor,
    ActorKind,
    ChainCause,
    ChainEnd,
    EscalationReason,
    OfferReason,
    RejectReason,
    Status,
    WithdrawReason,
)
from tierdesk_policy import CONTACT_OWNER, BusinessTimeError, Escalation, Group, Mode, Policy, Step
from tierdesk_router.domain.escalation import check_mode, find_way_back, find_way_up
from tierdesk_router.domain.lifecycle import MOVES, Draft
from tierdesk_router.domain.offers import DESK, NewId, offer, release_contributions, withdraw
from tierdesk_router.domain.refusal import Refusal
from tierdesk_router.domain.ticket import Chain, Ticket


def heed_clock(draft: Draft, policy: Policy, notice: Any, word: str, *, new_id: NewId) -> None:
    """Begin the chains that this word of a clock begins; `retracted` stops those that its breach began."""
    if word == "retracted":
        for chain in draft.ticket.chains:
            if (chain.clock_id, chain.cycle) == (notice.clock_id, notice.cycle):
                draft.record(events.ChainStopped, escalation=chain.escalation, why=ChainEnd.RETRACTED)
        return
    told = "has warned" if word == "warned" else "was breached"
    for escalation in policy.escalations:
        if escalation.on.heeds(notice.kind, word) and _fits(escalation, draft.ticket):
            start(
                draft, policy, escalation, ChainCause.CLOCK, f"The clock {notice.kind} {told}.",
                clock_id=notice.clock_id, cycle=notice.cycle, new_id=new_id,
            )  # fmt: skip


def heed_unaccepted(draft: Draft, policy: Policy, *, new_id: NewId) -> None:
    """Begin the chains that the offers withdrawn in this draft begin, as the ticket was when nobody accepted them."""
    before = draft.before
    for escalation in policy.escalations:
        number = escalation.on.unaccepted
        if number is not None and before.unaccepted < number <= draft.ticket.unaccepted and _fits(escalation, before):
            reason = f"{number} offers in a row were not accepted." if number > 1 else "An offer was not accepted."
            start(draft, policy, escalation, ChainCause.UNACCEPTED, reason, new_id=new_id)


def start(
    draft: Draft, policy: Policy, escalation: Escalation, cause: ChainCause, reason: str, *, new_id: NewId,
    at: datetime | None = None, **clock: Any,
) -> None:  # fmt: skip
    """Begin a chain and take its steps up to the first wait, which is counted from `at`; without it, from now.

    Nothing happens while a chain of this name runs, or when the ticket is over.
    """
    ticket = draft.ticket
    running = any(chain.escalation == escalation.id for chain in ticket.chains)
    if running or (ticket.status, "chain_started") not in MOVES:
        return
    draft.record(events.ChainStarted, actor=DESK, escalation=escalation.id, cause=cause, reason=reason, **clock)
    _go_on(draft, policy, draft.ticket.chains[-1], since=at or draft.at, new_id=new_id)


def advance(ticket: Ticket, policy: Policy, *, now: datetime, new_id: NewId) -> Draft | None:
    """Let every chain go on that is due, and begin those of silence; None when nothing is."""
    draft = Draft(ticket, at=now, actor=DESK)
    catch_up(draft, policy, new_id=new_id)
    return draft if draft.events else None


def catch_up(draft: Draft, policy: Policy, *, new_id: NewId) -> None:
    """As `advance`, on top of what the draft holds already."""
    while True:
        due = min(_dues(draft.ticket, policy), key=lambda each: each.at, default=None)
        if due is None or due.at > draft.at:
            return
        if due.chain is not None:
            _go_on(draft, policy, due.chain, since=due.at, new_id=new_id)
        else:
            reason = _silence(draft.ticket)
            start(draft, policy, due.escalation, ChainCause.SILENT, reason, at=due.at, new_id=new_id)


def chain_due(ticket: Ticket, policy: Policy) -> datetime | None:
    """When `advance` has something to do next; None when nothing is to come."""
    if not ticket.chains and not policy.silences:
        return None
    return min((due.at for due in _dues(ticket, policy)), default=None)


class NothingEscalatesError(Exception):
    """Somebody acknowledges a ticket that has no chain running. The text says how it came."""


def acknowledge(ticket: Ticket, *, by: str, note: str, at: datetime) -> Draft | None:
    """Somebody takes notice, which stops every chain; None when the same was said already and stands.

    Raises `NothingEscalatesError`.
    """
    if ticket.chains:
        draft = Draft(ticket, at=at, actor=Actor(kind=ActorKind.WORKER, id=by))
        draft.record(events.Acknowledged, note=note)
        return draft
    last = ticket.acknowledgement
    if last is None:
        raise NothingEscalatesError(f"nothing escalates {ticket.reference}")
    if (last.by, last.note) != (by, note):
        raise NothingEscalatesError(f"{last.by} has acknowledged it at {last.at:%Y-%m-%d %H:%M} UTC")
    return None


class _Due(NamedTuple):
    at: datetime
    escalation: Escalation
    chain: Chain | None
    """None for a silence, whose chain begins then."""


def _dues(ticket: Ticket, policy: Policy) -> Iterator[_Due]:
    for chain in ticket.chains:
        yield _Due(chain.due_at, policy.escalation(chain.escalation), chain)
    live = ticket.assignment
    if ticket.status is not Status.ACCEPTED or live is None or live.heard_at is None:
        return
    for escalation in policy.silences:
        seconds = escalation.on.silent_seconds
        running = any(chain.escalation == escalation.id for chain in ticket.chains)
        if seconds is None or running or escalation.id in live.chains_of_silence or not _fits(escalation, ticket):
            continue
        yield _Due(_later(policy, policy.group(live.group).calendar, live.heard_at, seconds), escalation, None)


def _fits(escalation: Escalation, ticket: Ticket) -> bool:
    vendor = None if ticket.assignment is None else ticket.assignment.vendor
    return escalation.matches(priority=ticket.priority, category=ticket.category, tier=ticket.tier, vendor=vendor)


def _silence(ticket: Ticket) -> str:
    live = ticket.assignment
    assert live is not None
    assert live.heard_at is not None
    return f"Nothing was heard of {live.vendor or live.worker} since {live.heard_at:%Y-%m-%d %H:%M} UTC."


def _later(policy: Policy, calendar: str, at: datetime, seconds: int) -> datetime:
    try:
        return policy.calendar(calendar).add(at, seconds)
    except BusinessTimeError:  # no calendar reaches there: better in elapsed time than never
        return at + timedelta(seconds=seconds)


def _go_on(draft: Draft, policy: Policy, chain: Chain, *, since: datetime, new_id: NewId) -> None:
    """Take the steps after the one at which the chain sleeps, up to the next wait, or to the end."""
    escalation = policy.escalation(chain.escalation)
    number, times = chain.step + 1, chain.round
    while number <= len(escalation.steps):
        step = escalation.steps[number - 1]
        if step.wait_seconds is not None:
            until = _later(policy, escalation.calendar, since, step.wait_seconds)
            draft.record(
                events.ChainWaiting, actor=DESK, escalation=escalation.id, step=number, round=times, until=until
            )
            return
        if step.repeat is None:
            _take(draft, policy, step, chain, {"escalation": escalation.id, "step": number, "round": times}, new_id)
        elif times <= step.repeat:
            number, times = 0, times + 1
        number += 1
    draft.record(events.ChainStopped, actor=DESK, escalation=escalation.id, why=ChainEnd.FINISHED)


def _take(draft: Draft, policy: Policy, step: Step, chain: Chain, place: dict[str, Any], new_id: NewId) -> None:
    try:
        if step.notify is not None:
            to = draft.ticket.contact_owner if step.notify == CONTACT_OWNER else None
            draft.record(events.Notified, actor=DESK, role=step.notify, to=to, reason=chain.reason, **place)
        elif step.raise_priority is not None:
            _raise_priority(draft, step.raise_priority)
        elif step.re_offer:
            _offer_anew(draft, policy, new_id)
        elif step.next_tier:
            _hand_on(draft, policy, find_way_up(draft.ticket, policy), new_id)
        elif step.send_back:
            _hand_on(draft, policy, find_way_back(draft.ticket, policy), new_id)
    except Refusal as refusal:
        draft.record(events.StepSkipped, actor=DESK, why=refusal.detail, **place)


def _raise_priority(draft: Draft, by: int) -> None:
    ticket = draft.ticket
    assert ticket.priority is not None
    if ticket.priority == 1:
        raise Refusal(RejectReason.FORBIDDEN, "its priority is 1 already")
    draft.record(
        events.Reprioritised,
        actor=DESK,
        impact=ticket.impact,
        urgency=ticket.urgency,
        priority=max(1, ticket.priority - by),
    )


def _offer_anew(draft: Draft, policy: Policy, new_id: NewId) -> None:
    assert draft.ticket.group is not None
    group = policy.group(draft.ticket.group)
    withdraw(draft, WithdrawReason.OVERDUE)
    offer(draft, group, policy, reason=OfferReason.OVERDUE, at=draft.at, new_id=new_id)


def _hand_on(draft: Draft, policy: Policy, target: Group, new_id: NewId) -> None:
    live = draft.ticket.assignment
    if live is None:
        raise Refusal(RejectReason.FORBIDDEN, "nobody has it or is asked for it")
    check_mode(draft.ticket, policy, Mode.TIERED)
    release_contributions(draft)
    draft.record(
        events.Escalated,
        actor=DESK,
        assignment_id=live.id,
        reason=EscalationReason.OVERDUE,
        to_tier=target.tier,
        to_group=target.id,
    )
    offer(draft, target, policy, reason=OfferReason.ESCALATION, at=draft.at, new_id=new_id)
