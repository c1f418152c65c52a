"""An account of a ticket's clocks in words: why each is due when it is, and who had the ticket meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, tzinfo
from typing import Final

from tierdesk_policy import Target
from tierdesk_sla.domain.account import Account
from tierdesk_sla.domain.clocks import RESOLVED_HOLD, Clock, ClockState, elapsed_seconds
from tierdesk_sla.domain.intervals import Interval, find_intervals
from tierdesk_sla.domain.segments import DESK, VISIT, Segment, used_seconds
from tierdesk_sla.domain.wording import tell_instant, tell_shift, tell_span

_TITLES: Final = {
    "first_response": "First response",
    "update": "Next update",
    "callback": "Callback",
    "resolution": "Resolution",
    "acceptance": "Acceptance",
    "visit": "Time of the tier",
    "contract": "Vendor's contract",
}
_PARTIES: Final = {
    "requester": "the requester",
    "vendor": "a vendor",
    "visit": "a visit",
    "change": "a change",
    "unknown": "somebody",
}


def title_of(clock: Clock) -> str:
    """What people call it: the promise, and to whose visit it belongs."""
    whose = clock.vendor or clock.group or clock.tier
    return f"{_TITLES[clock.kind]} ({whose})" if whose else _TITLES[clock.kind]


def holder_of(segment: Segment) -> str:
    """Who has the ticket, in words."""
    if segment.holder != VISIT:
        return "nobody asked yet" if segment.holder == DESK else "resolved"
    whose = f"vendor {segment.vendor}" if segment.vendor else f"{segment.tier} / {segment.group}"
    return f"{whose}, {segment.worker}" if segment.worker else whose


def tell_party(party: str) -> str:
    """Whom work waits for, in words."""
    return _PARTIES.get(party, party)


def explain(account: Account) -> str:
    """The whole account, a few lines for each clock, for people who lead a team."""
    ticket, zone = account.timeline, account.zone
    lines = [
        f"{ticket.reference} as of {tell_instant(account.at, zone)} ({zone or 'UTC'})",
        f"policy {ticket.policy_version}" + (" (its clocks were moved to it)" if ticket.moved_to else ""),
        "",
    ]
    for clock in ticket.clocks:
        lines += [*_explain_clock(clock, account), ""]
    lines += ["Who had it", *(f"  {line}" for one in account.segments for line in _tell_segment(one, account))]
    # A name of others that holds line breaks begins no line of its own.
    return "\n".join(" ".join(line.splitlines()) for line in lines) + "\n"


def tell_target(clock: Clock, account: Account) -> str:
    """What was promised, and by which rule of which policy."""
    promise = clock.promise
    if promise is None:
        return "nothing is promised"
    policy = "the policy" if promise.policy_version == account.timeline.policy_version else promise.policy_version
    found = account.target_of(clock)
    rule = "a target" if found is None else f"target {found[0]}{_narrowed(found[1])}"
    return f"promised: {tell_span(promise.within_seconds)} of the calendar {promise.calendar}, by {rule} of {policy}"


def tell_interval(interval: Interval, clock: Clock, zone: tzinfo | None) -> str:
    """Why a stretch counts or does not."""
    assert clock.promise is not None
    match interval.cause:
        case "open":
            told = "counts"
        case "closed":
            told = f"does not count: {clock.promise.calendar} is closed"
        case "hold" if interval.party == RESOLVED_HOLD:
            told = "does not count: it was resolved"
        case "hold":
            party = interval.party or ""
            told = f"does not count: it waits for {tell_party(party)} (pauses.{party} stops {clock.kind})"
        case _:
            told = "in further stretches"
    shift = tell_shift(interval.since, interval.until, zone)
    return f"{told}; {shift}" if shift else told


def _narrowed(target: Target) -> str:
    named = (
        ("priority", target.priorities),
        ("category", target.categories),
        ("tier", target.tiers),
        ("vendor", target.vendors),
    )
    parts = [f"{name} {' or '.join(map(str, values))}" for name, values in named if values is not None]
    return f" ({', '.join(parts)})" if parts else ""


def _explain_clock(clock: Clock, account: Account) -> Iterator[str]:
    zone = account.zone_of(clock)
    yield f"{title_of(clock)}: {_tell_state(clock, account)}"
    yield f"  {tell_target(clock, account)}"
    policy = account.policy_of(clock)
    if policy is None or clock.promise is None:
        return
    used = elapsed_seconds(clock, account.at, policy) or 0
    left = clock.promise.within_seconds - used
    yield f"  used {tell_span(used)}, " + (f"left {tell_span(left)}" if left >= 0 else f"{tell_span(-left)} too many")
    for interval in find_intervals(clock, policy.calendar(clock.promise.calendar), account.at):
        sign = "+" if interval.seconds else "-"
        span = tell_span(interval.seconds) if interval.seconds else ""
        yield _tell_stretch(sign, interval.since, interval.until, span, tell_interval(interval, clock, zone), zone)
    if left < 0 and clock.due_at is not None:
        until = clock.ended_at or (clock.hold.since if clock.hold is not None else account.at)
        yield _tell_stretch("x", clock.due_at, until, tell_span(-left), "too late", zone)
    for saying in account.said.get(clock.id, ()):
        share = f" at {saying.share:.0%}" if saying.word == "warned" else ""
        yield f"  ! {tell_instant(saying.said_at, zone)}: {saying.word}{share}"


def _tell_stretch(sign: str, since: datetime, until: datetime, span: str, told: str, zone: tzinfo | None) -> str:
    stretch = f"{tell_instant(since, zone)} - {tell_instant(until, zone)}"
    return f"  {sign} {stretch:<45} {span:>14}  {told}"


def _tell_state(clock: Clock, account: Account) -> str:
    zone = account.zone_of(clock)
    parts = [clock.state.value if not clock.is_overdue(clock.ended_at or account.at) else "missed"]
    if clock.state is ClockState.VOID:
        parts = ["ended without a verdict"]
    if clock.due_at is not None:
        parts.append(f"due {tell_instant(clock.due_at, zone)}")
    elif clock.hold is not None:
        parts.append(f"no due instant while it waits for {tell_party(clock.hold.party)}")
    if clock.ended_at is not None:
        parts.append(f"ended {tell_instant(clock.ended_at, zone)}")
    return ", ".join(parts) + (f" ({zone or 'UTC'})" if clock.due_at or clock.ended_at else "")


def _tell_segment(segment: Segment, account: Account) -> Iterator[str]:
    zone, until = account.zone, segment.until or account.at
    elapsed = tell_span((until - segment.since).total_seconds())
    ends = tell_instant(segment.until, zone) if segment.until else "now"
    yield f"{tell_instant(segment.since, zone)} - {ends:<21} {elapsed:>14}  {holder_of(segment)}"
    for wait in segment.waits:
        stopped = tell_instant(wait.until, zone) if wait.until else "now"
        yield f"    {tell_instant(wait.since, zone)} - {stopped}: it waited for {tell_party(wait.party)}"
    for clock in account.timeline.clocks:
        policy = account.policy_of(clock)
        used = 0 if policy is None else used_seconds(segment, clock, account.at, policy)
        if used:
            yield f"    used {tell_span(used)} of: {title_of(clock)}"
