"""What is lawful in a policy and yet deserves a second look."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any, Final

from tierdesk_policy.calendar_checks import find_calendar_remarks
from tierdesk_policy.escalation_checks import find_escalation_remarks
from tierdesk_policy.likeness import find_likeness_remarks
from tierdesk_policy.rule_checks import find_rule_remarks
from tierdesk_policy.view import Found, View, contract_days

_BESIDE_THE_POINT: Final = {"update": ("tiers", "vendors"), "callback": ("tiers", "vendors"), "visit": ("vendors",)}


def find_remarks(document: Mapping[str, Any], today: date | None = None) -> Iterator[Found]:
    """Every remark on a sound document whose defaults are filled in, as path and message.

    Without `today` nothing is said of contracts that have ended, or have not begun.
    """
    yield from _matrix(document)
    yield from _rounds(document)
    yield from find_calendar_remarks(document)
    view = View(document)
    if today is not None:
        yield from _contracts(view, today)
    yield from _narrowings(view)
    yield from _owed_by_machines(view)
    yield from find_rule_remarks(view)
    yield from find_escalation_remarks(view)
    yield from find_likeness_remarks(view)


def _matrix(document: Mapping[str, Any]) -> Iterator[Found]:
    """A cell that is less urgent than its neighbour of less impact or urgency contradicts it."""
    matrix = document.get("matrix", ())
    for i, row in enumerate(matrix):
        for j, priority in enumerate(row):
            for place, other, what in ((i + 1, j, "impact"), (i, j + 1, "urgency")):
                if place < len(matrix) and other < len(row) and priority > matrix[place][other]:
                    yield (
                        ("matrix", i, j),
                        (
                            f"impact {i + 1} and urgency {j + 1} make priority {priority}, but less {what} makes "
                            f"{matrix[place][other]}, which is more pressing"
                        ),
                    )


def _contracts(view: View, today: date) -> Iterator[Found]:
    """Vendors to whom tickets go although their contract is not in force; the desk does not hold them back."""
    for i, vendor in view.items("vendors"):
        starts, ends = contract_days(vendor)
        if ends is not None and ends < today:
            yield (
                ("vendors", i, "contract", "ends"),
                f"the contract of {vendor['id']} ended on {ends}; tickets go there still",
            )
        elif starts is not None and starts > today:
            yield (
                ("vendors", i, "contract", "starts"),
                f"the contract of {vendor['id']} begins on {starts}; tickets go there already",
            )


def _narrowings(view: View) -> Iterator[Found]:
    """A target that is narrowed by what its clocks have nothing to do with is never reached."""
    for i, target in view.items("targets"):
        for field in _BESIDE_THE_POINT.get(target.get("kind", ""), ()):
            if target.get(field) is not None:
                told = f"has no effect: a clock of kind {target['kind']!r} belongs to none of the {field}"
                yield ("targets", i, field), told


def _owed_by_machines(view: View) -> Iterator[Found]:
    """Machines write no articles: what they resolve without one would be refused for ever."""
    knowledge = view.document.get("knowledge")
    tiers = [tier for _, tier in view.items("tiers")]
    owed_from = knowledge.get("owed_from") if isinstance(knowledge, dict) else None
    first = next((i for i, tier in enumerate(tiers) if tier["id"] == owed_from), len(tiers))
    for tier in tiers[first:]:
        if tier.get("hands_on_incomplete"):
            told = f"tier {tier['id']!r} is worked by machine and would owe an article too: begin above it"
            yield ("knowledge", "owed_from"), told


def _rounds(document: Mapping[str, Any]) -> Iterator[Found]:
    """Fallbacks that lead back to where they began: an offer that nobody accepts goes round for ever."""
    fallback = {group["id"]: group.get("fallback") for group in document["groups"]}
    told: set[str] = set()
    for i, group in enumerate(document["groups"]):
        way, at = [group["id"]], group.get("fallback")
        while at is not None and at not in way:
            way.append(at)
            at = fallback.get(at)
        if at == group["id"] and at not in told:
            told.update(way)
            yield ("groups", i, "fallback"), f"goes round when nobody accepts: {' → '.join([*way, at])}"
