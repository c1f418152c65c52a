"""One incident on its way through our desk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from tierdesk_cli.replay.export import Incident
from tierdesk_cli.replay.script import Act, Request, Step, count_hand_offs, ending
from tierdesk_contracts import ticket


@dataclass(slots=True)
class Case:
    """What the director knows of an incident: its script, and how far our desk has shown to be."""

    incident: Incident
    steps: list[Step]
    position: int = 0
    ticket_id: str | None = None
    reference: str = ""
    assignment_id: UUID | None = None
    token: int = 0
    ordinal: int = 0
    status: str = ""
    """What the director waits for: `resolved` or `closed`, once the desk did what was asked of it last."""
    standing: str = ""
    """The status that the desk told last."""
    resolving: UUID | None = None
    waiting: bool = False
    rejected: list[str] = field(default_factory=list)
    ending: str = field(init=False)

    def __post_init__(self) -> None:
        """Know where it ends."""
        self.ending = ending(self.steps).value

    @property
    def step(self) -> Step | None:
        """The next step; None when all are played."""
        return self.steps[self.position] if self.position < len(self.steps) else None

    def follow(self, changed: ticket.TicketChanged) -> None:
        """Take note of what the director waits for: the end of the work resolved last, and the closing.

        The message's own status will not do: it may have been true before a request that is on its way.
        """
        self.standing = changed.status.value
        for event in changed.events:
            if isinstance(event, ticket.Resolved) and event.assignment_id == self.resolving:
                self.status = "resolved"
            elif isinstance(event, ticket.Closed):
                self.status = "closed"

    def is_ready(self) -> bool:
        """Whether the desk has shown what the next step builds on."""
        match self.step:
            case Act():
                return self.assignment_id is not None
            case Request(type="confirmed"):
                return self.status == "resolved"
            case Request():
                return self.status in {"resolved", "closed"}
            case _:
                return self.ending == (self.status if self.ending in {"resolved", "closed"} else self.standing)


def choose_roads(cases: Sequence[Case]) -> list[Case]:
    """Cases of different roads, as far as there are: one without a hand-off, the one with the most, one reopened."""
    straight = (case for case in cases if case.steps and not count_hand_offs(case.incident))
    moved = sorted(cases, key=lambda case: count_hand_offs(case.incident), reverse=True)
    again = (case for case in cases if any(_reopens(step) for step in case.steps))
    chosen: list[Case] = []
    for kind in (straight, moved, again):
        found = next((case for case in kind if all(case is not other for other in chosen)), None)
        if found is not None:
            chosen.append(found)
    return chosen


def _reopens(step: Step) -> bool:
    return isinstance(step, Request) and step.type == "reopened"
