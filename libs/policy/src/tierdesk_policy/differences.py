"""What differs between two policies, told by the names of their parts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from tierdesk_policy.model import Policy

_ORDERED: Final = {
    "tiers": "which stands higher",
    "groups": "which is meant first by a tier or skills",
    "categories": "",
    "departments": "",
    "calendars": "",
    "vendors": "",
    "rules": "which decides first",
    "escalations": "",
}
"""The parts that are compared by name, and what their order means."""


class Difference(NamedTuple):
    """One thing that is not the same. `before` is None for what is new, `after` for what is gone; both are texts."""

    field: str
    before: str | None
    after: str | None

    def __str__(self) -> str:
        if self.before is None:
            return f"+ {self.field}: {self.after}"
        if self.after is None:
            return f"- {self.field}: {self.before}"
        return f"~ {self.field}: {self.before} → {self.after}"


def find_differences(before: Policy, after: Policy) -> list[Difference]:
    """Every difference, in the order of the document. Parts are known by their `id`, wherever they stand."""
    found = list(_compare("", before.document(), after.document()))
    for part, meaning in _ORDERED.items():
        found += _compare_order(part, meaning, before, after)
    return found


def find_moved_entries(before: Policy, after: Policy) -> list[Difference]:
    """The categories of both that enter the desk elsewhere, however that came."""
    found = []
    for category in before.categories:
        other = after.find_category(category.id)
        if other is not None and (category.tier, category.group) != (other.tier, other.group):
            places = (f"{category.tier}/{category.group}", f"{other.tier}/{other.group}")
            found.append(Difference(f"category {category.id} enters at", *places))
    return found


def _compare(field: str, before: Any, after: Any) -> Iterator[Difference]:
    if before == after:
        return
    old, new = _by_name(before), _by_name(after)
    if old is None or new is None:
        yield Difference(field, _text(before), _text(after))
        return
    for name in [*old, *(name for name in new if name not in old)]:
        inner = f"{field}.{name}" if field else str(name)
        if name not in new:
            yield Difference(inner, _text(old[name]), None)
        elif name not in old:
            yield Difference(inner, None, _text(new[name]))
        else:
            yield from _compare(inner, old[name], new[name])


def _by_name(value: Any) -> dict[str, Any] | None:
    """The parts of a mapping, or of a list whose items have an `id`; None for what is compared as a whole."""
    if isinstance(value, dict):
        return value
    if isinstance(value, list) and value and all(isinstance(item, dict) and "id" in item for item in value):
        return {item["id"]: item for item in value}
    return {} if value == [] else None


def _compare_order(part: str, meaning: str, before: Policy, after: Policy) -> Iterator[Difference]:
    old, new = ([item.id for item in getattr(policy, part)] for policy in (before, after))
    both = set(old) & set(new)
    was, now = ([name for name in names if name in both] for names in (old, new))
    if was != now:
        yield Difference(f"order of {part}{f' ({meaning})' if meaning else ''}", ", ".join(was), ", ".join(now))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
