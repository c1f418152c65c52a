"""What tickets tell of the way down: which open ones an article documents, and which are resolved, and where."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from uuid import UUID

from tierdesk_contracts import AnyEnvelope
from tierdesk_contracts.ticket import Matched, Offered, Opened, ReopenedAgain, Resolved, TicketChanged
from tierdesk_kb.domain.open_tickets import Course, TicketKey, course_of
from tierdesk_kb.domain.shift_left import CERTAIN, ResolvedTicket
from tierdesk_kb.store.policies import PolicyKey
from tierdesk_kb.store.resolutions import (
    Standing,
    add_resolutions,
    drop_tried,
    follow_documented,
    reopen_resolutions,
)
from tierdesk_store import Transaction


@dataclass(slots=True)
class Outlook:
    """What a batch decides of it. The last word on a ticket counts."""

    resolved: dict[TicketKey, ResolvedTicket] = field(default_factory=dict)
    reopened: dict[TicketKey, None] = field(default_factory=dict)
    standings: dict[TicketKey, Standing | None] = field(default_factory=dict)

    def follow(self, key: TicketKey, data: TicketChanged, *, named: UUID | None, documented_from: float) -> None:
        """Note what a message says. `named` is the article that its resolution names, if there is such a one."""
        self._note_end(key, data, named)
        self._note_standing(key, data, documented_from)

    async def save(self, tx: Transaction, tried: Mapping[TicketKey, Collection[UUID]]) -> None:
        """Write it; an article that was `tried` documents its ticket no more. The words of tickets that were opened by the batch
        must be kept already.
        """
        await reopen_resolutions(tx.connection, self.reopened)  # those of before the batch
        await add_resolutions(tx.connection, self.resolved.values())
        await follow_documented(tx.connection, self.standings)
        await drop_tried(tx.connection, tried)

    def _note_end(self, key: TicketKey, data: TicketChanged, named: UUID | None) -> None:
        for event in data.events:
            if isinstance(event, ReopenedAgain):
                self.resolved.pop(key, None)
                self.reopened[key] = None
        last = next((event for event in reversed(data.events) if isinstance(event, Resolved | ReopenedAgain)), None)
        if isinstance(last, Resolved):
            self.resolved[key] = ResolvedTicket(
                *key,
                sequence=last.sequence,
                tier=last.tier or data.tier or "",
                category=data.category or "",
                policy_version=data.policy_version,
                resolved_at=last.at,
                article_id=named,
                score=0.0 if named is None else CERTAIN,
            )

    def _note_standing(self, key: TicketKey, data: TicketChanged, documented_from: float) -> None:
        course = course_of(data)
        if course is not None and course[0] is not Course.OPEN:
            self.standings[key] = None
            return
        known = self.standings.get(key)
        standing = Standing(data.tier or "", data.category or "", None if known is None else known.article_id)
        matched = next((event for event in reversed(data.events) if isinstance(event, Matched)), None)
        if matched is not None and matched.score >= documented_from:
            article = _read(matched.article_id)
            self.standings[key] = None if article is None else replace(standing, article_id=article)
        elif _moves(data) and (known is not None or key not in self.standings):
            self.standings[key] = standing


def named_policy(envelope: AnyEnvelope) -> PolicyKey | None:
    """The policy that is needed to tell what a resolution or a match means; None for any other message."""
    data = envelope.data
    if isinstance(data, TicketChanged) and any(isinstance(event, Resolved | Matched) for event in data.events):
        return envelope.tenant, data.policy_version
    return None


def _moves(data: TicketChanged) -> bool:
    """Whether the ticket is offered by then; of one that was just opened nothing is known yet that could be moved."""
    return any(isinstance(event, Offered) for event in data.events) and not isinstance(data.events[0], Opened)


def _read(article_id: str) -> UUID | None:
    try:
        return UUID(article_id)
    except ValueError:
        return None
