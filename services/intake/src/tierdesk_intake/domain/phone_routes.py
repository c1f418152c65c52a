"""Where a caller goes who waits, as the company says."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from tierdesk_contracts.intake import CallOutcome
from tierdesk_intake.domain.calls import CallState
from tierdesk_policy import Overflow, Phone

LONGEST_CALL: Final = timedelta(hours=4)
"""A call of which nothing is heard for so long has ended, though its telephone system never said so."""


class Route(StrEnum):
    """What the telephone system does with a caller."""

    QUEUE = "queue"
    """The caller waits on."""
    L2 = "l2"
    VOICEMAIL = "voicemail"
    CALLBACK = "callback"
    """The caller is told of the callback, and hangs up."""


CallName = tuple[str, str, str]
"""Tenant, provider, and the provider's identifier of the call."""


@dataclass(slots=True)
class Lines:
    """What goes on at a tenant's telephones: who waits, with the queue, and which calls are talked."""

    waiting: dict[CallName, str | None] = field(default_factory=dict)
    talking: set[CallName] = field(default_factory=set)

    def note(self, name: CallName, state: CallState) -> None:
        """Keep how this call stands now."""
        self.waiting.pop(name, None)
        self.talking.discard(name)
        if state.waits_since is not None:
            self.waiting[name] = state.queue
        elif state.talks_since is not None:
            self.talking.add(name)


def choose_route(phone: Phone, name: CallName, state: CallState, lines: Lines, now: datetime) -> Route | None:
    """Where this caller goes now; None for a call that waits for nobody. Who was promised a callback keeps it.

    Without a number nobody can be called back: then the next rule that matches decides.
    """
    if state.waits_since is None:
        return None
    if state.route == Route.CALLBACK:
        return Route.CALLBACK
    others = sum(queue == state.queue for other, queue in lines.waiting.items() if other != name)
    waited = max(timedelta(), now - (state.started_at or now))
    for rule in phone.overflow:
        matches = rule.matches(
            queue=state.queue,
            waited_seconds=waited.total_seconds(),
            callers=others + 1,
            talking=len(lines.talking),
        )
        if matches and (rule.to is not Overflow.CALLBACK or state.caller is not None):
            return Route(rule.to.value)
    return Route.QUEUE


def sent(state: CallState, route: Route | None) -> CallState:
    """The call with where its caller was sent last. What rings or was missed, and is to be called back, is promised."""
    if route is None or route is Route.QUEUE:
        return state
    outcome = state.outcome
    if route is Route.CALLBACK and outcome in {CallOutcome.RINGING, CallOutcome.MISSED}:
        outcome = CallOutcome.PROMISED
    return state.model_copy(update={"route": route.value, "outcome": outcome})
