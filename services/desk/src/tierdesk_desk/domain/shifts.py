"""Shifts: who serves which group from when to when. Several at a time let one person serve several tiers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from tierdesk_desk.domain.accounts import Account
from tierdesk_desk.domain.people import Place
from tierdesk_desk.domain.roles import Verb, allows_in

LONGEST: Final = timedelta(days=7)
"""A week on call is the longest; what is longer is two shifts, or a slip of the pen."""
AROUND: Final = timedelta(days=7)
"""Who has a shift that begins within so long, before or after, is on the rota: given work in shifts alone. Weekends and days off
lie between; whoever was on a rota last year, and is no more, is free again.
"""


class ShiftError(Exception):
    """A shift that cannot be; `field` is what is at fault, and the text says why."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Shift:
    """Somebody serves this group from `starts_at` until `ends_at`, which is not part of it."""

    tenant: str
    id: UUID
    account_id: UUID
    name: str
    tier: str
    group_id: str
    starts_at: datetime
    ends_at: datetime


def check_span(starts_at: datetime, ends_at: datetime) -> None:
    """Raises `ShiftError` for a shift that ends before it starts, or is too long."""
    if ends_at <= starts_at:
        raise ShiftError("ends_at", "a shift ends after it starts")
    if ends_at - starts_at > LONGEST:
        raise ShiftError("ends_at", f"a shift has {LONGEST.days} days at most")


def check_person(account: Account | None, name: str, place: Place) -> Account:
    """The account, if it can serve this group. Raises `ShiftError`."""
    if account is None:
        raise ShiftError("person", f"there is no account {name}")
    if account.disabled_at is not None:
        raise ShiftError("person", f"the account {account.name} is disabled")
    tier, group = place
    if not allows_in(account.grants, Verb.WORK, tier=tier, group=group):
        raise ShiftError("person", f"{account.name} is not granted the work of {tier}/{group}")
    return account


def check_place(place: Place, places: list[Place]) -> None:
    """Raises `ShiftError` for a group that is not among these: that people do not work, or whose shifts are another's to keep."""
    if place not in places:
        raise ShiftError("group", f"there is no group {place[0]}/{place[1]} that people work, or it is not yours")
