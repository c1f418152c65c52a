"""What pages show of callbacks: pure functions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from tierdesk_desk.console.views import Clock, clock_of
from tierdesk_desk.domain.callbacks import Callback, Stage
from tierdesk_desk.domain.people import Person
from tierdesk_desk.domain.roles import Verb, allows_in


@dataclass(frozen=True, slots=True)
class CallbackRow:
    """Somebody who is to be called back. `cause` and `stage` are words; `waits_until` stands before the next attempt is due."""

    id: UUID
    ticket: str
    reference: str
    number: str
    cause: str
    stage: str
    due: Clock | None
    promised_at: datetime
    waits_until: datetime | None
    holder: str | None
    mine: bool
    claimable: bool
    closable: bool
    token: int
    attempts: int
    asked: int
    result: str | None
    note: str


def view_callback(one: Callback, person: Person, now: datetime) -> CallbackRow:
    """A callback as this person sees it."""
    holder = one.holder(now)
    serves = allows_in(person.grants, Verb.WORK, tier=one.tier, group=one.group_id)
    waits = one.is_open and holder is None and now < one.ready_at
    stage = Stage.WAITING if one.is_open and holder is None else one.stage
    return CallbackRow(
        id=one.id,
        ticket=one.ticket,
        reference=one.reference,
        number=one.number,
        cause=one.cause.value,
        stage=stage.value,
        due=clock_of(one.due_at, now, "callback") if one.is_open else None,
        promised_at=one.promised_at,
        waits_until=one.ready_at if waits else None,
        holder=holder,
        mine=holder == person.name and serves,
        claimable=serves and one.is_open and holder is None and not waits,
        closable=serves and one.is_open and holder in {None, person.name},
        token=one.token,
        attempts=one.attempts,
        asked=one.asked,
        result=one.result,
        note=one.note,
    )


def number_in(text: str | None) -> str:
    """The text, if it may be a telephone number: it has three digits, and is not a whole sentence."""
    told = (text or "").strip()
    return told if len(told) <= 30 and sum(letter.isdigit() for letter in told) >= 3 else ""
