"""What pages show of the people of a desk: pure functions. They answer words; templates translate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from tierdesk_desk.console.forms import Filled as Form
from tierdesk_desk.console.forms import FormError
from tierdesk_desk.console.views import Choice, name_of_group, name_of_tier
from tierdesk_desk.domain.assigning import USUAL_CAPACITY
from tierdesk_desk.domain.people import Place
from tierdesk_desk.domain.presence import Standing, in_order_of_need
from tierdesk_desk.domain.records import Line, Proposal, Tally
from tierdesk_desk.domain.shifts import Shift, ShiftError, check_span
from tierdesk_policy import Policy, resolve_local
from tierdesk_policy.zones import find_zone


@dataclass(frozen=True, slots=True)
class PersonRow:
    """Somebody in the list of people. `word` is of the kind `standing`; `full` is 1 at the capacity."""

    name: str
    display_name: str
    word: str
    since: datetime | None
    held: int
    capacity: int | None
    full: float
    quiet_since: datetime | None
    leaves_work: bool
    on_rota: bool
    groups: tuple[str, ...]
    shift_until: datetime | None
    next_shift: datetime | None


@dataclass(frozen=True, slots=True)
class ShiftRow:
    """A shift in the list."""

    shift: Shift
    place: str
    runs: bool


@dataclass(frozen=True, slots=True)
class RecordRow:
    """What somebody solved and escalated; of one category, or of all together where `category` is empty."""

    name: str
    category: str
    place: str
    own: Tally
    colleagues: Tally


@dataclass(frozen=True, slots=True)
class ProposalRow:
    """A proposal with the names that people know. `share` and `others` are what it rests on."""

    kind: str
    name: str
    category: str
    place: str
    skills: str
    cases: int
    share: float
    others: float | None


def view_people(people: Sequence[Standing], policy: Policy) -> list[PersonRow]:
    """These people, those first who leave work alone."""
    return [_person(one, policy) for one in in_order_of_need(list(people))]


def view_shifts(shifts: Sequence[Shift], policy: Policy, now: datetime) -> list[ShiftRow]:
    """These shifts, in the order in which they begin."""
    ordered = sorted(shifts, key=lambda one: (one.starts_at, one.name, one.tier, one.group_id))
    return [ShiftRow(one, _place((one.tier, one.group_id), policy), one.starts_at <= now) for one in ordered]


def view_totals(lines: Sequence[Line]) -> list[RecordRow]:
    """What each person did, all categories together, in the order of logins."""
    totals: dict[str, Tally] = {}
    for line in lines:
        totals[line.name] = totals.get(line.name, Tally()) + line.tally
    return [RecordRow(name, "", "", tally, Tally()) for name, tally in totals.items()]


def view_lines(lines: Sequence[Line], policy: Policy) -> list[RecordRow]:
    """What was done in each category."""
    return [
        RecordRow(line.name, _category(line.category, policy), _place(line.place, policy), line.tally, line.colleagues)
        for line in lines
    ]


def view_proposals(proposals: Sequence[Proposal], policy: Policy) -> list[ProposalRow]:
    """What is proposed, with its figures."""
    rows = []
    for one in proposals:
        is_skill = one.kind == "skill"
        share = one.tally.solved_share if is_skill else one.tally.escalated_share
        rows.append(
            ProposalRow(
                kind=one.kind,
                name=one.name,
                category=_category(one.category, policy),
                place=_place(one.place, policy),
                skills=", ".join(one.skills),
                cases=one.tally.cases,
                share=share or 0.0,
                others=None if is_skill else one.colleagues.escalated_share,
            )
        )
    return rows


def groups_led(places: Sequence[Place], policy: Policy) -> list[Choice]:
    """These groups, to choose from; values are `tier/group`."""
    return [Choice(f"{tier}/{group}", _place((tier, group), policy)) for tier, group in places]


def read_shift(filled: Form, zone: str, places: Sequence[Place]) -> tuple[str, Place, datetime, datetime]:
    """The shift of a form, its wall times in this zone. Raises `FormError`."""
    faults = {name: "required" for name in ("person", "place", "starts", "ends") if not filled[name]}
    tier, _, group = filled["place"].partition("/")
    if "place" not in faults and (tier, group) not in places:
        faults["place"] = "choose"
    moments: Mapping[str, datetime | None] = {name: read_moment(filled[name], zone) for name in ("starts", "ends")}
    faults |= {name: "moment" for name, at in moments.items() if at is None and name not in faults}
    starts, ends = moments["starts"], moments["ends"]
    if starts is None or ends is None or faults:
        raise FormError(faults)
    try:
        check_span(starts, ends)
    except ShiftError:
        raise FormError({"ends": "span"}) from None
    return filled["person"], (tier, group), starts, ends


def _person(one: Standing, policy: Policy) -> PersonRow:
    capacity = USUAL_CAPACITY if one.capacity is None else one.capacity
    return PersonRow(
        name=one.name,
        display_name=one.display_name,
        word=_word(one),
        since=one.presence.since if one.is_seen else None,
        held=one.held,
        capacity=one.capacity,
        full=min(1.0, one.held / capacity),
        quiet_since=one.quiet_since,
        leaves_work=one.leaves_work_alone,
        on_rota=one.on_rota,
        groups=tuple(name_of_group(policy, group) for _, group in one.on_shift),
        shift_until=one.ends_at,
        next_shift=one.begins_at,
    )


def _word(one: Standing) -> str:
    if not one.is_seen:
        return "closed"
    return "unsaid" if one.presence.since is None else one.presence.state.value


def _place(place: Place, policy: Policy) -> str:
    return f"{name_of_tier(policy, place[0])}: {name_of_group(policy, place[1])}"


def _category(name: str, policy: Policy) -> str:
    category = policy.find_category(name)
    return category.name if category else name


def read_moment(text: str, zone: str) -> datetime | None:
    """A wall time as browsers write it; None for anything else."""
    try:
        at = datetime.strptime(text[:16], "%Y-%m-%dT%H:%M")  # noqa: DTZ007 - wall time, placed below
    except ValueError:
        return None
    return resolve_local(at, find_zone(zone)) if 2000 <= at.year < 2200 else None
