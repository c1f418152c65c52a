"""Work on the board: what an offer becomes, who claims it, and what its owner says of it.

The desk is a consumer of the tier protocol like any other: the router decides who owns a ticket. A claim is a wish with
the token of the assignment, first come, first served among the people of this desk, and stands as `claiming` until the
router confirms it. What the owner says is sent at once and holds unless it is refused; a refusal puts the work back to
where it stood.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from tierdesk_contracts import outcome as outcomes
from tierdesk_contracts.outcome import Outcome
from tierdesk_contracts.vocabulary import RejectReason, Role
from tierdesk_contracts.work import OutcomeRejected, WorkAssigned, WorkOffered, WorkUpdated, WorkWithdrawn

MOST_TOLD: Final = 200
MOST_TOLD_CHARACTERS: Final = 200_000
"""So much of what was heard about a piece of work is kept beside it, the last of it; the ticket's log has all."""


class Stage(StrEnum):
    """Where a piece of work stands."""

    OFFERED = "offered"
    CLAIMING = "claiming"
    """Claimed here, and not confirmed yet."""
    OWNED = "owned"
    PAUSED = "paused"
    LEFT = "left"
    """Its owner has resolved it, handed it on or given it back."""
    GONE = "gone"
    """It was taken back, or the claim was refused."""


HELD: Final = frozenset({Stage.CLAIMING, Stage.OWNED, Stage.PAUSED})
"""The stages in which somebody has it."""
_ENDINGS: Final = (
    outcomes.WorkResolved,
    outcomes.WorkEscalated,
    outcomes.WorkTransferred,
    outcomes.WorkReturned,
    outcomes.WorkContributed,
)
_FOR_CONTRIBUTORS: Final = (outcomes.WorkProgressed, outcomes.WorkContributed, outcomes.WorkReturned)
_PUSHED: Final = "pushed"
"""In what was said last: the acceptance is the desk's own."""
_LOSSES: Final = frozenset({RejectReason.STALE, RejectReason.NOT_OWNER, RejectReason.FOREIGN})


class TakenError(Exception):
    """Another has it. `owner` is who."""

    def __init__(self, owner: str) -> None:
        super().__init__(f"{owner} has it")
        self.owner = owner


