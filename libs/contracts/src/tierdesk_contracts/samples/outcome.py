"""Samples of what a tier answers."""

from __future__ import annotations

from tierdesk_contracts.outcome import (
    WorkAccepted,
    WorkEscalated,
    WorkPaused,
    WorkProgressed,
    WorkResolved,
    WorkResumed,
    WorkReturned,
    WorkTransferred,
)
from tierdesk_contracts.samples.story import ASSIGNMENT, STEPS
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
