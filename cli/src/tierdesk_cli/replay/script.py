"""What an incident's updates mean as acts on a desk: a pure function from the export's rows to steps."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from tierdesk_cli.replay.export import Incident, Update
from tierdesk_cli.replay.tiers import group_name
from tierdesk_contracts import outcome as outcomes
from tierdesk_contracts.vocabulary import EscalationReason, PauseParty, Status

PARTIES: Final = {
    "awaiting user info": PauseParty.REQUESTER,
    "awaiting vendor": PauseParty.VENDOR,
    "awaiting evidence": PauseParty.REQUESTER,
    "awaiting problem": PauseParty.CHANGE,
}
"""The export's waiting states and whom they wait for. A fix of the underlying problem is a change."""


@dataclass(frozen=True, slots=True)
class Act:
    """A tier's outcome: the class of it, and its fields but for assignment, token, worker and ordinal."""

    at: datetime
    outcome: type[outcomes.Outcome]
    worker: str
    fields: dict[str, object]

    @property
    def hands_on(self) -> bool:
        """Whether the ticket is offered to another group after it."""
        return self.outcome in {outcomes.WorkEscalated, outcomes.WorkTransferred}


@dataclass(frozen=True, slots=True)
class Request:
    """What the requester posts: `confirmed` or `reopened`."""

    at: datetime
    type: str


Step = Act | Request


def write_script(incident: Incident, tiers: dict[str, str]) -> list[Step]:
    """The steps after the report. The ticket starts with the first update's group."""
    writer = _Writer(incident.updates[0], tiers)
    for update in incident.updates:
        writer.follow(update)
    return writer.steps


def ending(steps: Sequence[Step]) -> Status:
    """Where the ticket stands when all is played: an export has open incidents too."""
    status = Status.OFFERED
    for step in steps:
        if isinstance(step, Request):
            status = Status.CLOSED if step.type == "confirmed" else Status.OFFERED
        elif step.hands_on:
            status = Status.OFFERED
        elif step.outcome is outcomes.WorkResolved:
            status = Status.RESOLVED
        elif step.outcome is outcomes.WorkPaused:
            status = Status.PAUSED
        elif step.outcome is not outcomes.WorkProgressed or status is Status.OFFERED:
            status = Status.ACCEPTED
    return status


def count_hand_offs(incident: Incident) -> int:
    """How often the export's `assignment_group` changed from one row to the next, to and from no group included."""
    groups = [update.group for update in incident.updates]
    return sum(one != other for one, other in itertools.pairwise(groups))


class _Writer:
    """Follows the ticket's state on our desk while it writes."""

    def __init__(self, first: Update, tiers: dict[str, str]) -> None:
        self.steps: list[Step] = []
        self._tiers = tiers
        self._group = group_name(first.group)
        self._levels = (first.impact, first.urgency)
        self._owner: str | None = None
        self._party: PauseParty | None = None
        self._over: str | None = None

    def follow(self, update: Update) -> None:
        """Write what makes our ticket stand as `update` says."""
        state = update.state.lower()
        over = state if state in {"resolved", "closed"} else None
        group = group_name(update.group)
        again = self._over == "closed" and over == "resolved"
        if self._over and (over is None or again or group != self._group):
            self._request(update.at, "reopened")
        if (update.impact, update.urgency) != self._levels and self._over is None:
            self._levels = (update.impact, update.urgency)
            self._act(update, outcomes.WorkProgressed, impact=update.impact, urgency=update.urgency)
        if group != self._group:
            self._hand_on(update, group)
        if over is not None:
            self._finish(update, over)
        elif state in PARTIES:
            self._pause(update, PARTIES[state])
        elif state != "new":
            self._work(update)

    def _request(self, at: datetime, request: str) -> None:
        self.steps.append(Request(at, request))
        self._over = "closed" if request == "confirmed" else None
        self._owner = self._party = None

    def _act(self, update: Update, outcome: type[outcomes.Outcome], **fields: object) -> None:
        """The worker who owns it acts; the first outcome implies acceptance."""
        self._owner = self._owner or ("somebody" if update.worker is None else f"worker-{update.worker}")
        self.steps.append(Act(update.at, outcome, self._owner, fields))

    def _hand_on(self, update: Update, group: str) -> None:
        tier, here = self._tiers[group], self._tiers[self._group]
        if tier == here:
            self._act(update, outcomes.WorkTransferred, to_group=group)
        else:
            reason = EscalationReason.BEYOND_SCOPE if tier > here else EscalationReason.FINDINGS
            told = {"reason": reason, "findings": "The export gives no reason."}
            self._act(update, outcomes.WorkEscalated, **told, to_tier=tier, to_group=group)
        self._group, self._owner, self._party = group, None, None

    def _work(self, update: Update) -> None:
        if self._party is not None:
            self._party = None
            self._act(update, outcomes.WorkResumed)
        elif self._owner is None:
            self._act(update, outcomes.WorkAccepted)

    def _pause(self, update: Update, party: PauseParty) -> None:
        if self._party is not party:
            self._party = party
            self._act(update, outcomes.WorkPaused, party=party)

    def _finish(self, update: Update, over: str) -> None:
        if self._over is None:
            self._act(update, outcomes.WorkResolved, how="as the export says")
            self._over, self._owner, self._party = "resolved", None, None
        if over == "closed" and self._over != "closed":
            self._request(update.at, "confirmed")
