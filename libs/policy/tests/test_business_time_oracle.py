"""The calendar's arithmetic against a look at the clock on the wall every five minutes, in random calendars and zones."""

from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tierdesk_policy import BusinessCalendar, CalendarRules
from tierdesk_policy.openings import WEEKDAYS
from tierdesk_policy.units import Hours

DAYS = 9
STEP = timedelta(minutes=5)
"""All edges of hours and all offsets here fall on it."""
AROUND = {
    # A zone, and an instant around which its offset changes, or does not.
    "Europe/Lisbon": ("2026-03-29", "2026-10-25", "2026-12-31"),
    "Asia/Kathmandu": ("2026-05-01",),
    "America/Sao_Paulo": ("2018-02-18", "2018-11-04"),
    "Australia/Lord_Howe": ("2026-04-05", "2026-10-04"),
    "Asia/Tehran": ("2021-03-22", "2021-09-22"),
    "Africa/Casablanca": ("2026-02-15", "2026-03-22"),
    "Pacific/Apia": ("2011-12-30", "2012-01-01"),
    "America/New_York": ("2026-03-08", "2026-11-01"),
}


class Situation(NamedTuple):
    rules: CalendarRules
    first: datetime
    pauses: list[tuple[datetime, datetime]]


@st.composite
def day_hours(draw):
    cuts = sorted(draw(st.sets(st.integers(0, 288), min_size=2, max_size=6)))
    return tuple(Hours(start * 300, end * 300) for start, end in zip(cuts[::2], cuts[1::2], strict=False))


@st.composite
def week(draw):
    if draw(st.integers(0, 3)) == 0:
        opens, length = draw(st.integers(144, 287)), draw(st.integers(1, 144))
        nights = draw(st.sets(st.sampled_from(WEEKDAYS), min_size=1))
        return {day: (Hours(opens * 300, (opens + length) * 300),) for day in nights}
    return {day: draw(day_hours()) for day in WEEKDAYS if draw(st.booleans())}


