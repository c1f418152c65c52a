"""What must hold between the parts of a policy, looked at in the values of a document."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Any, Final

from tierdesk_policy.calendar_checks import find_calendar_faults
from tierdesk_policy.escalation_checks import find_escalation_faults
from tierdesk_policy.likeness import find_likeness_faults
from tierdesk_policy.mail import find_mail_faults
from tierdesk_policy.parts import DEFAULT_FACTS, ELAPSED, MOST_TARGETS
from tierdesk_policy.phone import find_phone_faults
from tierdesk_policy.rule_checks import find_rule_faults, has_skills
from tierdesk_policy.view import PARTS, Found, View, contract_days, listed

_REFERENCES: Final = (
    ("groups", "tier", "tiers"),
    ("groups", "calendar", "calendars"),
    ("groups", "vendor", "vendors"),
    ("groups", "fallback", "groups"),
    ("categories", "tier", "tiers"),
    ("categories", "group", "groups"),
    ("departments", "group", "groups"),
    ("rules", "group", "groups"),
    ("rules", "tier", "tiers"),
    ("rules", "categories", "categories"),
    ("vendors", "group", "groups"),
    ("vendors", "covers", "categories"),
    ("targets", "calendar", "calendars"),
    ("targets", "categories", "categories"),
    ("targets", "tiers", "tiers"),
    ("targets", "vendors", "vendors"),
    ("escalations", "calendar", "calendars"),
    ("escalations", "categories", "categories"),
    ("escalations", "tiers", "tiers"),
    ("escalations", "vendors", "vendors"),
)


def find_faults(document: Mapping[str, Any], *, is_new: bool) -> Iterator[Found]:
    """Every fault between the parts of a document whose defaults are filled in, as path and message.

    With `is_new` also those of what is not to be put in force any more, though it may be stored.
    """
    view = View(document)
    for check in _CHECKS:
        yield from check(view)
    yield from find_rule_faults(view)
    yield from find_escalation_faults(view)
    yield from find_likeness_faults(view)
    yield from find_phone_faults(view)
    yield from find_mail_faults(view)
    yield from find_calendar_faults(document, is_new=is_new)


def _duplicate_ids(view: View) -> Iterator[Found]:
    for part, singular in PARTS.items():
        seen = {ELAPSED: "the one that every policy has"} if part == "calendars" else {}
        for i, item in view.items(part):
            name = item.get("id")
            if isinstance(name, str):
                if name in seen:
                    yield (part, i, "id"), f"there is {_article(singular)} {singular} {name!r} already: {seen[name]}"
                seen.setdefault(name, f"{part}.{i}")


def _article(word: str) -> str:
    return "an" if word[0] in "aeiou" else "a"


def _references(view: View) -> Iterator[Found]:
    for part, field, target in _REFERENCES:
        for i, item in view.items(part):
            named = item.get(field)
            each = enumerate(named) if isinstance(named, list | tuple) else ((None, named),)
            for j, name in each:
                message = view.unknown(target, name)
                if message:
                    yield (part, i, field) if j is None else (part, i, field, j), message
    for field, target in (("default_category", "categories"), ("default_calendar", "calendars")):
        message = view.unknown(target, view.document.get(field))
        if message:
            yield (field,), message
    knowledge = view.document.get("knowledge")
    if isinstance(knowledge, dict):
        for part, field in (("groups", "group"), ("tiers", "owed_from")):
            message = view.unknown(part, knowledge.get(field))
            if message:
                yield ("knowledge", field), message


def _edges(view: View) -> Iterator[Found]:
    seen: dict[tuple[Any, ...], int] = {}
    for i, edge in enumerate(listed(view.document.get("edges"))):
        if not isinstance(edge, list | tuple) or not all(isinstance(tier, str) for tier in edge):
            continue
        for j, tier in enumerate(edge):
            message = view.unknown("tiers", tier)
            if message:
                yield ("edges", i, j), message
        if len(edge) == 2 and edge[0] == edge[1]:
            yield ("edges", i), "leads from a tier to itself; within a tier work may always be transferred"
        if tuple(edge) in seen:
            yield ("edges", i), f"told twice, first as edges.{seen[tuple(edge)]}"
        seen.setdefault(tuple(edge), i)


def _allowed(view: View, from_tier: Any, to_tier: Any) -> bool:
    return from_tier == to_tier or (from_tier, to_tier) in view.edges()


def _tiers(view: View) -> Iterator[Found]:
    peopled = [group.get("tier") for _, group in view.items("groups")]
    for i, tier in view.items("tiers"):
        if tier.get("id") not in peopled:
            yield ("tiers", i), f"the tier {tier.get('id')!r} has no group"


def _unreachable(view: View) -> Iterator[Found]:
    entries = [item.get("group") for part in ("categories", "departments", "rules") for _, item in view.items(part)]
    knowledge = view.document.get("knowledge")
    entries += [knowledge.get("group")] if isinstance(knowledge, dict) else []
    reached = [group.get("tier") for group in (view.find("groups", name) for name in entries) if group is not None]
    while more := [to_tier for from_tier, to_tier in view.edges() if from_tier in reached and to_tier not in reached]:
        reached += more
    for i, group in view.items("groups"):
        tier = group.get("tier")
        if view.find("tiers", tier) is not None and tier not in reached:
            yield ("groups", i), f"out of reach: no category enters tier {tier!r}, and no edge leads there"


def _groups(view: View) -> Iterator[Found]:
    for i, group in view.items("groups"):
        name, tier = group.get("fallback"), group.get("tier")
        if group.get("assign") == "push" and group.get("vendor") is not None:
            yield ("groups", i, "assign"), "work is pushed to people of one's own; a vendor takes what it is offered"
        fallback = view.find("groups", name)
        if fallback is None:
            continue
        if fallback.get("id") == group.get("id"):
            yield ("groups", i, "fallback"), "a group cannot stand in for itself"
        elif not _allowed(view, tier, fallback.get("tier")):
            message = f"the group {name!r} is of tier {fallback.get('tier')!r}, where no edge leads from {tier!r}"
            yield ("groups", i, "fallback"), message


def _categories(view: View) -> Iterator[Found]:
    for i, category in view.items("categories"):
        weights = category.get("fact_weights")
        facts = listed(category.get("description_facts", DEFAULT_FACTS))
        for fact in weights if isinstance(weights, dict) else ():
            if fact not in facts:
                yield ("categories", i, "fact_weights", fact), "weighs a fact that the category does not ask for"
        name, tier = category.get("group"), category.get("tier")
        group = view.find("groups", name)
        if group is None:
            if name is None and category.get("skills"):
                yield ("categories", i, "skills"), f"no group of tier {tier!r} has all of these skills"
            continue
        if not has_skills(group, category.get("skills")):
            yield ("categories", i, "skills"), f"the group {name!r} does not have all of these skills"
        if isinstance(tier, str) and group.get("tier") != tier:
            yield ("categories", i, "group"), f"the group {name!r} is of tier {group.get('tier')!r}, not of {tier!r}"
        vendor = view.find("vendors", group.get("vendor"))
        covers = listed(vendor.get("covers")) if vendor else ()
        if covers and category.get("id") not in covers:
            yield ("categories", i, "group"), f"the vendor {group['vendor']!r} does not cover this category"


def _vendors(view: View) -> Iterator[Found]:
    for i, vendor in view.items("vendors"):
        group = view.find("groups", vendor.get("group"))
        if group is not None and group.get("vendor") != vendor.get("id"):
            yield ("vendors", i, "group"), f"the group {vendor['group']!r} does not say `vendor: {vendor.get('id')}`"
        starts, ends = contract_days(vendor)
        if starts is not None and ends is not None and ends < starts:
            yield ("vendors", i, "contract", "ends"), f"the contract ends before it starts, which is on {starts}"


def _priorities(view: View) -> Iterator[Found]:
    names = view.document.get("priorities", (1, 2, 3, 4))
    if not isinstance(names, list | tuple):
        return
    beyond = f"there are only {len(names)} priorities"
    for i, row in enumerate(listed(view.document.get("matrix", ((1, 2, 3), (2, 3, 4), (3, 4, 4))))):
        for j, priority in enumerate(listed(row)):
            if isinstance(priority, int) and priority > len(names):
                yield ("matrix", i, j), beyond
    for part in ("targets", "rules", "escalations"):
        for i, item in view.items(part):
            for j, priority in enumerate(listed(item.get("priorities"))):
                if isinstance(priority, int) and priority > len(names):
                    yield (part, i, "priorities", j), beyond
            if isinstance(item.get("priority"), int) and item["priority"] > len(names):
                yield (part, i, "priority"), beyond


def _targets(view: View) -> Iterator[Found]:
    earlier: list[tuple[int, dict[str, Any]]] = []
    for i, target in islice(view.items("targets"), MOST_TARGETS):
        for j, before in earlier:
            if before.get("kind") == target.get("kind") and all(
                _covers(before.get(field), target.get(field))
                for field in ("priorities", "categories", "tiers", "vendors")
            ):
                yield ("targets", i), f"never reached: targets.{j} already matches all that this one does"
                break
        earlier.append((i, target))


def _covers(wider: Any, narrower: Any) -> bool:
    return wider is None or (narrower is not None and all(name in listed(wider) for name in listed(narrower)))


_CHECKS: Final[tuple[Callable[[View], Iterator[Found]], ...]] = (
    _duplicate_ids,
    _references,
    _edges,
    _tiers,
    _unreachable,
    _groups,
    _categories,
    _vendors,
    _priorities,
    _targets,
)
