"""What pages show of visits and repairs, and what their forms say: pure functions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Final

from tierdesk_desk.arranging import LONGEST_NOTE
from tierdesk_desk.console.forms import Faults, Filled, FormError
from tierdesk_desk.console.people_view import read_moment
from tierdesk_desk.domain.repairs import NEXT, Repair
from tierdesk_desk.domain.visits import Plan, SlotError, Visit
from tierdesk_desk.repairs import Parcel
from tierdesk_policy.zones import find_zone

_LONGEST: Final = {"address": 1_000, "note": LONGEST_NOTE}
_LONGEST_LINE: Final = 200
_FIELDS: Final = {"starts_at": ("starts", "slot_far"), "ends_at": ("ends", "slot")}


@dataclass(frozen=True, slots=True)
class VisitRow:
    """A visit, and the form that moves it as it stands. It is `late` when nobody has said yet what came of it."""

    one: Visit
    late: bool
    filled: Filled


@dataclass(frozen=True, slots=True)
class RepairRow:
    """A repair; `following` are the words of what may become of it next."""

    one: Repair
    following: tuple[str, ...]


def view_visit(one: Visit, now: datetime, zone: str) -> VisitRow:
    """A visit, its form in the wall time of this zone."""
    found = find_zone(zone)
    starts, ends = (f"{at.astimezone(found):%Y-%m-%dT%H:%M}" for at in (one.starts_at, one.ends_at))
    values = {"address": one.address, "technician": one.technician, "starts": starts, "ends": ends}
    return VisitRow(one, one.is_open and one.ends_at < now, Filled(values))


def view_repair(one: Repair) -> RepairRow:
    """A repair."""
    return RepairRow(one, tuple(stage.value for stage in NEXT[one.stage]))


def by_day(rows: Iterable[VisitRow], zone: str) -> list[list[VisitRow]]:
    """Those of each day together, in order."""
    found = find_zone(zone)
    return [list(some) for _, some in groupby(rows, key=lambda row: row.one.starts_at.astimezone(found).date())]


def read_plan(filled: Filled, zone: str, now: datetime) -> Plan:
    """Where, who and when, the wall times in this zone. Raises `FormError`."""
    faults = _faults(filled, "address", "technician", "starts", "ends")
    moments: Mapping[str, datetime | None] = {name: read_moment(filled[name], zone) for name in ("starts", "ends")}
    faults |= {name: "moment" for name, at in moments.items() if at is None and name not in faults}
    starts, ends = moments["starts"], moments["ends"]
    if starts is None or ends is None or faults:
        raise FormError(faults)
    plan = Plan(filled["address"], filled["technician"], starts, ends)
    try:
        plan.check(now)
    except SlotError as error:
        field, word = _FIELDS[error.field]
        raise FormError({field: word}) from None
    return plan


def read_parcel(filled: Filled) -> Parcel:
    """What is sent, and where to. Raises `FormError`."""
    faults = _faults(filled, "device", "depot", optional=("carrier_reference",))
    if faults:
        raise FormError(faults)
    return Parcel(filled["device"], filled["depot"], filled["carrier_reference"])


def check_report(filled: Filled, name: str, words: Iterable[str]) -> None:
    """What was said of one: a choice of these words, and texts that can be kept. Raises `FormError`."""
    faults = _faults(filled, optional=("carrier_reference",))
    if filled[name] not in words:
        faults[name] = "choose"
    if faults:
        raise FormError(faults)


def _faults(filled: Filled, *needed: str, optional: tuple[str, ...] = ()) -> Faults:
    faults: Faults = {}
    for name in (*needed, *optional, "note"):
        text = filled[name]
        if not text and name in needed:
            faults[name] = "required"
        elif "\x00" in text:
            faults[name] = "character"
        elif len(text) > _LONGEST.get(name, _LONGEST_LINE):
            faults[name] = "too_long"
    return faults
