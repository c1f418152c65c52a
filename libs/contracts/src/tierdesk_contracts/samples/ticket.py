"""A sample of a ticket's message, with every kind of event in it."""

from __future__ import annotations

from typing import Any

from tierdesk_contracts.intake import Called, CallOutcome
from tierdesk_contracts.samples import intake
from tierdesk_contracts.samples.story import (
    ASSIGNMENT,
    CASE,
    CLOCK,
    DESK,
    DOSSIER,
    DRAFT,
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
    Absorbed,
    Accepted,
    Acknowledged,
    Announced,
    CallNoted,
    CancelledByRequester,
    Carried,
    ChainStarted,
    ChainStopped,
    ChainWaiting,
    ClockAlarm,
    Closed,
    Contributed,
    Declined,
    Described,
    Escalated,
    Explanation,
    FactsRequested,
    Gathered,
    Invited,
    Joined,
    KnownRequester,
    Matched,
    Merged,
    MergeProposed,
    Notified,
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
    Split,
    SplitOff,
    StepSkipped,
    TicketChanged,
    TicketEvent,
    Transferred,
    Triaged,
    Ungathered,
    Withdrawn,
)
from tierdesk_contracts.vocabulary import (
    ChainCause,
    ChainEnd,
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
    events = (*_arriving(), *_working(), *_moving(), *_ending(), *_contributing(), *_climbing(), *_alike())
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
            requester=KnownRequester(
                party="zmueller", name="Zoë Müller", email="zoe.mueller@example.org", phone="+44 20 7946 0018",
                contact="Desk 3.114",
            ),
            calls=tuple(message for message in intake.messages() if isinstance(message, Called)),
        ),
    )  # fmt: skip


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
        Matched(sequence=3, at=moment(1), actor=DESK, article_id="KB-12", title="Streaks on paper", score=0.71, new_article=True),
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
            to_tier="l4", to_group="printer-vendor", override="The requester is on a flight until tomorrow.",
            contact_owner="l1-ann",
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
            root_cause="Worn drum", article_id="KB-12", draft=DRAFT, tier="l4", dossier=DOSSIER,
        ),
        ReopenedAgain(sequence=18, at=moment(300), actor=REQUESTER, reason="Streaks are back."),
        Closed(sequence=19, at=moment(400), actor=REQUESTER, comment="Prints like new."),
        CancelledByRequester(sequence=20, at=moment(401), actor=REQUESTER, reason="We moved."),
    )  # fmt: skip


def _contributing() -> tuple[TicketEvent, ...]:
    """What a real ticket has before its end; here after it, so that the numbers of the others stay."""
    asked, declined, unheard = identifier(9), identifier(10), identifier(11)
    return (
        FactsRequested(
            sequence=21, at=moment(402), actor=DESK, missing_facts=("department",),
            question="Please tell us which department suits best.",
        ),
        Described(
            sequence=22, at=moment(403), actor=WORKER, told=("location", "impact", "department"),
            location="Building B, floor 4", affected="Accounts, 15 people", department="facilities", completeness=1.0,
            missing_facts=(),
        ),
        Invited(
            sequence=23, at=moment(404), actor=WORKER, assignment_id=asked, token=24, tier="l4", group="printer-vendor",
            vendor="acme-print", question="Is the drum within its warranty?", attempt=1, accept_by=moment(434),
        ),
        Joined(sequence=24, at=moment(405), actor=VENDOR, assignment_id=asked, worker="acme-1"),
        Contributed(
            sequence=25, at=moment(406), actor=VENDOR, assignment_id=asked, findings="It is, until May.", steps_tried=STEPS,
        ),
        Declined(
            sequence=26, at=moment(407), actor=WORKER, assignment_id=declined, reason=ReturnReason.NOT_OURS,
            findings="We keep servers.",
        ),
        Released(
            sequence=27, at=moment(408), actor=DESK, assignment_id=unheard, token=25, reason=WithdrawReason.NOT_ACCEPTED
        ),
        Carried(
            sequence=28, at=moment(409), actor=WORKER, assignment_id=ASSIGNMENT,
            reason=EscalationReason.COMPLEX_CONFIGURATION, findings="The print server must be looked at.",
            steps_tried=STEPS, to_tier="l3", override="Nobody can be reached before Monday.",
            contact_owner="l1-ann",
        ),
        Absorbed(
            sequence=29, at=moment(410), actor=DESK, ticket=identifier(12), reference="TD-3QXK-7M2P",
            reason="Reported twice.",
        ),
        Merged(
            sequence=30, at=moment(411), actor=DESK, into=identifier(13), reference="TD-9WDA-4F6H", reason="Reported twice.",
        ),
    )  # fmt: skip


def _climbing() -> tuple[TicketEvent, ...]:
    breach = {"actor": DESK, "escalation": "breach"}
    return (
        ChainStarted(
            sequence=31, at=moment(480), cause=ChainCause.CLOCK, reason="The clock resolution was breached.",
            clock_id=CLOCK, cycle=1, **breach,
        ),
        Notified(
            sequence=32, at=moment(480), step=1, round=1, role="contact-owner", to="l1-ann",
            reason="The clock resolution was breached.", **breach,
        ),
        ChainWaiting(sequence=33, at=moment(480), step=2, round=1, until=moment(510), **breach),
        StepSkipped(sequence=34, at=moment(510), step=3, round=1, why="It is of priority 1 already.", **breach),
        Acknowledged(sequence=35, at=moment(511), actor=WORKER, note="I am on it."),
        ChainStopped(
            sequence=36, at=moment(511), actor=WORKER, escalation="breach", why=ChainEnd.ACKNOWLEDGED
        ),
    )  # fmt: skip


def _alike() -> tuple[TicketEvent, ...]:
    problem: dict[str, Any] = {"problem_id": identifier(0x9B), "problem_reference": "PR-5S2C-0M41"}
    return (
        MergeProposed(
            sequence=37, at=moment(402), actor=DESK, older_id=identifier(0x7D), older_reference="TD-2V8N-4RWE",
            because="The same requester told of printer-machine within 1d: 'Streaks on paper'.",
        ),
        Gathered(
            sequence=38, at=moment(403), actor=DESK, because="The third of its kind in 30d: TD-2V8N-4RWE, TD-9G1K-7QXA.",
            **problem,
        ),
        Announced(
            sequence=39, at=moment(404), actor=DESK, text="Printers of building B are down.", audience="Building B",
            by="ann", **problem,
        ),
        ResolutionOffered(sequence=40, at=moment(500), actor=DESK, how="Firmware 2.4 mends it.", by="ann", **problem),
        Ungathered(sequence=41, at=moment(501), actor=DESK, because="Another printer.", by="ann", **problem),
        Split(
            sequence=42, at=moment(502), actor=WORKER, ticket=identifier(14), reference="TD-5HNE-2KQ8",
            reason="The scanner is another matter.",
        ),
        SplitOff(
            sequence=43, at=moment(503), actor=WORKER, ticket=identifier(15), reference="TD-0RFC-6WZ1",
            reason="The scanner is another matter.",
        ),
    )  # fmt: skip
