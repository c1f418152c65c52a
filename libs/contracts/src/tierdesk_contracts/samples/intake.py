"""Samples of what intake passes on."""

from __future__ import annotations

from tierdesk_contracts.intake import (
    Alerted,
    Called,
    CallOutcome,
    Cancelled,
    Confirmed,
    FactsTold,
    ProblemReported,
    Reopened,
    Requester,
    RequesterReplied,
)
from tierdesk_contracts.samples.story import CASE, REFERENCE, STEPS, TITLE, moment
from tierdesk_contracts.vocabulary import Channel, Contract


def messages() -> tuple[Contract, ...]:
    """One of each type."""
    return (
        ProblemReported(
            reference=REFERENCE,
            channel=Channel.WEB_FORM,
            requester=Requester(
                party="zmueller", name="Zoë Müller", email="zoe.mueller@example.org", phone="+44 20 7946 0018"
            ),
            title=TITLE,
            text=CASE.text,
            category=CASE.category,
            location="Building B, floor 3",
            contact="At her desk until noon",
            steps_tried=STEPS,
            impact=2,
            affected="Accounts, 14 people, cannot print invoices",
            department="facilities",
            urgency=1,
            asset="PRN-0311",
        ),
        RequesterReplied(text="It is the one beside the lift."),
        FactsTold(
            location="Building B, floor 3",
            contact="+44 20 7946 0123",
            steps_tried=STEPS,
            impact=2,
            affected="Accounts, 14 people",
            department="facilities",
            urgency=1,
        ),
        Confirmed(comment="Prints like new, thank you."),
        Reopened(reason="The streaks are back after two days."),
        Cancelled(reason="We moved to the printer on floor 4."),
        Called(
            reference=REFERENCE,
            provider="example-pbx",
            call_id="1543-88210",
            direction="in",
            caller="+442079460018",
            called="+442079460100",
            outcome=CallOutcome.ENDED,
            started_at=moment(0),
            answered_at=moment(1),
            ended_at=moment(6),
            waiting_seconds=60.0,
            talking_seconds=300.5,
            answered_by="l1-ann",
            cause="normalClearing",
            recording="rec-1543-88210",
        ),
        Alerted(
            reference="TD-2B9C-W0RT",
            source="print-monitor",
            fingerprint="prn-0311/drum",
            title="PRN-0311: drum at 2 %",
            text="drum_level=2 threshold=5",
            category="printer-machine",
            asset="PRN-0311",
            impact=2,
            urgency=2,
        ),
    )
