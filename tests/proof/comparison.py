"""Asks the desk's arithmetic and the oracles the same questions, and names each answer that differs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any

from tierdesk_policy import BusinessCalendar, BusinessTimeError, resolve_local
from tierdesk_policy.business_time import Roll

from .cases import LONG_DAYS, Case
from .oracles import ONE_DAY, ExplicitIntervals, Pauses, SteppingClock, read_hours
from .zones import DAY, EPOCH, WALL_EPOCH, wall, wall_second, zone

Oracle = SteppingClock | ExplicitIntervals
ROLLS: tuple[Roll, ...] = ("none", "forward", "back", "end_of_day")


def compare(case: Case) -> list[str]:
    """What differs in a case; an error of the calendar's where there is an answer differs too."""
    try:
        return list(find_differences(case, BusinessCalendar(case.rules)))
    except Exception as error:  # noqa: BLE001  # whatever it is, it is no answer
        return [f"{type(error).__name__}: {error}"]


def find_differences(case: Case, calendar: BusinessCalendar) -> Iterator[str]:
    """Each question that the calendar answers otherwise than an oracle, with both answers."""
    hours = read_hours(case)
    explicit = ExplicitIntervals(case, (), hours)
    for pauses in ((), case.pauses) if case.pauses else ((),):
        oracles: list[Oracle] = [ExplicitIntervals(case, pauses, hours) if pauses else explicit]
        if case.days != LONG_DAYS:
            oracles.append(SteppingClock(case, pauses, hours))
        for oracle in oracles:
            for question, answer, expected in _clock_questions(case, calendar, oracle, pauses):
                if answer != expected:
                    name = type(oracle).__name__
                    yield f"{question}: the calendar says {_tell(answer)}, {name} {_tell(expected)}"
    for question, answer, expected in (
        *_interval_questions(case, calendar, explicit),
        *_dates(case, calendar, explicit),
    ):
        if answer != expected:
            yield f"{question}: the calendar says {_tell(answer)}, and it is {_tell(expected)}"


def _clock_questions(
    case: Case, calendar: BusinessCalendar, oracle: Oracle, pauses: Pauses
) -> Iterator[tuple[str, Any, Any]]:
    stops = [(instant(paused), instant(resumed)) for paused, resumed in pauses]
    told = f" with {len(stops)} pauses" if stops else ""
    for i, start in enumerate(case.instants):
        at, other = instant(start), case.instants[i - 1]
        wall = at.astimezone(calendar.zone)
        yield f"is_open({at}){told}", calendar.is_open(at, stops), oracle.is_open(start)
        yield _ahead(case, f"next_open({at}){told}", partial(calendar.next_open, at, stops), oracle.add(start, 0))
        yield _back(case, f"prev_open({at}){told}", partial(calendar.prev_open, at, stops), oracle.subtract(start, 0))
        worked = oracle.between(start, other)
        yield f"between({at}, {instant(other)}){told}", calendar.between(at, instant(other), stops), worked
        on_walls = calendar.between(wall, instant(other).astimezone(calendar.zone), stops)
        yield f"between({wall}, {instant(other)} on the wall){told}", on_walls, worked
        if not stops:
            yield f"between_whole({start}, {other})", calendar.between_whole(start, other), worked
        for seconds in {*case.amounts, worked, oracle.between(other, start)}:
            ahead, back = oracle.add(start, seconds), oracle.subtract(start, seconds)
            yield _ahead(case, f"add({at}, {seconds}){told}", partial(calendar.add, at, seconds, stops), ahead)
            yield _ahead(case, f"add({wall}, {seconds}){told}", partial(calendar.add, wall, seconds, stops), ahead)
            yield _back(case, f"subtract({at}, {seconds}){told}", partial(calendar.subtract, at, seconds, stops), back)
            if not stops:
                yield _ahead(case, f"add_whole({start}, {seconds})", partial(_whole, calendar, start, seconds), ahead)


def _whole(calendar: BusinessCalendar, start: int, seconds: int) -> datetime:
    return instant(calendar.add_whole(start, seconds))


def _ahead(
    case: Case, question: str, ask: Callable[[], datetime], expected: int | None
) -> tuple[str, datetime | None, datetime | None]:
    """The answer and the expected one; what an oracle does not find must lie behind all that it sees, or nowhere."""
    answer = _answer(ask)
    if expected is None:
        return question, None if answer is None or answer >= instant(case.end) else answer, None
    return question, answer, instant(expected)


def _back(
    case: Case, question: str, ask: Callable[[], datetime], expected: int | None
) -> tuple[str, datetime | None, datetime | None]:
    answer = _answer(ask)
    if expected is None:
        return question, None if answer is None or answer <= instant(case.first) else answer, None
    return question, answer, instant(expected)


