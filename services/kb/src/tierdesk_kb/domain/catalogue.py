"""Services that can be ordered, and what an order of one says to whoever fulfils it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from tierdesk_contracts.intake import Requester
from tierdesk_contracts.notice import ServiceOrdered
from tierdesk_contracts.vocabulary import MAX_TEXT

_LONGEST_NAME: Final = 200
_FACTS: Final = {"location": _LONGEST_NAME, "contact": _LONGEST_NAME, "asset": _LONGEST_NAME, "affected": MAX_TEXT}
"""Answers of these names are facts of the ticket, up to so many characters."""
_PERSONAL: Final = "contact"
"""How to reach somebody is kept with the party and in no log."""


@dataclass(frozen=True, slots=True)
class Service:
    """One version of a service. `form` is the document as its author wrote it; `steps` are what fulfils an order."""

    tenant: str
    item: str
    version: int
    name: str
    description: str
    form: dict[str, Any]
    category: str
    steps: tuple[str, ...]
    active: bool


class ServiceConflictError(Exception):
    """The service is not as its author believes. `version` is its newest; 0 when there is none."""

    def __init__(self, version: int) -> None:
        super().__init__(f"version {version} is the newest: read it, then write the next")
        self.version = version


def revise_service(newest: Service | None, wanted: Service, *, based_on: int) -> Service:
    """The next version, of what was read as version `based_on`; the newest when it says the same already.

    Raises `ServiceConflictError` when somebody else wrote one meanwhile.
    """
    version = 0 if newest is None else newest.version
    if newest is not None and _say_the_same(replace(wanted, version=version), newest):
        return newest
    if based_on != version:
        raise ServiceConflictError(version)
    return replace(wanted, version=version + 1)


def _say_the_same(one: Service, other: Service) -> bool:
    """Whether two are equal, the order of the fields in their forms included."""
    return one == other and json.dumps(one.form) == json.dumps(other.form)


def word_order(service: Service, requester: Requester, answers: Mapping[str, Any]) -> ServiceOrdered:
    """The order as whoever fulfils it reads it: what is to be done, and what was answered.

    Answers that are named as facts of a ticket are that, too.
    """
    facts = {
        name: answers[name]
        for name, longest in _FACTS.items()
        if isinstance(answers.get(name), str) and 0 < len(answers[name]) <= longest
    }
    steps = [f"{number}. {step}" for number, step in enumerate(service.steps, start=1)]
    told = [f"{label}: {_write(value)}" for label, value in _labelled(service.form, answers)]
    parts = [
        part for part in (["To be done:", *steps] if steps else [], ["Ordered with:", *told] if told else []) if part
    ]
    return ServiceOrdered(
        item=service.item,
        version=service.version,
        requester=requester,
        title=service.name,
        text="\n\n".join("\n".join(part) for part in parts)[:MAX_TEXT],
        category=service.category,
        **facts,
    )


def _labelled(form: Mapping[str, Any], answers: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """The answers with their labels, in the order of the form."""
    asked = form.get("properties", {})
    names = [*(name for name in asked if name in answers), *(name for name in answers if name not in asked)]
    return [(_label(name, asked.get(name)), answers[name]) for name in names if name != _PERSONAL]


def _label(name: str, schema: Any) -> str:
    title = schema.get("title") if isinstance(schema, dict) else None
    return title if isinstance(title, str) and title else name


def _write(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return ", ".join(value)
    return json.dumps(value, ensure_ascii=False)
