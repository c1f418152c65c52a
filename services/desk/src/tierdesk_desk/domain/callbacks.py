"""Callbacks: who is to be called back by when, who has taken that on, and what came of it. Pure.

A claim is a row with a token, as that of a ticket: two people never call one caller, and what somebody says whose claim has
lapsed counts for nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID, uuid5

from tierdesk_contracts.intake import Called, CallOutcome
from tierdesk_desk.domain.numbers import normalise
from tierdesk_desk.domain.work import ForbiddenStepError, OverError, TakenError
from tierdesk_policy import BusinessTimeError, CallKept, ClockKind, Policy

_CALLS: Final = UUID("6f6f2a0e-5a53-4f0e-9d3b-1f6a0f0c7c11")
_USUAL: Final = timedelta(hours=4)
_GOT_THROUGH: Final = frozenset({CallOutcome.ANSWERED, CallOutcome.ENDED})
LONGEST_NOTE: Final = 65_536


class Stage(StrEnum):
    """Where a callback stands."""

    WAITING = "waiting"
    CLAIMED = "claimed"
    DONE = "done"
    GIVEN_UP = "given_up"
    WITHDRAWN = "withdrawn"
    """Nobody need call any more."""


OPEN: Final = frozenset({Stage.WAITING, Stage.CLAIMED})


class Cause(StrEnum):
    """Why somebody is to be called back."""

    QUEUE = "queue"
    """It was promised instead of more waiting."""
    VOICEMAIL = "voicemail"
    MISSED = "missed"
    DESK = "desk"
    """Somebody of the desk has promised it."""


class Result(StrEnum):
    """What came of calling."""

    REACHED = "reached"
    NO_ANSWER = "no_answer"
    BUSY = "busy"
    VOICEMAIL = "voicemail"
    """A message was left, which is no answer."""
    WRONG_NUMBER = "wrong_number"


@dataclass(frozen=True, slots=True)
class Callback:
    """Somebody who is to be called back on a ticket.

    The line is ordered by `due_at`, which never changes. Nobody need try before `ready_at`. `token` counts the claims; until
    `claimed_until` the last one holds. `asked` is how often the caller has called about it.
    """

    tenant: str
    id: UUID
    ticket: str
    reference: str
    tier: str
    group_id: str
    number: str
    cause: Cause
    promised_at: datetime
    due_at: datetime
    ready_at: datetime
    changed_at: datetime
    stage: Stage = Stage.WAITING
    asked: int = 1
    attempts: int = 0
    token: int = 0
    claimed_by: str | None = None
    claimed_until: datetime | None = None
    result: str | None = None
    note: str = ""

    @property
    def is_open(self) -> bool:
        """Whether somebody is still to be called."""
        return self.stage in OPEN

    def holder(self, at: datetime) -> str | None:
        """Who has taken it on, if the claim holds yet."""
        holds = self.stage is Stage.CLAIMED and self.claimed_until is not None and at < self.claimed_until
        return self.claimed_by if holds else None


@dataclass(frozen=True, slots=True)
class Attempt:
    """One call that was made, and what came of it. `number` counts them from 1."""

    number: int
    at: datetime
    worker: str
    result: Result
    note: str


def due_of(policy: Policy | None, at: datetime, *, priority: int | None, category: str | None) -> datetime:
    """By when somebody is to be called back: as the policy promises for such a ticket, or four hours."""
    if policy is None:
        return at + _USUAL
    rank = policy.priority(policy.default_impact, policy.default_urgency) if priority is None else priority
    target = policy.target(ClockKind.CALLBACK, priority=rank, category=category or policy.default_category)
    if target is None:
        return at + _USUAL
    try:
        return policy.calendar(target.calendar).add(at, target.within_seconds)
    except BusinessTimeError:  # the calendar never opens again
        return at + _USUAL


def callback_id(tenant: str, provider: str, call_id: str) -> UUID:
    """That of the callback of a call: a call is called back once, however often it is told of."""
    return uuid5(_CALLS, f"{tenant}\n{provider}\n{call_id}")


def number_of(told: str, policy: Policy | None) -> str:
    """The number in the one form in which numbers are compared."""
    return normalise(told, None if policy is None else policy.telephone.country)


def cause_of(call: Called, policy: Policy | None) -> Cause | None:
    """Why this caller is to be called back; None for who is not, and who withheld the number."""
    if call.direction != "in" or call.caller is None:
        return None
    if call.outcome is CallOutcome.PROMISED:
        return Cause.QUEUE
    kept = {CallOutcome.VOICEMAIL: CallKept.VOICEMAIL, CallOutcome.MISSED: CallKept.MISSED}.get(call.outcome)
    after = () if policy is None else policy.telephone.callbacks.after
    if kept is None or not (kept in after or call.route == "callback"):
        return None
    return Cause(kept.value)


def follow_call(
    known: Iterable[Callback],
    call: Called,
    *,
    tenant: str,
    ticket: str,
    place: tuple[str, str],
    policy: Policy | None,
    priority: int | None,
    category: str | None,
    at: datetime,
) -> Callback | None:
    """What a call changes of the callbacks of its ticket, of which `known` are all: the one to be written; None for nothing.

    Whoever calls again about the same keeps the place in line. Who got through need not be called.
    """
    own = callback_id(tenant, call.provider, call.call_id)
    same = next((one for one in known if one.id == own), None)
    if same is not None:
        return _follow_again(same, call, policy, at)
    cause = cause_of(call, policy)
    if cause is None or call.caller is None:
        return None
    number = number_of(call.caller, policy)
    waiting = find_same(known, number)
    if waiting is not None:
        return replace(waiting, asked=waiting.asked + 1, changed_at=at)
    return Callback(
        tenant=tenant,
        id=own,
        ticket=ticket,
        reference=call.reference,
        tier=place[0],
        group_id=place[1],
        number=number,
        cause=cause,
        promised_at=at,
        due_at=due_of(policy, at, priority=priority, category=category),
        ready_at=at,
        changed_at=at,
    )


def _follow_again(same: Callback, call: Called, policy: Policy | None, at: datetime) -> Callback | None:
    if not same.is_open:
        return None
    if call.outcome in _GOT_THROUGH:
        return withdraw(same, "got_through", at)
    cause = cause_of(call, policy)
    return replace(same, cause=cause, changed_at=at) if cause is not None and cause is not same.cause else None


def find_same(known: Iterable[Callback], number: str) -> Callback | None:
    """The open one of this number, of those of a ticket."""
    return next((one for one in known if one.is_open and one.number == number), None)


def withdraw(callback: Callback, why: str, at: datetime) -> Callback:
    """Nobody need call any more. `why` is `got_through`, `ticket_over` or `not_needed`."""
    return replace(callback, stage=Stage.WITHDRAWN, result=why, claimed_until=None, changed_at=at)


def claim(callback: Callback, others: Iterable[Callback], worker: str, at: datetime, *, holds: timedelta) -> Callback:
    """Take it on, unless somebody has one of the `others` of the same number, and so speaks with this caller.

    Once more changes nothing. Raises `OverError`, `TakenError`, and `ForbiddenStepError` before the next attempt is due.
    """
    if not callback.is_open:
        raise OverError(callback.result or callback.stage.value)
    for one in (callback, *others):
        holder = one.holder(at)
        if holder is not None and holder != worker:
            raise TakenError(holder)
    if callback.holder(at) == worker:
        return callback
    if at < callback.ready_at:
        raise ForbiddenStepError(f"the next attempt is due at {callback.ready_at:%Y-%m-%d %H:%M} UTC")
    return replace(
        callback,
        stage=Stage.CLAIMED,
        token=callback.token + 1,
        claimed_by=worker,
        claimed_until=at + holds,
        changed_at=at,
    )


def release(callback: Callback, worker: str, token: int, at: datetime) -> Callback:
    """Give it back to the line, untried. Raises as `attempt` does."""
    _check_claim(callback, worker, token, at)
    return _free(callback, at)


def attempt(
    callback: Callback, worker: str, token: int, result: Result, note: str, at: datetime, policy: Policy | None
) -> tuple[Callback, Attempt]:
    """Say what came of calling. Who was not reached is tried again after the policy's spacing, until its number of attempts.

    Raises `OverError`, `TakenError`, and `ForbiddenStepError` for a claim that has lapsed.
    """
    _check_claim(callback, worker, token, at)
    made = Attempt(callback.attempts + 1, at, worker, result, note)
    tried = replace(add_note(callback, note, at), attempts=made.number, result=result.value)
    if result is Result.REACHED:
        return replace(tried, stage=Stage.DONE, claimed_until=None), made
    most = 1 if policy is None else policy.telephone.callbacks.attempts
    if result is Result.WRONG_NUMBER or made.number >= most:
        return replace(tried, stage=Stage.GIVEN_UP, claimed_until=None), made
    return replace(_free(tried, at), ready_at=_next_try(policy, at)), made


def close(callback: Callback, worker: str, at: datetime, note: str) -> Callback:
    """Nobody need call any more, since it was settled otherwise. Raises `OverError`, and `TakenError` for another's claim."""
    if not callback.is_open:
        raise OverError(callback.result or callback.stage.value)
    holder = callback.holder(at)
    if holder is not None and holder != worker:
        raise TakenError(holder)
    return replace(withdraw(add_note(callback, note, at), "not_needed", at), claimed_by=worker)


def add_note(callback: Callback, note: str, at: datetime) -> Callback:
    """Add to what whoever calls next reads there, up to `LONGEST_NOTE`; what stands there already is not added again."""
    if not note or note in callback.note:
        return callback
    return replace(callback, note=f"{callback.note}\n{note}".strip()[:LONGEST_NOTE], changed_at=at)


def _free(callback: Callback, at: datetime) -> Callback:
    return replace(callback, stage=Stage.WAITING, claimed_by=None, claimed_until=None, changed_at=at)


def _check_claim(callback: Callback, worker: str, token: int, at: datetime) -> None:
    if not callback.is_open:
        raise OverError(callback.result or callback.stage.value)
    holder = callback.holder(at)
    if holder is not None and holder != worker:
        raise TakenError(holder)
    if holder is None or token != callback.token:
        raise ForbiddenStepError("your claim has lapsed: claim it again")


def _next_try(policy: Policy | None, at: datetime) -> datetime:
    if policy is None:
        return at
    spacing = policy.telephone.callbacks.spacing_seconds
    try:
        return policy.calendar(policy.default_calendar).add(at, spacing)
    except BusinessTimeError:
        return at + timedelta(seconds=spacing)
