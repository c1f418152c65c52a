"""What one group of requests finds stored, and what it adds: keys, tickets with their sequence, raw events, messages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, NamedTuple, Protocol
from uuid import UUID

from tierdesk_contracts import AnyEnvelope, seal
from tierdesk_contracts.vocabulary import Contract
from tierdesk_intake.domain.attachments import Attachment
from tierdesk_intake.domain.refusals import Fault, RefusalKind, RefusedError, refuse_field, unknown_ticket
from tierdesk_policy import Phone

SOURCE: Final = "/tierdesk/intake"
EVENTS_SOURCE: Final = "events"
"""The source of what comes by `/v1/events` and its batch form: they share a tenant's keys."""


class Mint(Protocol):
    """Makes identifiers that nobody can guess."""

    def new(self) -> UUID:
        """A fresh identifier."""
        ...

    def reference(self) -> str:
        """A fresh name of a ticket for people; may, rarely, be taken already."""
        ...

    def secret(self) -> UUID:
        """A fresh identifier of which every bit is chance."""
        ...


class KeyName(NamedTuple):
    """What an idempotency key is unique in: the tenant and the source that chose it."""

    tenant: str
    source: str
    key: str


class Answer(NamedTuple):
    """What is answered, to the byte, now and whenever the key comes again."""

    text: str
    ticket: UUID | None
    reference: str | None
    replayed: bool = False


class KnownKey(NamedTuple):
    """What was answered to a key, and to which bytes."""

    fingerprint: bytes
    answer: Answer


class Posted(NamedTuple):
    """What every request that may be stored brings: whose, under which key, and its bytes as they came.

    `fingerprint` is the SHA-256 of those bytes; `key_field` is where in the request the key stands; `traceparent` is what
    the messages that come of it carry, if the request is traced.
    """

    tenant: str
    source: str
    key: str | None
    key_field: str
    fingerprint: bytes
    body: bytes
    traceparent: str | None = None

    @property
    def key_name(self) -> KeyName | None:
        """The key with what it is unique in; None when every repetition shall count as new."""
        return None if self.key is None else KeyName(self.tenant, self.source, self.key)


@dataclass(slots=True)
class Ticket:
    """What intake keeps of a ticket. `last_sequence` counts, without a gap, what intake has told of it."""

    tenant: str
    id: UUID
    reference: str
    last_sequence: int = 0


class Entry(NamedTuple):
    """A request that was taken: what was posted and answered, and the ticket that it opened, if it opened one."""

    id: UUID
    posted: Posted
    answer: Answer
    opened: Ticket | None


@dataclass(slots=True)
class Ledger:
    """What is known, and what is new. `tickets` holds the tickets that may be continued, locked by the caller."""

    mint: Mint
    now: datetime
    keys: dict[KeyName, KnownKey] = field(default_factory=dict)
    tickets: dict[tuple[str, UUID], Ticket] = field(default_factory=dict)
    continued: dict[tuple[str, UUID], Ticket] = field(default_factory=dict)
    attachments: dict[tuple[str, UUID], Attachment] = field(default_factory=dict)
    told: dict[tuple[str, UUID], UUID] = field(default_factory=dict)
    """The attachments that messages of this ledger tell of, with the message."""
    entries: list[Entry] = field(default_factory=list)
    messages: list[AnyEnvelope] = field(default_factory=list)

    def earlier_answer(self, posted: Posted) -> Answer | None:
        """What was answered to this key before, as far as the ledger knows; None for a new one. Raises `RefusedError` for a key of other bytes."""
        name = posted.key_name
        known = None if name is None else self.keys.get(name)
        if known is None:
            return None
        if known.fingerprint != posted.fingerprint:
            raise RefusedError(
                RefusalKind.KEY_REUSED,
                "This key was used before, with another body. Repeat the body as it was, to the byte, or choose another key.",
                [Fault(posted.key_field, "used before, with another body")],
            )
        answer = known.answer
        return Answer(answer.text, answer.ticket, answer.reference, replayed=True)

    def open_ticket(self, tenant: str) -> Ticket:
        """A new ticket, to be handed to `record`."""
        return Ticket(tenant, self.mint.new(), self.mint.reference())

    def find_ticket(self, tenant: str, ticket_id: UUID, *, field: str) -> Ticket:
        """The tenant's ticket. Raises `RefusedError`, the same for a foreign ticket as for one that does not exist."""
        ticket = self.tickets.get((tenant, ticket_id))
        if ticket is None:
            raise unknown_ticket(field)
        return ticket

    def find_attachments(self, ticket: Ticket, ids: Sequence[UUID], *, field: str) -> list[Attachment]:
        """These files of the ticket. Raises `RefusedError` for one that is none of it, and for one that was told before."""
        found = [self.attachments.get((ticket.tenant, one)) for one in ids]
        for at, (one, attachment) in enumerate(zip(ids, found, strict=True)):
            if attachment is None or attachment.ticket != ticket.id:
                text = "this ticket has no such file"
                raise RefusedError(RefusalKind.UNKNOWN_ATTACHMENT, f"{field}: {text}.", [Fault(f"{field}.{at}", text)])
            if attachment.told_by is not None or (ticket.tenant, one) in self.told or one in ids[:at]:
                raise refuse_field(f"{field}.{at}", "a reply has named this file before")
        return [one for one in found if one is not None]

    def tell_attachments(self, tenant: str, ids: Sequence[UUID], message_id: UUID) -> None:
        """Keep that this message tells of these."""
        self.told |= {(tenant, one): message_id for one in ids}

    def tell(
        self, ticket: Ticket, data: Contract, *, message_id: UUID, at: datetime, traceparent: str | None = None
    ) -> None:
        """Publish `data` as the next of the ticket's sequence."""
        if ticket.last_sequence or (ticket.tenant, ticket.id) in self.tickets:
            self.continued[ticket.tenant, ticket.id] = ticket
        ticket.last_sequence += 1
        self.messages.append(
            seal(
                data,
                message_id=message_id,
                source=SOURCE,
                subject=str(ticket.id),
                time=at,
                tenant=ticket.tenant,
                sequence=ticket.last_sequence,
                traceparent=traceparent,
            )
        )

    def record(self, posted: Posted, answer: Answer, *, event_id: UUID, opened: Ticket | None = None) -> Answer:
        """Log what was posted, and keep the answer under its key."""
        self.entries.append(Entry(event_id, posted, answer, opened))
        name = posted.key_name
        if name is not None:
            self.keys[name] = KnownKey(posted.fingerprint, answer)
        return answer


@dataclass(frozen=True, slots=True)
class PolicyTerms:
    """The names that a tenant's policy in force knows, and what it says of the telephone.

    No departments: the policy has none, and any may be named.
    """

    categories: frozenset[str]
    departments: frozenset[str] = frozenset()
    phone: Phone = field(default_factory=Phone)


Terms = Mapping[str, PolicyTerms]
"""By tenant; a tenant without a policy yet has none."""
