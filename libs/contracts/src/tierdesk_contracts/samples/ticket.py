"""A sample of a ticket's message, with every kind of event in it."""

from __future__ import annotations

from typing import Any

from tierdesk_contracts.intake import CallOutcome
from tierdesk_contracts.samples.story import (
    ASSIGNMENT,
    CASE,
    DESK,
    PARTY,
    POLICY,
    REFERENCE,
    REQUESTER,
    STEPS,
    TITLE,
    VENDOR,
    WORKER,
    identifier,
    moment,
)
from tierdesk_contracts.ticket import (
    Accepted,
    Announced,
    CallNoted,
    CancelledByRequester,
    ClockAlarm,
    Closed,
    Escalated,
    Explanation,
    Gathered,
    Matched,
    MergeProposed,
    Offered,
    Opened,
    Paused,
    Progressed,
    Released,
    ReopenedAgain,
    Replied,
    Reprioritised,
    ResolutionOffered,
    Resolved,
    Resumed,
    Returned,
    TicketChanged,
    TicketEvent,
    Transferred,
    Triaged,
    Withdrawn,
)
from tierdesk_contracts.vocabulary import (
    Channel,
    Contract,
    EscalationReason,
    OfferReason,
    PauseParty,
    ReturnReason,
    Status,
    WithdrawReason,
)


def messages() -> tuple[Contract, ...]:
    """One message; a real commit holds a few of these events, the sample holds one of each."""
    events = (*_arriving(), *_working(), *_moving(), *_ending(), *_alike())
    return (
        TicketChanged(
            reference=REFERENCE,
            policy_version=POLICY,
            status=Status.CANCELLED,
            tier="l4",
            group="printer-vendor",
            category=CASE.category,
            priority=2,
            first_sequence=events[0].sequence,
            sequence=events[-1].sequence,
            events=events,
        ),
    )


def _arriving() -> tuple[TicketEvent, ...]:
    return (
        Opened(
            sequence=1, at=moment(0), actor=REQUESTER, channel=Channel.PHONE, requester_id=PARTY, title=TITLE,
            text=CASE.text, category=CASE.category, location="Building B, floor 3", affected="Accounts, 14 people",
            department="facilities", asset="PRN-0311", impact=2, urgency=1, steps_tried=STEPS,
        ),
        CallNoted(
            sequence=2, at=moment(1), actor=DESK, call_id="1543-88210", outcome=CallOutcome.ENDED,
            answered_at=moment(1), talking_seconds=300.5,
        ),
        Matched(sequence=3, at=moment(1), actor=DESK, article_id="KB-12", title="Streaks on paper", score=0.71),
        Triaged(
            sequence=4, at=moment(2), actor=DESK, category=CASE.category, impact=2, urgency=1, priority=2,
            tier="l1", group="service-desk", completeness=0.857, missing_facts=("department",),
            explanation=Explanation(
                rule="category", because=("category printer-machine enters at l4", "but KB-12 fits"),
                policy_version=POLICY,
            ),
        ),
        Offered(
            sequence=5, at=moment(2), actor=DESK, assignment_id=ASSIGNMENT, token=5, tier="l4",
            group="printer-vendor", vendor="acme-print", reason=OfferReason.TRIAGE, attempt=2, accept_by=moment(30),
        ),
    )  # fmt: skip


def _working() -> tuple[TicketEvent, ...]:
    return (
        Accepted(sequence=6, at=moment(5), actor=WORKER, assignment_id=ASSIGNMENT, worker="l1-ann"),
        Progressed(
            sequence=7, at=moment(9), actor=WORKER, assignment_id=ASSIGNMENT, note="Drum looks worn.",
            answer="We are having the drum replaced.", steps_tried=STEPS,
        ),
        Reprioritised(sequence=8, at=moment(9), actor=WORKER, impact=1, urgency=1, priority=1),
        Paused(
            sequence=9, at=moment(10), actor=WORKER, assignment_id=ASSIGNMENT, party=PauseParty.REQUESTER,
            note="Which tray?",
        ),
        Replied(sequence=10, at=moment(14), actor=REQUESTER, text="Both trays."),
        Resumed(sequence=11, at=moment(14), actor=DESK, assignment_id=ASSIGNMENT, note="The requester replied."),
        ClockAlarm(sequence=12, at=moment(25), actor=DESK, clock="resolution", word="warned", due_at=moment(480)),
    )  # fmt: skip


def _moving() -> tuple[TicketEvent, ...]:
    return (
        Transferred(
            sequence=13, at=moment(26), actor=WORKER, assignment_id=ASSIGNMENT, findings="Not a driver fault.",
            to_group="hardware",
        ),
        Returned(
            sequence=14, at=moment(30), actor=WORKER, assignment_id=identifier(5),
            reason=ReturnReason.INCOMPLETE_DESCRIPTION, findings="No page count.", to_tier="l1",
            to_group="service-desk",
        ),
        Escalated(
            sequence=15, at=moment(35), actor=WORKER, assignment_id=identifier(6),
            reason=EscalationReason.NEEDS_VENDOR, findings="The drum is worn, not the toner.", steps_tried=STEPS,
            to_tier="l4", to_group="printer-vendor",
        ),
        Withdrawn(
            sequence=16, at=moment(65), actor=DESK, assignment_id=identifier(7), token=15,
            reason=WithdrawReason.NOT_ACCEPTED,
        ),
    )  # fmt: skip


def _ending() -> tuple[TicketEvent, ...]:
    return (
        Resolved(
            sequence=17, at=moment(200), actor=VENDOR, assignment_id=identifier(8), how="Drum unit replaced.",
            root_cause="Worn drum", article_id="KB-12",
        ),
        ReopenedAgain(sequence=18, at=moment(300), actor=REQUESTER, reason="Streaks are back."),
        Closed(sequence=19, at=moment(400), actor=REQUESTER, comment="Prints like new."),
        CancelledByRequester(sequence=20, at=moment(401), actor=REQUESTER, reason="We moved."),
    )  # fmt: skip


def _alike() -> tuple[TicketEvent, ...]:
    problem: dict[str, Any] = {"problem_id": identifier(0x9B), "problem_reference": "PR-5S2C-0M41"}
    return (
        MergeProposed(
            sequence=21, at=moment(402), actor=DESK, older_id=identifier(0x7D), older_reference="TD-2V8N-4RWE",
            because="The same requester told of printer-machine within 1d: 'Streaks on paper'.",
        ),
        Gathered(
            sequence=22, at=moment(403), actor=DESK, because="The third of its kind in 30d: TD-2V8N-4RWE, TD-9G1K-7QXA.",
            **problem,
        ),
        Announced(
            sequence=23, at=moment(404), actor=DESK, text="Printers of building B are down.", audience="Building B",
            by="ann", **problem,
        ),
        ResolutionOffered(sequence=24, at=moment(500), actor=DESK, how="Firmware 2.4 mends it.", by="ann", **problem),
        Released(sequence=25, at=moment(501), actor=DESK, because="Another printer.", by="ann", **problem),
    )  # fmt: skip
