"""A ticket whose policy escalates, its whole log, and the time."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from uuid import UUID

from tierdesk_contracts import intake, notice
from tierdesk_contracts import ticket as events
from tierdesk_contracts.vocabulary import Actor, ActorKind
from tierdesk_policy import Policy
from tierdesk_router.domain.announcements import announce
from tierdesk_router.domain.chains import acknowledge, heed_clock
from tierdesk_router.domain.due import fire_due
from tierdesk_router.domain.lifecycle import Draft
from tierdesk_router.domain.outcomes import decide_outcome
from tierdesk_router.domain.refusal import Refusal
from tierdesk_router.domain.requests import answer_request, open_by
from tierdesk_router.domain.ticket import Ticket

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
CLOCKS = {"first_response": UUID(int=91), "resolution": UUID(int=92)}


class Story:
    """A ticket under a policy, its whole log, and the time."""

    def __init__(self, base: Policy, escalations, *, category="usage", restarts=False) -> None:
        self.policy = Policy.from_document(base.document() | {"escalations": escalations})
        numbers = itertools.count(100)
        self.new_id = lambda: UUID(int=next(numbers))
        self.now = START
        self.restarts = restarts
        self.posts = []
        report = intake.ProblemReported(
            reference="TD-TEST-0001", requester=intake.Requester(party="ann"), title="It is broken", category=category,
            contact="extension 18", location="Building B", affected="Accounts",
        )  # fmt: skip
        draft = open_by(
            report, tenant="main", ticket_id=UUID(int=1), requester_id=UUID(int=2), at=START, policy=self.policy,
            new_id=self.new_id,
        )  # fmt: skip
        self.log = []
        self.keep(draft)

    def keep(self, draft):
        if draft is None:
            return []
        self.posts += announce(draft, self.policy, None)
        self.log += draft.events
        self.ticket = draft.ticket
        if self.restarts:  # another process knows only what the row says
            self.ticket = Ticket.model_validate_json(self.ticket.model_dump_json(exclude_none=True))
        return draft.events

    def wait(self, minutes):
        self.now += minutes * MINUTE
        return self.keep(fire_due(self.ticket, self.policy, now=self.now, new_id=self.new_id))

    def hear_clock(self, kind="resolution", word="breached", cycle=1):
        data = notice.ClockBreached(
            clock_id=CLOCKS[kind], cycle=cycle, kind=kind, reference="TD-TEST-0001", started_at=START, due_at=self.now
        )
        draft = Draft(self.ticket, at=self.now, actor=Actor(kind=ActorKind.DESK, id="sla"))
        draft.record(events.ClockAlarm, clock=kind, word=word, due_at=self.now)
        heed_clock(draft, self.policy, data, word, new_id=self.new_id)
        return self.keep(draft)

    def act(self, kind, worker="bob", *, guest=False, **fields):
        parts = self.ticket.contributions
        live = (parts[-1] if parts else None) if guest else self.ticket.assignment
        if live is None:
            return []
        outcome = kind(assignment_id=live.id, token=live.token, worker=live.worker or worker, ordinal=1, **fields)
        try:
            decided = decide_outcome(self.ticket, outcome, at=self.now, policy=self.policy, new_id=self.new_id)
        except Refusal:
            return []
        return self.keep(decided.draft)

    def ask(self, message):
        return self.keep(answer_request(self.ticket, message, at=self.now, policy=self.policy, new_id=self.new_id))

    def acknowledge(self, by="lea", note=""):
        return self.keep(acknowledge(self.ticket, by=by, note=note, at=self.now))

    def told(self, *kinds):
        return [(event.kind, *(getattr(event, name) for name in NAMES[event.kind])) for event in self.log
                if event.kind in kinds]  # fmt: skip

    def runs(self, escalation):
        """The events of each run of a chain, from its start to its stop."""
        found = []
        for event in self.log:
            if getattr(event, "escalation", None) == escalation:
                if event.kind == "chain_started":
                    found.append([])
                assert found, "a step of a chain that never began"
                found[-1].append(event)
        return found


NAMES = {
    "chain_started": ("escalation", "reason"),
    "notified": ("role", "to"),
    "step_skipped": ("why",),
    "chain_waiting": ("step", "round"),
    "chain_stopped": ("why",),
    "reprioritised": ("priority",),
    "withdrawn": ("reason",),
    "offered": ("group", "reason"),
    "escalated": ("to_group", "reason"),
}
