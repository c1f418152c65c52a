"""What became of articles on tickets: each article counts once for each ticket, as the ticket's events tell it.

An article *worked* when the ticket was resolved with it, and *failed* when it was a step tried that did not help, or
when the ticket was reopened after all. What is told last holds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from typing import Final
from uuid import UUID

from tierdesk_contracts import ticket as events
from tierdesk_contracts.ticket import TicketEvent
from tierdesk_kb.domain.open_tickets import articles_tried, steps_of


class Verdict(StrEnum):
    """Whether an article helped with a ticket."""

    WORKED = "worked"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Use:
    """An article on a ticket. `answered`: level 0 sent it; `confirmed`: there the requester said that it solved the problem."""

    verdict: Verdict | None = None
    answered: bool = False
    confirmed: bool = False


@dataclass(frozen=True, slots=True)
class UseCounts:
    """On how many tickets an article was what."""

    worked: int = 0
    failed: int = 0
    answered: int = 0
    confirmed: int = 0

    def plus(self, other: UseCounts) -> UseCounts:
        """The sum, field by field."""
        return UseCounts(*(getattr(self, one.name) + getattr(other, one.name) for one in fields(self)))

    def minus(self, other: UseCounts) -> UseCounts:
        """The difference, field by field."""
        return UseCounts(*(getattr(self, one.name) - getattr(other, one.name) for one in fields(self)))


UNUSED: Final = Use()


def count_use(use: Use) -> UseCounts:
    """What one use adds to an article's counts."""
    return UseCounts(
        worked=use.verdict is Verdict.WORKED,
        failed=use.verdict is Verdict.FAILED,
        answered=use.answered,
        confirmed=use.confirmed,
    )


def follow_uses(uses: Mapping[UUID, Use], told: Sequence[TicketEvent], sent: Mapping[UUID, UUID]) -> dict[UUID, Use]:
    """The uses of articles on a ticket, by article, after these events of it, in their order.

    `sent` says which article level 0 sent on an assignment. Steps that a ticket brings from another, of which it was a
    part, count there.
    """
    known = dict(uses)
    is_part = any(isinstance(event, events.SplitOff) for event in told)
    for event in told:
        if not (is_part and isinstance(event, events.Opened)):
            for article in articles_tried(steps_of(event)):
                known[article] = replace(known.get(article, UNUSED), verdict=Verdict.FAILED, confirmed=False)
        match event:
            case events.Progressed(answer=str() as answer, assignment_id=assignment) if answer and assignment in sent:
                known[sent[assignment]] = replace(known.get(sent[assignment], UNUSED), answered=True)
            case events.Resolved(assignment_id=assignment) if (solved_by := article_of(event)) is not None:
                confirmed = sent.get(assignment) == solved_by
                known[solved_by] = replace(known.get(solved_by, UNUSED), verdict=Verdict.WORKED, confirmed=confirmed)
            case events.ReopenedAgain():
                for article, use in known.items():
                    if use.verdict is Verdict.WORKED:
                        known[article] = replace(use, verdict=Verdict.FAILED, confirmed=False)
    return known


def tells_of_uses(told: Sequence[TicketEvent]) -> bool:
    """Whether any of these events may change the uses of a ticket."""
    return any(
        isinstance(event, events.Resolved | events.ReopenedAgain)
        or (isinstance(event, events.Progressed) and event.answer)
        or steps_of(event)
        for event in told
    )


def articles_named(told: Sequence[TicketEvent]) -> Iterator[UUID]:
    """The articles that these events name as tried, or as what solved it."""
    for event in told:
        yield from articles_tried(steps_of(event))
        if isinstance(event, events.Resolved) and (article := article_of(event)) is not None:
            yield article


def answering_assignments(told: Sequence[TicketEvent]) -> Iterator[UUID]:
    """The assignments on which these events tell of an answer to the requester, or of a resolution."""
    for event in told:
        if isinstance(event, events.Resolved) or (isinstance(event, events.Progressed) and event.answer):
            yield event.assignment_id


def article_of(event: events.Resolved) -> UUID | None:
    """The article that a ticket was resolved with; None without one, and for what is no identifier of an article of ours."""
    try:
        return None if event.article_id is None else UUID(event.article_id)
    except ValueError:
        return None
