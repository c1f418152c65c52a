"""What an endpoint's answer means for a delivery."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import Final

from tierdesk_bridge.domain.schedule import pause_after

LONGEST_RETRY_AFTER_SECONDS: Final = 3_600.0
"""An endpoint may ask to be left in peace for so long, no longer."""
_LONGEST_DETAIL: Final = 300
_ASKS_TO_WAIT: Final = frozenset({429, 503})


class Fate(StrEnum):
    """What an attempt came to."""

    DELIVERED = "delivered"
    GONE = "gone"
    """The endpoint wants nothing more, ever."""
    REFUSED = "refused"


class State(StrEnum):
    """How a delivery stands."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"
    """Every attempt is used up; it is kept, and may be sent again by hand."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one attempt. `status` is None where there was no answer; `detail` says why it was not delivered."""

    fate: Fate
    status: int | None = None
    detail: str = ""
    retry_after_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Step:
    """How the delivery goes on: in which state, counted as so many attempts, due in `pause_seconds`."""

    state: State
    attempts: int
    pause_seconds: float = 0.0


def no_answer(detail: str) -> Answer:
    """There was none, and this is why. The text may hold anything; what is kept of it can be stored and printed."""
    clean = "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in detail)
    return Answer(Fate.REFUSED, detail=clean[:_LONGEST_DETAIL])


def judge(status: int, retry_after: str | None, now: datetime) -> Answer:
    """What this status means. A redirection is never followed, since nobody has looked at where it leads."""
    if 200 <= status < 300:
        return Answer(Fate.DELIVERED, status)
    if status == 410:
        return Answer(Fate.GONE, status, "410: it wants nothing more")
    if 300 <= status < 400:
        return Answer(Fate.REFUSED, status, f"{status}: redirections are not followed")
    wait = _seconds(retry_after, now) if status in _ASKS_TO_WAIT and retry_after else 0.0
    return Answer(Fate.REFUSED, status, f"answered {status}", wait)


def go_on(attempts: int, answer: Answer, draw: float) -> Step:
    """How a delivery that had so many attempts before goes on after this answer."""
    if answer.fate is Fate.DELIVERED:
        return Step(State.DELIVERED, attempts + 1)
    if answer.fate is Fate.GONE:  # the endpoint's affair, not this delivery's
        return Step(State.PENDING, attempts)
    pause = pause_after(attempts + 1, draw)
    if pause is None:
        return Step(State.FAILED, attempts + 1)
    return Step(State.PENDING, attempts + 1, max(pause, answer.retry_after_seconds))


def _seconds(retry_after: str, now: datetime) -> float:
    """The header's wish in seconds, bounded; 0 for what is none."""
    text = retry_after.strip()
    if text.isascii() and text.isdigit():
        return float(min(int(text[:10]), int(LONGEST_RETRY_AFTER_SECONDS)))
    try:
        at = parsedate_to_datetime(text)
        at = at.replace(tzinfo=UTC) if at.tzinfo is None else at
        seconds = (at - now).total_seconds()
    except (ValueError, OverflowError):  # the latter for a time zone of too many digits
        return 0.0
    return min(max(seconds, 0.0), LONGEST_RETRY_AFTER_SECONDS)
