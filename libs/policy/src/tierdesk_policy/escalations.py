"""Hierarchical escalation: what takes too long, who is told of it, and what the desk does by itself."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import Field

from tierdesk_policy.parts import ELAPSED, ClockKind, Count, Identifier, Part, PriorityLevel
from tierdesk_policy.units import Seconds

MOST_ESCALATIONS: Final = 100
MOST_STEPS: Final = 50
CONTACT_OWNER: Final = "contact-owner"
"""The role of the worker in house who escalated the ticket and stays its requester's contact."""
TRIGGERS: Final = ("clock", "unaccepted", "silent")
STEPS: Final = ("notify", "wait", "raise_priority", "re_offer", "next_tier", "send_back", "repeat")
"""What a step may be, as a document names it."""


class Trigger(Part):
    """What begins a chain: one of a word of the watcher, an offer that nobody accepted, or silence."""

    clock: Annotated[tuple[ClockKind, ...] | None, Field(min_length=1)] = None
    """Clocks of these kinds say `word`."""
    word: Literal["warned", "breached"] | None = None
    """Of a clock; `breached` where nothing is said."""
    unaccepted: Count | None = None
    """So many offers of the ticket in a row were not accepted."""
    silent_seconds: Annotated[Seconds | None, Field(alias="silent")] = None
    """Accepted work without any outcome for so long, in the calendar of the group that has it."""

    def heeds(self, kind: str, word: str) -> bool:
        """Whether this word of a clock of this kind begins it."""
        return self.clock is not None and kind in self.clock and word == (self.word or "breached")


class Step(Part):
    """One step of a chain: exactly one of these."""

    notify: Identifier | None = None
    """Tell a role."""
    wait_seconds: Annotated[Seconds | None, Field(alias="wait")] = None
    """Sleep, in the chain's calendar."""
    raise_priority: Annotated[int | None, Field(strict=True, ge=1, le=4)] = None
    """Make the ticket more pressing by so many."""
    re_offer: Literal[True] | None = None
    """Take the work back and offer it anew to the same group."""
    next_tier: Literal[True] | None = None
    """Hand the ticket to the next higher tier that an edge leads to."""
    send_back: Literal[True] | None = None
    """Hand the ticket back to the group in house that sent it, else to the nearest lower tier in house."""
    repeat: Annotated[int | None, Field(strict=True, ge=1, le=100)] = None
    """Go back to the first step, so many times; then go on."""


class Escalation(Part):
    """A chain of steps that begins on `on` for the tickets that match; a list that is left out matches everything.

    `tiers` is where the ticket stands and `vendors` who has its work when the chain begins.
    """

    id: Identifier
    on: Trigger
    priorities: Annotated[tuple[PriorityLevel, ...] | None, Field(min_length=1)] = None
    categories: Annotated[tuple[Identifier, ...] | None, Field(min_length=1)] = None
    tiers: Annotated[tuple[Identifier, ...] | None, Field(min_length=1)] = None
    vendors: Annotated[tuple[Identifier, ...] | None, Field(min_length=1)] = None
    calendar: Identifier = ELAPSED
    """In which its waits run."""
    steps: Annotated[tuple[Step, ...], Field(min_length=1, max_length=MOST_STEPS)]

    def matches(self, *, priority: Any, category: Any, tier: Any, vendor: Any) -> bool:
        """Whether it is meant for such a ticket."""
        return (
            (self.priorities is None or priority in self.priorities)
            and (self.categories is None or category in self.categories)
            and (self.tiers is None or tier in self.tiers)
            and (self.vendors is None or vendor in self.vendors)
        )
