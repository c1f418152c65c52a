"""What the pages show of requests, in words that requesters know."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from tierdesk_contracts.vocabulary import Status
from tierdesk_desk.domain.requests import Entry, Request
from tierdesk_desk.requests import Story, may_reopen
from tierdesk_policy import Policy

_STANDINGS: Final[Mapping[str, str]] = {
    Status.NEW.value: "received",
    Status.TRIAGED.value: "received",
    Status.OFFERED.value: "waiting",
    Status.ACCEPTED.value: "working",
    Status.PAUSED.value: "on_hold",
    Status.RESOLVED.value: "solved",
    Status.CLOSED.value: "closed",
    Status.CANCELLED.value: "cancelled",
    Status.MERGED.value: "merged",
}
_AWAITING: Final = frozenset({"asked", "wanted"})
_ACTIVE: Final = frozenset({"received", "waiting", "working", "on_hold"}) | _AWAITING


@dataclass(frozen=True, slots=True)
class RequestLine:
    """A request in a list."""

    ticket: str
    reference: str
    title: str
    standing: str
    changed_at: datetime
    opened_at: datetime


@dataclass(frozen=True, slots=True)
class Told:
    """Something that was said. `kind` is a word of `entry`, or of `entry_own` where the requester did it."""

    at: datetime
    kind: str
    by_requester: bool
    text: str
    files: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True)
class RequestView:
    """A request on its page, and what its requester can do about it now."""

    line: RequestLine
    text: str
    asked: str
    missing: tuple[str, ...]
    goes_on_in: str | None
    told: tuple[Told, ...]
    can_reply: bool
    can_confirm: bool
    can_reopen: bool
    can_cancel: bool


def standing_of(request: Request) -> str:
    """Where it stands: a word of `standing`."""
    standing = _STANDINGS.get(request.status, "received")
    if request.is_awaited and standing in _ACTIVE:
        return "asked" if request.status == Status.PAUSED.value else "wanted"
    return standing


def view_line(request: Request) -> RequestLine:
    """A request in a list."""
    return RequestLine(
        request.ticket,
        request.reference,
        request.title,
        standing_of(request),
        request.changed_at,
        request.opened_at,
    )


def view_request(story: Story, policy: Policy, now: datetime) -> RequestView:
    """A request on its page. The newest of what was said comes first."""
    request = story.request
    line = view_line(request)
    is_active = line.standing in _ACTIVE
    return RequestView(
        line=line,
        text=request.text,
        asked=_asked(story) if line.standing in _AWAITING else "",
        missing=request.missing if line.standing in _AWAITING else (),
        goes_on_in=story.goes_on_in,
        told=tuple(_told(entry) for entry in reversed(story.entries)),
        can_reply=line.standing in _ACTIVE | {"solved"},
        can_confirm=line.standing == "solved",
        can_reopen=may_reopen(request, story.resolution, now, policy.reopen_within_seconds),
        can_cancel=is_active,
    )


def _asked(story: Story) -> str:
    """What the desk wants to know: of its own accord, or as whoever works on it has said last."""
    answers = (entry.text for entry in reversed(story.entries) if entry.kind == "answered")
    return story.request.asked or next(answers, "")


def _told(entry: Entry) -> Told:
    return Told(entry.at, entry.kind, entry.by_requester, entry.text, entry.files)
