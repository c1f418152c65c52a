"""Samples of what a tier answers."""

from __future__ import annotations

from tierdesk_contracts.outcome import (
    WorkAccepted,
    WorkCarried,
    WorkContributed,
    WorkEscalated,
    WorkInvited,
    WorkPaused,
    WorkProgressed,
    WorkResolved,
    WorkResumed,
    WorkReturned,
    WorkTransferred,
)
from tierdesk_contracts.samples.story import ASSIGNMENT, DRAFT, STEPS, identifier
from tierdesk_contracts.vocabulary import Contract, EscalationReason, PauseParty, ReturnReason

_TOKEN = 5
_WORKER = "acme-1"


def messages() -> tuple[Contract, ...]:
    """One of each type."""
    return (
        WorkAccepted(assignment_id=ASSIGNMENT, token=_TOKEN, worker=_WORKER, ordinal=1),
        WorkProgressed(
            assignment_id=ASSIGNMENT,
            token=_TOKEN,
            worker=_WORKER,
            ordinal=2,
            note="Technician booked.",
            answer="A technician comes at two o'clock.",
            steps_tried=STEPS,
            location="Building B, floor 3",
            contact="+44 20 7946 0123",
            affected="Accounts, 14 people",
            department="facilities",
            impact=2,
            urgency=2,
        ),
        WorkPaused(
            assignment_id=ASSIGNMENT,
            token=_TOKEN,
            worker=_WORKER,
            ordinal=3,
            party=PauseParty.VISIT,
            note="Visit at two o'clock.",
        ),
        WorkResumed(assignment_id=ASSIGNMENT, token=_TOKEN, worker=_WORKER, ordinal=4, note="On site."),
        WorkResolved(
            assignment_id=ASSIGNMENT,
            token=_TOKEN,
            worker=_WORKER,
            ordinal=5,
            how="Drum unit replaced.",
            root_cause="Worn drum",
            article_id="KB-12",
            draft=DRAFT,
            steps_tried=STEPS,
        ),
        WorkEscalated(
            assignment_id=ASSIGNMENT,
            token=_TOKEN,
            worker=_WORKER,
            ordinal=5,
            reason=EscalationReason.FINDINGS,
            findings="The printer is sound: the driver sends the wrong paper size.",
            steps_tried=STEPS,
            to_tier="l2",
            to_group="workplace",
            override="The requester is on a flight until tomorrow.",
        ),
        WorkCarried(
            assignment_id=ASSIGNMENT,
            token=_TOKEN,
            worker=_WORKER,
            ordinal=5,
            reason=EscalationReason.COMPLEX_CONFIGURATION,
            findings="The trays are right; the print server must be looked at.",
            steps_tried=STEPS,
            to_tier="l3",
            override="Nobody can be reached before Monday.",
        ),
        WorkInvited(
            assignment_id=ASSIGNMENT,
            token=_TOKEN,
            worker=_WORKER,
            ordinal=5,
            to_group="platform",
            question="Which driver does the print server hand out?",
        ),
        WorkContributed(
            assignment_id=identifier(9),
            token=_TOKEN + 1,
            worker="l3-mia",
            ordinal=2,
            findings="It hands out the driver of the old model.",
            steps_tried=STEPS,
        ),
        WorkTransferred(
            assignment_id=ASSIGNMENT,
            token=_TOKEN,
            worker=_WORKER,
            ordinal=5,
            to_group="copier-vendor",
            findings="It is a copier.",
            steps_tried=STEPS,
        ),
        WorkReturned(
            assignment_id=ASSIGNMENT,
            token=_TOKEN,
            worker=_WORKER,
            ordinal=2,
            reason=ReturnReason.NOT_OURS,
            findings="No contract covers this model.",
            steps_tried=STEPS,
        ),
    )
