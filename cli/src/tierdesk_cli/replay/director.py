"""The director: posts the incidents, and acts every tier and requester out, each step at its own business time.

Steps of all incidents wait in one heap by time. A step is played when the desk has shown the effect of the one before
(an offer for the group, the resolution), so that nothing overtakes; many incidents wait for the desk side by side. The
business clock is moved to the time of each step as it is played, and every outcome carries the export's time.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Final

from tierdesk_bus import Address, Bus, Consumer, Message, PublishResult
from tierdesk_cli.errors import CommandError
from tierdesk_cli.replay.case import Case
from tierdesk_cli.replay.posting import Mailbox
from tierdesk_cli.replay.script import Act
from tierdesk_contracts import MessageError, parse, seal, ticket, work
from tierdesk_contracts import outcome as outcomes
from tierdesk_contracts.names import OUTCOMES, event_key
from tierdesk_runtime.clock import DrivenClock
from tierdesk_runtime.identifiers import Identifiers

PUBLISH_SECONDS: Final = 10.0
STALLED_SECONDS: Final = 60.0
BATCH: Final = 500


class Director:
    """Plays all cases. `tenant` has the replay's policy in force."""

    def __init__(
        self,
        cases: Sequence[Case],
        *,
        bus: Bus,
        mailbox: Mailbox,
        clock: DrivenClock,
        identifiers: Identifiers,
        tenant: str,
        window: int,
        on_done: Callable[[], None],
    ) -> None:
        """`window` bounds how many cases wait for the desk at once; `on_done` is called once per finished case."""
        self._bus = bus
        self._mailbox = mailbox
        self._clock = clock
        self._identifiers = identifiers
        self._tenant = tenant
        self._window = window
        self._on_done = on_done
        self._heap: list[tuple[datetime, str, Case]] = [
            (case.incident.opened_at, case.incident.number, case) for case in cases
        ]
        heapq.heapify(self._heap)
        self._left = len(self._heap)
        self._blocked = 0
        self._by_ticket: dict[str, Case] = {}
        self._early: dict[str, list[Any]] = {}
        self._outgoing: list[Message] = []
        self._moved = asyncio.Event()
        self.acts = 0

    async def run(self, work_queues: Sequence[str], events_queue: str) -> None:
        """Play until every case stands where the export leaves it. Raises `CommandError` when the desk shows nothing for a minute."""
        consumers = [await self._bus.consume(queue, prefetch=200) for queue in work_queues]
        consumers.append(await self._bus.consume(events_queue, prefetch=2 * BATCH))
        tasks = [asyncio.create_task(self._listen(consumer)) for consumer in consumers]
        try:
            await self._play_all(tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for consumer in consumers:
                await consumer.close()

    async def _play_all(self, tasks: list[asyncio.Task[None]]) -> None:
        while self._left:
            self._moved.clear()
            reports: list[Case] = []
            while self._heap and self._blocked < self._window:
                at, _, case = heapq.heappop(self._heap)
                if at > self._clock.now():
                    self._clock.advance_to(at)
                self._play(case, reports)
            await asyncio.gather(self._publish(), self._report(reports))
            failed = next((task for task in tasks if task.done() and task.exception()), None)
            if failed is not None:
                await failed
            if self._left and (self._blocked >= self._window or not self._heap):
                await self._wait()

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(STALLED_SECONDS):
                await self._moved.wait()
        except TimeoutError as error:
            stuck = [case for case in self._by_ticket.values() if case.waiting][:3]
            told = "; ".join(
                f"{case.incident.number} ({case.reference}) {case.standing} {case.rejected}" for case in stuck
            )
            raise CommandError(
                f"the desk showed nothing for {STALLED_SECONDS:.0f} s; {self._left} left, as {told}"
            ) from error

    def _play(self, case: Case, reports: list[Case]) -> None:
        """Play the steps that can be; then the case waits in the heap for its time, or for the desk."""
        if case.ticket_id is None:
            case.waiting = True
            self._blocked += 1
            reports.append(case)
            return
        step = case.step
        if not case.is_ready():
            case.waiting = True
            self._blocked += 1
            return
        if step is None:
            self._left -= 1
            self._on_done()
            return
        case.position += 1
        if isinstance(step, Act):
            self._act(case, step)
        else:
            case.status = "asked"
            self._mailbox.follow_up(case.ticket_id, case.incident.number, case.position, step)
        self._schedule(case)

    def _schedule(self, case: Case) -> None:
        at = case.step.at if case.step is not None else self._clock.now()
        heapq.heappush(self._heap, (at, case.incident.number, case))

    def _act(self, case: Case, act: Act) -> None:
        assert case.assignment_id is not None
        assert case.ticket_id is not None
        case.ordinal += 1
        outcome = act.outcome.model_validate(
            {
                "assignment_id": case.assignment_id,
                "token": case.token,
                "worker": act.worker,
                "ordinal": case.ordinal,
                **act.fields,
            }
        )
        envelope = seal(
            outcome,
            message_id=self._identifiers.new(),
            source="/tierdesk/replay",
            subject=case.ticket_id,
            time=act.at,
            tenant=self._tenant,
        )
        address = Address("", OUTCOMES, event_key(self._tenant, envelope.type))
        self._outgoing.append(Message(str(envelope.id), envelope.type, address, envelope.to_bytes()))
        self.acts += 1
        if act.outcome is outcomes.WorkResolved:
            case.resolving = case.assignment_id
        if act.hands_on or act.outcome is outcomes.WorkResolved:
            case.assignment_id, case.ordinal = None, 0

    async def _publish(self) -> None:
        while self._outgoing:
            batch, self._outgoing = self._outgoing[:BATCH], self._outgoing[BATCH:]
            while batch:
                results = await self._bus.publish(batch, timeout_seconds=PUBLISH_SECONDS)
                batch = [
                    message
                    for message, result in zip(batch, results, strict=True)
                    if result is not PublishResult.CONFIRMED
                ]

    async def _report(self, cases: list[Case]) -> None:
        for case, ticket_id, reference in await self._mailbox.deliver(cases):
            case.ticket_id, case.reference = ticket_id, reference
            self._by_ticket[ticket_id] = case
            for data in self._early.pop(ticket_id, ()):
                self._note(case, data)

    async def _listen(self, consumer: Consumer) -> None:
        while True:
            deliveries = await consumer.receive(BATCH, timeout_seconds=5.0)
            for delivery in deliveries:
                try:
                    envelope = parse(delivery.body)
                except MessageError as error:
                    raise CommandError(f"the desk sent what is no message: {error}") from error
                case = self._by_ticket.get(envelope.subject)
                if case is None:
                    self._early.setdefault(envelope.subject, []).append(envelope.data)
                else:
                    self._note(case, envelope.data)
            if deliveries:
                self._moved.set()
                await consumer.ack(deliveries)

    def _note(self, case: Case, data: object) -> None:
        match data:
            case work.WorkOffered() if data.token > case.token:
                case.assignment_id, case.token, case.ordinal = data.assignment_id, data.token, 0
            case work.OutcomeRejected():
                case.rejected.append(f"{data.reason.value}: {data.detail}")
            case ticket.TicketChanged():
                case.follow(data)
            case _:
                return
        if case.waiting and case.ticket_id is not None and (case.is_ready() or case.rejected):
            case.waiting = False
            self._blocked -= 1
            self._schedule(case)
