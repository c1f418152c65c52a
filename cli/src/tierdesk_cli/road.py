"""The road of a ticket, told from its log: each hand-off with who, when and why, and who has it now."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from tierdesk_cli.decision import tell_group
from tierdesk_cli.scorecard import tell_seconds
from tierdesk_contracts import ticket as events
from tierdesk_contracts.event import TicketEvent
from tierdesk_contracts.vocabulary import (
    Actor,
    ActorKind,
    Channel,
    EscalationReason,
    OfferReason,
    PauseParty,
    ReturnReason,
    WithdrawReason,
)
from tierdesk_policy import Policy
from tierdesk_router.domain.ticket import Ticket

MOST_LETTERS: Final = 160
"""How much of what somebody wrote is told; `tierdesk tickets` tells more."""

_CHANNELS: Final = {
    Channel.PORTAL: "in the portal",
    Channel.WEB_FORM: "by a web form",
    Channel.PHONE: "by phone",
    Channel.MAIL: "by mail",
    Channel.CHAT: "by chat",
    Channel.SOCIAL: "in social media",
    Channel.ALERT: "by a monitor's alert",
    Channel.API: "by a program",
}
_REASONS: Final = {
    EscalationReason.CAUSE_UNCLEAR: "the cause is unclear",
    EscalationReason.FIRST_FIX_FAILED: "the first fix failed",
    EscalationReason.BEYOND_SCOPE: "beyond what this group does",
    EscalationReason.COMPLEX_CONFIGURATION: "a complex configuration",
    EscalationReason.RECURRING: "it recurs",
    EscalationReason.OUTAGE_RISK: "it may become an outage",
    EscalationReason.NEEDS_VENDOR: "it needs the supplier",
    EscalationReason.FINDINGS: "with what was found there",
    EscalationReason.OVERDUE: "it took too long",
    ReturnReason.WRONG_GROUP: "the wrong group",
    ReturnReason.INCOMPLETE_DESCRIPTION: "the description is incomplete",
    ReturnReason.NOT_OURS: "not theirs to do",
}
_PARTIES: Final = {
    PauseParty.REQUESTER: "the requester",
    PauseParty.VENDOR: "a supplier",
    PauseParty.VISIT: "a visit",
    PauseParty.CHANGE: "a change",
}

Line = tuple[str, str]
"""When, and what happened."""


@dataclass(slots=True)
class Place:
    """Where a ticket is, as its log is followed."""

    policy: Policy
    """The ticket's own: it names the groups."""
    group: str = ""
    since: datetime | None = None
    """When its group was asked or, from then on, when a worker took it."""
    paused_at: datetime | None = None
    guests: dict[UUID, str] = field(default_factory=dict)
    triaged: bool = False

    def name(self, group: str) -> str:
        """The group as people call it."""
        return tell_group(group, self.policy)

    def guest(self, assignment: UUID) -> str:
        """The invited group as people call it."""
        return self.name(self.guests.get(assignment, "a group"))

    def after(self, at: datetime) -> str:
        """How long it took since the last change of hands."""
        seconds = 0.0 if self.since is None else (at - self.since).total_seconds()
        return "at once" if seconds < 1 else f"after {_span(seconds)}"


def tell_road(log: Iterable[TicketEvent], policy: Policy) -> list[Line]:
    """What moved a ticket and who had it, in order. What neither moves it nor says who has it, is not told."""
    place, lines = Place(policy), []
    for event in log:
        told = _TELLERS[type(event)](place, event) if type(event) in _TELLERS else ""
        if told:
            lines.append((tell_moment(event.at), _one_line(told)))
    return lines


def tell_now(ticket: Ticket, policy: Policy) -> list[str]:
    """Where it stands now, and who has it."""
    live = ticket.assignment
    if live is None:
        last = f"; {tell_group(ticket.group, policy)} had it last" if ticket.group else ""
        told = [f"{ticket.status.value}: nobody works on it{last}."]
    elif live.worker is None:
        until = f" until {tell_moment(live.accept_by)}" if live.accept_by else ""
        told = [f"{tell_group(live.group, policy)} is asked{until}; nobody has accepted it yet."]
    else:
        waits = f", and waits for {_PARTIES.get(PauseParty(ticket.paused_for), '')}" if ticket.paused_for else ""
        told = [f"{live.worker} of {tell_group(live.group, policy)} has it{waits}."]
        if ticket.tier != live.tier:
            told.append(f"It is carried through, and stands at tier {ticket.tier}.")
    told += [
        f"{tell_group(one.group, policy)} is invited{f', {one.worker} takes part' if one.worker else ''}."
        for one in ticket.contributions
    ]
    if ticket.contact_owner and (live is None or live.worker != ticket.contact_owner):
        told.append(f"{ticket.contact_owner} handed it up first and stays the requester's contact.")
    told.append(f"Hand-offs: {ticket.hand_offs}.")
    return told


