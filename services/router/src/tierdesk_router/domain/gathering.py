"""What a problem means for the tickets that are linked to it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from tierdesk_contracts import ticket as events
from tierdesk_router.domain.lifecycle import MOVES, Draft
from tierdesk_router.domain.offers import DESK
from tierdesk_router.domain.problems import Link, ProblemRecord, ProblemStatus
from tierdesk_router.domain.ticket import Ticket


def gather(
    ticket: Ticket, problem: ProblemRecord, link: Link | None, *, because: str, by: str | None, at: datetime
) -> tuple[Draft, Link]:
    """Link a ticket, as it stands, to a problem. It hears of what was announced and solved before, too.

    `link` is the one that it had before, if it had one; `by` is None where the policy links it.
    """
    draft = Draft(ticket, at=at, actor=DESK)
    draft.record(events.Gathered, problem_id=problem.id, problem_reference=problem.reference, because=because, by=by)
    link = Link(ticket.id, at) if link is None else replace(link, released_at=None)
    link = announce_to(draft, problem, link)
    offer_resolution(draft, problem)
    return draft, link


def release(
    ticket: Ticket, problem: ProblemRecord, link: Link, *, because: str, by: str, at: datetime
) -> tuple[Draft, Link]:
    """Link it no more."""
    draft = Draft(ticket, at=at, actor=DESK)
    draft.record(events.Ungathered, problem_id=problem.id, problem_reference=problem.reference, because=because, by=by)
    return draft, replace(link, released_at=at)


def announce_to(draft: Draft, problem: ProblemRecord, link: Link) -> Link:
    """Note the announcement that stands, unless the ticket is not open or has had it."""
    told = problem.standing
    if told is None or not _takes(draft, "announced"):
        return link
    if link.announced_at is not None and link.announced_at >= told.at:
        return link
    draft.record(
        events.Announced,
        problem_id=problem.id,
        problem_reference=problem.reference,
        text=told.text,
        audience=told.audience,
        by=told.by,
    )
    return replace(link, announced_at=told.at)


def offer_resolution(draft: Draft, problem: ProblemRecord) -> None:
    """Offer the way in which the problem was solved, if it was and the ticket is open."""
    solved = problem.resolution
    if solved is not None and problem.status is ProblemStatus.RESOLVED and _takes(draft, "resolution_offered"):
        draft.record(
            events.ResolutionOffered,
            problem_id=problem.id,
            problem_reference=problem.reference,
            how=solved.how,
            by=solved.by,
        )


def _takes(draft: Draft, kind: str) -> bool:
    return (draft.ticket.status, kind) in MOVES
