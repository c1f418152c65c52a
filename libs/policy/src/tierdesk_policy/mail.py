"""What requesters are told by mail, how often at most, and when they are reminded."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated, Final

from pydantic import Field, StringConstraints

from tierdesk_policy.parts import Identifier, Part
from tierdesk_policy.rules import ChannelName
from tierdesk_policy.units import Seconds
from tierdesk_policy.view import Found, View

MOST_PER_DAY: Final = 100
MOST_DOMAINS: Final = 1_000

Domain = Annotated[
    str,
    StringConstraints(
        max_length=253, pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)+$"
    ),
]
"""A domain in small letters; one that is not ASCII in its form for the wire, `xn--…`."""
PerDay = Annotated[int, Field(strict=True, ge=0, le=MOST_PER_DAY)]
Days = Annotated[int, Field(strict=True, ge=0, le=365)]
Times = Annotated[int, Field(strict=True, ge=0, le=10)]


class Occasion(StrEnum):
    """What may happen to a request of which its requester can be told."""

    OPENED = "opened"
    """It was received."""
    ASKED = "asked"
    """The desk wants to know something, and waits."""
    WAITING = "waiting"
    """Whoever works it waits for the requester."""
    ANSWERED = "answered"
    IN_WORK = "in_work"
    HANDED_ON = "handed_on"
    RESOLVED = "resolved"
    REOPENED = "reopened"
    CLOSED = "closed"
    CANCELLED = "cancelled"
    MERGED = "merged"
    ANNOUNCED = "announced"
    """A major incident that it belongs to was announced."""


USUAL_OCCASIONS: Final = tuple(one for one in Occasion if one not in {Occasion.IN_WORK, Occasion.HANDED_ON})


class Mail(Part):
    """What leaves by mail. A policy without it goes by what stands here."""

    tell: tuple[Occasion, ...] = USUAL_OCCASIONS
    """Of what a requester is told, beside reminders; of what they did themselves only that it was received."""
    quiet_channels: tuple[ChannelName, ...] = ("chat", "social")
    """Requests that came by these are told of there, and not by mail."""
    gather_seconds: Annotated[Seconds, Field(alias="gather")] = 600
    """Between two mails to one address: what happens meanwhile goes together in the second."""
    per_day: Annotated[PerDay, Field(ge=1)] = 50
    """So many mails within any 24 hours to one address; what is more waits, and goes together."""
    per_day_unverified: PerDay = 3
    """The same for an address of which nobody has shown that it is theirs."""
    trusted_domains: Annotated[tuple[Domain, ...], Field(max_length=MOST_DOMAINS)] = ()
    """Of these every address counts as verified."""
    remind_after_days: Days = 3
    """Working days of `calendar` after which somebody who was asked and says nothing is reminded; 0 for never."""
    reminders: Times = 2
    """How often, for one question."""
    reassure_after_days: Days = 0
    """Working days without a word after which a requester is told that the desk still works on it; 0 for never."""
    reassurances: Times = 3
    """How often, until there is news."""
    calendar: Identifier | None = None
    """Whose working days; left out, the default calendar's."""
    language: Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}(-[A-Z]{2})?$")] = "en"
    """Of whoever's own is not known."""

    def trusts(self, domain: str) -> bool:
        """Whether the addresses of this domain count as verified."""
        return domain.lower() in self.trusted_domains


def find_mail_faults(view: View) -> Iterator[Found]:
    """A calendar that is not there."""
    part = view.document.get("mail")
    if isinstance(part, dict) and (message := view.unknown("calendars", part.get("calendar"))):
        yield ("mail", "calendar"), message
