"""Taking work back from somebody who cannot give it back: ill, away, or disabled.

The desk speaks in the owner's name, by the same message with which the owner would hand it to the others of the group; the
lead is named in what goes with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from tierdesk_contracts import outcome as outcomes
from tierdesk_contracts.outcome import Outcome
from tierdesk_contracts.vocabulary import ReturnReason, Role
from tierdesk_desk.domain.work import HELD, OverError, Stage, TakenError, Work, say

TOLD: Final = timedelta(days=7)
"""So long its former owner is told on the board."""
LONGEST_REASON: Final = 2_000
MOST_FINDINGS: Final = 20_000
"""So much of what the tier before has found goes on with it; the ticket's log has all."""
_RELEASED: Final = "released"


@dataclass(frozen=True, slots=True)
class Release:
    """That somebody who looks after the group took the work back, and why."""

    by: str
    reason: str


def release(work: Work, owner: str, lead: str, reason: str, at: datetime) -> tuple[Work, Outcome]:
    """Hand it to the others of its own group in the name of `owner`. Whoever is only asked to help declines.

    Raises `OverError` when nobody has it, `TakenError` when another than `owner` has it by now, and pydantic's
    `ValidationError`.
    """
    if work.stage not in HELD or work.worker is None:
        raise OverError("offered" if work.stage is Stage.OFFERED else work.ended or "gone")
    if work.worker != owner:
        raise TakenError(work.worker)
    before = str((work.view.get("internal") or {}).get("findings") or "")
    findings = f"{lead} took it back from {owner}: {reason}"
    if before:
        findings = f"{findings}\n\n{before[:MOST_FINDINGS]}"  # what was found stays at the top of the page
    if work.role == Role.CONTRIBUTOR.value:
        work, outcome = say(
            work, owner, outcomes.WorkReturned, {"reason": ReturnReason.NOT_OURS, "findings": findings}, at
        )
    else:
        work, outcome = say(
            work, owner, outcomes.WorkTransferred, {"to_group": work.group_id, "findings": findings}, at
        )
    return replace(work, said={**(work.said or {}), _RELEASED: {"by": lead, "reason": reason}}), outcome


def release_of(work: Work, now: datetime) -> Release | None:
    """That it was taken back from whoever had it last, as long as that person is told of it."""
    told: Mapping[str, Any] | None = (work.said or {}).get(_RELEASED)
    if told is None or work.stage is not Stage.LEFT or now - work.changed_at > TOLD:
        return None
    return Release(str(told["by"]), str(told["reason"]))
