"""When tickets count as alike, and what follows: a proposal to merge, one outage for a burst, a problem for what recurs.

Two tickets are alike for a rule when they say the same in each of its fields; one that says nothing there is like none.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated, Any, Final

from pydantic import Field

from tierdesk_policy.parts import Identifier, Part, is_empty
from tierdesk_policy.units import Seconds
from tierdesk_policy.view import Found, View, listed

MOST_ALIKE: Final = 100
"""So many tickets a rule may count to: they are kept by name."""
MOST_LIKENESS_RULES: Final = 20


class LikenessField(StrEnum):
    """What may make tickets alike."""

    CATEGORY = "category"
    DEPARTMENT = "department"
    LOCATION = "location"
    ASSET = "asset"


Number = Annotated[int, Field(strict=True, ge=2, le=MOST_ALIKE)]
Fields = Annotated[tuple[LikenessField, ...], Field(min_length=1)]


class RepeatRule(Part):
    """The same requester about the same matter, within so many seconds, is proposed for merging."""

    within_seconds: Annotated[Seconds, Field(alias="within")]


class OutageRule(Part):
    """`count` tickets alike in the fields `by` within so many seconds are one outage candidate, which gathers them."""

    count: Number
    within_seconds: Annotated[Seconds, Field(alias="within")]
    by: Fields


class RecurringRule(Part):
    """The ticket that is the `count`th of its kind within so many seconds opens a problem, and goes to `tier`."""

    count: Number
    within_seconds: Annotated[Seconds, Field(alias="within")]
    by: Fields
    tier: Identifier


class Likeness(Part):
    """What is done about tickets that are alike. What is left out is not looked for."""

    repeat: RepeatRule | None = None
    outage: Annotated[tuple[OutageRule, ...], Field(max_length=MOST_LIKENESS_RULES, exclude_if=is_empty)] = ()
    recurring: Annotated[tuple[RecurringRule, ...], Field(max_length=MOST_LIKENESS_RULES, exclude_if=is_empty)] = ()


def _rules(view: View) -> Iterator[tuple[str, int, dict[str, Any]]]:
    part = view.document.get("likeness")
    if not isinstance(part, dict):
        return
    for kind in ("outage", "recurring"):
        for i, rule in enumerate(listed(part.get(kind))):
            if isinstance(rule, dict):
                yield kind, i, rule


def find_likeness_faults(view: View) -> Iterator[Found]:
    """Tiers that are not there or have nobody in house, fields told twice, rules that look at the same fields."""
    seen: dict[tuple[str, tuple[str, ...]], int] = {}
    for kind, i, rule in _rules(view):
        path = ("likeness", kind, i)
        fields = [field for field in listed(rule.get("by")) if isinstance(field, str)]
        for j, field in enumerate(fields):
            if field in fields[:j]:
                yield (*path, "by", j), f"{field!r} is told twice"
        key = kind, tuple(sorted(set(fields)))
        if fields and key in seen:
            yield (*path, "by"), f"likeness.{kind}.{seen[key]} looks at the same fields already"
        seen.setdefault(key, i)
        tier = rule.get("tier")
        message = view.unknown("tiers", tier) if kind == "recurring" else None
        if message:
            yield (*path, "tier"), message
        elif kind == "recurring" and isinstance(tier, str) and not _has_people(view, tier):
            yield (*path, "tier"), f"the tier {tier!r} has no group in house"


def find_likeness_remarks(view: View) -> Iterator[Found]:
    """Rules that cannot send a ticket up, since none enters below."""
    heights = {tier.get("id"): i for i, tier in view.items("tiers")}
    entered = [heights[category["tier"]] for _, category in view.items("categories")]
    for kind, i, rule in _rules(view):
        if kind == "recurring" and min(entered) >= heights[rule["tier"]]:
            message = f"no category enters below tier {rule['tier']!r}, so that nothing goes up by it"
            yield ("likeness", kind, i, "tier"), message


def _has_people(view: View, tier: str) -> bool:
    return any(group.get("tier") == tier and group.get("vendor") is None for _, group in view.items("groups"))
