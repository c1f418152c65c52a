"""What a worker says of one assignment: numbered without gaps, and the same again after a crash.

An outcome's identifier is made from its content, the ordinal included. A work function that is run again and says the
same under the same ordinal so sends the same message, which the desk takes once. If it says something else, the desk
refuses it as repeated, and it is said again under the next ordinal.

A message that the desk refused counts as read: sent again with its identifier it would meet silence. So what is
refused for a gap goes out under another identifier; and since the refusal may have met an earlier process, refusals
are kept by identifier, for a message that is yet to be said here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final
from uuid import UUID, uuid5

from tierdesk_bus import Message
from tierdesk_contracts import AnyEnvelope, seal
from tierdesk_contracts.outcome import Outcome
from tierdesk_contracts.vocabulary import RejectReason
from tierdesk_contracts.work import OutcomeRejected
from tierdesk_tier.sending import Sender

MOST_REPEATS: Final = 200
"""So often in a row the same outcome may be refused for a gap, of half a minute each."""
_SPACE: Final = UUID("9a2d2f0e-6c5b-5d1e-8f5b-2f3f8b1c7a40")


def outcome_id(outcome: Outcome) -> UUID:
    """The identifier of an outcome: equal for equal content alone."""
    return uuid5(_SPACE, f"{type(outcome).__name__} {outcome.model_dump_json()}")


class Ledger:
    """The outcomes of one assignment by one worker, in this process."""

    def __init__(
        self,
        sender: Sender,
        *,
        source: str,
        subject: str,
        tenant: str,
        traceparent: str | None,
        applied: int,
        refusals: Mapping[UUID, OutcomeRejected],
        now: Callable[[], datetime],
    ) -> None:
        """`applied` is the ordinal after which the work function begins; `refusals` grows as they come."""
        self._sender = sender
        self._source = source
        self._subject = subject
        self._tenant = tenant
        self._traceparent = traceparent
        self._applied = applied
        self._position = applied
        self._refusals = refusals
        self._said: dict[int, AnyEnvelope] = {}
        self._saying = asyncio.Lock()
        self._now = now

    def rewind(self) -> None:
        """The work function starts again: what it says again is not sent again."""
        self._position = self._applied

    async def say(self, make: Callable[[int], Outcome]) -> None:
        """Publish the outcome that `make` answers for an ordinal; returns when it is confirmed."""
        async with self._saying:
            outcome = make(self._position + 1)
            earlier = self._said.get(outcome.ordinal)
            if earlier is None:
                await self._publish(outcome)
            elif earlier.data != outcome:
                await self._publish(make(self._next))
            else:
                self._position = outcome.ordinal

    async def mend(self, message_id: UUID) -> None:
        """Say again what the desk refused for its ordinal alone: repeated, or after a gap. Other refusals stand."""
        async with self._saying:
            refused = next((said.data for said in self._said.values() if said.id == message_id), None)
            if refused is None:
                return
            refusal = self._refusals[message_id]
            if refusal.reason is RejectReason.REPEATED:
                await self._publish(refused)
            elif refusal.reason is RejectReason.GAP:
                for ordinal in range(refusal.last_ordinal + 1, refusal.ordinal + 1):
                    if ordinal in self._said:
                        await self._publish(self._said[ordinal].data, advance=False)

    async def repeat(self) -> None:
        """Say again all that was said: the bus may have lost it. What the desk has read changes nothing."""
        async with self._saying:
            await self._sender.publish_in_turn([self.said])

    @property
    def said(self) -> list[Message]:
        """What was said since the desk told how far it had come, in order, as it last went out."""
        return [self._sender.pack(self._said[ordinal]) for ordinal in sorted(self._said)]

    @property
    def last_id(self) -> UUID | None:
        """The identifier of what was said last."""
        last = self._said.get(self._position)
        return None if last is None else last.id

    @property
    def _next(self) -> int:
        return max(self._said, default=self._applied) + 1

    def _unread_id(self, outcome: Outcome) -> UUID:
        """The identifier under which the desk has not read this yet, as far as is known here.

        One refused for a gap is followed by the next, made from it. Work that was begun again knows the latest refusal
        alone, not those before it; so it is looked for further down the line.
        """
        unread = candidate = outcome_id(outcome)
        for _ in range(MOST_REPEATS if self._refusals else 0):
            refusal = self._refusals.get(candidate)
            following = uuid5(_SPACE, f"{candidate} again")
            if refusal is not None:
                unread = following if refusal.reason is RejectReason.GAP else candidate
            candidate = following
        return unread

    async def _publish(self, outcome: Outcome, *, advance: bool = True) -> None:
        message_id = self._unread_id(outcome)
        while (refusal := self._refusals.get(message_id)) is not None and refusal.reason is RejectReason.REPEATED:
            outcome = outcome.model_copy(update={"ordinal": max(self._next, refusal.last_ordinal + 1)})
            message_id = self._unread_id(outcome)
        envelope = seal(
            outcome,
            message_id=message_id,
            source=self._source,
            subject=self._subject,
            time=self._now(),
            tenant=self._tenant,
            traceparent=self._traceparent,
        )
        # Before it is published: if that is cut short, the message may be out under this ordinal all the same.
        self._said[outcome.ordinal] = envelope
        if advance:
            self._position = outcome.ordinal
        await self._sender.publish(envelope)
