"""The clocks of a ticket anew, from all that was kept of it: its events, and its moves to other versions of the policy."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol

from tierdesk_contracts.ticket import TicketEvent
from tierdesk_policy import Policy
from tierdesk_sla.domain.folding import fold
from tierdesk_sla.domain.timeline import Timeline


class Move(NamedTuple):
    """That the clocks of a ticket, as they were after its event `sequence`, were moved to another version."""

    sequence: int
    version: str
    moved_at: datetime


class Told(Protocol):
    """A message of a ticket."""

    @property
    def first_sequence(self) -> int:
        """The sequence of its first event."""

    @property
    def sequence(self) -> int:
        """The sequence of its last event."""

    @property
    def policy_version(self) -> str:
        """The version that the ticket was pinned to."""

    @property
    def events(self) -> Sequence[TicketEvent]:
        """What happened."""


class BrokenHistoryError(Exception):
    """What was kept of a ticket does not begin with its first event, or leaves some out."""


def move(timeline: Timeline, version: str, at: datetime, policy: Policy) -> Timeline:
    """Hold the open clocks to what `policy`, which `version` names, promises; from their start on, keeping their holds.

    A clock that has ended or is overdue at `at` stays as it is. From then on the ticket's clocks follow this version.
    """
    return timeline._replace(policy_version=version, moved_to=version).rebind(at, policy)


def replay(
    timeline: Timeline, changes: Iterable[Told], moves: Iterable[Move], policy_of: Callable[[str], Policy]
) -> Timeline:
    """The timeline after all of this, from one without events. Changes and moves come in their order.

    Raises `BrokenHistoryError`, and whatever `policy_of` and `fold` raise.
    """
    waiting = list(moves)
    for change in changes:
        if change.first_sequence != timeline.sequence + 1:
            raise BrokenHistoryError(
                f"events {timeline.sequence + 1} to {change.first_sequence - 1} of {timeline.reference} were not kept"
            )
        while waiting and waiting[0].sequence < change.first_sequence:
            timeline = _move(timeline, waiting.pop(0), policy_of)
        timeline = timeline.pinned_to(change.policy_version)
        for event in change.events:
            timeline = fold(timeline, event, policy_of(timeline.policy_version))
    for last in waiting:
        timeline = _move(timeline, last, policy_of)
    return timeline


def _move(timeline: Timeline, one: Move, policy_of: Callable[[str], Policy]) -> Timeline:
    return move(timeline, one.version, one.moved_at, policy_of(one.version))
