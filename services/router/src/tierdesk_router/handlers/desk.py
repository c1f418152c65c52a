"""The working set of one batch: what was loaded, what was decided, and how it is saved."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from tierdesk_bus import Address
from tierdesk_contracts import seal
from tierdesk_contracts.intake import Called
from tierdesk_contracts.names import EVENTS, event_key
from tierdesk_contracts.ticket import KnownRequester, Opened, TicketChanged
from tierdesk_contracts.vocabulary import Contract
from tierdesk_policy import Policy
from tierdesk_router.domain.announcements import Destination, Post, announce
from tierdesk_router.domain.chains import chain_due
from tierdesk_router.domain.disclosure import Party
from tierdesk_router.domain.lifecycle import Draft
from tierdesk_router.domain.offers import close_due
from tierdesk_router.domain.ticket import Ticket
from tierdesk_router.store.parties import find_parties, save_contacts
from tierdesk_router.store.policies import PolicyShelf, UnknownPolicyError
from tierdesk_router.store.refusals import RefusedOutcome, keep_refusals
from tierdesk_router.store.tickets import (
    AssignmentRow,
    Key,
    Saving,
    find_assignments,
    lock_tickets,
    save_ordinals,
    save_tickets,
)
from tierdesk_store import Transaction

if TYPE_CHECKING:
    from tierdesk_router.handlers.likeness import Comparison

SOURCE = "/tierdesk/router"


@dataclass(slots=True)
class Desk:
    """Loaded state and decisions of one batch. `keep` is the only way to change it."""

    now: datetime
    new_id: Callable[[], UUID]
    traceparent: str | None = None
    """Of the message that is being decided; what is sent because of it carries it."""
    in_force: dict[str, Policy] = field(default_factory=dict)
    versions: dict[tuple[str, str], Policy] = field(default_factory=dict)
    tickets: dict[Key, Ticket] = field(default_factory=dict)
    assignments: dict[Key, AssignmentRow] = field(default_factory=dict)
    parties: dict[Key, Party] = field(default_factory=dict)
    requesters: dict[tuple[str, str], Party] = field(default_factory=dict)
    ordinals: dict[Key, int] = field(default_factory=dict)
    contacts: dict[Key, str] = field(default_factory=dict)
    calls: dict[Key, list[Called]] = field(default_factory=dict)
    """What the telephone told of each ticket; whose number called is in no log."""
    comparison: Comparison | None = None
    """What new tickets of the batch are like; None where no policy asks for it."""
    _drafts: dict[Key, list[Draft]] = field(default_factory=dict)
    _posts: list[tuple[Key, Post, str | None]] = field(default_factory=list)
    _traceparents: dict[Key, str | None] = field(default_factory=dict)
    _refusals: dict[int, RefusedOutcome] = field(default_factory=dict)
    """By the place of the answer among the posts."""

    def policy_of(self, ticket: Ticket) -> Policy:
        """The policy that the ticket was opened under. Raises `UnknownPolicyError`; `knows_policy_of` asks first."""
        if not self.knows_policy_of(ticket):
            raise UnknownPolicyError(ticket.tenant, ticket.policy_version)
        return self.versions[ticket.tenant, ticket.policy_version]

    def knows_policy_of(self, ticket: Ticket) -> bool:
        """Whether anything can be decided on the ticket: this release can read the policy it was opened under."""
        return (ticket.tenant, ticket.policy_version) in self.versions

    def last_ordinal(self, assignment: AssignmentRow) -> int:
        """The last ordinal applied, this batch included."""
        key = (assignment.tenant, assignment.id)
        return self.ordinals.get(key, assignment.last_ordinal)

    def keep(self, draft: Draft, policy: Policy) -> None:
        """Take a decision over: later messages of the batch see it, and `save` writes it."""
        key = (draft.ticket.tenant, draft.ticket.id)
        party = self.parties.get((draft.ticket.tenant, draft.ticket.requester_id))
        self._posts += [(key, post, self.traceparent) for post in announce(draft, policy, party)]
        self._traceparents[key] = self.traceparent
        self._drafts.setdefault(key, []).append(draft)
        self.tickets[key] = draft.ticket
        self.versions[draft.ticket.tenant, policy.version] = policy

    def keep_contact(self, ticket: Ticket, contact: str) -> None:
        """How to reach the requester from now on: personal data, kept with the party and in no log."""
        key = (ticket.tenant, ticket.requester_id)
        self.contacts[key] = contact
        if key in self.parties:
            self.parties[key] = replace(self.parties[key], contact=contact)

    def tell(self, ticket: Key, data: Contract, destination: Destination) -> None:
        """Answer a tier, without any change of the ticket."""
        self._posts.append((ticket, Post(data, destination), self.traceparent))

    def refuse(self, ticket: Key, answer: Contract, destination: Destination, refused: RefusedOutcome) -> None:
        """Answer a tier that its outcome changes nothing, and record that.

        The answer to a vendor goes out when the refusal is recorded: what is too many to record is too many to answer.
        """
        self._refusals[len(self._posts)] = refused
        self.tell(ticket, answer, destination)

    @property
    def refused(self) -> list[RefusedOutcome]:
        """What was refused in this batch."""
        return list(self._refusals.values())

    def opened_channels(self) -> list[str]:
        """The channel of each ticket that this batch opened."""
        first = (drafts[0].events[0] for drafts in self._drafts.values() if drafts[0].events)
        return [event.channel for event in first if isinstance(event, Opened)]

    async def save(self, tx: Transaction) -> None:
        """Write everything, and queue one `ticket.changed.v1` per ticket and the messages to tiers."""
        merged = [_merge(drafts) for drafts in self._drafts.values()]
        await save_tickets(tx, [_saving(draft, self.policy_of(draft.ticket)) for draft in merged])
        await save_ordinals(tx, self.ordinals)
        await save_contacts(tx, self.contacts)
        recorded = await keep_refusals(tx, self.refused)
        for draft in merged:
            if draft.events:
                self._publish_change(tx, draft)
        for place, ((tenant, ticket_id), post, traceparent) in enumerate(self._posts):
            if self._is_silenced(place, recorded):
                continue
            envelope = seal(
                post.data,
                message_id=self.new_id(),
                source=SOURCE,
                subject=str(ticket_id),
                time=self.now,
                tenant=tenant,
                traceparent=traceparent,
            )
            tx.send(envelope, Address(*post.destination))

    def _is_silenced(self, place: int, recorded: set[tuple[str, UUID]]) -> bool:
        refused = self._refusals.get(place)
        return (
            refused is not None
            and refused.vendor is not None
            and (refused.namespace, refused.outcome_id) not in recorded
        )

    def _publish_change(self, tx: Transaction, draft: Draft) -> None:
        ticket = draft.ticket
        changed = TicketChanged(
            reference=ticket.reference,
            policy_version=ticket.policy_version,
            status=ticket.status,
            tier=ticket.tier,
            group=ticket.group,
            category=ticket.category,
            priority=ticket.priority,
            first_sequence=draft.events[0].sequence,
            sequence=ticket.sequence,
            events=tuple(draft.events),
            requester=_known(self.parties.get((ticket.tenant, ticket.requester_id))),
            calls=tuple(self.calls.get((ticket.tenant, ticket.id), ())),
        )
        envelope = seal(
            changed,
            message_id=self.new_id(),
            source=SOURCE,
            subject=str(ticket.id),
            time=self.now,
            tenant=ticket.tenant,
            sequence=ticket.sequence,
            # One message tells of all that the batch did to the ticket: it continues the last.
            traceparent=self._traceparents[ticket.tenant, ticket.id],
        )
        tx.send(envelope, Address("", EVENTS, event_key(ticket.tenant, "ticket.changed.v1")))


def _merge(drafts: list[Draft]) -> Draft:
    """Several decisions on one ticket in one batch are one commit of it."""
    first, last = drafts[0], drafts[-1]
    if first is last:
        return first
    merged = Draft(first.before, at=last.at, actor=first.actor)
    merged.ticket = last.ticket
    merged.events = [event for draft in drafts for event in draft.events]
    return merged


def _known(party: Party | None) -> KnownRequester | None:
    if party is None:
        return None
    return KnownRequester(
        party=party.external, name=party.name, email=party.email, phone=party.phone, contact=party.contact
    )


def _saving(draft: Draft, policy: Policy) -> Saving:
    return Saving(draft, _offer_due(draft), close_due(draft.ticket, policy), chain_due(draft.ticket, policy))


def _offer_due(draft: Draft) -> datetime | None:
    """When the first of those who are asked has let its time to accept pass."""
    ticket = draft.ticket
    asked = (ticket.assignment, *ticket.contributions)
    return min((one.accept_by for one in asked if one is not None and one.accept_by is not None), default=None)


async def load_tickets(desk: Desk, tx: Transaction, keys: set[Key], shelf: PolicyShelf) -> None:
    """Lock the tickets and load what their decisions need: their requesters, and their policies that can be read."""
    desk.tickets = await lock_tickets(tx, keys)
    for ticket in desk.tickets.values():
        if (ticket.tenant, ticket.policy_version) not in desk.versions:
            policy = await shelf.find(tx.connection, ticket.tenant, ticket.policy_version)
            if policy is not None:
                desk.versions[ticket.tenant, ticket.policy_version] = policy
    desk.parties |= await find_parties(tx, {(ticket.tenant, ticket.requester_id) for ticket in desk.tickets.values()})


async def load_assignments(desk: Desk, tx: Transaction, keys: set[Key], shelf: PolicyShelf) -> None:
    """Load assignments and lock their tickets. The assignments are read again once the locks are held."""
    found = await find_assignments(tx, keys)
    await load_tickets(desk, tx, {(row.tenant, row.ticket_id) for row in found.values()}, shelf)
    desk.assignments = await find_assignments(tx, keys)
