"""Random calendars, zones, pauses and instants: the case of a seed and a number is always the same."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from importlib import resources
from random import Random
from typing import Final, NamedTuple

from tierdesk_policy import CalendarRules
from tierdesk_policy.units import Hours

from .zones import DAY, EPOCH, changes_of_year, segments, wall

WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
SHORT_DAYS: Final = 7
LONG_DAYS: Final = 500
MARGIN: Final = 3 * DAY
"""So much more the oracles know of the zone, before and after."""
KNOWN_FOR_TROUBLE: Final = {
    # The zone, and the years in which it is worth a look.
    "Europe/Lisbon": (1990, 2037),
    "Asia/Kathmandu": (1984, 2037),
    "America/Sao_Paulo": (2000, 2019),
    "Australia/Lord_Howe": (1981, 2037),
    "Asia/Tehran": (1991, 2024),
    "Africa/Casablanca": (2012, 2037),
    "Pacific/Apia": (2011, 2011),
    "Pacific/Kwajalein": (1993, 1993),
    "America/New_York": (1970, 2037),
    "Europe/Dublin": (1972, 2037),
    "Antarctica/Troll": (2005, 2037),
    "Africa/Monrovia": (1971, 1972),
    "Africa/Cairo": (2010, 2037),
}
COUNTRIES: Final = (("PT", None), ("GB", "SCT"), ("US", "CA"), ("BR", None), ("DE", "BY"))


class Case(NamedTuple):
    """Rules, and what is asked of them. `first` and `days` bound what the oracles look at; all is in whole seconds."""

    name: str
    rules: CalendarRules
    first: int
    days: int
    pauses: tuple[tuple[int, int], ...]
    instants: tuple[int, ...]
    amounts: tuple[int, ...]

    @property
    def end(self) -> int:
        """The second after the last one that is looked at."""
        return self.first + self.days * DAY


def make_case(seed: int, number: int) -> Case:
    """The case of this number."""
    return draw_case(Random(f"{seed}/{number}"), f"--seed {seed} --case {number}")


def draw_case(random: Random, called: str) -> Case:
    """A case by chance. One in ten is long, of which the clock that steps by minutes is spared."""
    days = LONG_DAYS if random.random() < 0.1 else SHORT_DAYS
    zone = random.choice(list(KNOWN_FOR_TROUBLE)) if random.random() < 0.8 else random.choice(_zone_names())
    year = random.randint(*KNOWN_FOR_TROUBLE.get(zone, (1970, 2037)))
    first = _start_near(random, zone, year) - days // 2 * DAY
    rules = _rules(random, zone, first, days)
    moments = _Moments(random, rules, first, days)
    return Case(
        name=called,
        rules=rules,
        first=first,
        days=days,
        pauses=tuple(_pause(random, moments) for _ in range(random.choice((0, 0, 1, 2, 3, 5)))),
        instants=tuple(moments.draw() for _ in range(4)),
        amounts=(random.choice((1, 60, 3_600, 4 * 3_600, 8 * 3_600)), random.randint(1, 60 * 3_600)),
    )


def _zone_names() -> list[str]:
    return (resources.files("tzdata") / "zones").read_text(encoding="utf-8").split()


def _start_near(random: Random, name: str, year: int) -> int:
    """The midnight of UTC before a change of offset, before the new year, a leap day, or any other."""
    kind = random.random()
    changes = changes_of_year(name, year)
    if changes and kind < 0.7:
        at = random.choice(changes)
    elif kind < 0.85:
        at = int(datetime(year, 12, 31, tzinfo=UTC).timestamp())
    elif kind < 0.9:
        at = int(datetime(year // 4 * 4, 2, 29, tzinfo=UTC).timestamp())
    else:
        at = int(datetime(year, 1, 1, tzinfo=UTC).timestamp()) + random.randint(0, 364) * DAY
    return at - at % DAY


def _rules(random: Random, name: str, first: int, days: int) -> CalendarRules:
    grain = random.choice((1, 60, 300, 1_800))
    near = [wall(name, first + random.randrange(days) * DAY).date() for _ in range(8)]

    def pick(most: int) -> list[date]:
        return [random.choice(near) for _ in range(random.randint(0, most))]

    country, subdivision = random.choice(COUNTRIES) if random.random() < 0.2 else (None, None)
    return CalendarRules(
        tz=name,
        weekly=_week(random, grain),
        holidays=frozenset(pick(2)),
        holidays_annual=frozenset(f"{day:%m-%d}" for day in pick(1)),
        country=country,
        subdivision=subdivision,
        date_overrides={day: _override(random, grain) for day in pick(2)},
        breaks={day: _hours(random, grain) for day in pick(2)},
    )


def _week(random: Random, grain: int) -> dict[str, tuple[Hours, ...]]:
    kind = random.random()
    if kind < 0.1:
        return dict.fromkeys(WEEKDAYS, (Hours(0, DAY),))
    if kind < 0.2:  # three shifts of eight hours
        starts = random.randrange(0, 8 * 3_600, grain)
        shifts = tuple(Hours(starts + i * 28_800, starts + (i + 1) * 28_800) for i in range(3))
        return {day: shifts for day in WEEKDAYS if random.random() < 0.8}
    if kind < 0.4:  # nights, or shifts of twelve hours, over midnight
        opens = random.randrange(DAY // 2, DAY, grain)
        closes = opens + (DAY // 2 if random.random() < 0.3 else random.randint(1, DAY // 2))
        return {day: (Hours(opens, closes),) for day in WEEKDAYS if random.random() < 0.7}
    return {day: _hours(random, grain) for day in WEEKDAYS if random.random() < 0.75}


def _hours(random: Random, grain: int) -> tuple[Hours, ...]:
    edges = sorted(random.sample(range(0, DAY + 1, grain), 2 * random.randint(1, 3)))
    return tuple(Hours(opens, closes) for opens, closes in zip(edges[::2], edges[1::2], strict=True))


def _override(random: Random, grain: int) -> tuple[Hours, ...]:
    kind = random.random()
    if kind < 0.2:
        return ()
    if kind < 0.4:
        opens = random.randrange(DAY // 2, DAY, grain)
        return (Hours(opens, opens + random.randint(1, DAY // 2)),)
    return _hours(random, grain)


def _pause(random: Random, moments: _Moments) -> tuple[int, int]:
    """Mostly in order; a pause that ends before it starts, or at once, stops nothing."""
    pair = moments.draw(), moments.draw()
    return pair if random.random() < 0.1 else (min(pair), max(pair))


class _Moments:
    """Draws seconds, every second one from near an edge: of hours, of a day, of an offset."""

    def __init__(self, random: Random, rules: CalendarRules, first: int, days: int) -> None:
        self._random, self._rules, self._first, self._days = random, rules, first, days
        around = segments(rules.tz, first - MARGIN, first + days * DAY + MARGIN)
        self._offsets = [each.offset for each in around]
        self._changes = [each.start for each in around[1:]]

    def draw(self) -> int:
        random = self._random
        kind = random.random()
        if kind < 0.1 and self._changes:
            at = random.choice(self._changes) + random.randint(-1, 1)
        elif kind < 0.6:
            at = self._edge() + random.randint(-1, 1)
        else:
            at = self._first + random.randrange(self._days * DAY)
        return min(max(at, self._first), self._first + self._days * DAY - 1)

    def _edge(self) -> int:
        day = wall(self._rules.tz, self._first + self._random.randrange(self._days) * DAY).date()
        hours = self._rules.date_overrides.get(day) or self._rules.weekly.get(WEEKDAYS[day.weekday()], ())
        edges = [edge for each in (*hours, *self._rules.breaks.get(day, ())) for edge in each]
        midnight = (datetime(day.year, day.month, day.day, tzinfo=UTC) - EPOCH) // timedelta(seconds=1)
        return midnight + self._random.choice([*edges, 0]) - self._random.choice(self._offsets)
