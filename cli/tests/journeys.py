"""A ticket in memory that goes its way through a desk, with its log and a clock that the test moves."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from uuid import UUID

from tierdesk_contracts import intake
from tierdesk_contracts import outcome as outcomes
from tierdesk_contracts.event import TicketEvent
from tierdesk_policy import Policy, load_policy
from tierdesk_router.domain.chains import heed_unaccepted
from tierdesk_router.domain.lifecycle import Draft
from tierdesk_router.domain.likeness import Recurrence
from tierdesk_router.domain.offers import expire_offer
from tierdesk_router.domain.outcomes import decide_outcome
from tierdesk_router.domain.requests import answer_request, apply_match, open_by
from tierdesk_router.domain.ticket import Assignment, Ticket

POLICY = load_policy("""
name: A desk of the tests
tiers: [{id: l1, name: Service desk}, {id: l2, name: Specialists}, {id: l3, name: Engineers}, {id: l4, name: Suppliers}]
edges: [[l1, l2], [l2, l1], [l2, l3], [l3, l2], [l3, l4], [l4, l3], [l1, l4]]
offer: {accept_within: 30m, attempts: 2}
groups:
  - {id: front, tier: l1, name: Front desk}
  - {id: clients, tier: l2, name: PCs and laptops, fallback: front}
  - {id: networks, tier: l2, name: Networks}
  - {id: platform, tier: l3, name: Platform}
  - {id: acme, tier: l4, vendor: acme, name: Acme printers}
vendors: [{id: acme, group: acme, covers: [printer]}]
categories:
  - {id: other, tier: l1, group: front, description_facts: [requester]}
  - {id: laptop, tier: l2, group: clients, description_facts: [requester]}
  - {id: printer, tier: l4, group: acme, description_facts: [requester]}
  - {id: outage, tier: l1, group: front, description_facts: [requester], mode: swarm}
  - {id: software, tier: l1, group: front, description_facts: [requester], mode: carry_through}
departments:
  - {id: finance, group: platform, overrides: true}
vips: [eve@example.org]
rules:
  - {id: boss, vip: true, priority: 1, because: Who decides must be able to work.}
  - {id: water, when: text.contains("water"), group: platform, priority: 2}
  - {id: by-phone, channels: [phone], group: networks}
  - {id: wet, when: text.contains("wet") || text.contains("water"), group: networks, priority: 3}
knowledge: {group: front, threshold: 0.7}
likeness:
  recurring: [{count: 3, within: 30d, by: [category, asset], tier: l3}]
escalations:
  - id: unheard
    on: {unaccepted: 2}
    steps: [{notify: team-lead}, {raise_priority: 1}, {next_tier: true}]
""")
NINE = datetime(2026, 3, 2, 9, tzinfo=UTC)


class Journey:
    """The ticket, its log, and the time: `at` is nine o'clock until `later` moves it."""

    def __init__(self, policy: Policy = POLICY) -> None:
        """Under this policy."""
        numbers = itertools.count(100)
        self.policy = policy
        self.new_id = lambda: UUID(int=next(numbers))
        self.at = NINE
        self.log: list[TicketEvent] = []
        self.ticket: Ticket

    def open(self, *, recurrence: Recurrence | None = None, party: str = "ann", **told: object) -> None:
        """Its requester reports it, with these fields."""
        report = intake.ProblemReported.model_validate(
            {"reference": "TD-TEST-0001", "requester": {"party": party}, "title": "It is broken", **told}
        )
        self._take(
            open_by(
                report, tenant="main", ticket_id=UUID(int=1), requester_id=UUID(int=2), at=self.at, policy=self.policy,
                new_id=self.new_id, recurrence=recurrence,
            )
        )  # fmt: skip

    def later(self, **span: float) -> None:
        """Time passes."""
        self.at += timedelta(**span)

    def act(
        self, worker: str, kind: type[outcomes.Outcome], *, live: Assignment | None = None, **fields: object
    ) -> None:
        """Somebody says this of the owner's assignment, if no other is named."""
        live = live or self.ticket.assignment
        assert live is not None
        said = kind.model_validate(
            {"assignment_id": live.id, "token": live.token, "worker": worker, "ordinal": 1, **fields}
        )
        decided = decide_outcome(self.ticket, said, at=self.at, policy=self.policy, new_id=self.new_id)
        assert decided.refusal is None, decided.refusal
        self._take(decided.draft)

    def ask(self, request: object) -> None:
        """The requester says this."""
        self._take(answer_request(self.ticket, request, at=self.at, policy=self.policy, new_id=self.new_id))

    def match(self, title: str, score: float) -> None:
        """An article documents it."""
        self._take(
            apply_match(
                self.ticket, "KB-1", title, score, documented=True, at=self.at, policy=self.policy, new_id=self.new_id
            )
        )

    def let_expire(self) -> None:
        """Nobody accepts the offer in time."""
        assert self.ticket.assignment is not None
        assert self.ticket.assignment.accept_by is not None
        self.at = self.ticket.assignment.accept_by
        draft = expire_offer(self.ticket, self.policy, now=self.at, new_id=self.new_id)
        assert draft is not None
        heed_unaccepted(draft, self.policy, new_id=self.new_id)
        self._take(draft)

    def _take(self, draft: Draft) -> None:
        self.ticket = draft.ticket
        self.log += draft.events
