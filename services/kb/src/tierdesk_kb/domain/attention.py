"""Which published articles somebody should look at, and why."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

from tierdesk_kb.domain.likeness import DUPLICATE_FROM
from tierdesk_kb.domain.shares import wilson_interval
from tierdesk_kb.domain.uses import UseCounts

FAILING_BELOW: Final = 0.5
"""An article fails when it helps, as sure as 95 of 100 cases, in fewer than half: with four failures and no success, say."""
UNUSED_AFTER: Final = timedelta(days=90)
"""So long an article has time to be used for the first time."""


class Why(StrEnum):
    """Why an article needs attention."""

    FAILING = "failing"
    """It did not help with most tickets on which it was tried."""
    DISLIKED = "disliked"
    """Most of its readers say that it does not help."""
    STALE = "stale"
    UNUSED = "unused"
    DUPLICATE = "duplicate"
    """Another article says much the same."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of a published article. `like` is the article that says most of the same, and how much, 0 to 1."""

    article_id: UUID
    title: str
    created_at: datetime
    changed_at: datetime
    uses: UseCounts = field(default_factory=UseCounts)
    helpful: int = 0
    unhelpful: int = 0
    like: tuple[UUID, str, float] | None = None


@dataclass(frozen=True, slots=True)
class Reason:
    """Why an article needs attention: in words, and the figures that it comes of."""

    why: Why
    because: str
    figures: dict[str, float]
    like: UUID | None = None


def find_reasons(standing: Standing, *, now: datetime, stale_after: timedelta) -> Iterator[Reason]:
    """The reasons why this article needs attention, the gravest first."""
    uses = standing.uses
    for why, good, bad, said in (
        (Why.FAILING, uses.worked, uses.failed, "It solved {good} of the {all} tickets on which it was tried."),
        (Why.DISLIKED, standing.helpful, standing.unhelpful, "{good} of {all} readers say that it helped."),
    ):
        low, high = wilson_interval(good, good + bad)
        if high < FAILING_BELOW:
            figures = {"good": good, "bad": bad, "share_from": round(low, 4), "share_to": round(high, 4)}
            yield Reason(why, said.format(good=good, all=good + bad), figures)
    unchanged = now - standing.changed_at
    if unchanged >= stale_after:
        yield Reason(Why.STALE, f"Nobody has changed it for {unchanged.days} days.", {"days": unchanged.days})
    if not any((uses.worked, uses.failed, uses.answered)) and now - standing.created_at >= UNUSED_AFTER:
        days = (now - standing.created_at).days
        yield Reason(Why.UNUSED, f"No ticket has used it in {days} days.", {"days": days})
    if standing.like is not None and standing.like[2] >= DUPLICATE_FROM:
        other, title, likeness = standing.like
        said = f"{likeness:.0%} of the words of both stand in the other, too: {title!r}."
        yield Reason(Why.DUPLICATE, said, {"likeness": round(likeness, 4)}, other)
