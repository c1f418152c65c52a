"""The consumer of one group's work, or of a vendor's."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Final, Self, TypedDict, Unpack
from uuid import UUID, uuid4

from tierdesk_bus import HOME, Bus, Consumer, Delivery
from tierdesk_contracts import MessageError, parse, seal
from tierdesk_contracts.outcome import WorkAccepted
from tierdesk_contracts.vocabulary import EscalationReason, Mode, ReturnReason, Role
from tierdesk_contracts.work import WorkOffered
from tierdesk_tier.assignment import Assignment
from tierdesk_tier.job import Job
from tierdesk_tier.ledger import Ledger, outcome_id
from tierdesk_tier.party import Party
from tierdesk_tier.repeating import Repeater
from tierdesk_tier.sending import Sender
from tierdesk_tier.table import Table

log = logging.getLogger(__name__)

WorkFunction = Callable[[Job], Awaitable[None]]
Worker = str | Callable[[WorkOffered], str]

BATCH: Final = 200
RECEIVE_SECONDS: Final = 1.0
MOST_HELD: Final = 500
"""Offers and updates held unacknowledged; see `tierdesk_tier.table`."""
ATTEMPTS: Final = 3
"""How often a work function that fails is run before the work is handed on."""
FIRST_PAUSE_SECONDS: Final = 0.5


def _now() -> datetime:
    return datetime.now(UTC)


class Options(TypedDict, total=False):
    """What may be set of a consumer."""

    workers: int
    """How many jobs at once; 1. It has accepted no more than that at any time."""
    accept: Callable[[WorkOffered], bool]
    """Answers False to leave an offer alone: the desk offers it elsewhere in time. All are accepted."""
    drain_seconds: float
    """How long running jobs have to end after a stop; 20."""
    answer_seconds: float
    """After how long without an answer the desk is asked for accepted work again; 60."""
    now: Callable[[], datetime]
    """The time that outcomes carry; the wall clock."""
    new_id: Callable[[], UUID]
    """Identifiers of repeated questions; random."""


class TierConsumer:
    """Accepts offers, runs `work` for each that the desk assigns, and tells the desk what becomes of it.

    `worker` names who works, or chooses a name for each offer, as for a group of people. `work` must end its job by
    `resolve`, `escalate`, `transfer` or `give_back`. It may be run more than once for the same work: after a crash,
    in another process too, when it raised or ended without any of these, and when the desk refused its last step.
    What it says again is known as such by its content and takes effect once; outside effects are its own care.
    After three failures in a row the work is escalated, or given back.

    An offer is acknowledged when the acceptance is confirmed, an assignment when its work has ended. So nothing is
    lost with this process: what was accepted and not yet assigned comes as an assignment to the next, and what was
    assigned comes again.
    """

    def __init__(
        self, bus: Bus, party: Party, *, worker: Worker, work: WorkFunction, **options: Unpack[Options]
    ) -> None:
        """See `in_house` and `vendor`."""
        self._bus = bus
        self._party = party
        self._worker = worker
        self._work_function = work
        self._workers = options.get("workers", 1)
        self._accept = options.get("accept")
        self._drain_seconds = options.get("drain_seconds", 20.0)
        self._answer_seconds = options.get("answer_seconds", 60.0)
        self._now = options.get("now", _now)
        self._new_id = options.get("new_id", uuid4)
        self._sender = Sender(bus, party)
        self._repeater = Repeater(self._sender, self._settle)
        self._table = Table(
            choose_worker=self._choose_worker,
            settle=self._settle,
            say_again=self._repeater.repeat,
            most_held=MOST_HELD,
        )
        self._running: dict[asyncio.Task[None], Assignment] = {}
        self._done: list[Delivery] = []
        self._settling = asyncio.Event()
        self._stopping = False
        self._closing = False

    @classmethod
    def in_house(
        cls,
        bus: Bus,
        *,
        tenant: str,
        tier: str,
        group: str,
        worker: Worker,
        work: WorkFunction,
        **options: Unpack[Options],
    ) -> Self:
        """For a group of the desk's own. The router declares its queue; until it has, the consumer waits."""
        party = Party.in_house(tenant=tenant, tier=tier, group=group)
        return cls(bus, party, worker=worker, work=work, **options)

    @classmethod
    def vendor(
        cls, bus: Bus, *, worker: Worker, work: WorkFunction, namespace: str = HOME, **options: Unpack[Options]
    ) -> Self:
        """For a vendor, who reads `work` and writes `inbound` in its own namespace and declares nothing.

        `namespace` is for whoever may enter several, as in a demonstration; a vendor's URL names its own.
        """
        return cls(bus, Party.vendor(namespace=namespace), worker=worker, work=work, **options)

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set; then accept nothing more, let running jobs end in time, and return.

        What has not ended by then is cancelled and goes back to the queue. Runs once.
        """
        prefetch = MOST_HELD + 4 * self._workers + 50
        consumer = await self._bus.consume(self._party.queue, prefetch=prefetch, namespace=self._party.namespace)
        reading = asyncio.create_task(self._read(consumer))
        acknowledging = asyncio.create_task(self._acknowledge(consumer))
        stopped = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait([stopped, reading, acknowledging], return_when=asyncio.FIRST_COMPLETED)
            await self._drain()
            for task in (reading, acknowledging):
                if task.done():
                    task.result()
        finally:
            ending: tuple[asyncio.Task[Any], ...] = (stopped, reading, *self._running, *self._repeater.tasks)
            for task in ending:
                task.cancel()
            await asyncio.gather(*ending, return_exceptions=True)
            # Last, and to its end: what is not acknowledged is worked on once more by the next process.
            self._closing = True
            self._settling.set()
            await asyncio.gather(acknowledging, return_exceptions=True)
            await consumer.close()

    async def _read(self, consumer: Consumer) -> None:
        while True:
            for delivery in await consumer.receive(BATCH, timeout_seconds=RECEIVE_SECONDS):
                try:
                    envelope = parse(delivery.body)
                except MessageError as error:
                    # Nothing to put it aside in; the desk keeps what it sent.
                    log.error("message %s is left aside: %s", delivery.id or "without id", error)  # noqa: TRY400 - no fault of this code
                    self._settle([delivery])
                    continue
                self._table.take(envelope, delivery)
            self._start_what_waits()

    def _choose_worker(self, offer: WorkOffered) -> str | None:
        try:
            if self._accept is not None and not self._accept(offer):
                return None
            return self._worker if isinstance(self._worker, str) else self._worker(offer)
        except Exception:
            log.exception("%s is left to others: choosing who takes it failed", offer.case.reference)
            return None

    def _start_what_waits(self) -> None:
        while not self._stopping and len(self._running) < self._workers:
            assignment = self._table.take_next()
            if assignment is None:
                return
            task = asyncio.create_task(self._see_through(assignment), name=f"work on {assignment.subject}")
            assignment.task = task
            self._running[task] = assignment
            task.add_done_callback(self._on_ended)

    def _on_ended(self, task: asyncio.Task[None]) -> None:
        assignment = self._running.pop(task)
        if task.cancelled() and assignment.lost is None:
            return  # stopped: what it holds goes back to the queue
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("work on %s is left for the next start", assignment.subject, exc_info=error)
            return
        self._table.finish(assignment)
        self._start_what_waits()

    async def _see_through(self, assignment: Assignment) -> None:
        if assignment.assigned is None:
            await self._ask(assignment)
        await self._work(assignment)
        await asyncio.gather(*assignment.repairs)

    async def _ask(self, assignment: Assignment) -> None:
        """Accept, and wait for the desk's answer.

        The first acceptance of an offer has the identifier of its content, so that a repeat of it is one message. Each
        further one is a new message: the desk answers it with how far it has come.
        """
        assignment_id, token = assignment.key
        accepted = WorkAccepted(assignment_id=assignment_id, token=token, worker=assignment.worker, ordinal=1)
        message_id = self._new_id() if assignment.is_again else outcome_id(accepted)
        while not assignment.answered.is_set():
            envelope = seal(
                accepted,
                message_id=message_id,
                source=self._party.source(assignment.worker),
                subject=assignment.subject,
                time=self._now(),
                tenant=assignment.tenant,
                traceparent=assignment.traceparent,
            )
            await self._sender.publish(envelope)
            self._table.release(assignment, assignment.request)
            message_id = self._new_id()
            try:
                async with asyncio.timeout(self._answer_seconds):
                    await assignment.answered.wait()
            except TimeoutError:
                log.warning("%s: no answer to the acceptance yet, asking again", assignment.subject)

    async def _work(self, assignment: Assignment) -> None:
        job, failure = self._begin(assignment), ""
        for attempt in range(ATTEMPTS):
            if attempt:
                await asyncio.sleep(FIRST_PAUSE_SECONDS * 2**attempt)
                job = self._begin(assignment)
            try:
                await self._work_function(job)
            except Exception as error:
                if assignment.lost is not None:
                    return
                failure = f"it failed with {type(error).__name__}"
                log.exception("the work function failed on %s", job.case.reference)
            else:
                failure = "it ended without an outcome"
            if job.is_over:
                return
        log.error("%s is handed on: the work function was run %d times, %s", job.case.reference, ATTEMPTS, failure)
        findings = f"{job.worker} could not work on it: {failure}."
        if assignment.refused is None and job.role is Role.OWNER and job.mode is Mode.TIERED:
            await job.escalate(EscalationReason.BEYOND_SCOPE, findings=findings, override="Its worker failed.")
        else:
            await job.give_back(ReturnReason.NOT_OURS, findings=findings)

    def _begin(self, assignment: Assignment) -> Job:
        assert assignment.assigned is not None
        if assignment.ledger is None:
            assignment.ledger = Ledger(
                self._sender,
                source=self._party.source(assignment.worker),
                subject=assignment.subject,
                tenant=assignment.tenant,
                traceparent=assignment.traceparent,
                applied=1 if assignment.is_for_order else assignment.assigned.last_ordinal,
                refusals=assignment.refusals,
                now=self._now,
            )
        assignment.ledger.rewind()
        assignment.job = Job(
            assignment.assigned,
            assignment.ledger,
            ticket=assignment.subject,
            updates=list(assignment.updates.values()),
            refused=assignment.refused,
        )
        return assignment.job

    def _settle(self, deliveries: Sequence[Delivery]) -> None:
        self._done += deliveries
        self._settling.set()

    async def _acknowledge(self, consumer: Consumer) -> None:
        while self._done or not self._closing:
            await self._settling.wait()
            self._settling.clear()
            done, self._done = self._done, []
            if done:
                await consumer.ack(done)

    async def _drain(self) -> None:
        self._stopping = True
        for task, assignment in self._running.items():
            if assignment.job is None:
                task.cancel()
        ending = self._repeater.tasks | self._running.keys()
        if ending:
            await asyncio.wait(ending, timeout=self._drain_seconds)
