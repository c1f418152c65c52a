"""When the desk writes to a requester of its own accord: who was asked and is silent, or has not heard of it for long.

Pure functions, in business time.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from tierdesk_contracts.vocabulary import Status
from tierdesk_desk.domain.requests import Entry, Request
from tierdesk_policy import BusinessTimeError, Occasion, Policy

REMINDER: Final = "reminder"
REASSURANCE: Final = "reassurance"
_ASKING: Final = frozenset({Occasion.ASKED.value, Occasion.WAITING.value})
_ENDING: Final = frozenset(
    {Occasion.RESOLVED.value, Occasion.CLOSED.value, Occasion.CANCELLED.value, Occasion.MERGED.value}
)


@dataclass(frozen=True, slots=True)
class Reminder:
    """When the desk speaks next of its own accord, in business time, and how often it has. `occasion` is `REMINDER` or
    `REASSURANCE`.
    """

    tenant: str
    ticket: str
    occasion: str
    due_at: datetime
    told: int = 0


def remind_of(entry: Entry, request: Request, policy: Policy) -> Reminder | None:
    """What comes of this when nothing more happens. None when the desk stays silent, or goes on as it would have."""
    if request.is_over or request.party is None or request.channel in policy.mailing.quiet_channels:
        return None
    if entry.kind in _ASKING:
        return _begin(request, REMINDER, entry.at, policy)
    is_news = entry.kind not in _ENDING and not request.is_awaited
    return _begin(request, REASSURANCE, entry.at, policy) if is_news else None


def fire(reminder: Reminder, request: Request, policy: Policy, now: datetime) -> tuple[str | None, Reminder | None]:
    """What is told now that it is due, and what is due next; each may be nothing, as when things have moved since."""
    rules = policy.mailing
    if request.is_over or request.status == Status.RESOLVED:
        return None, None
    if (reminder.occasion == REMINDER) is not request.is_awaited:
        # The question was answered, or was put since without an entry of its own: the other one's time begins.
        return None, _begin(request, REMINDER if request.is_awaited else REASSURANCE, now, policy)
    most = rules.reminders if reminder.occasion == REMINDER else rules.reassurances
    days = rules.remind_after_days if reminder.occasion == REMINDER else rules.reassure_after_days
    if days == 0 or reminder.told >= most:
        return None, None
    told = reminder.told + 1
    due = _after(policy, now, days)
    following = None if told >= most or due is None else replace(reminder, told=told, due_at=due)
    return reminder.occasion, following


def _begin(request: Request, occasion: str, at: datetime, policy: Policy) -> Reminder | None:
    rules = policy.mailing
    days, most = (
        (rules.remind_after_days, rules.reminders)
        if occasion == REMINDER
        else (rules.reassure_after_days, rules.reassurances)
    )
    due = _after(policy, at, days) if days and most else None
    return None if due is None else Reminder(request.tenant, request.ticket, occasion, due)


def _after(policy: Policy, at: datetime, days: int) -> datetime | None:
    calendar = policy.calendar(policy.mailing.calendar or policy.default_calendar)
    try:
        return calendar.add_workdays(at, days, "forward")
    except BusinessTimeError:  # nobody works there for years
        return None
