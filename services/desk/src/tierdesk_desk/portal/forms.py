"""What requesters fill in, read into the events that intake takes, or into faults that name their fields."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Mapping
from typing import Any, Final
from uuid import UUID

from starlette.datastructures import FormData

from tierdesk_contracts.vocabulary import MAX_RESULT, MAX_TEXT
from tierdesk_desk.console.forms import Faults, Filled, FormError
from tierdesk_desk.console.words import WORDS
from tierdesk_desk.domain.people import Person
from tierdesk_desk.domain.requests import Requester
from tierdesk_policy import Category, Fact, Policy

Looked = tuple[tuple[str, str], ...]
"""Articles that somebody looked at in vain, each with its title."""
MOST_LOOKED: Final = 10
KEY: Final = re.compile(r"[A-Za-z0-9_-]{8,80}")
_MOST_STEPS: Final = 100 - MOST_LOOKED
_ADDRESS: Final = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_LENGTHS: Final[Mapping[str, int]] = {
    "title": 300,
    "text": MAX_TEXT,
    "location": 200,
    "contact": 200,
    "affected": MAX_TEXT,
    "comment": MAX_TEXT,
    "reason": MAX_TEXT,
    "body": 10_000,
}
"""As the contract has them."""
FIELDS_OF_FACTS: Final[Mapping[Fact, tuple[str, ...]]] = {
    Fact.LOCATION: ("location",),
    Fact.CONTACT: ("contact",),
    Fact.STEPS_TRIED: ("step",),
    Fact.IMPACT: ("impact", "affected"),
    Fact.DEPARTMENT: ("department",),
    Fact.URGENCY: ("urgency",),
}
"""Where each fact is told; who asks is known."""
TOLD_AS_FACTS: Final = frozenset({"location", "contact", "step", "impact", "affected", "department", "urgency"})


def category_of(filled: Filled, policy: Policy) -> Category:
    """The category that was chosen, else the one that the desk takes for what names none."""
    return policy.find_category(filled["category"] or None) or policy.category(policy.default_category)


def facts_to_ask(filled: Filled, policy: Policy, looked: Looked = ()) -> tuple[Fact, ...]:
    """The facts that a category asks for and that nothing was told of yet."""
    asked = category_of(filled, policy).description_facts
    return tuple(
        fact
        for fact in FIELDS_OF_FACTS
        if fact in asked
        and not (fact is Fact.DEPARTMENT and not policy.departments)
        and not any(filled[name] for name in FIELDS_OF_FACTS[fact])
        and not (fact is Fact.STEPS_TRIED and (filled.steps or looked))
    )


def read_looked(form: FormData) -> Looked:
    """The articles that stand in the form."""
    ids = [value for value in form.getlist("looked") if isinstance(value, str)]
    titles = [value for value in form.getlist("looked_title") if isinstance(value, str)]
    pairs = zip(ids, titles, strict=False)
    return tuple((one, title[:200]) for one, title in pairs if is_id(one) and title)[:MOST_LOOKED]


def is_id(text: str) -> bool:
    """Whether this is the identifier of anything."""
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False


def read_report(
    filled: Filled, policy: Policy, person: Person, known: Requester | None, looked: Looked
) -> dict[str, Any]:
    """The event that reports a problem. Raises `FormError`."""
    faults = check_key(filled) | check_lengths(filled, ("title", "text", "location", "contact", "affected"))
    if not filled["title"]:
        faults["title"] = "required"
    faults |= _check_choices(filled, policy)
    if any(not step or len(step) > 300 or len(result) > MAX_RESULT for step, result in filled.steps[:_MOST_STEPS]):
        faults["step"] = "required" if any(not step for step, _ in filled.steps) else "too_long"
    if faults:
        raise FormError(faults)
    return {
        "type": "problem_reported",
        "channel": "portal",
        "requester": requester_of(person, known),
        **_given(filled, ("title", "text", "category", "location", "contact", "affected", "department")),
        **_levels(filled),
        **_steps(filled, looked),
    }


def read_facts(filled: Filled, policy: Policy) -> dict[str, Any]:
    """The event that tells facts that were asked for. Raises `FormError`."""
    faults = (
        check_key(filled) | check_lengths(filled, ("location", "contact", "affected")) | _check_choices(filled, policy)
    )
    if any(not step for step, _ in filled.steps):
        faults["step"] = "required"
    told = {
        **_given(filled, ("location", "contact", "affected", "department")),
        **_levels(filled),
        **_steps(filled, ()),
    }
    if not told and not faults:
        faults["location"] = "one_of_them"
    if faults:
        raise FormError(faults)
    return {"type": "facts_told", **told}


def requester_of(person: Person, known: Requester | None) -> dict[str, str]:
    """Who asks. Their address is the one that is known, or what names them if that is an address: never what a form says."""
    address = known.email if known is not None and known.email else None
    address = address or next((one for one in (person.party, person.name) if _ADDRESS.fullmatch(one)), None)
    said = {"party": person.party, "name": person.display_name[:200], "email": address or ""}
    return {name: value for name, value in said.items() if value}


def prefill(known: Requester | None) -> dict[str, str]:
    """What nobody has to tell twice."""
    return {} if known is None else {name: value for name, value in (("contact", known.phone or known.email),) if value}


def new_key() -> str:
    """The key of a form, by which it is one thing however often it is sent."""
    return secrets.token_urlsafe(16)


def faults_of_event(found: Mapping[str, str]) -> Faults:
    """What intake finds wrong with an event, by the field of the form."""
    names = (path.partition(".")[0] for path in found)
    return {"step" if name == "steps_tried" else name: "not_this" for name in names}


def check_key(filled: Filled) -> Faults:
    """A fault for a key that no form of ours has."""
    return {} if KEY.fullmatch(filled["key"]) else {"key": "not_this"}


def check_lengths(filled: Filled, names: Iterable[str]) -> Faults:
    """A fault for each field that holds more than the contract takes, or what no text can hold."""
    faults: Faults = {}
    for name in names:
        if len(filled[name]) > _LENGTHS[name]:
            faults[name] = "too_long"
        elif "\x00" in filled[name]:
            faults[name] = "character"
    return faults


def _check_choices(filled: Filled, policy: Policy) -> Faults:
    choices: Mapping[str, Iterable[str]] = {
        "category": [one.id for one in policy.categories],
        "department": [one.id for one in policy.departments],
        "impact": WORDS["impact"],
        "urgency": WORDS["urgency"],
    }
    return {name: "choose" for name, words in choices.items() if filled[name] and filled[name] not in words}


def _given(filled: Filled, names: Iterable[str]) -> dict[str, str]:
    return {name: filled[name] for name in names if filled[name]}


def _levels(filled: Filled) -> dict[str, int]:
    return {name: int(filled[name]) for name in ("impact", "urgency") if filled[name]}


def _steps(filled: Filled, looked: Looked) -> dict[str, Any]:
    read: list[dict[str, str]] = [
        {"step": f"Read: {title}"[:300], "result": "It did not help.", "article_id": article}
        for article, title in looked
    ]
    tried = [{"step": step, **({"result": result} if result else {})} for step, result in filled.steps[:_MOST_STEPS]]
    return {"steps_tried": [*read, *tried]} if read or tried else {}