def tell_moment(at: datetime) -> str:
    """A moment as people read it, in UTC, to the minute."""
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M")


def _opened(_: Place, event: events.Opened) -> str:
    return f"opened {_CHANNELS.get(event.channel, '')}".strip()


def _sorted(place: Place, event: events.Triaged) -> str:
    if not place.triaged:
        place.triaged = True  # the decision is told apart
        return ""
    return f"sent to {place.name(event.group)}: {event.explanation.because[-1]}"


def _offered(place: Place, event: events.Offered) -> str:
    before, waited = place.group, place.after(event.at)
    place.group, place.since = event.group, event.at
    name = place.name(event.group)
    match event.reason:
        case OfferReason.TRIAGE:
            return f"offered to {name}"
        case OfferReason.NOT_ACCEPTED if event.group == before:
            return f"not accepted by {name}, {waited}: offered to them again, for the {_nth(event.attempt)} time"
        case OfferReason.NOT_ACCEPTED:
            return f"not accepted by {place.name(before)}, {waited}: offered to {name}, who stand in for them"
        case OfferReason.OVERDUE:
            return f"taken back by the desk, {waited}, since it took too long: offered to {name} anew"
        case OfferReason.REOPENED:
            return f"offered to {name} again"
    return ""  # what sent it there has just been told


def _accepted(place: Place, event: events.Accepted) -> str:
    told = f"accepted by {event.worker} of {place.name(place.group)}, {place.after(event.at)}"
    place.since = event.at
    return told


def _escalated(place: Place, event: events.Escalated) -> str:
    heights = [tier.id for tier in place.policy.tiers]
    here = next((one.tier for one in place.policy.groups if one.id == place.group), event.to_tier)
    down = {here, event.to_tier} <= set(heights) and heights.index(event.to_tier) < heights.index(here)
    way = "handed down" if down else "escalated"
    why = _REASONS.get(event.reason, event.reason.value)
    told = f"{way} to {place.name(event.to_group)} by {_who(event.actor)}, {place.after(event.at)}: {why}"
    if event.override:
        told += f"; with an incomplete description, because {_quote(event.override)}"
    return told + _findings(event.findings)


def _transferred(place: Place, event: events.Transferred) -> str:
    return (
        f"transferred to {place.name(event.to_group)} by {_who(event.actor)}, {place.after(event.at)}"
        f"{_findings(event.findings)}"
    )


def _returned(place: Place, event: events.Returned) -> str:
    why = _REASONS.get(event.reason, event.reason.value)
    return (
        f"given back to {place.name(event.to_group)} by {_who(event.actor)}, {place.after(event.at)}: {why}"
        f"{_findings(event.findings)}"
    )


def _carried(_: Place, event: events.Carried) -> str:
    why = _REASONS.get(event.reason, event.reason.value)
    return (
        f"carried to tier {event.to_tier} by {_who(event.actor)}, who stays its owner: {why}{_findings(event.findings)}"
    )


def _invited(place: Place, event: events.Invited) -> str:
    place.guests[event.assignment_id] = event.group
    again = "" if event.attempt == 1 else f", for the {_nth(event.attempt)} time"
    return f"{place.name(event.group)} invited to contribute{again}: {_quote(event.question)}"


def _joined(place: Place, event: events.Joined) -> str:
    return f"invitation accepted by {event.worker} of {place.guest(event.assignment_id)}"


def _contributed(place: Place, event: events.Contributed) -> str:
    return f"{_who(event.actor)} of {place.guest(event.assignment_id)} contributed: {_quote(event.findings)}"


def _declined(place: Place, event: events.Declined) -> str:
    why = _REASONS.get(event.reason, event.reason.value)
    return f"{place.guest(event.assignment_id)} declined to contribute: {why}{_findings(event.findings)}"


