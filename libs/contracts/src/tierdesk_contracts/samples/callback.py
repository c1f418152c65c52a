"""A sample of what is told of callbacks."""

from __future__ import annotations

from tierdesk_contracts.callback import CallbackNoted
from tierdesk_contracts.intake import CallOutcome
from tierdesk_contracts.samples.story import identifier, moment
from tierdesk_contracts.vocabulary import Contract


def messages() -> tuple[Contract, ...]:
    """One of each type."""
    return (
        CallbackNoted(
            callback_id=identifier(0xCA11),
            number="+442079460018",
            outcome=CallOutcome.ENDED,
            worker="l1-ann",
            at=moment(40),
        ),
    )
