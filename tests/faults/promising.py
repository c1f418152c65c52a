"""Tickets whose promises fall due at known instants, told to the watchers as the router tells them.

The events are those of a ticket that is opened, triaged and offered at one instant; four promises of it fall due, at four
instants that follow from the policy below by an addition. They are published on a bus of the tests' own, each message until
the broker has confirmed it, as a relay does.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID, uuid5

from tierdesk_bus.port import HOME, Address, Bus, Message
from tierdesk_contracts import seal
from tierdesk_contracts import ticket as events
from tierdesk_contracts.names import EVENTS, event_key
from tierdesk_contracts.notice import PolicyApplied
from tierdesk_contracts.ticket import TicketChanged
from tierdesk_contracts.vocabulary import Actor, ActorKind, Channel, Status
from tierdesk_policy import load_policy
from tierdesk_runtime.clock import FastClock
from tierdesk_runtime.identifiers import Identifiers

TENANT: Final = "main"
RATE: Final = 60.0
"""So many times as fast as real time business goes here: a minute of a promise is a second."""
WITHIN: Final = {
    "acceptance": timedelta(minutes=6),
    "first_response": timedelta(minutes=8),
    "visit": timedelta(minutes=10),
    "resolution": timedelta(minutes=12),
}
SHARES: Final = (0.5, 0.75)
"""Of the resolution it is warned at these."""
KEPT_AFTER: Final = timedelta(minutes=3)
"""So long after its opening a ticket is resolved whose promises are kept; before the first falls due, and is warned of."""
POLICY: Final = load_policy(
    """
name: watcher's fault test
tiers: [{id: l1}]
groups: [{id: desk, tier: l1}]
categories: [{id: usage, tier: l1, group: desk}]
targets:
  - {kind: acceptance, within: 6m, warn_at: []}
  - {kind: first_response, within: 8m, warn_at: []}
  - {kind: visit, within: 10m, warn_at: []}
  - {kind: resolution, within: 12m, warn_at: [0.5, 0.75]}
"""
)
_SPACE: Final = UUID("018f4c8e-0000-7000-8000-000000000000")
_DESK: Final = Actor(kind=ActorKind.DESK, id="router")


@dataclass(frozen=True, slots=True)
class Promised:
    """A ticket that was told of. `is_kept` says that it is resolved in time."""

    ticket_id: UUID
    opened_at: datetime
    is_kept: bool

    def due_at(self, kind: str) -> datetime:
        return self.opened_at + WITHIN[kind]

    def warned_at(self, share: float) -> datetime:
        return self.opened_at + share * WITHIN["resolution"]

    @property
    def resolved_at(self) -> datetime:
        return self.opened_at + KEPT_AFTER


@dataclass(slots=True)
class Promises:
    """All tickets that were told of, and the ways to tell of more. Business time is that of `clock`."""

    bus: Bus
    clock: FastClock
    seed: int
    made: dict[str, Promised] = field(default_factory=dict)
    identifiers: Identifiers = field(default_factory=Identifiers)

    async def apply_policy(self) -> None:
        """Tell of the policy that all these tickets name."""
        now = self.clock.now()
        data = PolicyApplied(version=POLICY.version, name=POLICY.name, document=POLICY.document(), applied_at=now)
        await self._publish([self._message(data, POLICY.version, now, None)])

    async def open(self, number: int, *, kept: int = 0) -> list[Promised]:
        """Open so many tickets now, `kept` of which will be resolved in time, and tell of them."""
        opened = [self._promised(self.clock.now(), number=len(self.made) + one) for one in range(number)]
        opened = [Promised(one.ticket_id, one.opened_at, place < kept) for place, one in enumerate(opened)]
        self.made |= {str(one.ticket_id): one for one in opened}
        await self._publish([self._change(one, tuple(_opening(one)), Status.OFFERED) for one in opened])
        return opened

    async def resolve(self, tickets: Sequence[Promised]) -> None:
        """Tell that these were resolved when they were to be, which may be long ago."""
        await self._publish([self._change(one, (_resolution(one),), Status.RESOLVED) for one in tickets])

    async def open_over(self, tickets: int, seconds: float, *, kept_one_in: int) -> None:
        """Open tickets, at random moments of so many real seconds, and resolve one in so many, besides, in time."""
        dice = random.Random(self.seed)
        loop = asyncio.get_running_loop()
        began_at, left = loop.time(), tickets
        async with asyncio.TaskGroup() as resolving:
            while left:
                await asyncio.sleep(dice.uniform(0.0, 0.2))
                share = min(1.0, (loop.time() - began_at) / seconds)
                number = round(tickets * share) - (tickets - left)
                kept = sum(dice.randrange(kept_one_in) == 0 for _ in range(number))
                opened = await self.open(number + kept, kept=kept)
                left -= number
                resolving.create_task(self._keep([one for one in opened if one.is_kept]))

    async def _keep(self, tickets: list[Promised]) -> None:
        if tickets:
            await self.clock.sleep_until(tickets[-1].resolved_at, at_most_seconds=60)
            await self.resolve(tickets)

    @property
    def last_due_at(self) -> datetime:
        """When the last promise falls due."""
        return max(one.due_at("resolution") for one in self.made.values())

    def _promised(self, at: datetime, *, number: int) -> Promised:
        return Promised(uuid5(_SPACE, f"{self.seed} {number}"), at, is_kept=False)

    def _change(self, one: Promised, told: tuple[Any, ...], status: Status) -> Message:
        data = TicketChanged(
            reference="TD-TEST-0001",
            policy_version=POLICY.version,
            status=status,
            first_sequence=told[0].sequence,
            sequence=told[-1].sequence,
            events=told,
        )
        return self._message(data, str(one.ticket_id), self.clock.now(), told[-1].sequence)

    def _message(self, data: Any, subject: str, at: datetime, sequence: int | None) -> Message:
        envelope = seal(
            data,
            message_id=self.identifiers.new(),
            source="/tierdesk/router",
            subject=subject,
            time=at,
            tenant=TENANT,
            sequence=sequence,
        )
        address = Address(HOME, EVENTS, event_key(TENANT, envelope.type))
        return Message(str(envelope.id), envelope.type, address, envelope.to_bytes())

    async def _publish(self, messages: Sequence[Message]) -> None:
        left = list(messages)
        while left:
            results = await self.bus.publish(left, timeout_seconds=10)
            left = [message for message, result in zip(left, results, strict=True) if result != "confirmed"]
            if left:
                await asyncio.sleep(0.2)


def _opening(one: Promised) -> Iterator[Any]:
    at, requester, work = one.opened_at, uuid5(one.ticket_id, "requester"), uuid5(one.ticket_id, "work")
    shared: dict[str, Any] = {"at": at, "actor": _DESK}
    yield events.Opened(
        sequence=1, channel=Channel.PORTAL, requester_id=requester, title="It is broken", text="", **shared
    )
    because = events.Explanation(rule="entry", because=(), policy_version=POLICY.version)
    yield events.Triaged(
        sequence=2,
        category="usage",
        impact=1,
        urgency=1,
        priority=1,
        tier="l1",
        group="desk",
        completeness=1.0,
        explanation=because,
        **shared,
    )
    yield events.Offered(sequence=3, assignment_id=work, token=1, tier="l1", group="desk", reason="triage", **shared)


def _resolution(one: Promised) -> Any:
    work = uuid5(one.ticket_id, "work")
    return events.Resolved(sequence=4, at=one.resolved_at, actor=_DESK, assignment_id=work, how="Another socket.")
