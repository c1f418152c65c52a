"""Level 0: the knowledge base works the queue of its group by the protocol of the tiers.

It takes each offer. With an article that documents the problem it answers the requester and waits; a reply that
confirms resolves the ticket, any other hands it on with the article as a step tried, and so does none in time. Without
one it hands on at once.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from tierdesk_contracts import outcome as outcomes
from tierdesk_contracts.outcome import Outcome
from tierdesk_contracts.vocabulary import MAX_RESULT, EscalationReason, PauseParty, StepTried
from tierdesk_contracts.work import WorkOffered
from tierdesk_policy import ELAPSED, WAIT_SECONDS, BusinessTimeError, Policy

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
    due_at: datetime | None = None
    """While it waits: until when."""


@dataclass(frozen=True, slots=True)
class Solution:
    """A published article that documents the problem. Whether it helps is waited for until `wait_until`."""

    article_id: str
    title: str
    body: str
    wait_until: datetime | None = None


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
    job = replace(
        job,
        state=JobState.WAITING,
        article_id=solution.article_id,
        article_title=solution.title,
        due_at=solution.wait_until,
    )
    job, answered = _say(job, outcomes.WorkProgressed, answer=answer(solution))
    job, paused = _say(
        job, outcomes.WorkPaused, party=PauseParty.REQUESTER, note="Waits to hear whether the article solves it."
    )
    return job, (accepted, answered, paused)


def hear(job: Job, reply: str) -> Step:
    """Act on what the requester says. Nothing follows when the work is done."""
    if job.state is JobState.DONE:
        return job, ()
    job = drop(job)
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


def give_up(job: Job, now: datetime) -> Step:
    """Hand on what was waited for until now without a word of the requester. Nothing follows before, or when the work is done."""
    if job.state is JobState.DONE or job.due_at is None or job.due_at > now:
        return job, ()
    job, escalated = _say(
        drop(job),
        outcomes.WorkEscalated,
        reason=EscalationReason.OVERDUE,
        override=ASKS_NOBODY,
        findings=f"The article {job.article_title!r} was sent; the requester has not said whether it solved it.",
        steps_tried=(_tried(job, "The requester was sent it, and has not said whether it solved the problem."),),
    )
    return job, (escalated,)


def wait_until(now: datetime, policy: Policy | None) -> datetime:
    """Until when to wait for the requester, by the policy in force, in the hours of the group that the knowledge base works.

    Hours that come in a hundred years alone count as every hour.
    """
    knowledge = None if policy is None else policy.knowledge
    seconds = WAIT_SECONDS if knowledge is None else knowledge.wait_seconds
    if policy is not None:
        calendar = next((group.calendar for group in policy.groups if group.id == GROUP), ELAPSED)
        with suppress(BusinessTimeError):
            return policy.calendar(calendar).add(now, seconds)
    return now + timedelta(seconds=seconds)


def drop(job: Job) -> Job:
    """The work is over for the knowledge base, or was taken back, or an outcome was refused: nothing more is done about it."""
    return replace(job, state=JobState.DONE, due_at=None)


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
