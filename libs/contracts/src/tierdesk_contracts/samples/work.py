"""Samples of what the router sends to a tier."""

from __future__ import annotations

from tierdesk_contracts.samples.story import ASSIGNMENT, CASE, DEADLINES, INTERNAL, STEPS, identifier, moment
from tierdesk_contracts.vocabulary import Contract, Mode, OfferReason, RejectReason, Role, WithdrawReason
from tierdesk_contracts.work import Contribution, OutcomeRejected, WorkAssigned, WorkOffered, WorkUpdated, WorkWithdrawn


def messages() -> tuple[Contract, ...]:
    """One of each type: the offer as a group in house sees it, the assignment as a vendor does."""
    return (
        WorkOffered(
            assignment_id=ASSIGNMENT,
            token=5,
            tier="l2",
            group="hardware",
            reason=OfferReason.ESCALATION,
            attempt=2,
            accept_by=moment(30),
            deadlines=DEADLINES,
            steps_tried=STEPS,
            case=CASE,
            internal=INTERNAL,
        ),
        WorkAssigned(
            assignment_id=ASSIGNMENT,
            token=5,
            role=Role.CONTRIBUTOR,
            question="Is the drum within its warranty?",
            mode=Mode.SWARM,
            worker="acme-1",
            last_ordinal=1,
            deadlines=DEADLINES,
            steps_tried=STEPS,
            case=CASE,
        ),
        WorkUpdated(
            assignment_id=ASSIGNMENT,
            token=5,
            reply="Both trays.",
            priority=1,
            article_id="KB-12",
            article_title="Streaks on paper",
            resumed=True,
            note="TD-3QXK-7M2P goes on in this ticket. Reported twice.",
            contribution=Contribution(
                group="platform",
                worker="l3-mia",
                word="contributed",
                text="It hands out the driver of the old model.",
                steps_tried=STEPS,
            ),
            resolution="Firmware 2.4 mends it.",
        ),
        WorkWithdrawn(assignment_id=ASSIGNMENT, token=5, reason=WithdrawReason.CANCELLED),
        OutcomeRejected(
            assignment_id=ASSIGNMENT,
            token=5,
            outcome_id=identifier(0xE99),
            worker="acme-2",
            ordinal=1,
            reason=RejectReason.NOT_OWNER,
            detail="acme-1 accepted it first.",
            last_ordinal=0,
        ),
    )
