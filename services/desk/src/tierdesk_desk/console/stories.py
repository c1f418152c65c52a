"""What was said and done on a ticket, in the order of time: pure functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from tierdesk_desk.console.views import name_of_group
from tierdesk_desk.console.words import WORDS
from tierdesk_policy import Policy


@dataclass(frozen=True, slots=True)
class StepView:
    """A step that was tried. `article_step` is its number in an article, if it is one of those."""

    step: str
    result: str = ""
    article_step: int | None = None


@dataclass(frozen=True, slots=True)
class Told:
    """What was heard about the work since it was offered. `word` is of the kind `contribution`."""

    at: datetime
    from_requester: bool
    who: str = ""
    word: str = ""
    texts: tuple[str, ...] = ()
    steps: tuple[StepView, ...] = ()
    resolution: str = ""
    article: str = ""
    priority: int | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """What was said or done, for a list in the order of time. `kind` is a word of `log`, `values` what its text names."""

    at: datetime
    who: str
    """The worker's name; empty where `actor`, a word of its own, says enough."""
    actor: str
    kind: str
    values: Mapping[str, str]
    texts: tuple[str, ...] = ()
    steps: tuple[StepView, ...] = ()


def view_steps(steps: Sequence[Mapping[str, Any]] | None) -> tuple[StepView, ...]:
    """Steps that were tried, as the protocol has them."""
    return tuple(
        StepView(str(step.get("step") or ""), str(step.get("result") or ""), step.get("article_step"))
        for step in steps or ()
    )


def view_told(told: Mapping[str, Any]) -> Told:
    """What was heard at once."""
    contribution: Mapping[str, Any] = told.get("contribution") or {}
    texts = (told.get("reply"), told.get("note"), contribution.get("text"))
    return Told(
        at=datetime.fromisoformat(told["at"]),
        from_requester=bool(told.get("reply")),
        who=contribution.get("worker") or contribution.get("group") or "",
        word=contribution.get("word") or "",
        texts=tuple(text for text in texts if text),
        steps=view_steps(contribution.get("steps_tried")),
        resolution=told.get("resolution") or "",
        article=told.get("article_title") or "",
        priority=told.get("priority"),
    )


def view_log(log: Sequence[Mapping[str, Any]], policy: Policy) -> tuple[Entry, ...]:
    """The ticket's log, the newest first."""
    workers: dict[str, str] = {}
    entries = []
    for event in log:
        if event.get("worker"):
            workers[str(event.get("assignment_id"))] = event["worker"]
        entries.append(_entry(event, policy, workers))
    return tuple(reversed(entries))


_TEXTS: Final = (
    "text", "note", "answer", "question", "how", "root_cause", "findings", "override", "comment", "waiver",
)  # fmt: skip
"""What people wrote, by the events' field."""


def _entry(event: Mapping[str, Any], policy: Policy, workers: Mapping[str, str]) -> Entry:
    kind = str(event.get("kind"))
    actor: Mapping[str, Any] = event.get("actor") or {}
    who = str(event.get("worker") or workers.get(str(event.get("assignment_id"))) or actor.get("id") or "")
    group = event.get("to_group") or event.get("group")
    texts = [str(event[name]) for name in _TEXTS if event.get(name)]
    if kind in {"reopened", "cancelled"} and event.get("reason"):
        texts.append(str(event["reason"]))
    if kind == "progressed" and event.get("answer"):
        kind = "answered"
    if kind == "called" and f"called_{event.get('outcome')}" in WORDS["log"]:
        kind = f"called_{event['outcome']}"
    return Entry(
        at=datetime.fromisoformat(str(event["at"])),
        who=who if actor.get("kind") in {"worker", "vendor"} else "",
        actor=str(actor.get("kind") or "desk"),
        kind=kind,
        values={
            "group": name_of_group(policy, str(group)) if group else "",
            "worker": str(event.get("worker") or ""),
            "priority": str(event.get("priority") or ""),
            "title": str(event.get("title") or ""),
            "party": str(event.get("party") or ""),
            "clock": str(event.get("clock") or ""),
            "word": str(event.get("word") or ""),
        },
        texts=tuple(texts),
        steps=view_steps(event.get("steps_tried")),
    )