def _released(place: Place, event: events.Released) -> str:
    if event.reason is not WithdrawReason.NOT_ACCEPTED:
        return ""  # it ended with the owner's work
    return f"invitation not accepted by {place.guest(event.assignment_id)}"


def _paused(place: Place, event: events.Paused) -> str:
    place.paused_at = event.at
    return f"paused by {_who(event.actor)}: waits for {_PARTIES.get(event.party, event.party.value)}"


def _resumed(place: Place, event: events.Resumed) -> str:
    waited = 0.0 if place.paused_at is None else (event.at - place.paused_at).total_seconds()
    place.paused_at = None
    return f"resumed by {_who(event.actor)}" + (f" after {_span(waited)}" if waited >= 1 else "")


def _reprioritised(place: Place, event: events.Reprioritised) -> str:
    named = place.policy.priority_name(event.priority)
    why = "since it took too long" if event.actor.kind is ActorKind.DESK else _levels(event)
    return f"made priority {event.priority} ({named}) by {_who(event.actor)}, {why}"


def _resolved(place: Place, event: events.Resolved) -> str:
    told = f"resolved by {_who(event.actor)} of {place.name(place.group)}, {place.after(event.at)}"
    place.since = event.at
    return f"{told}: {_quote(event.how)}" + (f"; cause: {_quote(event.root_cause)}" if event.root_cause else "")


def _closed(_: Place, event: events.Closed) -> str:
    if event.actor.kind is ActorKind.REQUESTER:
        return "confirmed by the requester, and closed"
    return f"closed by {_who(event.actor)}{_findings(event.comment)}"


def _merged(_: Place, event: events.Merged) -> str:
    return f"merged by {_who(event.actor)}: it goes on in {event.reference}{_findings(event.reason)}"


def _chain_started(_: Place, event: events.ChainStarted) -> str:
    return f"escalation {event.escalation} begun by the desk: {_one_line(event.reason)}"


def _notified(_: Place, event: events.Notified) -> str:
    return f"{event.role if event.to is None else f'{event.to} ({event.role})'} told that it takes too long"


def _acknowledged(_: Place, event: events.Acknowledged) -> str:
    return f"acknowledged by {_who(event.actor)}, which stops what escalates{_findings(event.note)}"


_TELLERS: Final[dict[type[TicketEvent], Callable[[Place, Any], str]]] = {
    events.Opened: _opened,
    events.Triaged: _sorted,
    events.Offered: _offered,
    events.Accepted: _accepted,
    events.Escalated: _escalated,
    events.Transferred: _transferred,
    events.Returned: _returned,
    events.Carried: _carried,
    events.Invited: _invited,
    events.Joined: _joined,
    events.Contributed: _contributed,
    events.Declined: _declined,
    events.Released: _released,
    events.Paused: _paused,
    events.Resumed: _resumed,
    events.Reprioritised: _reprioritised,
    events.Resolved: _resolved,
    events.Closed: _closed,
    events.ReopenedAgain: lambda _, event: f"reopened by {_who(event.actor)}{_findings(event.reason)}",
    events.CancelledByRequester: lambda _, event: f"cancelled by {_who(event.actor)}{_findings(event.reason)}",
    events.Merged: _merged,
    events.ChainStarted: _chain_started,
    events.Notified: _notified,
    events.Acknowledged: _acknowledged,
}


def _who(actor: Actor) -> str:
    return {ActorKind.REQUESTER: "the requester", ActorKind.DESK: "the desk"}.get(actor.kind, actor.id)


def _levels(event: events.Reprioritised) -> str:
    return f"for impact {event.impact} and urgency {event.urgency}"


def _nth(number: int) -> str:
    return {1: "first", 2: "second", 3: "third"}.get(number, f"{number}th")


def _span(seconds: float) -> str:
    told = tell_seconds(seconds)
    return next((told.removesuffix(nought) for nought in (" 0 s", " 0 min", " 0 h") if told.endswith(nought)), told)


def _findings(text: str) -> str:
    return f"; {_quote(text)}" if text else ""


def _quote(text: str) -> str:
    plain = _one_line(text)
    return f"“{plain if len(plain) <= MOST_LETTERS else plain[: MOST_LETTERS - 1] + '…'}”"


def _one_line(text: str) -> str:
    return " ".join(text.split())
