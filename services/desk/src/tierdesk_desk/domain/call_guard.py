"""The call guard: who answers calls, and for how long they have been away from the telephone. Pure.

Whoever talks is at it. Whoever has talked, and holds tickets since, is away from it; for longer than the policy allows, they are
reminded, and then offered to hand on what keeps them, or to promise a callback. Who has not talked for a shift has gone.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Final

from tierdesk_contracts.intake import Called, CallOutcome

SHIFT: Final = timedelta(hours=8)
_WAITED: Final = frozenset(
    {CallOutcome.ANSWERED, CallOutcome.ENDED, CallOutcome.MISSED, CallOutcome.VOICEMAIL, CallOutcome.PROMISED}
)


class Count(StrEnum):
    """What is counted of a day."""

    REMINDED = "reminded"
    OFFERED = "offered"
    HANDED_ON = "handed_on"
    """What somebody handed to another tier after it was offered: the interruption that it costs there."""
    INTERRUPTED = "interrupted"
    """A caller who was put through to the next tier."""
    WAITED = "waited"
    """A caller who waited, and for how long."""


@dataclass(frozen=True, slots=True)
class Away:
    """Somebody who answers calls and is away from the telephone. `offered` once more than a reminder is due."""

    name: str
    since: datetime
    offered: bool


@dataclass(frozen=True, slots=True)
class GuardDay:
    """What was counted on a day of UTC, and how long callers waited on it altogether."""

    day: date
    reminded: int = 0
    offered: int = 0
    handed_on: int = 0
    interrupted: int = 0
    callers: int = 0
    waited_seconds: float = 0.0


def counts_of(call: Called) -> tuple[tuple[Count, float], ...]:
    """What a call that came in counts for, each with its seconds; to be counted once for each call."""
    if call.direction != "in" or call.outcome not in _WAITED:
        return ()
    waited = () if call.waiting_seconds is None else ((Count.WAITED, call.waiting_seconds),)
    return (*waited, (Count.INTERRUPTED, 0.0)) if call.route == "l2" else waited
