"""Between rows and the domain's objects."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import RowMapping

from tierdesk_policy import ClockKind
from tierdesk_sla.domain.alarms import Alarm, next_moment
from tierdesk_sla.domain.clocks import Clock, ClockState, Hold, Promise, WarnPoint
from tierdesk_sla.domain.timeline import Timeline

Row = RowMapping


def clock_row(timeline: Timeline, place: int, clock: Clock, alarm: Alarm) -> dict[str, Any]:
    """The row of a clock, as values of JSON or such as orjson writes."""
    moment = next_moment(clock, alarm)
    promise = clock.promise
    return {
        "tenant": timeline.tenant,
        "id": clock.id,
        "ticket_id": timeline.ticket_id,
        "place": place,
        "kind": clock.kind,
        "tier": clock.tier,
        "group_id": clock.group,
        "vendor": clock.vendor,
        "assignment_id": clock.assignment_id,
        "started_at": clock.started_at,
        "within_seconds": promise and promise.within_seconds,
        "calendar": promise and promise.calendar,
        "warn_at": promise and promise.warn_at,
        "promised_by": promise and promise.policy_version,
        "holds": [(hold.since, hold.until, hold.party) for hold in clock.holds],
        "warnings": [(warning.share, warning.at) for warning in clock.warnings],
        "state": clock.state,
        "due_at": clock.due_at,
        "ended_at": clock.ended_at,
        "cycle": alarm.cycle,
        "warned": alarm.warned,
        "breach_due_at": alarm.breach_due_at,
        "next_at": moment and moment.at,
    }


def read_clock(row: Row) -> tuple[Clock, Alarm]:
    """The clock of a row, and what was said of it."""
    promise = None
    if row["within_seconds"] is not None:
        promise = Promise(row["within_seconds"], row["calendar"], tuple(row["warn_at"]), row["promised_by"])
    clock = Clock(
        id=row["id"],
        kind=ClockKind(row["kind"]),
        started_at=row["started_at"],
        tier=row["tier"],
        group=row["group_id"],
        vendor=row["vendor"],
        assignment_id=row["assignment_id"],
        promise=promise,
        holds=tuple(Hold(_instant(since), until and _instant(until), party) for since, until, party in row["holds"]),
        state=ClockState(row["state"]),
        due_at=row["due_at"],
        warnings=tuple(WarnPoint(share, _instant(at)) for share, at in row["warnings"]),
        ended_at=row["ended_at"],
    )
    return clock, Alarm(row["cycle"], tuple(row["warned"]), row["breach_due_at"])


def ticket_row(timeline: Timeline) -> dict[str, Any]:
    """The row of a ticket."""
    return {
        "tenant": timeline.tenant,
        "ticket_id": timeline.ticket_id,
        "reference": timeline.reference,
        "policy_version": timeline.policy_version,
        "sequence": timeline.sequence,
        "category": timeline.category,
        "priority": timeline.priority,
        "waiting": timeline.waiting,
        "waiting_for": timeline.waiting_for,
        "moved_to": timeline.moved_to,
    }


def read_ticket(row: Row, clocks: tuple[Clock, ...]) -> Timeline:
    """The timeline of a ticket's row and of its clocks."""
    return Timeline(
        tenant=row["tenant"],
        ticket_id=row["ticket_id"],
        reference=row["reference"],
        policy_version=row["policy_version"],
        sequence=row["sequence"],
        category=row["category"],
        priority=row["priority"],
        waiting=row["waiting"],
        waiting_for=row["waiting_for"],
        moved_to=row["moved_to"],
        clocks=clocks,
    )


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)
