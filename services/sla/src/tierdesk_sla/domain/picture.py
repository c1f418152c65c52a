"""An account of a ticket's clocks as a picture: a lane for who had it, a lane for each clock, and one axis of time."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

from tierdesk_sla.domain.account import Account
from tierdesk_sla.domain.clocks import Clock, ClockState
from tierdesk_sla.domain.drawing import Drawing
from tierdesk_sla.domain.explanation import holder_of, tell_interval, tell_party, title_of
from tierdesk_sla.domain.intervals import find_intervals
from tierdesk_sla.domain.segments import DESK, VISIT, Segment
from tierdesk_sla.domain.wording import tell_instant, tell_span

MOST_LANES: Final = 60
WIDTH: Final = 1_280
GUTTER: Final = 280
MARGIN: Final = 24
TOP: Final = 92
LANE: Final = 46
BAR: Final = 20
_MOST_TICKS: Final = 11
_STEPS: Final = (60, 300, 900, 1_800, 3_600, 10_800, 21_600, 43_200, 86_400, 172_800, 604_800, 1_209_600, 2_419_200)

_COUNTS: Final = "#3b82c4"
_CLOSED: Final = "#e4e7eb"
_HOLD: Final = "url(#hold)"
_LATE: Final = "#d64545"
_WARNED: Final = "#c77700"
_KEPT: Final = "#1f8a4c"
_QUIET: Final = "#616e7c"
_TIERS: Final = ("#cfe3f5", "#d3ecd9", "#fbe5c8", "#e6d9f2", "#f7d6d6", "#d5eef0")
_PATTERNS: Final = (
    '<pattern id="hold" width="7" height="7" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
    '<rect width="7" height="7" fill="#fdf0d0"/><rect width="3" height="7" fill="#e0a526"/></pattern>'
)


def draw(account: Account) -> str:
    """The picture, as an SVG document. It shows at most `MOST_LANES` clocks, and says how many more there are."""
    ticket = account.timeline
    drawing = Drawing(WIDTH, title=f"Clocks of {ticket.reference}")
    worth_a_lane = [clock for clock in ticket.clocks if clock.is_open or clock.promise is not None]
    shown = worth_a_lane[:MOST_LANES]
    scale = _Scale(account)
    foot = TOP + LANE * (1 + len(shown)) + 8
    zone = account.zone
    drawing.text(MARGIN, 34, ticket.reference, size=20, bold=True)
    drawing.text(MARGIN, 56, f"as of {tell_instant(account.at, zone)} ({zone or 'UTC'})", fill=_QUIET)
    _draw_axis(drawing, scale, account, foot)
    _draw_holders(drawing, scale, account, TOP)
    for place, clock in enumerate(shown, start=1):
        _draw_clock(drawing, scale, account, clock, TOP + LANE * place)
    if len(worth_a_lane) > len(shown):
        drawing.text(MARGIN, foot + 14, f"and {len(worth_a_lane) - len(shown)} clocks more", fill=_QUIET)
    _draw_legend(drawing, foot + 40)
    _draw_tiers(drawing, account, foot + 62)
    drawing.height = foot + 84
    return drawing.render(_PATTERNS)


class _Scale:
    """From instants to places on the axis."""

    def __init__(self, account: Account) -> None:
        clocks = account.timeline.clocks
        starts = [clock.started_at for clock in clocks] + [segment.since for segment in account.segments]
        ends = [segment.until for segment in account.segments if segment.until is not None]
        ends += [end for clock in clocks for end in (clock.due_at, clock.ended_at) if end is not None]
        self.since = min(starts, default=account.at)
        open_until = [account.at] if any(clock.is_open for clock in clocks) or not ends else []
        self.until = max([*ends, *open_until, self.since + timedelta(minutes=1)])
        self._width = WIDTH - GUTTER - MARGIN

    def x(self, at: datetime) -> float:
        """The place of an instant; what lies outside of the axis is at its ends."""
        share = (min(max(at, self.since), self.until) - self.since) / (self.until - self.since)
        return GUTTER + self._width * share

    def span(self, since: datetime, until: datetime) -> tuple[float, float]:
        """Where a stretch begins and how wide it is: at least a pixel, so that it is seen."""
        left = self.x(since)
        return left, max(self.x(until) - left, 1.0)


def _draw_axis(drawing: Drawing, scale: _Scale, account: Account, foot: float) -> None:
    for at, label, is_day in _ticks(scale, account):
        x = scale.x(at)
        drawing.line(x, TOP - 14, x, foot, "#cbd2d9" if is_day else "#eef0f2")
        if x + 7 * len(label) <= WIDTH:
            drawing.text(x + 3, TOP - 18, label, size=11, fill=_QUIET)
    if scale.since <= account.at <= scale.until and any(clock.is_open for clock in account.timeline.clocks):
        x = scale.x(account.at)
        drawing.line(x, TOP - 10, x, foot, "#1f2933", told=f"now: {tell_instant(account.at, account.zone)}")
        drawing.text(x, foot + 12, "now", size=11, anchor="middle")


def _ticks(scale: _Scale, account: Account) -> Iterator[tuple[datetime, str, bool]]:
    """Times of day on the wall, at most a dozen, and whether each is a midnight."""
    zone = account.zone or UTC
    seconds = (scale.until - scale.since).total_seconds()
    fitting = [step for step in _STEPS if seconds / step <= _MOST_TICKS]
    step = timedelta(seconds=fitting[0] if fitting else (seconds // _MOST_TICKS // _STEPS[-1] + 1) * _STEPS[-1])
    midnight = scale.since.astimezone(zone).replace(tzinfo=None, hour=0, minute=0, second=0, microsecond=0)
    first = scale.since.astimezone(zone).replace(tzinfo=None)
    wall = midnight + ((first - midnight) // step) * step
    while (at := wall.replace(tzinfo=zone).astimezone(UTC)) <= scale.until:
        if at >= scale.since:
            is_day = wall.time() == datetime.min.time()
            day = tell_instant(at, zone).rsplit(" ", 2)[0]
            yield at, day if is_day else f"{wall:%H:%M}", is_day
        wall += step


def _draw_holders(drawing: Drawing, scale: _Scale, account: Account, y: float) -> None:
    drawing.text(MARGIN, y + 15, "Who had it", bold=True)
    for segment in account.segments:
        until = segment.until or account.at
        left, width = scale.span(segment.since, until)
        told = f"{holder_of(segment)}: {tell_span((until - segment.since).total_seconds())}"
        drawing.rectangle(left, y, width, BAR + 6, _fill_of(segment, _tiers_of(account)), told=told)
        drawing.line(left, y, left, y + BAR + 6, "#ffffff")
        for wait in segment.waits:
            at, wide = scale.span(wait.since, wait.until or until)
            drawing.rectangle(at, y + BAR, wide, 6, _HOLD, told=f"it waited for {tell_party(wait.party)}")
        drawing.fitted_text(left + 5, y + 14, holder_of(segment), width - 8, size=11)


def _tiers_of(account: Account) -> list[str]:
    """The tiers that had it, in the order in which they first did."""
    return list(dict.fromkeys(segment.tier for segment in account.segments if segment.tier is not None))


def _fill_of(segment: Segment, tiers: list[str]) -> str:
    if segment.holder != VISIT or segment.tier is None:
        return "#f5f7fa" if segment.holder == DESK else "#e3f9e5"
    return _TIERS[tiers.index(segment.tier) % len(_TIERS)]


def _draw_clock(drawing: Drawing, scale: _Scale, account: Account, clock: Clock, y: float) -> None:
    zone, policy = account.zone_of(clock), account.policy_of(clock)
    drawing.fitted_text(MARGIN, y + 12, title_of(clock), GUTTER - MARGIN - 8, bold=True)
    drawing.fitted_text(MARGIN, y + 27, _tell_verdict(clock, account), GUTTER - MARGIN - 8, size=11, fill=_QUIET)
    if policy is None or clock.promise is None:
        return
    fills = {"open": _COUNTS, "further": _COUNTS, "closed": _CLOSED, "hold": _HOLD}
    for interval in find_intervals(clock, policy.calendar(clock.promise.calendar), account.at):
        left, width = scale.span(interval.since, interval.until)
        stretch = f"{tell_instant(interval.since, zone)} - {tell_instant(interval.until, zone)}"
        told = f"{stretch}: {tell_interval(interval, clock, zone)}"
        drawing.rectangle(left, y, width, BAR, fills[interval.cause], told=told)
    stopped_at = clock.ended_at or account.at
    if clock.due_at is not None and stopped_at > clock.due_at:
        left, width = scale.span(clock.due_at, stopped_at)
        drawing.rectangle(left, y, width, BAR, _LATE, told="too late")
    _draw_marks(drawing, scale, account, clock, y)


def _draw_marks(drawing: Drawing, scale: _Scale, account: Account, clock: Clock, y: float) -> None:
    zone = account.zone_of(clock)
    for warning in clock.warnings:
        told = f"{warning.share:.0%} used up: {tell_instant(warning.at, zone)}"
        if clock.ended_at is None or warning.at <= clock.ended_at:
            x = scale.x(warning.at)
            drawing.polygon([(x - 5, y - 6), (x + 5, y - 6), (x, y + 3)], _WARNED, told=told)
    if clock.due_at is not None:
        x = scale.x(clock.due_at)
        in_time = clock.ended_at is not None and not clock.is_overdue(clock.ended_at)
        drawing.line(
            x,
            y - 7,
            x,
            y + BAR + 7,
            "#9aa5b1" if in_time else _LATE,
            width=2,
            told=f"due {tell_instant(clock.due_at, zone)}",
        )
    if clock.ended_at is not None:
        x, fill = scale.x(clock.ended_at), _LATE if clock.state is ClockState.MISSED else _KEPT
        fill = _QUIET if clock.state is ClockState.VOID else fill
        told = f"{clock.state.value}, ended {tell_instant(clock.ended_at, zone)}"
        middle = y + BAR / 2
        drawing.polygon([(x - 6, middle), (x, middle - 6), (x + 6, middle), (x, middle + 6)], fill, told=told)
    for saying in account.said.get(clock.id, ()):
        if saying.word == "breached":
            x, low = scale.x(saying.due_at), y + BAR + 7
            told = f"breached, said {tell_instant(saying.said_at, zone)}"
            drawing.polygon([(x - 5, low + 5), (x + 5, low + 5), (x, low - 4)], _LATE, told=told)


def _tell_verdict(clock: Clock, account: Account) -> str:
    zone = account.zone_of(clock)
    if clock.promise is None:
        return "nothing is promised"
    state = "missed" if clock.is_overdue(clock.ended_at or account.at) else clock.state.value
    if clock.due_at is None:
        return state
    return f"{state}, due {tell_instant(clock.due_at, zone)}"


def _draw_legend(drawing: Drawing, y: float) -> None:
    x: float = MARGIN
    for fill, told in (
        (_COUNTS, "counts"),
        (_CLOSED, "closed hours"),
        (_HOLD, "waits, does not count"),
        (_LATE, "too late"),
    ):
        drawing.rectangle(x, y - 10, 16, 12, fill)
        drawing.text(x + 22, y, told, size=11)
        x += 50 + 6.4 * len(told)
    drawing.polygon([(x, y - 9), (x + 10, y - 9), (x + 5, y)], _WARNED)
    drawing.text(x + 16, y, "warning", size=11)
    x += 80
    drawing.line(x + 4, y - 12, x + 4, y + 3, _LATE, width=2)
    drawing.text(x + 12, y, "due", size=11)
    x += 52
    drawing.polygon([(x, y - 1), (x + 10, y - 1), (x + 5, y - 10)], _LATE)
    drawing.text(x + 16, y, "breach told", size=11)
    x += 100
    drawing.polygon([(x, y - 4), (x + 6, y - 10), (x + 12, y - 4), (x + 6, y + 2)], _KEPT)
    drawing.text(x + 18, y, "ended (green met, red missed, grey without a verdict)", size=11)


def _draw_tiers(drawing: Drawing, account: Account, y: float) -> None:
    x: float = MARGIN
    for place, tier in enumerate(_tiers_of(account)):
        drawing.rectangle(x, y - 10, 16, 12, _TIERS[place % len(_TIERS)])
        drawing.text(x + 22, y, tier, size=11)
        x += 46 + 6.4 * len(tier)
