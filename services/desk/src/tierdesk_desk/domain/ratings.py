"""How a requester rates what was done (CSAT): once for each resolution, and changed for a while. Pure functions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from tierdesk_contracts.vocabulary import Status
from tierdesk_desk.domain.requests import Entry, Request

LOWEST: Final = 1
HIGHEST: Final = 5
LONGEST_COMMENT: Final = 2_000
RATED_WITHIN: Final = timedelta(days=30)
"""So long after a resolution it can be rated."""
CHANGED_WITHIN: Final = timedelta(days=7)
"""So long after it was given a rating can be changed."""
_RATED: Final = frozenset({Status.RESOLVED.value, Status.CLOSED.value})


class NotRatedError(Exception):
    """This cannot be rated, or not any more; the text says why."""


@dataclass(frozen=True, slots=True)
class Rating:
    """A rating from 1 (bad) to 5 (good). `resolution` is the place of the resolution among the ticket's events."""

    tenant: str
    ticket: str
    resolution: int
    score: int
    comment: str
    rated_at: datetime
    changed_at: datetime
    revision: int = 1


def resolution_of(request: Request, entries: Iterable[Entry]) -> Entry | None:
    """What can be rated: the last resolution, while it stands."""
    if request.status not in _RATED:
        return None
    return max((entry for entry in entries if entry.kind == "resolved"), key=lambda one: one.sequence, default=None)


def may_rate(resolution: Entry | None, before: Rating | None, now: datetime) -> bool:
    """Whether a rating is taken now: a first one, or another in its place."""
    if resolution is None:
        return False
    return now <= (resolution.at + RATED_WITHIN if before is None else before.rated_at + CHANGED_WITHIN)


def rate(
    request: Request, resolution: Entry | None, before: Rating | None, *, score: int, comment: str, now: datetime
) -> Rating:
    """The rating that stands from now on. The same again changes nothing. Raises `NotRatedError`."""
    if resolution is None:
        raise NotRatedError("nothing was resolved, or it is open again")
    if not LOWEST <= score <= HIGHEST or len(comment) > LONGEST_COMMENT:
        raise NotRatedError(f"a rating is {LOWEST} to {HIGHEST}, with at most {LONGEST_COMMENT} letters")
    if before is not None and (before.score, before.comment) == (score, comment):
        return before
    if not may_rate(resolution, before, now):
        raise NotRatedError("the time for it has passed")
    if before is not None:
        return replace(before, score=score, comment=comment, changed_at=now, revision=before.revision + 1)
    return Rating(request.tenant, request.ticket, resolution.sequence, score, comment, rated_at=now, changed_at=now)
