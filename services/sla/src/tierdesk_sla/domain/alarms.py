"""What is said of a clock: warnings, one breach, and the retraction of a breach that turns out not to have happened.

A clock says what it comes to (`Clock.warnings`, `Clock.due_at`); an `Alarm` remembers what of it was said. Each word is said
once in a cycle; a cycle ends when its breach is retracted.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Literal, NamedTuple

from tierdesk_contracts.notice import ClockBreached, ClockNotice, ClockRetracted, ClockWarned
from tierdesk_sla.domain.clocks import Clock, ClockState

Word = Literal["warned", "breached", "retracted"]
_WORDS: Final = ("warned", "breached", "retracted")


@dataclass(frozen=True, slots=True)
class Alarm:
    """What was said of a clock. `breach_due_at` is the due instant of the breach that stands."""

    cycle: int = 1
    warned: tuple[float, ...] = ()
    breach_due_at: datetime | None = None


class Saying(NamedTuple):
    """A word on a clock as it was written down: in which cycle, of which due instant, and when it was said."""

    cycle: int
    word: str
    share: float
    due_at: datetime
    said_at: datetime


@dataclass(frozen=True, slots=True)
class Moment:
    """When something is to be said, and what. `share` is 1 for a breach. It says it of this due instant."""

    at: datetime
    word: Word
    share: float
    due_at: datetime


def next_moment(clock: Clock, alarm: Alarm) -> Moment | None:
    """What is to be said next of this clock, if nothing else happens to its ticket.

    A clock that has ended is no longer warned of; a breach is told even when the clock ended before it could be.
    """
    if clock.due_at is None or alarm.breach_due_at is not None:
        return None
    if clock.is_open:
        for warning in clock.warnings:
            if warning.share not in alarm.warned:
                return Moment(warning.at, "warned", warning.share, clock.due_at)
    if clock.is_open or clock.state is ClockState.MISSED:
        return Moment(clock.due_at, "breached", 1, clock.due_at)
    return None


def say(alarm: Alarm, moment: Moment) -> Alarm:
    """What was said, after this too."""
    if moment.word == "warned":
        return replace(alarm, warned=(*alarm.warned, moment.share))
    return replace(alarm, breach_due_at=moment.due_at)


def say_until(clock: Clock, alarm: Alarm, until: datetime) -> list[tuple[Moment, Alarm]]:
    """All that is to be said of a clock by `until`, in order, each with what was said after it."""
    said: list[tuple[Moment, Alarm]] = []
    while (moment := next_moment(clock, alarm)) is not None and moment.at <= until:
        alarm = say(alarm, moment)
        said.append((moment, alarm))
    return said


def is_refuted(clock: Clock, alarm: Alarm) -> bool:
    """Whether the breach that was told did not happen, by what is known now: the target was met, or it is due later."""
    if alarm.breach_due_at is None or clock.state is ClockState.MISSED:
        return False
    return not clock.is_open or clock.due_at is None or clock.due_at > alarm.breach_due_at


def retract(alarm: Alarm) -> Alarm:
    """After the breach was taken back: another cycle, which may breach again. Warnings are not repeated."""
    return Alarm(cycle=alarm.cycle + 1, warned=alarm.warned)


def recall(sayings: Iterable[Saying]) -> Alarm:
    """What was said of a clock, from all words on it that were written down."""
    alarm = Alarm()
    for saying in sorted(sayings, key=lambda one: (one.cycle, _WORDS.index(one.word), one.said_at, one.share)):
        if saying.word == "warned":
            alarm = replace(alarm, warned=(*alarm.warned, saying.share))
        elif saying.word == "breached":
            alarm = replace(alarm, breach_due_at=saying.due_at)
        else:
            alarm = retract(alarm)
    return alarm


def notice(clock: Clock, alarm: Alarm, moment: Moment, *, reference: str) -> ClockNotice:
    """The message that says it."""
    shared = {
        "clock_id": clock.id,
        "cycle": alarm.cycle,
        "kind": clock.kind.value,
        "reference": reference,
        "tier": clock.tier,
        "group": clock.group,
        "started_at": clock.started_at,
        "due_at": moment.due_at,
    }
    match moment.word:
        case "warned":
            return ClockWarned(share=moment.share, **shared)
        case "breached":
            return ClockBreached(**shared)
        case "retracted":
            return ClockRetracted(**shared)
