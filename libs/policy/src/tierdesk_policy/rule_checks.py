"""What must hold for the rules of a policy, and what is worth a remark, looked at in the values of a document."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Final

from tierdesk_policy.columns import Column, Relation, bits_of
from tierdesk_policy.rules import COLUMNS, MOST_RULES, OUTCOMES
from tierdesk_policy.view import Found, View, listed

Rules = Sequence[tuple[int, Mapping[str, Any]]]

MOST_REMARKS: Final = 50


def has_skills(group: Mapping[str, Any], wanted: Any) -> bool:
    """Whether a group of a document has all of the skills."""
    has = listed(group.get("skills"))
    return all(skill in has for skill in listed(wanted))


def find_rule_faults(view: View) -> Iterator[Found]:
    """What makes a rule unusable: it decides nothing, contradicts itself or the rest of the policy, or is never reached."""
    names_departments = any(view.items("departments"))
    for i, rule in _rules(view):
        group = view.find("groups", rule.get("group"))
        if rule.get("group") is None:
            yield from _without_group(i, rule)
        if group is not None:
            yield from _with_group(i, rule, group, view.find("vendors", group.get("vendor")))
        for j, name in enumerate(listed(rule.get("departments")) if names_departments else ()):
            message = view.unknown("departments", name)
            if message:
                yield ("rules", i, "departments", j), message
    yield from _never_reached(view)


def _without_group(i: int, rule: Mapping[str, Any]) -> Iterator[Found]:
    if rule.get("tier") is not None:
        skills = _some(listed(rule.get("skills")))
        yield (
            ("rules", i, "tier"),
            f"no group of tier {_brief(rule['tier'])!r}" + (f" has the skills {skills}" if skills else ""),
        )
    elif rule.get("priority") is None:
        yield ("rules", i), "decides nothing: name a group, a tier or a priority"


def _with_group(
    i: int, rule: Mapping[str, Any], group: Mapping[str, Any], vendor: Mapping[str, Any] | None
) -> Iterator[Found]:
    name, tier = _brief(rule["group"]), _brief(group.get("tier"))
    if rule.get("tier") not in (None, group.get("tier")):
        yield ("rules", i, "group"), f"the group {name!r} is of tier {tier!r}, not of {_brief(rule['tier'])!r}"
    if not has_skills(group, rule.get("skills")):
        yield ("rules", i, "skills"), f"the group {name!r} does not have all of these skills"
    covers = listed(vendor.get("covers")) if vendor is not None else ()
    categories = rule.get("categories")
    beyond = [category for category in listed(categories) if category not in covers]
    if vendor is not None and covers and (categories is None or beyond):
        what = "all categories" if categories is None else _some(beyond)
        yield ("rules", i, "categories"), f"the vendor {_brief(vendor['id'])!r} does not cover {what}"


def find_rule_remarks(view: View) -> Iterator[Found]:
    """Where two rules decide differently and neither is plainly the exception to the other; at most `MOST_REMARKS`."""
    yield from islice(_overlaps(view), MOST_REMARKS)


def _never_reached(view: View) -> Iterator[Found]:
    rules = _rules(view)
    conditional = _saying(rules, "when")
    naming = {what: _saying(rules, what) for what in OUTCOMES}
    for place, relation in enumerate(_relations(rules)):
        i, rule = rules[place]
        before = relation.covering & ~conditional
        for what in OUTCOMES:
            before &= naming[what] if rule.get(what) is not None else ~0
        first = next(bits_of(before), None)
        if first is not None:
            yield ("rules", i), f"never reached: {_name(rules[first])} already matches all that this one does"


def _overlaps(view: View) -> Iterator[Found]:
    rules = _rules(view)
    conditional = _saying(rules, "when")
    for place, relation in enumerate(_relations(rules)):
        i, rule = rules[place]
        for other in bits_of(
            (relation.meeting & ~relation.covering & ~relation.covered) | relation.covering & conditional
        ):
            before = rules[other][1]
            if not any(_differ(before.get(what), rule.get(what)) for what in OUTCOMES):
                continue
            if relation.covering >> other & 1:
                told = "matches all that this one does when its condition holds: whether anything is left cannot be decided here"
                yield ("rules", i), f"{_name(rules[other])} {told}"
            else:
                undecided = before.get("when") is not None or rule.get("when") is not None
                told = (
                    "; whether both ever do hangs on their conditions and cannot be decided here" if undecided else ""
                )
                yield ("rules", i), f"overlaps {_name(rules[other])}, which decides where both match{told}"


def _relations(rules: Rules) -> Iterator[Relation]:
    """For each rule in order. All by sets of bits: a thousand rules have half a million pairs."""
    columns = [Column([_values(rule, column) for _, rule in rules]) for column in COLUMNS]
    for place in range(len(rules)):
        meeting = covering = covered = (1 << place) - 1
        for column in columns:
            relation = column.relation(place)
            meeting &= relation.meeting
            covering &= relation.covering
            covered &= relation.covered
        yield Relation(meeting, covering, covered)


def _saying(rules: Rules, field: str) -> int:
    """The rules that say something in this field."""
    return sum(1 << place for place, (_, rule) in enumerate(rules) if rule.get(field) is not None)


def _name(numbered: tuple[int, Mapping[str, Any]]) -> str:
    return f"rules.{numbered[0]} ({_brief(numbered[1].get('id'))})"


def _brief(value: Any) -> str:
    """A name of a document, which may be of any length."""
    return str(value)[:40]


def _some(names: Iterable[Any]) -> str:
    told = [_brief(name) for name in islice(names, 6)]
    return ", ".join(told[:5]) + (" and more" if len(told) > 5 else "")


def _differ(one: Any, other: Any) -> bool:
    return one is not None and other is not None and one != other


def _values(rule: Mapping[str, Any], column: str) -> frozenset[Any] | None:
    found = rule.get(column)
    if found is None:
        return None
    values = found if isinstance(found, list | tuple) else (found,)
    return frozenset(value for value in values if isinstance(value, str | int | bool))


def _rules(view: View) -> Rules:
    return list(islice(view.items("rules"), MOST_RULES))
