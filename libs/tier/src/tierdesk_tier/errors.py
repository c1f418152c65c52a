"""What a work function may meet.

TierError
├── WorkLostError   the work is no longer this worker's: withdrawn, or another's
└── WorkOverError   a step after the work was resolved or handed on
"""

from __future__ import annotations

from tierdesk_contracts.vocabulary import RejectReason, WithdrawReason


class TierError(Exception):
    """The base of what this library raises."""


class WorkLostError(TierError):
    """The work is no longer this worker's; nothing it says of it counts any more."""

    def __init__(self, reason: WithdrawReason | RejectReason, detail: str = "") -> None:
        """`reason` is the desk's word for it: that of a withdrawal, or of the refusal of an outcome."""
        super().__init__(f"{reason.value}: {detail}" if detail else reason.value)
        self.reason = reason
        self.detail = detail


class WorkOverError(TierError):
    """A step after the work was resolved, escalated, transferred or returned: a fault of the work function."""
