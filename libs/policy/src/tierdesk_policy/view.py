"""A policy document as the checks see it: plain values, and of those only what has the right type.

So one unreadable part does not hide the faults of the others; the models report it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any, Final

from tierdesk_policy.parts import ELAPSED
from tierdesk_policy.units import parse_day

Path = tuple[str | int, ...]
Found = tuple[Path, str]
"""Where something was found, and what is to be said of it."""

PARTS: Final = {
    "tiers": "tier",
    "groups": "group",
    "categories": "category",
    "departments": "department",
    "calendars": "calendar",
    "vendors": "vendor",
    "rules": "rule",
    "escalations": "escalation",
}
"""The lists whose items have an `id`, each with the word for one item."""


class View:
    """A document as the checks see it: only what has the right type."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self.document = document
        self._by_id = {
            part: {item["id"]: item for _, item in self.items(part) if isinstance(item.get("id"), str)}
            for part in PARTS
        }

    def items(self, part: str) -> Iterator[tuple[int, dict[str, Any]]]:
        """The mappings in a list of the document, with their positions."""
        yield from ((i, item) for i, item in enumerate(listed(self.document.get(part))) if isinstance(item, dict))

    def edges(self) -> list[tuple[Any, Any]]:
        """The pairs among the edges."""
        return [
            (edge[0], edge[1])
            for edge in listed(self.document.get("edges"))
            if isinstance(edge, list | tuple) and len(edge) == 2
        ]

    def find(self, part: str, name: Any) -> dict[str, Any] | None:
        """The mapping of this `id`, if there is one."""
        return self._by_id[part].get(name) if isinstance(name, str) else None

    def unknown(self, part: str, name: Any) -> str | None:
        """The fault of naming something that is not there."""
        if not isinstance(name, str) or name in self._by_id[part] or (part == "calendars" and name == ELAPSED):
            return None
        return f"there is no {PARTS[part]} {name!r}"


def listed(value: Any) -> list[Any] | tuple[Any, ...]:
    """The items of a list; of anything else none."""
    return value if isinstance(value, list | tuple) else ()


def contract_days(vendor: Mapping[str, Any]) -> tuple[date | None, date | None]:
    """The first and the last day of a vendor's contract, as far as they are told and can be read."""
    contract = vendor.get("contract")
    return (_day(contract.get("starts")), _day(contract.get("ends"))) if isinstance(contract, dict) else (None, None)


def _day(value: Any) -> date | None:
    try:
        return None if value is None else parse_day(value)
    except ValueError:
        return None  # the model reports it
