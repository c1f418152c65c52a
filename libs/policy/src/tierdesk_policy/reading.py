"""From the values of a document to a checked model: every fault is told, each with its place."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from tierdesk_policy.checks import find_faults
from tierdesk_policy.faults import Fault, PolicyError
from tierdesk_policy.parts import DAY_AND_MONTH_PATTERN, IDENTIFIER_PATTERN
from tierdesk_policy.rule_checks import has_skills
from tierdesk_policy.view import Path, listed

Model = TypeVar("Model", bound=BaseModel)

_DEFAULT_TARGETS: Final[tuple[dict[str, Any], ...]] = (
    {"kind": "first_response", "within": 6 * 3_600, "calendar": "elapsed"},
    {"kind": "callback", "within": 4 * 3_600},
)
MOST_MESSAGE: Final = 400
"""So many characters of what is said of a fault: it may name what a hostile document made large."""
_PATTERNS: Final = {
    IDENTIFIER_PATTERN: "not a valid id: small letters, digits and hyphens, a letter first, at most 40",
    DAY_AND_MONTH_PATTERN: "not a date that comes each year: write MM-DD, as 12-25",
}


def read_document(
    model: type[Model],
    document: Mapping[str, Any],
    *,
    source: str,
    line_of: Callable[[Path], int] = lambda _: 0,
    faults: Iterable[Fault] = (),
    is_new: bool = False,
) -> Model:
    """The model of a document. Raises PolicyError with all faults of form and of sense, and those found before.

    One that `is_new` is read to be put in force, and must keep within bounds that may be narrower in this release
    than they were when others were stored.
    """
    completed = complete(document)
    found: dict[Path, list[str]] = {}
    checked: Model | None = None
    try:
        checked = model.model_validate(completed)
    except ValidationError as error:
        details = error.errors(include_url=False)
        for detail in details:
            if detail["type"] == "too_short" and any(_lies_within(other, detail) for other in details):
                continue  # pydantic counts the items that were fit; their own faults say more
            found.setdefault(_path(detail), []).append(_message(detail)[:MOST_MESSAGE])
    ill_formed = set(found)
    for path, message in find_faults(completed, is_new=is_new):
        if path not in ill_formed:
            found.setdefault(path, []).append(message[:MOST_MESSAGE])
    told = [*faults]
    for path, messages in found.items():
        told += [Fault(source, line_of(path), ".".join(map(str, path)), message) for message in messages]
    if told or checked is None:
        raise PolicyError(tuple(sorted(told, key=lambda fault: fault.line)))
    return checked


def complete(document: Mapping[str, Any]) -> dict[str, Any]:
    """The document with the defaults that depend on other parts: names, calendars, the two targets all desks have.

    Changes nothing in place. Values of a wrong type are left for the model to refuse.
    """
    completed = dict(document)
    calendar = completed.setdefault("default_calendar", "elapsed")
    for part in ("tiers", "groups", "categories", "departments", "vendors"):
        if part in completed:
            completed[part] = _each(completed[part], lambda item: {"name": item.get("id")} | item)
    for part, least in (("categories", ("tier", "skills")), ("rules", ("tier",))):
        if part in completed:
            completed[part] = _each(completed[part], partial(_with_group, completed.get("groups"), least))
    targets = completed.get("targets", [])
    if isinstance(targets, list | tuple):
        kinds = [target.get("kind") for target in targets if isinstance(target, dict)]
        targets = [*targets, *(target for target in _DEFAULT_TARGETS if target["kind"] not in kinds)]
    completed["targets"] = _each(targets, lambda item: {"calendar": calendar} | item)
    completed["groups"] = _each(completed.get("groups"), lambda item: {"calendar": calendar} | item)
    match completed.get("categories"):
        case [{"id": first}, *_]:
            completed.setdefault("default_category", first)
    return completed


def _each(items: Any, change: Callable[[dict[str, Any]], dict[str, Any]]) -> Any:
    if not isinstance(items, list | tuple):
        return items
    return [change(item) if isinstance(item, dict) else item for item in items]


def _with_group(groups: Any, least: tuple[str, ...], item: dict[str, Any]) -> dict[str, Any]:
    """The item with the group that its tier and skills mean, when it names none itself; as it is when there is none."""
    if item.get("group") is not None or not all(item.get(field) for field in least):
        return item
    skills = item.get("skills") or ()
    for group in listed(groups):
        if isinstance(group, dict) and group.get("tier") == item["tier"] and has_skills(group, skills):
            return item | {"group": group.get("id")}
    return item


def _lies_within(inner: ErrorDetails, outer: ErrorDetails) -> bool:
    depth = len(outer["loc"])
    return len(inner["loc"]) > depth and inner["loc"][:depth] == outer["loc"]


def _path(detail: ErrorDetails) -> Path:
    return tuple(part for part in detail["loc"] if part != "[key]")


def _message(detail: ErrorDetails) -> str:
    """The fault in plain words; a library's own where it has plain words already."""
    match detail["type"], detail["loc"]:
        case "missing", ("matrix", int(impact)):
            return f"no priorities for impact {impact + 1}"
        case "missing", ("matrix", int(impact), int(urgency)):
            return f"no priority for impact {impact + 1} and urgency {urgency + 1}"
        case "missing", _:
            return "is required"
        case "extra_forbidden", _:
            return "unknown field"
        case "string_pattern_mismatch", _:
            return _PATTERNS.get(detail["ctx"]["pattern"], "holds a character that is not text")
    message = detail["msg"].removeprefix("Value error, ").removeprefix("Input ")
    return message[:1].lower() + message[1:]
