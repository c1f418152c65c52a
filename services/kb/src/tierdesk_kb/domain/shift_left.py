"""Shift-left: of the tickets that a tier resolved, those that a lower tier could now close by a published article."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Final, NamedTuple
from uuid import UUID

from tierdesk_kb.domain.audience import is_readable_below
from tierdesk_policy import Policy, UnknownNameError

KEPT_DAYS: Final = 90
"""So long a resolved ticket is kept for the figure, in business time."""
CERTAIN: Final = 1.0
"""The score of an article that was named by who resolved the ticket, or drafted from it."""


def kept_since(now: datetime) -> date:
    """The first day (UTC) of which resolved tickets are kept."""
    return (now.astimezone(UTC) - timedelta(days=KEPT_DAYS)).date()


@dataclass(frozen=True, slots=True)
class ResolvedTicket:
    """A ticket that was resolved, by its words, and the best article known that documents it for people below.

    `sequence` is the place of the resolution in its log. One that is `fresh` is to be looked at; when it was `reopened`, it
    is to be forgotten. `counted` says whether the figure has it.
    """

    tenant: str
    id: UUID
    sequence: int
    tier: str
    category: str
    policy_version: str
    resolved_at: datetime
    title_words: tuple[str, ...] = ()
    text_words: tuple[str, ...] = ()
    fresh: bool = True
    counted: bool = False
    reopened: bool = False
    article_id: UUID | None = None
    score: float = 0.0


@dataclass(frozen=True, slots=True)
class Candidate:
    """A published article that may document a ticket, and how well it fits."""

    article_id: UUID
    audience: str
    score: float


def documents_below(candidate: Candidate, tier: str, threshold: float, policy: Policy) -> bool:
    """Whether people below `tier` could close with the article what was resolved there."""
    return candidate.score >= threshold and is_readable_below(tier, candidate.audience, policy)


def choose_article(
    ticket: ResolvedTicket,
    candidates: Iterable[Candidate],
    *,
    changed: frozenset[UUID],
    threshold: float,
    policy: Policy | None,
) -> ResolvedTicket:
    """The ticket with the best article that documents it for people below, now that those in `changed` are as they are.

    What it had stays if it did not change, and none of the candidates is better. Under a policy that cannot be read
    nothing is documented anew.
    """
    kept = replace(ticket, article_id=None, score=0.0) if ticket.article_id in changed else ticket
    good = [one for one in candidates if policy and documents_below(one, ticket.tier, threshold, policy)]
    best = max(good, key=lambda one: (one.score, one.article_id), default=None)
    if best is not None and best.score > kept.score:
        kept = replace(kept, article_id=best.article_id, score=best.score)
    return replace(kept, fresh=False, counted=True)


class Cell(NamedTuple):
    """What is counted together: tickets resolved on a day (UTC) at a tier, of a category, documented by one article or by none."""

    day: date
    tier: str
    category: str
    article_id: UUID | None


def count_changes(before: ResolvedTicket, after: ResolvedTicket | None) -> Iterator[tuple[Cell, int]]:
    """What is to be added to which count when a ticket is no longer as before, but as after; None when it is forgotten."""
    if before.counted:
        yield _cell_of(before), -1
    if after is not None and after.counted:
        yield _cell_of(after), 1


def _cell_of(ticket: ResolvedTicket) -> Cell:
    return Cell(ticket.resolved_at.astimezone(UTC).date(), ticket.tier, ticket.category, ticket.article_id)


@dataclass(frozen=True, slots=True)
class Count:
    """So many tickets of one tier and category, resolved with the same thing to be said of their articles."""

    tier: str
    category: str
    audience: str | None
    tickets: int


@dataclass(frozen=True, slots=True)
class Share:
    """Of one tier and category: tickets resolved, those of them that a lower tier could now close, and open ones that it could."""

    tier: str
    category: str
    resolved: int = 0
    documented: int = 0
    open_documented: int = 0


def tell_shares(resolved: Iterable[Count], opened: Iterable[Count], policy: Policy | None) -> list[Share]:
    """The shares by tier and category, the highest tier first. `audience` of a count is that of the article that documents it."""
    shares: dict[tuple[str, str], Share] = {}

    def find(one: Count) -> Share:
        return shares.setdefault((one.tier, one.category), Share(one.tier, one.category))

    for one in resolved:
        share = find(one)
        below = one.tickets if _is_below(one, policy) else 0
        shares[one.tier, one.category] = replace(
            share, resolved=share.resolved + one.tickets, documented=share.documented + below
        )
    for one in opened:
        if _is_below(one, policy):
            share = find(one)
            shares[one.tier, one.category] = replace(share, open_documented=share.open_documented + one.tickets)
    heights = _heights(shares, policy)
    return sorted(shares.values(), key=lambda one: (-heights[one.tier], one.tier, one.category))


def _is_below(one: Count, policy: Policy | None) -> bool:
    return one.audience is not None and policy is not None and is_readable_below(one.tier, one.audience, policy)


def _heights(shares: Mapping[tuple[str, str], Share], policy: Policy | None) -> dict[str, int]:
    heights: dict[str, int] = {}
    for tier, _ in shares:
        try:
            heights[tier] = -1 if policy is None else policy.height(tier)
        except UnknownNameError:
            heights[tier] = -1
    return heights
