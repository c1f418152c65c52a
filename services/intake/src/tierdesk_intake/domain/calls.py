"""One phone call, folded from what the telephone system says of it, in whatever order and however often it says it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict

from tierdesk_contracts.intake import CallOutcome
from tierdesk_contracts.vocabulary import Instant, Locator, Name

EVENTS_PER_CALL: Final = 200
"""No call has more; a sender that says so is broken, and each event costs a fold of all before."""


class CallKind(StrEnum):
    """What happened, in the order in which it happens when no times are told."""

    NEW_CALL = "newCall"
    QUEUE = "queue"
    """The caller waits in a queue, and the telephone system asks what to do."""
    ANSWER = "answer"
    VOICEMAIL = "voicemail"
    HANGUP = "hangup"


_RANK: Final = {kind: rank for rank, kind in enumerate(CallKind)}
_LAST: Final = datetime.max.replace(tzinfo=UTC)


class CallEvent(BaseModel):
    """One thing that the telephone system said of a call."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    kind: CallKind
    direction: Literal["in", "out"]
    caller: Name | None = None
    called: Name | None = None
    users: tuple[Name, ...] = ()
    queue: Name | None = None
    cause: Name | None = None
    answering_number: Name | None = None
    recording: Locator | None = None
    occurred_at: Instant | None = None

    def digest(self) -> bytes:
        """SHA-256 of what it says. The same thing said twice is one event."""
        moment = None if self.occurred_at is None else self.occurred_at.astimezone(UTC)
        return hashlib.sha256(self.model_copy(update={"occurred_at": moment}).model_dump_json().encode()).digest()


@dataclass(frozen=True, slots=True)
class SeenEvent:
    """An event, and when it was first seen here: the latest moment at which it can have happened."""

    event: CallEvent
    seen_at: datetime


class CallState(BaseModel):
    """What is known of a call."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    direction: Literal["in", "out"]
    caller: Name | None = None
    called: Name | None = None
    outcome: CallOutcome
    started_at: Instant | None = None
    answered_at: Instant | None = None
    ended_at: Instant | None = None
    waiting_seconds: float | None = None
    talking_seconds: float | None = None
    answered_by: Name | None = None
    cause: Name | None = None
    queue: Name | None = None
    route: Name | None = None
    """Where the caller was sent, when not to wait."""
    recording: Locator | None = None

    @property
    def waits_since(self) -> datetime | None:
        """Since when the caller waits for somebody; None for a call that does not."""
        waits = self.direction == "in" and self.outcome is CallOutcome.RINGING
        return self.started_at if waits else None

    @property
    def talks_since(self) -> datetime | None:
        """Since when somebody talks; None for a call in which nobody does."""
        return self.answered_at if self.direction == "in" and self.outcome is CallOutcome.ANSWERED else None

    @property
    def is_actionable(self) -> bool:
        """Whether it calls for a ticket: somebody called us, and it was answered, missed or recorded."""
        return self.direction == "in" and self.outcome is not CallOutcome.RINGING


@dataclass(frozen=True, slots=True)
class _Placed:
    event: CallEvent
    at: datetime


def fold(events: Iterable[SeenEvent]) -> CallState:
    """What is known of a call of which these events, at least one, were seen.

    A function of the set of distinct events: neither their order nor repetitions matter. A hangup without an answer
    is legal, and so is an answer after the hangup: the call stays closed, and was answered.
    """
    placed = _place(events)
    of_kind = {kind: [one for one in placed if one.event.kind is kind] for kind in CallKind}
    calls = of_kind[CallKind.NEW_CALL] or of_kind[CallKind.QUEUE]
    answers, mails, hangups = (of_kind[kind] for kind in (CallKind.ANSWER, CallKind.VOICEMAIL, CallKind.HANGUP))
    started_at = calls[0].at if calls else None
    answered_at = answers[0].at if answers else None
    ended_at = hangups[-1].at if hangups else None
    waited_until = answered_at or (mails[0].at if mails else ended_at)
    return CallState(
        direction=placed[0].event.direction,
        caller=_first(one.event.caller for one in placed),
        called=_first(one.event.called for one in placed),
        outcome=_outcome(placed),
        started_at=started_at,
        answered_at=answered_at,
        ended_at=ended_at,
        waiting_seconds=_seconds(started_at, waited_until),
        talking_seconds=_seconds(answered_at, ended_at),
        answered_by=_first(_answerer(one.event) for one in answers),
        cause=_first(one.event.cause for one in reversed(hangups)),
        queue=_first(one.event.queue for one in reversed(placed)),
        recording=_first(one.event.recording for one in reversed(placed)),
    )


def _place(events: Iterable[SeenEvent]) -> list[_Placed]:
    """The distinct events in order: by their times if all have one, else by kind, then time."""
    distinct: dict[bytes, SeenEvent] = {}
    for seen in events:
        digest = seen.event.digest()
        known = distinct.get(digest)
        if known is None or seen.seen_at < known.seen_at:
            distinct[digest] = seen
    timed = all(seen.event.occurred_at is not None for seen in distinct.values())

    def place(entry: tuple[bytes, SeenEvent]) -> tuple[datetime, int, datetime, bytes]:
        digest, event = entry[0], entry[1].event
        at = event.occurred_at or _LAST
        return (at if timed else _LAST, _RANK[event.kind], at, digest)

    ordered = [seen for _, seen in sorted(distinct.items(), key=place)]
    placed = [_Placed(seen.event, seen.event.occurred_at or seen.seen_at) for seen in ordered]
    # An event that tells no time happened no later than what follows it.
    for at in range(len(placed) - 2, -1, -1):
        if placed[at].event.occurred_at is None and placed[at + 1].at < placed[at].at:
            placed[at] = _Placed(placed[at].event, placed[at + 1].at)
    return placed


def _outcome(placed: list[_Placed]) -> CallOutcome:
    said = [one.event.kind for one in placed]
    ended = CallKind.HANGUP in said
    for kind in reversed(said):
        if kind is CallKind.VOICEMAIL:
            return CallOutcome.VOICEMAIL
        if kind is CallKind.ANSWER:
            return CallOutcome.ENDED if ended else CallOutcome.ANSWERED
    return CallOutcome.MISSED if ended else CallOutcome.RINGING


def _answerer(event: CallEvent) -> str | None:
    return event.users[0] if event.users else event.answering_number


def _first(values: Iterable[str | None]) -> str | None:
    return next((value for value in values if value is not None), None)


def _seconds(start: datetime | None, end: datetime | None) -> float | None:
    """From one to the other; unknown when they contradict each other."""
    if start is None or end is None or end < start:
        return None
    return (end - start) / timedelta(seconds=1)