@st.composite
def situations(draw):
    tz = draw(st.sampled_from(sorted(AROUND)))
    centre = date.fromisoformat(draw(st.sampled_from(AROUND[tz])))
    near = st.integers(-4, 4).map(lambda days: centre + timedelta(days=days))
    rules = CalendarRules(
        tz=tz,
        weekly=draw(week()),
        holidays=frozenset(draw(st.sets(near, max_size=2))),
        holidays_annual=frozenset(draw(st.sets(near.map(lambda day: f"{day:%m-%d}"), max_size=1))),
        date_overrides=draw(st.dictionaries(near, day_hours() | st.just(()), max_size=2)),
        breaks=draw(st.dictionaries(near, day_hours(), max_size=2)),
    )
    first = datetime(centre.year, centre.month, centre.day, tzinfo=UTC) - timedelta(days=DAYS // 2)
    pauses = draw(st.lists(st.tuples(moments(first), moments(first)).map(lambda pair: tuple(sorted(pair))), max_size=3))
    return Situation(rules, first, pauses)


def moments(first):
    return st.integers(0, DAYS * 86_400 - 1).map(lambda seconds: first + timedelta(seconds=seconds))


class Oracle:
    """Knows for each second whether it is worked, from what a clock on the wall shows."""

    def __init__(self, situation: Situation, *, paused: bool = True) -> None:
        self.rules, self.first, pauses = situation
        self.pauses = pauses if paused else []
        zone = ZoneInfo(self.rules.tz)
        looks = (self.first + i * STEP for i in range(DAYS * 288))
        self.worked = bytearray(b"".join(bytes([self.shows_open(at.astimezone(zone))]) * 300 for at in looks))
        for paused_at, resumed_at in self.pauses:
            since, until = self.second(paused_at), self.second(resumed_at)
            self.worked[since:until] = bytes(until - since)

    def shows_open(self, local: datetime) -> bool:
        second = local.hour * 3_600 + local.minute * 60
        today, yesterday = local.date(), local.date() - timedelta(days=1)
        return self.lies_in(self.hours(today), self.hours(yesterday), second) and not self.lies_in(
            self.rules.breaks.get(today, ()), self.rules.breaks.get(yesterday, ()), second
        )

    def hours(self, day: date):
        if day in self.rules.holidays or f"{day:%m-%d}" in self.rules.holidays_annual:
            return ()
        if day in self.rules.date_overrides:
            return self.rules.date_overrides[day]
        return self.rules.weekly.get(WEEKDAYS[day.weekday()], ())

    @staticmethod
    def lies_in(today, yesterday, second: int) -> bool:
        return any(opens <= second < closes for opens, closes in today) or any(
            opens <= second + 86_400 < closes for opens, closes in yesterday
        )

    def second(self, at: datetime) -> int:
        return int((at - self.first).total_seconds())

    def at(self, second: int) -> datetime:
        return self.first + timedelta(seconds=second)

    def add(self, start: datetime, seconds: int) -> datetime | None:
        """The end of the last second needed; for none, the first second that is open."""
        i = self.second(start) - 1
        for _ in range(max(seconds, 1)):
            i = self.worked.find(1, i + 1)
            if i < 0:
                return None
        return self.at(i + (seconds > 0))

    def subtract(self, start: datetime, seconds: int) -> datetime | None:
        """The start of the first second needed; for none, the end of the last second that was open."""
        i = self.second(start)
        for _ in range(max(seconds, 1)):
            i = self.worked.rfind(1, 0, i)
            if i < 0:
                return None
        return self.at(i + (seconds == 0))

    def between(self, start: datetime, end: datetime) -> int:
        return self.worked.count(1, self.second(start), max(self.second(start), self.second(end)))


by_wall_clock = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@by_wall_clock
@given(st.data(), situations())
def test_every_operation_agrees_with_a_clock_on_the_wall(data, situation):
    calendar, oracle = BusinessCalendar(situation.rules), Oracle(situation, paused=False)
    start, end = (data.draw(moments(situation.first)) for _ in range(2))
    seconds = data.draw(st.integers(0, 3 * 86_400))
    assert calendar.is_open(start) == bool(oracle.worked[oracle.second(start)])
    assert calendar.between(start, end) == oracle.between(start, end)
    ahead = oracle.add(start, seconds)
    if ahead is not None:
        assert calendar.add(start, seconds) == ahead
    back = oracle.subtract(start, seconds)
    if back is not None:
        assert calendar.subtract(start, seconds) == back
    opening, closing = oracle.add(start, 0), oracle.subtract(start, 0)
    if opening is not None:
        assert calendar.next_open(start) == opening
    if closing is not None:
        assert calendar.prev_open(start) == closing


@by_wall_clock
@given(st.data(), situations())
def test_pauses_agree_with_a_clock_that_is_stopped(data, situation):
    calendar, oracle = BusinessCalendar(situation.rules), Oracle(situation)
    start, end = (data.draw(moments(situation.first)) for _ in range(2))
    seconds = data.draw(st.integers(0, 86_400))
    assert calendar.between(start, end, situation.pauses) == oracle.between(start, end)
    ahead = oracle.add(start, seconds)
    if ahead is not None:
        assert calendar.add(start, seconds, situation.pauses) == ahead


@by_wall_clock
@given(st.data(), situations())
def test_intervals_are_disjoint_in_order_and_cover_exactly_what_is_open(data, situation):
    calendar, oracle = BusinessCalendar(situation.rules), Oracle(situation, paused=False)
    start = data.draw(moments(situation.first))
    covered = bytearray(len(oracle.worked))
    last, count = start, 0
    while oracle.add(last, 0) is not None:
        count += 1
        opens, last = calendar.intervals(start, count)[-1]
        since, until = oracle.second(opens), min(oracle.second(last), len(covered))
        assert not any(covered[since:])
        covered[since:until] = b"\1" * (until - since)
        if until == len(covered):
            break
    assert covered[oracle.second(start) :] == oracle.worked[oracle.second(start) :]


@by_wall_clock
@given(st.data(), situations())
def test_what_is_added_lies_between_and_can_be_taken_back(data, situation):
    calendar = BusinessCalendar(situation.rules)
    start = data.draw(moments(situation.first))
    micros = data.draw(st.integers(1, 86_400_000_000))
    if Oracle(situation, paused=False).between(start, situation.first + timedelta(days=DAYS)) * 1_000_000 < micros:
        return
    end = calendar.add(start, micros / 1_000_000)
    assert round(calendar.between(start, end) * 1_000_000) == micros
    assert calendar.subtract(end, micros / 1_000_000) == calendar.next_open(start)
