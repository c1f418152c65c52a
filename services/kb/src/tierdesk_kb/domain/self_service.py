"""Level 0: the knowledge base works the queue of its group by the protocol of the tiers.

It takes each offer. With an article that documents the problem it answers the requester and waits; a reply that
confirms resolves the ticket, any other hands it on with the article as a step tried. Without one it hands on at once.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from tierdesk_contracts import outcome as outcomes
from tierdesk_contracts.outcome import Outcome
from tierdesk_contracts.vocabulary import MAX_RESULT, EscalationReason, PauseParty, StepTried
from tierdesk_contracts.work import WorkOffered

WORKER: Final = "knowledge-base"
GROUP: Final = "self-service"
"""The group of the lowest tier that the knowledge base works, in every policy that has one of this name."""

_TEXT_LIMIT: Final = 60_000
_LINE_LIMIT: Final = 300
_CONFIRMING: Final = re.compile(
    r"\b(yes|yep|solved|resolved|fixed|works|worked|working|helped|thank(s| you)|perfect|great|done)\b", re.IGNORECASE
)
_DOUBTING: Final = re.compile(
    r"\b(no|nope|not|never|still|but|however|again|except|cannot|unfortunately|neither)\b|n['\u2019]t\b|\?",
    re.IGNORECASE,
)

ASKS_NOBODY: Final = "The knowledge base asks nobody for facts."
"""Why its escalations go with whatever description there is, also where the policy does not exempt its tier."""


class JobState(StrEnum):
    """Where a piece of work stands."""

    WAITING = "waiting"
    """The requester was answered."""
    DONE = "done"
    """Resolved, handed on, or taken back."""


@dataclass(frozen=True, slots=True)
class Job:
    """Work that the knowledge base accepted. `ordinal` is that of the last outcome it sent."""

    tenant: str
    ticket: str
    assignment_id: UUID
    token: int
    state: JobState
    ordinal: int = 0
    article_id: str | None = None
    article_title: str | None = None


@dataclass(frozen=True, slots=True)
class Solution:
    """A published article that documents the problem."""

    article_id: str
    title: str
    body: str


Step = tuple[Job, tuple[Outcome, ...]]


def take(offer: WorkOffered, solution: Solution | None, *, tenant: str, ticket: str) -> Step:
    """Accept an offer, and answer it with the solution or hand it on."""
    job = Job(tenant, ticket, offer.assignment_id, offer.token, JobState.DONE)
    job, accepted = _say(job, outcomes.WorkAccepted)
    if solution is None:
        job, escalated = _say(
            job,
            outcomes.WorkEscalated,
            reason=EscalationReason.BEYOND_SCOPE,
            override=ASKS_NOBODY,
            findings="The knowledge base has no article that fits.",
            steps_tried=(StepTried(step="Searched the knowledge base", result="Nothing that fits."),),
        )
        return job, (accepted, escalated)
    job = replace(job, state=JobState.WAITING, article_id=solution.article_id, article_title=solution.title)
    job, answered = _say(job, outcomes.WorkProgressed, answer=answer(solution))
    job, paused = _say(
        job, outcomes.WorkPaused, party=PauseParty.REQUESTER, note="Waits to hear whether the article solves it."
    )
    return job, (accepted, answered, paused)


def hear(job: Job, reply: str) -> Step:
    """Act on what the requester says. Nothing follows when the work is done."""
    if job.state is JobState.DONE:
        return job, ()
    job = replace(job, state=JobState.DONE)
    if is_confirmation(reply):
        job, resolved = _say(
            job,
            outcomes.WorkResolved,
            how=f"Solved by the requester with the article {job.article_title!r}.",
            article_id=job.article_id,
            steps_tried=(_tried(job, "The requester says that it solved the problem."),),
        )
        return job, (resolved,)
    job, escalated = _say(
        job,
        outcomes.WorkEscalated,
        reason=EscalationReason.FIRST_FIX_FAILED,
        override=ASKS_NOBODY,
        findings=f"The article {job.article_title!r} was sent and did not solve it.",
        steps_tried=(_tried(job, f"It did not solve the problem. The requester says: {reply}"),),
    )
    return job, (escalated,)


def drop(job: Job) -> Job:
    """The work was taken back, or an outcome was refused: nothing more is done about it."""
    return replace(job, state=JobState.DONE)


def answer(solution: Solution) -> str:
    """What the requester is told."""
    return (
        f"{solution.title}\n\n{solution.body[:_TEXT_LIMIT].strip()}\n\n"
        "Did this solve it? Reply yes, or say what is still wrong and a person takes over."
    )


def is_confirmation(reply: str) -> bool:
    """Whether a reply plainly says that it is solved. In doubt it does not: then a person looks at it."""
    return len(reply) <= 300 and bool(_CONFIRMING.search(reply)) and not _DOUBTING.search(reply)


def _tried(job: Job, result: str) -> StepTried:
    step = f"Article: {job.article_title}"
    return StepTried(step=step[:_LINE_LIMIT], result=result[:MAX_RESULT], article_id=job.article_id)


def _say(job: Job, outcome_type: type[Outcome], **fields: Any) -> tuple[Job, Outcome]:
    job = replace(job, ordinal=job.ordinal + 1)
    outcome = outcome_type(
        assignment_id=job.assignment_id, token=job.token, worker=WORKER, ordinal=job.ordinal, **fields
    )
    return job, outcome
