"""What is said of work that waits for a visit or for a depot, so that the right clocks stand still. Pure.

It waits for what was begun last; when that ends, for what is still open, and else it goes on. Every step says something, so that
the ticket's log has it, and so that no form is taken twice.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from tierdesk_contracts.outcome import Outcome, WorkPaused, WorkProgressed, WorkResumed
from tierdesk_contracts.vocabulary import PauseParty
from tierdesk_desk.domain.work import Stage, Work

Said = list[tuple[type[Outcome], Mapping[str, Any]]]
"""Outcomes with their fields, in order."""
Decision = Callable[[Work], Said]
"""What is said of work as it stands."""


def wait_for(work: Work, party: PauseParty, note: str) -> Said:
    """It waits for this from now on, whatever it waited for before."""
    if work.stage is not Stage.PAUSED:
        return [(WorkPaused, {"party": party, "note": note})]
    if work.waits_for == party.value:
        return tell(note)
    return [(WorkResumed, {}), (WorkPaused, {"party": party, "note": note})]


def wait_no_more(work: Work, party: PauseParty, note: str, *, still: Collection[PauseParty]) -> Said:
    """One thing of this kind is over; `still` are the kinds of those that are open yet."""
    if work.stage is not Stage.PAUSED or work.waits_for != party.value or party in still:
        return tell(note)
    following: Said = [(WorkPaused, {"party": one}) for one in sorted(still)[:1]]
    return [(WorkResumed, {"note": note}), *following]


def tell(note: str) -> Said:
    """What the ticket's log is to have, and nothing else changes."""
    return [(WorkProgressed, {"note": note})]
