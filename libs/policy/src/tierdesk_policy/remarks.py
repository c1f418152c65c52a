"""What is lawful in a policy and yet deserves a second look."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tierdesk_policy.calendar_checks import find_calendar_remarks
from tierdesk_policy.escalation_checks import find_escalation_remarks
from tierdesk_policy.likeness import find_likeness_remarks
from tierdesk_policy.rule_checks import find_rule_remarks
from tierdesk_policy.view import Found, View


def find_remarks(document: Mapping[str, Any]) -> Iterator[Found]:
    """Every remark on a sound document whose defaults are filled in, as path and message."""
    yield from _matrix(document)
    yield from _rounds(document)
    yield from find_calendar_remarks(document)
    view = View(document)
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
