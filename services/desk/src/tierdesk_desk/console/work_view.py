"""What the page of one piece of work shows: pure functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from tierdesk_contracts.vocabulary import Mode, Role
from tierdesk_desk.console.stories import StepView, Told, view_steps, view_told
from tierdesk_desk.console.views import Clock, Row, clock_of, view_row
from tierdesk_desk.domain.people import Person
from tierdesk_desk.domain.roles import Verb, allows_in
from tierdesk_desk.domain.work import HELD, Stage, Work
from tierdesk_policy import Fact, Policy

SOON_SHARE: Final = 0.2
"""So is a clock of which less than this share is left."""


@dataclass(frozen=True, slots=True)
class FactView:
    """One of the seven facts. `lines` is what is known of it; `level` a word of `impact` or `urgency`."""

    name: str
    lines: tuple[str, ...]
    missing: bool
    level: str | None = None


@dataclass(frozen=True, slots=True)
class RefusedView:
    """An outcome that was refused: a word of `step`, one of `refusal`, and what the desk says of it."""

    step: str
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class WorkView:
    """The page of one piece of work, as far as the board alone knows it."""

    row: Row
    text: str
    asset: str | None
    question: str
    accept_by: datetime | None
    facts: tuple[FactView, ...]
    completeness: float
    missing: tuple[str, ...]
    steps: tuple[StepView, ...]
    findings: str
    explanation: tuple[str, ...]
    article: tuple[str, str] | None
    told: tuple[Told, ...]
    clocks: tuple[Clock, ...]
    refused: RefusedView | None
    ended: str | None
    mine: bool
    claimable: bool
    releasable: bool
    actions: tuple[str, ...]


def view_work(work: Work, person: Person, policy: Policy, now: datetime, ticket: Mapping[str, Any] | None) -> WorkView:
    """The page of one piece of work. `ticket` is what the router knows of it, when it could be had."""
    view = work.view
    case: Mapping[str, Any] = view.get("case") or {}
    internal: Mapping[str, Any] = view.get("internal") or {}
    mine = work.stage in HELD and work.worker == person.name
    serves = allows_in(person.grants, Verb.WORK, tier=work.tier, group=work.group_id)
    oversees = allows_in(person.grants, Verb.OVERSEE, tier=work.tier, group=work.group_id)
    deadlines = [
        clock_of(datetime.fromisoformat(deadline["due_at"]), now, deadline["kind"])
        for deadline in view.get("deadlines") or ()
    ]
    return WorkView(
        row=view_row(work, policy, now),
        text=case.get("text") or "",
        asset=case.get("asset"),
        question=work.question,
        accept_by=work.accept_by if work.stage is Stage.OFFERED else None,
        facts=view_facts(internal, view.get("steps_tried") or (), ticket, policy),
        completeness=internal.get("completeness", 1.0),
        missing=tuple(internal.get("missing_facts") or ()),
        steps=view_steps(view.get("steps_tried")),
        findings=internal.get("findings") or "",
        explanation=tuple(internal.get("explanation") or ()),
        article=_article(internal),
        told=tuple(view_told(told) for told in reversed(view.get("told") or ())),
        clocks=tuple(sorted(deadlines, key=lambda clock: clock.due_at or now)),
        refused=None if work.refused is None else _refused(work.refused),
        ended=work.ended if work.stage in {Stage.LEFT, Stage.GONE} else None,
        mine=mine,
        claimable=work.stage is Stage.OFFERED and serves,
        releasable=work.stage in HELD and not mine and oversees,
        actions=actions_of(work) if mine and serves else (),
    )


def view_facts(
    internal: Mapping[str, Any], steps: Sequence[Mapping[str, Any]], ticket: Mapping[str, Any] | None, policy: Policy
) -> tuple[FactView, ...]:
    """The seven facts, told or not. Department, impact and urgency are known to the router alone."""
    ticket = ticket or {}
    missing = set(internal.get("missing_facts") or ())
    levels = {name: str(ticket[name]) for name in ("impact", "urgency") if ticket.get(name)}
    lines: dict[str, tuple[str | None, ...]] = {
        Fact.REQUESTER: (internal.get("requester_name"), internal.get("requester")),
        Fact.LOCATION: (internal.get("location"),),
        Fact.CONTACT: (internal.get("contact"),),
        Fact.STEPS_TRIED: tuple(step.get("step") for step in steps[:3]),
        Fact.IMPACT: (internal.get("affected"),),
        Fact.DEPARTMENT: (_department(ticket.get("department"), policy),),
        Fact.URGENCY: (),
    }
    return tuple(
        FactView(
            name=fact.value,
            lines=tuple(dict.fromkeys(line for line in lines[fact] if line)),
            missing=fact.value in missing,
            level=levels.get(fact.value) if fact.value not in missing else None,
        )
        for fact in Fact
    )


def actions_of(work: Work) -> tuple[str, ...]:
    """What its owner, or who helps, may do as it stands, in the order of a menu."""
    if work.role == Role.CONTRIBUTOR.value:
        return ("note", "contribute", "return")
    passes_on = {Mode.CARRY_THROUGH.value: ("carry",), Mode.SWARM.value: ()}.get(work.mode, ("escalate",))
    return (
        "note",
        "facts",
        "tried",
        "resume" if work.stage is Stage.PAUSED else "pause",
        "resolve",
        *passes_on,
        "transfer",
        "return",
        "invite",
    )


def view_clocks(clocks: Sequence[Mapping[str, Any]]) -> tuple[Clock, ...]:
    """The watcher's clocks: those that run first, the nearest before the others. Where nothing was promised, none."""
    views = [
        Clock(clock["kind"], _moment(clock.get("due_at")), _state(clock))
        for clock in clocks
        if clock["state"] != "void"
    ]
    order = {"overdue": 0, "soon": 1, "running": 2, "paused": 3}
    return tuple(
        sorted(views, key=lambda view: (order.get(view.state, 4), view.due_at.timestamp() if view.due_at else 0.0))
    )


def _refused(refused: Mapping[str, Any]) -> RefusedView:
    said: Mapping[str, Any] = refused.get("said") or {}
    return RefusedView(
        str(said.get("kind") or "progressed"), str(refused.get("reason")), str(refused.get("detail") or "")
    )


def _article(internal: Mapping[str, Any]) -> tuple[str, str] | None:
    article_id = internal.get("article_id")
    return (article_id, internal.get("article_title") or article_id) if article_id else None


def _department(name: str | None, policy: Policy) -> str | None:
    if name is None:
        return None
    return next((department.name for department in policy.departments if department.id == name), name)


def _moment(value: str | None) -> datetime | None:
    return None if value is None else datetime.fromisoformat(value)


def _state(clock: Mapping[str, Any]) -> str:
    state = str(clock["state"])
    if state != "running":
        return state
    if clock.get("overdue"):
        return "overdue"
    target, left = clock.get("target"), clock.get("remaining_seconds")
    if target and left is not None and left <= SOON_SHARE * target["within_seconds"]:
        return "soon"
    return state
