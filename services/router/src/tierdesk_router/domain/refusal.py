"""An outcome that changes nothing, and why."""

from __future__ import annotations

from tierdesk_contracts.vocabulary import RejectReason


class Refusal(Exception):  # noqa: N818 - a verdict that is answered to its sender, not a fault
    """The router refuses an outcome; its sender is told the reason."""

    def __init__(self, reason: RejectReason, detail: str) -> None:
        """`detail` says what the sender can do, or what is so instead."""
        super().__init__(f"{reason.value}: {detail}")
        self.reason = reason
        self.detail = detail