class OverError(Exception):
    """The work is over for this group; `reason` is a word of the protocol."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"it is over: {reason}")
        self.reason = reason


class MovedOnError(Exception):
    """More was said of it than whoever speaks has seen: perhaps the same, whose answer was lost. `ordinal` is the last."""

    def __init__(self, ordinal: int) -> None:
        super().__init__("more was said of it since: look at it again")
        self.ordinal = ordinal


class ForbiddenStepError(Exception):
    """The work stands where this step makes no sense; the text says why."""


@dataclass(frozen=True, slots=True)
class Work:
    """One assignment, as the desk knows it. `ordinal` is that of the last outcome that was sent of it.

    `due_at` is the nearest of its deadlines. `before` is where it stood before the last outcome, to which a refusal puts it back.
    """

    tenant: str
    assignment_id: UUID
    ticket: str
    token: int
    role: str
    tier: str
    group_id: str
    mode: str
    reference: str
    title: str
    category: str
    priority: int
    offered_at: datetime
    changed_at: datetime
    stage: Stage = Stage.OFFERED
    before: Stage = Stage.OFFERED
    worker: str | None = None
    ordinal: int = 0
    question: str = ""
    reason: str = ""
    accept_by: datetime | None = None
    due_at: datetime | None = None
    waits_for: str | None = None
    ended: str | None = None
    """The outcome by which its owner left it, or why it was taken back."""
    refused: dict[str, Any] | None = None
    """The last outcome, when it was refused: its `reason`, the `detail`, and what was `said`."""
    said: dict[str, Any] | None = None
    """The last outcome: its `kind` and the fields that people gave, so that a refused one can be mended.

    Of what goes on also the `party` for which it waited.
    """
    view: dict[str, Any] = field(default_factory=dict)
    """`case`, `internal`, `deadlines` and `steps_tried` of the protocol, and what was `told` since."""
    skills: tuple[str, ...] = ()

    @property
    def is_pushed(self) -> bool:
        """Whether the desk has given it to its owner, who has said nothing of it yet."""
        return self.stage in HELD and bool((self.said or {}).get(_PUSHED))


def open_work(offer: WorkOffered, *, tenant: str, ticket: str, skills: tuple[str, ...], at: datetime) -> Work:
    """What an offer puts on the board."""
    return Work(
        tenant=tenant,
        assignment_id=offer.assignment_id,
        ticket=ticket,
        token=offer.token,
        role=offer.role.value,
        tier=offer.tier,
        group_id=offer.group,
        mode=offer.mode.value,
        reference=offer.case.reference,
        title=offer.case.title,
        category=offer.case.category,
        priority=offer.case.priority,
        offered_at=at,
        changed_at=at,
        question=offer.question,
        reason=offer.reason.value,
        accept_by=offer.accept_by,
        due_at=_due(offer),
        view=_view(offer, ()),
        skills=skills,
    )


def claim(work: Work, worker: str, at: datetime) -> tuple[Work, Outcome | None]:
    """Take it. Nothing is sent when this worker has it already. Raises `TakenError` and `OverError`."""
    _check_open(work)
    if work.stage in HELD:
        if work.worker != worker:
            raise TakenError(work.worker or "")
        return work, None
    work = replace(work, worker=worker)
    return _send(work, outcomes.WorkAccepted, {}, Stage.CLAIMING, at)


def push(work: Work, worker: str, at: datetime) -> tuple[Work, Outcome]:
    """Give it to them, as if they had claimed it. Raises `TakenError` and `OverError`."""
    work, outcome = claim(work, worker, at)
    if outcome is None:
        raise TakenError(worker)
    return replace(work, said={**(work.said or {}), _PUSHED: True}), outcome


def say(
    work: Work, worker: str, model: type[Outcome], fields: dict[str, Any], at: datetime, *, based_on: int | None = None
) -> tuple[Work, Outcome]:
    """What its owner says of it. `based_on` is the ordinal that the owner has seen last: so nothing is said twice.

    Raises `TakenError`, `OverError`, `MovedOnError`, `ForbiddenStepError`, and pydantic's `ValidationError`.
    """
    if work.worker == worker and based_on is not None and based_on != work.ordinal:
        raise MovedOnError(work.ordinal)
    _check_open(work)
    if work.stage is not Stage.OFFERED and work.worker != worker:
        raise TakenError(work.worker or "")
    _check_step(work, model)
    work, outcome = _send(work, model, fields, _stage_after(work, model), at)
    if isinstance(outcome, outcomes.WorkPaused):
        work = replace(work, waits_for=outcome.party.value)
    elif isinstance(outcome, outcomes.WorkResumed):
        work = replace(work, waits_for=None, said={**(work.said or {}), "party": work.waits_for})
    elif issubclass(model, _ENDINGS):
        work = replace(work, ended=kind_of(model))
    return work, outcome


def kind_of(model: type[Outcome]) -> str:
    """The word for an outcome: `resolved`, `escalated` and so on."""
    return model.__name__.removeprefix("Work").lower()


def on_assigned(work: Work, data: WorkAssigned, at: datetime) -> Work:
    """The router has confirmed who owns it; it tells again how the ticket stands. It may be another than claimed it here."""
    before = Stage.OWNED if work.before in {Stage.OFFERED, Stage.CLAIMING} else work.before
    if work.stage in {Stage.LEFT, Stage.GONE}:
        return replace(work, before=before)
    view = _view(data, work.view.get("told", ()))
    stage = Stage.PAUSED if work.stage is Stage.PAUSED else Stage.OWNED
    return replace(
        work,
        stage=stage,
        before=before,
        worker=data.worker,
        ordinal=max(work.ordinal, data.last_ordinal),
        title=data.case.title,
        category=data.case.category,
        priority=data.case.priority,
        due_at=_due(data),
        view=view,
        changed_at=at,
    )


def on_updated(work: Work, data: WorkUpdated, at: datetime) -> Work:
    """Something about it changed."""
    view = dict(work.view)
    if data.internal is not None:
        view["internal"] = data.internal.model_dump(mode="json")
    elif data.article_id is not None and view.get("internal"):
        view["internal"] = view["internal"] | {"article_id": data.article_id, "article_title": data.article_title}
    told = data.model_dump(
        mode="json",
        include={"reply", "note", "contribution", "resolution", "article_title", "priority"},
        exclude_none=True,
    )
    if told:
        view["told"] = _last([*view.get("told", ()), told | {"at": at.isoformat()}])
    resumed = data.resumed and work.stage is Stage.PAUSED
    return replace(
        work,
        priority=data.priority or work.priority,
        stage=Stage.OWNED if resumed else work.stage,
        # A refusal that is on its way must not put it back to where it waited.
        before=Stage.OWNED if data.resumed and work.before is Stage.PAUSED else work.before,
        waits_for=None if resumed else work.waits_for,
        view=view,
        changed_at=at,
    )


def on_withdrawn(work: Work, data: WorkWithdrawn, at: datetime) -> Work:
    """It was taken back. What its owner has left stays left."""
    if work.stage is Stage.LEFT:
        return work
    return replace(work, stage=Stage.GONE, ended=data.reason.value, waits_for=None, changed_at=at)


def on_rejected(work: Work, data: OutcomeRejected, at: datetime) -> Work:
    """An outcome changed nothing. A refusal of another's outcome, or of one that was followed by others, moves nothing.

    After a gap the next outcome is the one that the router misses: else each would be refused. Who may not go on is told
    that it waits for nobody, whatever stood here.
    """
    if data.worker != work.worker or work.stage is Stage.GONE:
        return work
    refused = {"reason": data.reason.value, "detail": data.detail, "said": work.said}
    ordinal = max(work.ordinal, data.last_ordinal)
    if data.reason in _LOSSES:
        return replace(work, stage=Stage.GONE, ended=data.reason.value, refused=refused, changed_at=at)
    if data.ordinal != work.ordinal:
        return replace(work, ordinal=ordinal, refused=refused, changed_at=at)
    said = work.said or {}
    goes_on = said.get("kind") == "resumed" and data.reason is RejectReason.FORBIDDEN
    stage = Stage.OWNED if goes_on else work.before
    return replace(
        work,
        stage=stage,
        worker=None if stage is Stage.OFFERED else work.worker,
        ordinal=data.last_ordinal if data.reason is RejectReason.GAP else ordinal,
        ended=None,
        waits_for=(work.waits_for or said.get("party")) if stage is Stage.PAUSED else None,
        refused=refused,
        changed_at=at,
    )


def _check_open(work: Work) -> None:
    if work.stage in {Stage.LEFT, Stage.GONE}:
        raise OverError(work.ended or "gone")


def _check_step(work: Work, model: type[Outcome]) -> None:
    """Raises `ForbiddenStepError`. What the policy forbids the router refuses; here stands what no policy allows."""
    if work.stage is Stage.OFFERED:
        raise ForbiddenStepError("claim it first")
    if work.role == Role.CONTRIBUTOR.value and not issubclass(model, _FOR_CONTRIBUTORS):
        raise ForbiddenStepError("who is invited contributes or declines; the owner does the rest")
    if work.role == Role.OWNER.value and issubclass(model, outcomes.WorkContributed):
        raise ForbiddenStepError("it is yours: resolve it, or hand it on")
    if issubclass(model, outcomes.WorkPaused) and work.stage is Stage.PAUSED:
        raise ForbiddenStepError(f"it waits for the {work.waits_for} already")
    if issubclass(model, outcomes.WorkResumed) and work.stage is not Stage.PAUSED:
        raise ForbiddenStepError("it waits for nobody")


def _send(work: Work, model: type[Outcome], fields: dict[str, Any], stage: Stage, at: datetime) -> tuple[Work, Outcome]:
    assert work.worker is not None
    outcome = model.model_validate(
        {
            "assignment_id": work.assignment_id,
            "token": work.token,
            "worker": work.worker,
            "ordinal": work.ordinal + 1,
            **fields,
        }
    )
    given = outcome.model_dump(
        mode="json", exclude={"assignment_id", "token", "worker", "ordinal"}, exclude_defaults=True
    )
    work = replace(
        work,
        stage=stage,
        before=work.stage,
        ordinal=outcome.ordinal,
        said={"kind": kind_of(model), **given},
        refused=None,
        changed_at=at,
    )
    return work, outcome


def _stage_after(work: Work, model: type[Outcome]) -> Stage:
    if issubclass(model, _ENDINGS):
        return Stage.LEFT
    if issubclass(model, outcomes.WorkPaused):
        return Stage.PAUSED
    if issubclass(model, outcomes.WorkResumed):
        return Stage.OWNED
    return work.stage


def _due(part: WorkOffered | WorkAssigned) -> datetime | None:
    return min((deadline.due_at for deadline in part.deadlines), default=None)


def _last(told: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The last of it that there is room for, and the very last whatever it takes."""
    room, kept = MOST_TOLD_CHARACTERS, 0
    for one in reversed(told[-MOST_TOLD:]):
        room -= len(json.dumps(one, ensure_ascii=False))
        if room < 0 and kept:
            break
        kept += 1
    return told[-kept:]


def _view(part: WorkOffered | WorkAssigned, told: Any) -> dict[str, Any]:
    shown = part.model_dump(mode="json", include={"case", "internal", "deadlines", "steps_tried"})
    return shown | {"told": list(told)}
