"""What leaves by mail, to whom, when, and how much of it goes together. Pure functions.

An address has at most one mail that is open for more, and gets one at a time: what happens while one is on its way goes
together in the next, which leaves when `Mail.gather_seconds` have passed since and the day has room for it. So nothing is
lost, nothing comes twice, and nobody is flooded, whoever typed the address.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from tierdesk_desk.domain.addresses import AddressError, Mailbox, read_address
from tierdesk_desk.domain.requests import Entry, Request, Requester
from tierdesk_policy import Mail, Occasion

DAY: Final = timedelta(hours=24)
MOST_NEWS: Final = 50
"""So much is told in one mail; what is beyond that is counted in it."""
LONGEST_TEXT: Final = 10_000
"""So many characters of one text are quoted; the whole stands on the request's page."""
LINKS_PER_DAY: Final = 10
"""So many links within any 24 hours to one address: whoever asks for more does not read them."""
ESCALATION: Final = "escalation"


class Kind(StrEnum):
    """What a mail is for. Mails of one kind to one address go one after the other."""

    NEWS = "news"
    """What a requester is told of requests."""
    ALARM = "alarm"
    """What somebody who works here is told of an escalation."""
    LINK = "link"
    """A link by which somebody sees a request once: it is wanted now, and never goes together with others."""


class State(StrEnum):
    """How a mail stands."""

    FAILED = "failed"
    """Given up: the server refused it for good, or took none of it for days."""
    QUEUED = "queued"
    SUPPRESSED = "suppressed"
    """Never to be sent; the reason says why."""
    SENT = "sent"
    """The server has answered that it is in charge of it."""


class Reason(StrEnum):
    """Why a mail is not sent."""

    NO_SERVER = "no-server"
    """The desk has none."""
    BAD_ADDRESS = "bad-address"
    """What is known is no address that can be written to."""
    MACHINE = "machine"
    """A program reads it, this desk itself maybe: it would answer, and be answered."""
    UNVERIFIED = "unverified"
    """The policy has nothing sent to addresses of which nobody has shown that they are theirs."""
    CAP = "cap"
    """More links were asked for than one person reads."""
    REFUSED = "refused"
    """The server refused it for good."""
    GIVEN_UP = "given-up"
    """The server took none of it for days."""
    UNREADABLE = "unreadable"
    """It could not be written: a defect of this release."""
    DISCARDED = "discarded"
    """Somebody who keeps the desk running has discarded it."""


@dataclass(frozen=True, slots=True)
class News:
    """One thing to be told. `title` is the requester's own words: only who is known to own the address is shown it."""

    tenant: str
    address: str
    occasion: str
    ticket: str
    reference: str
    title: str
    text: str
    at: datetime
    party: str | None = None

    def told(self) -> dict[str, Any]:
        """As the mail keeps it."""
        return {
            "occasion": self.occasion,
            "ticket": self.ticket,
            "reference": self.reference,
            "title": self.title,
            "text": self.text[:LONGEST_TEXT],
            "is_cut": len(self.text) > LONGEST_TEXT,
            "at": self.at.isoformat(),
        }


@dataclass(frozen=True, slots=True)
class Box:
    """An address of a tenant as the desk knows it, for mails of one kind. `sent` is when the last ones left, in order."""

    tenant: str
    address: str
    kind: Kind
    sent: tuple[datetime, ...] = ()
    is_verified: bool = False


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail that is open for more. `news` is as `News.told` tells it; of what is `left_out` only the number is told."""

    news: tuple[Mapping[str, Any], ...] = ()
    left_out: int = 0
    shows_titles: bool = False

    def __len__(self) -> int:
        return len(self.news) + self.left_out

    @property
    def ticket(self) -> str | None:
        """The one ticket that it is about; None for several."""
        tickets = {one["ticket"] for one in self.news}
        return tickets.pop() if len(tickets) == 1 and not self.left_out else None

    def values(self) -> dict[str, Any]:
        """As it is kept."""
        return asdict(self) | {"news": [dict(one) for one in self.news]}

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Letter:
        """The letter that `values` were made of."""
        return cls(tuple(values["news"]), values["left_out"], values["shows_titles"])

    def add(self, news: Sequence[News]) -> Letter:
        """The same with these in it too."""
        room = max(0, MOST_NEWS - len(self.news))
        shown = tuple(one.told() for one in news[:room])
        return replace(self, news=(*self.news, *shown), left_out=self.left_out + len(news) - len(shown))


def most_per_day(box: Box, rules: Mail) -> int:
    """So many mails within any 24 hours this address gets."""
    if box.kind is Kind.LINK:
        return LINKS_PER_DAY
    return rules.per_day if box.kind is Kind.ALARM or is_verified(box, rules) else rules.per_day_unverified


def is_verified(box: Box, rules: Mail) -> bool:
    """Whether somebody has shown that the address is theirs, or the policy trusts its domain."""
    return box.is_verified or rules.trusts(box.address.rpartition("@")[2])


def due_at(box: Box, rules: Mail, now: datetime) -> datetime | None:
    """When the next mail may leave; None for never. Times are the database's."""
    most = most_per_day(box, rules)
    if most == 0:
        return None
    due = now
    if box.sent:
        due = max(due, box.sent[-1] + timedelta(seconds=rules.gather_seconds))
    if len(box.sent) >= most:
        due = max(due, box.sent[-most] + DAY)
    return due


def note_sent(box: Box, rules: Mail, at: datetime) -> Box:
    """The box after a mail left. It remembers as many as the day has room for."""
    return replace(box, sent=tuple(sorted((*box.sent, at)))[-max(1, most_per_day(box, rules)) :])


def address_of(requester: Requester) -> str | None:
    """Where somebody is written to: at the address that was told of them, else at their name in the client's directory
    where that is one. None where neither is an address.
    """
    for told in (requester.email, requester.party):
        if told and "@" in told:
            return told
    return None


def judge_address(text: str, *, own: frozenset[str] = frozenset()) -> Mailbox | Reason:
    """The mailbox of this text, or why nothing is sent there. `own` are the desk's addresses, in small letters."""
    try:
        mailbox = read_address(text)
    except AddressError:
        return Reason.BAD_ADDRESS
    return Reason.MACHINE if mailbox.is_machine or str(mailbox).lower() in own else mailbox


def is_told(entry: Entry, request: Request, rules: Mail) -> bool:
    """Whether the requester is told of this by mail. Of what they did themselves, only that it was received."""
    if entry.kind not in rules.tell or request.channel in rules.quiet_channels:
        return False
    return entry.kind == Occasion.OPENED or not entry.by_requester


def news_of(entry: Entry, request: Request, address: str) -> News:
    """What the requester of `request` is told of this, at this address."""
    said = "" if entry.kind == Occasion.OPENED or entry.by_requester else entry.text
    return News(
        request.tenant, address, entry.kind, request.ticket, request.reference, request.title, said, entry.at,
        party=request.party,
    )  # fmt: skip
