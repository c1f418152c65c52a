"""The road of a ticket, told from its log: each hand-off with who, when and why, and who has it now."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from pydantic import TypeAdapter

from tierdesk_cli.wording import (
    CHANNELS,
    PARTIES,
    REASONS,
    in_one_line,
    quote,
    tell_actor,
    tell_group,
    tell_moment,
    tell_ordinal,
    tell_remark,
    tell_span,
)
from tierdesk_contracts import ticket as events
from tierdesk_contracts.event import TicketEvent
from tierdesk_contracts.vocabulary import (
    ActorKind,
    OfferReason,
    PauseParty,
    WithdrawReason,
)
from tierdesk_policy import Policy
from tierdesk_router.domain.ticket import Ticket

Line = tuple[str, str]
"""When, and what happened."""


_EVENT: Final[TypeAdapter[TicketEvent]] = TypeAdapter(events.AnyTicketEvent)


def read_log(story: dict[str, Any]) -> list[TicketEvent]:
    """The events of a ticket's story, as the desk answers it; fields of a later release are left out."""
    return [_EVENT.validate_python(event, extra="ignore") for event in story["log"]]


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
        return "at once" if seconds < 1 else f"after {tell_span(seconds)}"


def tell_road(log: Iterable[TicketEvent], policy: Policy) -> list[Line]:
    """What moved a ticket and who had it, in order. What neither moves it nor says who has it, is not told."""
    place, lines = Place(policy), []
    for event in log:
        told = _TELLERS[type(event)](place, event) if type(event) in _TELLERS else ""
        if told:
            lines.append((tell_moment(event.at), in_one_line(told)))
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
        waits = f", and waits for {PARTIES.get(PauseParty(ticket.paused_for), '')}" if ticket.paused_for else ""
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


def _opened(_: Place, event: events.Opened) -> str:
    return f"opened {CHANNELS.get(event.channel, '')}".strip()


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
            return (
                f"not accepted by {name}, {waited}: offered to them again, for the {tell_ordinal(event.attempt)} time"
            )
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
    why = REASONS.get(event.reason, event.reason.value)
    told = f"{way} to {place.name(event.to_group)} by {tell_actor(event.actor)}, {place.after(event.at)}: {why}"
    if event.override:
        told += f"; with an incomplete description, because {quote(event.override)}"
    return told + tell_remark(event.findings)


def _transferred(place: Place, event: events.Transferred) -> str:
    return (
        f"transferred to {place.name(event.to_group)} by {tell_actor(event.actor)}, {place.after(event.at)}"
        f"{tell_remark(event.findings)}"
    )


def _returned(place: Place, event: events.Returned) -> str:
    why = REASONS.get(event.reason, event.reason.value)
    return (
        f"given back to {place.name(event.to_group)} by {tell_actor(event.actor)}, {place.after(event.at)}: {why}"
        f"{tell_remark(event.findings)}"
    )


def _carried(_: Place, event: events.Carried) -> str:
    why = REASONS.get(event.reason, event.reason.value)
    return f"carried to tier {event.to_tier} by {tell_actor(event.actor)}, who stays its owner: {why}{tell_remark(event.findings)}"


def _invited(place: Place, event: events.Invited) -> str:
    place.guests[event.assignment_id] = event.group
    again = "" if event.attempt == 1 else f", for the {tell_ordinal(event.attempt)} time"
    return f"{place.name(event.group)} invited to contribute{again}: {quote(event.question)}"


def _joined(place: Place, event: events.Joined) -> str:
    return f"invitation accepted by {event.worker} of {place.guest(event.assignment_id)}"


def _contributed(place: Place, event: events.Contributed) -> str:
    return f"{tell_actor(event.actor)} of {place.guest(event.assignment_id)} contributed: {quote(event.findings)}"


def _declined(place: Place, event: events.Declined) -> str:
    why = REASONS.get(event.reason, event.reason.value)
    return f"{place.guest(event.assignment_id)} declined to contribute: {why}{tell_remark(event.findings)}"


def _released(place: Place, event: events.Released) -> str:
    if event.reason is not WithdrawReason.NOT_ACCEPTED:
        return ""  # it ended with the owner's work
    return f"invitation not accepted by {place.guest(event.assignment_id)}"


def _paused(place: Place, event: events.Paused) -> str:
    place.paused_at = event.at
    return f"paused by {tell_actor(event.actor)}: waits for {PARTIES.get(event.party, event.party.value)}"


def _resumed(place: Place, event: events.Resumed) -> str:
    waited = 0.0 if place.paused_at is None else (event.at - place.paused_at).total_seconds()
    place.paused_at = None
    return f"resumed by {tell_actor(event.actor)}" + (f" after {tell_span(waited)}" if waited >= 1 else "")


def _levels(event: events.Reprioritised) -> str:
    return f"for impact {event.impact} and urgency {event.urgency}"


def _reprioritised(place: Place, event: events.Reprioritised) -> str:
    named = place.policy.priority_name(event.priority)
    why = "since it took too long" if event.actor.kind is ActorKind.DESK else _levels(event)
    return f"made priority {event.priority} ({named}) by {tell_actor(event.actor)}, {why}"


def _resolved(place: Place, event: events.Resolved) -> str:
    told = f"resolved by {tell_actor(event.actor)} of {place.name(place.group)}, {place.after(event.at)}"
    place.since = event.at
    told += f": {quote(event.how)}" + (f"; cause: {quote(event.root_cause)}" if event.root_cause else "")
    if event.draft is not None:
        return f"{told}; drafted an article: {quote(event.draft.title)}"
    return told + (f"; no article is needed: {quote(event.waiver)}" if event.waiver else "")


def _closed(_: Place, event: events.Closed) -> str:
    if event.actor.kind is ActorKind.REQUESTER:
        return "confirmed by the requester, and closed"
    return f"closed by {tell_actor(event.actor)}{tell_remark(event.comment)}"


def _merged(_: Place, event: events.Merged) -> str:
    return f"merged by {tell_actor(event.actor)}: it goes on in {event.reference}{tell_remark(event.reason)}"


def _split(_: Place, event: events.Split) -> str:
    return f"split by {tell_actor(event.actor)}: part of it goes on as {event.reference}{tell_remark(event.reason)}"


def _split_off(_: Place, event: events.SplitOff) -> str:
    return f"split off {event.reference} by {tell_actor(event.actor)}{tell_remark(event.reason)}"


def _chain_started(_: Place, event: events.ChainStarted) -> str:
    return f"escalation {event.escalation} begun by the desk: {in_one_line(event.reason)}"


def _notified(_: Place, event: events.Notified) -> str:
    return f"{event.role if event.to is None else f'{event.to} ({event.role})'} told that it takes too long"


def _acknowledged(_: Place, event: events.Acknowledged) -> str:
    return f"acknowledged by {tell_actor(event.actor)}, which stops what escalates{tell_remark(event.note)}"


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
    events.ReopenedAgain: lambda _, event: f"reopened by {tell_actor(event.actor)}{tell_remark(event.reason)}",
    events.CancelledByRequester: lambda _, event: f"cancelled by {tell_actor(event.actor)}{tell_remark(event.reason)}",
    events.Merged: _merged,
    events.Split: _split,
    events.SplitOff: _split_off,
    events.ChainStarted: _chain_started,
    events.Notified: _notified,
    events.Acknowledged: _acknowledged,
}
