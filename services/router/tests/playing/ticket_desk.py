"""One ticket in memory, what its workers say of it, and what each group is told."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from uuid import UUID

from tierdesk_contracts import intake
from tierdesk_policy import Policy
from tierdesk_router.domain.announcements import announce
from tierdesk_router.domain.outcomes import decide_outcome
from tierdesk_router.domain.requests import open_by

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)


class TicketDesk:
    def __init__(self, policy: Policy) -> None:
        numbers = itertools.count(100)
        self.policy = policy
        self.new_id = lambda: UUID(int=next(numbers))
        self.posts = []

    def open(self, report=None, **fields):
        """Open the ticket: by this message, or by a requester who tells these fields."""
        report = report or intake.ProblemReported(
            reference="TD-TEST-0001", requester=intake.Requester(party="ann"), title="Broken", **fields
        )
        return self.take(
            open_by(
                report, tenant="main", ticket_id=UUID(int=1), requester_id=UUID(int=2), at=NOW, policy=self.policy,
                new_id=self.new_id,
            )
        )  # fmt: skip

    def open_described(self, category):
        """Open it with all that any category of the test desk asks for but the place."""
        self.open(category=category, contact="4711", affected="all", impact=1)

    def take(self, draft):
        self.posts = announce(draft, self.policy, None)
        self.ticket = draft.ticket
        return draft

    def act(self, kind, worker="bob", *, live=None, **fields):
        """Have a worker say this, of the owner's assignment if no other is named."""
        live = live or self.ticket.assignment
        outcome = kind(assignment_id=live.id, token=live.token, worker=worker, ordinal=1, **fields)
        decided = decide_outcome(self.ticket, outcome, at=NOW, policy=self.policy, new_id=self.new_id)
        self.take(decided.draft)
        return decided

    def told(self, group):
        """What the last step told this group."""
        return [post.data for post in self.posts if post.destination.key.endswith(group)]
