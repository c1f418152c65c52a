"""What must hold for the rules of a policy, and what is worth a remark, looked at in the values of a document."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Final

from tierdesk_policy.rules import COLUMNS, MOST_RULES, OUTCOMES

Found = tuple[tuple[str | int, ...], str]
Rules = Sequence[tuple[int, Mapping[str, Any]]]

MOST_REMARKS: Final = 50


def has_skills(group: Mapping[str, Any], wanted: Any) -> bool:
    """Whether a group of a document has all of the skills."""
    has = _listed(group.get("skills"))
    return all(skill in has for skill in _listed(wanted))


def find_rule_faults(document: Mapping[str, Any]) -> Iterator[Found]:
    """What makes a rule unusable: it decides nothing, contradicts itself or the rest of the policy, or is never reached."""
    groups, vendors = _by_id(document, "groups"), _by_id(document, "vendors")
    departments = _by_id(document, "departments")
    for i, rule in _rules(document):
        group = groups.get(rule["group"]) if isinstance(rule.get("group"), str) else None
        if rule.get("group") is None:
            yield from _without_group(i, rule)
        if group is not None:
            yield from _with_group(i, rule, group, vendors)
        for j, name in enumerate(_listed(rule.get("departments"))):
            if departments and isinstance(name, str) and name not in departments:
                yield ("rules", i, "departments", j), f"there is no department {name!r}"
    yield from _never_reached(document)


def _without_group(i: int, rule: Mapping[str, Any]) -> Iterator[Found]:
    if rule.get("tier") is not None:
        skills = ", ".join(map(str, _listed(rule.get("skills"))))
        yield (
            ("rules", i, "tier"),
            f"no group of tier {rule['tier']!r}" + (f" has the skills {skills}" if skills else ""),
        )
    elif rule.get("priority") is None:
        yield ("rules", i), "decides nothing: name a group, a tier or a priority"


def _with_group(
    i: int, rule: Mapping[str, Any], group: Mapping[str, Any], vendors: Mapping[str, Mapping[str, Any]]
) -> Iterator[Found]:
    name, tier = rule["group"], group.get("tier")
    if rule.get("tier") not in (None, tier):
        yield ("rules", i, "group"), f"the group {name!r} is of tier {tier!r}, not of {rule['tier']!r}"
    if not has_skills(group, rule.get("skills")):
        yield ("rules", i, "skills"), f"the group {name!r} does not have all of these skills"
    vendor = vendors.get(group["vendor"]) if isinstance(group.get("vendor"), str) else None
    covers = _listed(vendor.get("covers")) if vendor is not None else ()
    categories = rule.get("categories")
    beyond = [category for category in _listed(categories) if category not in covers]
    if vendor is not None and covers and (categories is None or beyond):
        what = "all categories" if categories is None else ", ".join(map(str, beyond))
        yield ("rules", i, "categories"), f"the vendor {vendor['id']!r} does not cover {what}"


def find_rule_remarks(document: Mapping[str, Any]) -> Iterator[Found]:
    """Where two rules decide differently and neither is plainly the exception to the other; at most `MOST_REMARKS`."""
    yield from islice(_overlaps(document), MOST_REMARKS)


def _never_reached(document: Mapping[str, Any]) -> Iterator[Found]:
    rules = _rules(document)
    for place, earlier in _overlapping(rules):
        i, rule = rules[place]
        for other in earlier:
            j, before = rules[other]
            decided = [what for what in OUTCOMES if rule.get(what) is not None]
            if (
                before.get("when") is None
                and all(before.get(what) is not None for what in decided)
                and _covers(before, rule)
            ):
                yield (
                    ("rules", i),
                    f"never reached: rules.{j} ({before.get('id')}) already matches all that this one does",
                )
                break


def _overlaps(document: Mapping[str, Any]) -> Iterator[Found]:
    rules = _rules(document)
    for place, earlier in _overlapping(rules):
        i, rule = rules[place]
        for other in earlier:
            j, before = rules[other]
            if not any(_differ(before.get(what), rule.get(what)) for what in OUTCOMES):
                continue
            name = f"rules.{j} ({before.get('id')})"
            if _covers(before, rule):
                if before.get("when") is not None:
                    yield (
                        ("rules", i),
                        (
                            f"{name} matches all that this one does when its condition holds: whether anything is left cannot be decided here"
                        ),
                    )
            elif not _covers(rule, before):
                undecided = before.get("when") is not None or rule.get("when") is not None
                yield (
                    ("rules", i),
                    f"overlaps {name}, which decides where both match"
                    + (
                        "; whether both ever do hangs on their conditions and cannot be decided here"
                        if undecided
                        else ""
                    ),
                )


def _overlapping(rules: Rules) -> Iterator[tuple[int, list[int]]]:
    """For each rule the earlier ones that may match the same ticket, by their columns; all by sets of bits."""
    everything = (1 << len(rules)) - 1
    columns: list[tuple[str, dict[Any, int], int]] = []
    for column in COLUMNS:
        any_value, by_value = 0, dict[Any, int]()
        for place, (_, rule) in enumerate(rules):
            values = _values(rule, column)
            if values is None:
                any_value |= 1 << place
            for value in values or ():
                by_value[value] = by_value.get(value, 0) | 1 << place
        columns.append((column, by_value, any_value))
    for place, (_, rule) in enumerate(rules):
        met = everything
        for column, by_value, any_value in columns:
            values = _values(rule, column)
            if values is not None:
                same = any_value
                for value in values:
                    same |= by_value[value]
                met &= same
        met &= (1 << place) - 1
        yield place, list(_bits(met))


def _bits(bits: int) -> Iterator[int]:
    while bits:
        lowest = bits & -bits
        yield lowest.bit_length() - 1
        bits ^= lowest


def _covers(wider: Mapping[str, Any], narrower: Mapping[str, Any]) -> bool:
    """Whether every column of the one matches at least what that of the other matches."""
    for column in COLUMNS:
        more, less = _values(wider, column), _values(narrower, column)
        if more is not None and (less is None or not less <= more):
            return False
    return True


def _differ(one: Any, other: Any) -> bool:
    return one is not None and other is not None and one != other


def _values(rule: Mapping[str, Any], column: str) -> frozenset[Any] | None:
    found = rule.get(column)
    if found is None:
        return None
    values = found if isinstance(found, list | tuple) else (found,)
    return frozenset(value for value in values if isinstance(value, str | int | bool))


def _rules(document: Mapping[str, Any]) -> list[tuple[int, Mapping[str, Any]]]:
    return [
        (i, rule) for i, rule in enumerate(islice(_listed(document.get("rules")), MOST_RULES)) if isinstance(rule, dict)
    ]


def _by_id(document: Mapping[str, Any], part: str) -> dict[str, dict[str, Any]]:
    return {
        item["id"]: item
        for item in _listed(document.get(part))
        if isinstance(item, dict) and isinstance(item.get("id"), str)
    }


def _listed(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list | tuple) else ()
