"""What is kept of open tickets, so that an article which is published later still finds those that it fits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import Final
from uuid import UUID

from tierdesk_contracts import ticket as events
from tierdesk_contracts.ticket import TicketChanged, TicketEvent
from tierdesk_contracts.vocabulary import StepTried
from tierdesk_policy import Policy

TicketKey = tuple[str, UUID]
"""A tenant, and a ticket."""
BETTER_BY: Final = 1e-6
"""By how much a score must be higher to be another one: it is a sum of fractions, in whatever order."""


class Course(StrEnum):
    """Whether a ticket is open."""

    OPEN = "open"
    """Again, after it was over."""
    OVER = "over"
    """It may be reopened for a while."""
    ENDED = "ended"
    """For good."""


_COURSES: Final[dict[type[TicketEvent], Course]] = {
    events.ReopenedAgain: Course.OPEN,
    events.Resolved: Course.OVER,
    events.Closed: Course.OVER,
    events.CancelledByRequester: Course.ENDED,
    events.Merged: Course.ENDED,
}


@dataclass(frozen=True, slots=True)
class OpenTicket:
    """A ticket by its words. `tried` are articles that did not help; `told_*` is the best match that was told of it.

    When it is over it is kept for `reopen_seconds`.
    """

    tenant: str
    id: UUID
    policy_version: str
    title_words: tuple[str, ...]
    text_words: tuple[str, ...]
    reopen_seconds: int
    tried: tuple[UUID, ...] = ()
    told_article: UUID | None = None
    told_score: float = 0.0

    def wants(self, article_id: UUID, score: float, policy: Policy) -> bool:
        """Whether an article that fits this well is worth telling now: it documents the problem, and better than what was told last,
        unless that was tried and did not help.
        """
        if policy.knowledge is None or article_id in self.tried:
            return False
        told_score = 0.0 if self.told_article in self.tried else self.told_score  # what did not help is no measure
        return score >= policy.knowledge.threshold and score > told_score + BETTER_BY


def is_kept(policy: Policy, category: str) -> bool:
    """Whether an article may send tickets of this category down."""
    found = policy.find_category(category)
    return policy.knowledge is not None and found is not None and found.knowledge


def course_of(data: TicketChanged) -> tuple[Course, datetime] | None:
    """Whether the ticket is open after the message, and since when; None where it says nothing of that."""
    for event in reversed(data.events):
        course = _COURSES.get(type(event))
        if course is not None:
            return course, event.at
    return None


def steps_of(event: TicketEvent) -> tuple[StepTried, ...]:
    """The steps that an event tells of; of most kinds there are none."""
    steps: tuple[StepTried, ...] = event.steps_tried if _tells_of_steps(type(event)) else ()  # type: ignore[attr-defined]
    return steps


@cache
def _tells_of_steps(kind: type[TicketEvent]) -> bool:
    """Known by kind: to ask an event for what it has not takes longer than all else that is done with most of them."""
    return "steps_tried" in kind.model_fields


def articles_tried(steps: tuple[StepTried, ...]) -> tuple[UUID, ...]:
    """The articles among steps that were tried. What is no identifier of an article is none of ours."""
    return tuple(dict.fromkeys(_read_identifiers(steps)))


def _read_identifiers(steps: tuple[StepTried, ...]) -> Iterator[UUID]:
    for step in steps:
        if step.article_id:
            try:
                yield UUID(step.article_id)
            except ValueError:
                continue