def _answer(ask: Callable[[], datetime]) -> datetime | None:
    try:
        return ask()
    except BusinessTimeError:
        return None


def _interval_questions(
    case: Case, calendar: BusinessCalendar, explicit: ExplicitIntervals
) -> Iterator[tuple[str, Any, Any]]:
    """Of how the desk lists intervals only what they cover: shifts that follow each other are listed apart."""
    start = min(case.instants)
    ahead = [(max(opens, start), closes) for opens, closes in explicit.intervals if closes > start]
    back = [(opens, min(closes, start)) for opens, closes in explicit.intervals if opens < start]
    count = 3 * case.days + 9
    listed = _joined(_listed(lambda n: calendar.intervals(instant(start), n), count), start, case.end)
    yield f"intervals({instant(start)})", listed, ahead
    before = sorted(_listed(lambda n: calendar.intervals_before(instant(start), n), count))
    yield f"intervals_before({instant(start)})", _joined(before, case.first, start), back


def _listed(ask: Callable[[int], list[tuple[datetime, datetime]]], most: int) -> list[tuple[int, int]]:
    """As many intervals as there are, up to `most`: a calendar that opens a few times only has no more to list."""
    least = 0
    while least < most:
        count = (least + most + 1) // 2
        try:
            ask(count)
            least = count
        except BusinessTimeError:
            most = count - 1
    return [(second_of(opens), second_of(closes)) for opens, closes in ask(least)]


def _joined(intervals: list[tuple[int, int]], first: int, end: int) -> list[tuple[int, int]]:
    joined: list[tuple[int, int]] = []
    for opens, closes in ((max(opens, first), min(closes, end)) for opens, closes in intervals):
        if opens >= closes:
            continue
        if joined and joined[-1][1] == opens:
            joined[-1] = (joined[-1][0], closes)
        else:
            joined.append((opens, closes))
    return joined


def _dates(case: Case, calendar: BusinessCalendar, explicit: ExplicitIntervals) -> Iterator[tuple[str, Any, Any]]:
    """Working dates, moves by them, and single wall times; away from the ends of what the oracle sees."""
    name = case.rules.tz
    first_day = wall(name, case.first).date() + 2 * ONE_DAY
    last_day = wall(name, case.end).date() - 2 * ONE_DAY
    for ahead in range((last_day - first_day).days + 1):
        day = first_day + ahead * ONE_DAY
        yield f"is_workday({day})", calendar.is_workday(day), day in explicit.closings
    for start in case.instants:
        for local in (wall_second(name, start), wall_second(name, start) + 1_800):
            shown = WALL_EPOCH + timedelta(seconds=local)
            yield f"resolve_local({shown})", resolve_local(shown, zone(name)), instant(explicit.first_shown(local))
        for steps in (-2, 0, 1, 2):
            moved = _moved(explicit, wall(name, start).date(), steps, first_day, last_day)
            if moved is None:
                continue
            for roll in ROLLS:
                expected = _rolled(explicit, moved, start, roll, last_day)
                if expected is not None:
                    question = f"add_workdays({instant(start)}, {steps}, {roll})"
                    yield question, calendar.add_workdays(instant(start), steps, roll), instant(expected)


def _moved(explicit: ExplicitIntervals, day: date, steps: int, first_day: date, last_day: date) -> date | None:
    """The date so many working dates later, or None when the oracle does not see it."""
    missing = abs(steps)
    while missing:
        day += ONE_DAY if steps > 0 else -ONE_DAY
        if not first_day <= day <= last_day:
            return None
        missing -= day in explicit.closings
    return day if first_day <= day <= last_day else None


def _rolled(explicit: ExplicitIntervals, day: date, start: int, roll: Roll, last_day: date) -> int | None:
    if roll == "end_of_day":
        while day not in explicit.closings and day < last_day:
            day += ONE_DAY
        return explicit.closings.get(day)
    midnight = (day - WALL_EPOCH.date()).days * DAY
    moved = explicit.first_shown(midnight + wall_second(explicit.zone, start) % DAY)
    return moved if roll == "none" else explicit.add(moved, 0) if roll == "forward" else explicit.subtract(moved, 0)


def instant(second: int) -> datetime:
    """A second since the epoch as a datetime."""
    return EPOCH + timedelta(seconds=second)


def second_of(at: datetime) -> int:
    """The inverse; all that the cases ask has an answer in whole seconds."""
    whole, rest = divmod(at.astimezone(UTC) - EPOCH, timedelta(seconds=1))
    assert not rest, at
    return whole


def _tell(answer: Any) -> str:
    return "nothing in sight" if answer is None else str(answer)
