"""A request as whoever made it may see it: where it stands, and what was said in public. Pure functions.

Notes among those who work it, and the names of workers, groups, tiers and vendors, never come in here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

from tierdesk_contracts import ticket as events
from tierdesk_contracts.event import TicketEvent
from tierdesk_contracts.ticket import TicketChanged
from tierdesk_contracts.vocabulary import ActorKind, PauseParty, Status

OVER: Final = frozenset({Status.CLOSED.value, Status.CANCELLED.value, Status.MERGED.value})
"""Where nothing more comes of it by itself."""


@dataclass(frozen=True, slots=True)
class Requester:
    """Who asks, by the name in the client's own directory."""

    tenant: str
    party: str
    name: str | None = None
    email: str | None = None
    phone: str | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """A ticket as its requester sees it.

    `party` is None where the router has not told who asked: then nobody sees it. While `is_awaited` it waits for them; `asked` is what the
    desk asks then of its own accord, and `missing` the facts by name. `sequence` is how far the ticket's events are followed; 0
    before the first.
    """

    tenant: str
    ticket: str
    opened_at: datetime
    changed_at: datetime
    party: str | None = None
    reference: str = ""
    channel: str | None = None
    title: str = ""
    text: str = ""
    category: str | None = None
    status: str = Status.NEW.value
    is_awaited: bool = False
    asked: str = ""
    missing: tuple[str, ...] = ()
    merged_into: str | None = None
    sequence: int = 0

    @property
    def is_over(self) -> bool:
        """Whether nothing more comes of it by itself."""
        return self.status in OVER


@dataclass(frozen=True, slots=True)
class Entry:
    """Something that the requester said or may know. `files` are as the contract tells them."""

    tenant: str
    ticket: str
    sequence: int
    at: datetime
    kind: str
    by_requester: bool = False
    text: str = ""
    files: tuple[Mapping[str, Any], ...] = field(default=(), hash=False)


def requester_of(tenant: str, data: TicketChanged) -> Requester | None:
    """Who asks, as the router knows them now; None where it has not told."""
    who = data.requester
    return None if who is None else Requester(tenant, who.party, who.name, who.email, who.phone or who.contact)


def follow_request(
    before: Request | None, tenant: str, ticket: str, data: TicketChanged
) -> tuple[Request, tuple[Entry, ...]]:
    """The request after these events of its ticket, and what of them its requester may know."""
    first = data.events[0]
    request = before or Request(tenant, ticket, first.at, first.at)
    if data.sequence <= request.sequence:
        return request, ()
    entries: list[Entry] = []
    for event in data.events:
        request = _follow(request, event)
        told = _entry_of(event)
        if told is not None:
            entries.append(replace(told, tenant=tenant, ticket=ticket))
    request = replace(
        request,
        party=request.party if data.requester is None else data.requester.party,
        reference=data.reference,
        status=data.status.value,
        category=data.category or request.category,
        sequence=data.sequence,
        changed_at=data.events[-1].at,
    )
    return request, tuple(entries)


def _follow(request: Request, event: TicketEvent) -> Request:
    match event:
        case events.Opened():
            request = replace(
                request,
                title=event.title,
                text=event.text,
                channel=event.channel.value,
                opened_at=event.at,
            )
        case events.FactsRequested():
            request = replace(request, is_awaited=True, asked=event.question, missing=event.missing_facts)
        case events.Paused() if event.party is PauseParty.REQUESTER:
            request = replace(request, is_awaited=True)
        case events.Described() if event.actor.kind is ActorKind.REQUESTER:
            request = replace(request, is_awaited=False, asked="", missing=event.missing_facts)
        case events.Merged():
            request = replace(request, merged_into=str(event.into), is_awaited=False, asked="", missing=())
        case events.Replied() | events.Resumed() | events.Resolved() | events.Closed() | events.CancelledByRequester():
            request = replace(request, is_awaited=False, asked="", missing=())
    return request


def _entry_of(event: TicketEvent) -> Entry | None:
    by_requester = event.actor.kind is ActorKind.REQUESTER
    tell = _TOLD.get(type(event))
    told = None if tell is None else tell(event, by_requester)
    if told is None:
        return None
    kind, said = told
    files: tuple[Mapping[str, Any], ...] = ()
    if isinstance(event, events.Replied):
        files = tuple(file.model_dump(mode="json") for file in event.attachments)
    return Entry("", "", event.sequence, event.at, kind, by_requester, said, files)


_Told = Callable[[Any, bool], tuple[str, str] | None]
"""By an event, and whether its requester caused it: the kind of entry and its text; None where nothing is told."""


def _plainly(kind: str) -> _Told:
    """Nothing of what was said."""
    return lambda _, __: (kind, "")


def _own(kind: str, name: str) -> _Told:
    """What the requester said in this field; others wrote there for each other."""
    return lambda event, by_requester: (kind, getattr(event, name) if by_requester else "")


_TOLD: Final[Mapping[type[TicketEvent], _Told]] = MappingProxyType(
    {
        events.Opened: _plainly("opened"),
        events.Accepted: _plainly("in_work"),
        events.Escalated: _plainly("handed_on"),
        events.Carried: _plainly("handed_on"),
        events.Merged: _plainly("merged"),
        events.Progressed: lambda event, _: ("answered", event.answer) if event.answer else None,
        events.FactsRequested: lambda event, _: ("asked", event.question),
        events.Paused: lambda event, _: ("waiting", "") if event.party is PauseParty.REQUESTER else None,
        events.Described: lambda _, by_requester: ("told", "") if by_requester else None,
        events.Replied: lambda event, _: ("replied", event.text),
        events.Resolved: lambda event, _: ("resolved", event.how),
        events.Announced: lambda event, _: ("announced", event.text),
        events.Closed: _own("closed", "comment"),
        events.ReopenedAgain: _own("reopened", "reason"),
        events.CancelledByRequester: _own("cancelled", "reason"),
    }
)
