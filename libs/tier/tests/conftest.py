"""A scripted desk: the other side of the tier protocol on a real bus, as strict as the router is."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest

from tierdesk_bus import HOME, Address, Binding, Bus, Exchange, Message, PublishResult, Queue, Topology, connect
from tierdesk_contracts import names, parse, seal
from tierdesk_contracts.outcome import (
    Outcome,
    WorkAccepted,
    WorkEscalated,
    WorkResolved,
    WorkReturned,
    WorkTransferred,
)
from tierdesk_contracts.vocabulary import Contract, OfferReason, RejectReason, WithdrawReason
from tierdesk_contracts.work import Case, OutcomeRejected, WorkAssigned, WorkOffered, WorkUpdated, WorkWithdrawn
from tierdesk_tier import TierConsumer, Worker, WorkFunction

TIER, GROUP = "l4", "printer-vendor"
OUTCOMES_QUEUE = "router.outcomes"
NAMESPACE = names.vendor_namespace("main", "acme-print")
WAIT_SECONDS = 30.0


@dataclass
class Ticket:
    """What the desk knows of one assignment."""

    id: str
    assignment_id: UUID
    token: int
    case: Case
    worker: str | None = None
    last_ordinal: int = 0
    is_over: bool = False
    applied: list[Outcome] = field(default_factory=list)
    """The effects: each ordinal once."""
    received: list[Outcome] = field(default_factory=list)
    """All that came, repeats by identifier left out."""

    @property
    def ordinals(self) -> list[int]:
        return [outcome.ordinal for outcome in self.applied]

    @property
    def steps(self) -> list[str]:
        return [type(outcome).__name__.removeprefix("Work").lower() for outcome in self.applied]

    @property
    def last(self) -> Any:
        return self.applied[-1]


class Desk:
    """Offers work, answers outcomes, keeps what took effect."""

    def __init__(self, bus: Bus, *, tier: str = TIER, group: str = GROUP, namespace: str = HOME) -> None:
        self.bus = bus
        self.tier = tier
        self.group = group
        self.namespace = namespace
        self.tickets: dict[UUID, Ticket] = {}
        self.seen: set[UUID] = set()
        self.heard: list[UUID] = []
        """The identifiers of all that came, repeats and lost ones too."""
        self.envelopes: list[Any] = []
        self.sent: list[Any] = []
        self.forbid: Callable[[Outcome], str | None] = lambda outcome: None
        self.ignore: Callable[[Outcome], bool] = lambda outcome: False
        self.lose: Callable[[Outcome], bool] = lambda outcome: False
        self._moved = asyncio.Event()

    @property
    def work_queue(self) -> str:
        return names.work_queue("main", self.tier, self.group) if self.namespace == HOME else names.VENDOR_WORK

    async def set_up(self, *, with_outcomes: bool = True) -> None:
        await self.bus.declare(self._work_topology())
        if with_outcomes:
            await self.open_outcomes()

    async def add_group(self, tier: str, group: str) -> None:
        """Let another group's consumer run, to which nothing is offered."""
        await Desk(self.bus, tier=tier, group=group).set_up(with_outcomes=False)

    async def open_outcomes(self) -> None:
        queue, exchange = self._outcomes
        await self.bus.declare(
            Topology(queues=(Queue(queue, self.namespace),), bindings=(Binding(queue, exchange, "#", self.namespace),))
        )

    async def listen(self) -> None:
        consumer = await self.bus.consume(self._outcomes[0], prefetch=200, namespace=self.namespace)
        try:
            while True:
                for delivery in await consumer.receive(100, timeout_seconds=1.0):
                    await self._apply(parse(delivery.body))
                    await consumer.ack([delivery])
                    self._moved.set()
        finally:
            await consumer.close()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until it holds; the test fails after a while."""
        async with asyncio.timeout(WAIT_SECONDS):
            while not condition():
                self._moved.clear()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(0.05):
                        await self._moved.wait()

    async def offer(self, title: str = "Paper jam", *, category: str = "printer-machine") -> Ticket:
        ticket_id = str(uuid4())
        case = Case(reference=f"TD-{ticket_id[:8]}", title=title, text="", category=category, priority=3)
        ticket = Ticket(id=ticket_id, assignment_id=uuid4(), token=1, case=case)
        self.tickets[ticket.assignment_id] = ticket
        offered = WorkOffered(
            assignment_id=ticket.assignment_id,
            token=ticket.token,
            tier=self.tier,
            group=self.group,
            reason=OfferReason.TRIAGE,
            case=ticket.case,
        )
        await self.send(ticket, offered)
        return ticket

    async def withdraw(self, ticket: Ticket) -> None:
        ticket.is_over = True
        await self.send(
            ticket,
            WorkWithdrawn(assignment_id=ticket.assignment_id, token=ticket.token, reason=WithdrawReason.CANCELLED),
        )

    async def update(self, ticket: Ticket, **fields: Any) -> None:
        await self.send(ticket, WorkUpdated(assignment_id=ticket.assignment_id, token=ticket.token, **fields))

    async def assign(self, ticket: Ticket) -> None:
        assert ticket.worker is not None
        assigned = WorkAssigned(
            assignment_id=ticket.assignment_id,
            token=ticket.token,
            worker=ticket.worker,
            last_ordinal=ticket.last_ordinal,
            case=ticket.case,
        )
        await self.send(ticket, assigned)

    async def reject(self, ticket: Ticket, envelope: Any, reason: RejectReason, detail: str) -> None:
        outcome = envelope.data
        rejected = OutcomeRejected(
            assignment_id=ticket.assignment_id,
            token=ticket.token,
            outcome_id=envelope.id,
            worker=outcome.worker,
            ordinal=outcome.ordinal,
            reason=reason,
            detail=detail,
            last_ordinal=ticket.last_ordinal,
        )
        await self.send(ticket, rejected)

    async def repeat(self, *types: type[Contract]) -> None:
        """Send all messages of these types once more, as they were: what a desk does for a bus that lost its disk."""
        for envelope in list(self.sent):
            if isinstance(envelope.data, types):
                await self.publish(envelope.to_bytes(), str(envelope.id), envelope.type)

    async def send(self, ticket: Ticket, data: Contract) -> None:
        envelope = seal(
            data,
            message_id=uuid4(),
            source="/tierdesk/router",
            subject=ticket.id,
            time=datetime.now(UTC),
            tenant="main",
        )
        self.sent.append(envelope)
        await self.publish(envelope.to_bytes(), str(envelope.id), envelope.type)

    async def publish(self, body: bytes, message_id: str, message_type: str) -> None:
        if self.namespace == HOME:
            address = Address(HOME, names.WORK, names.work_key("main", self.tier, self.group))
        else:
            address = Address(self.namespace, names.VENDOR_OFFERS, names.VENDOR_WORK)
        message = Message(message_id, message_type, address, body)
        assert await self.bus.publish([message], timeout_seconds=10) == [PublishResult.CONFIRMED]

    async def _apply(self, envelope: Any) -> None:
        self.heard.append(envelope.id)
        if envelope.id in self.seen:
            return
        outcome: Outcome = envelope.data
        if self.lose(outcome):
            return
        self.seen.add(envelope.id)
        self.envelopes.append(envelope)
        ticket = self.tickets[outcome.assignment_id]
        ticket.received.append(outcome)
        if self.ignore(outcome):
            return
        if ticket.is_over or outcome.token != ticket.token:
            await self.reject(ticket, envelope, RejectReason.STALE, "the assignment is over")
        elif ticket.worker not in {None, outcome.worker}:
            await self.reject(ticket, envelope, RejectReason.NOT_OWNER, f"{ticket.worker} owns it")
        elif outcome.ordinal <= ticket.last_ordinal:
            if isinstance(outcome, WorkAccepted):
                await self.assign(ticket)
            else:
                await self.reject(ticket, envelope, RejectReason.REPEATED, "applied already")
        elif outcome.ordinal > ticket.last_ordinal + 1:
            await self.reject(ticket, envelope, RejectReason.GAP, "an ordinal never came")
        else:
            await self.take_effect(ticket, envelope)

    async def take_effect(self, ticket: Ticket, envelope: Any) -> None:
        outcome = envelope.data
        ticket.last_ordinal = outcome.ordinal
        first, ticket.worker = ticket.worker is None, outcome.worker
        forbidden = self.forbid(outcome)
        if forbidden is not None:
            await self.reject(ticket, envelope, RejectReason.FORBIDDEN, forbidden)
            return
        ticket.applied.append(outcome)
        if first:
            await self.assign(ticket)
        if isinstance(outcome, WorkResolved | WorkEscalated | WorkTransferred | WorkReturned):
            ticket.is_over = True

    @property
    def _outcomes(self) -> tuple[str, str]:
        if self.namespace == HOME:
            return OUTCOMES_QUEUE, names.OUTCOMES
        return names.VENDOR_INBOUND, names.VENDOR_INBOUND

    def _work_topology(self) -> Topology:
        if self.namespace == HOME:
            return Topology(
                exchanges=(Exchange(names.WORK), Exchange(names.OUTCOMES)),
                queues=(Queue(self.work_queue, single_active=True),),
                bindings=(Binding(self.work_queue, names.WORK, names.work_key("main", self.tier, self.group)),),
            )
        return Topology(
            exchanges=tuple(
                Exchange(name, "fanout", self.namespace) for name in (names.VENDOR_OFFERS, names.VENDOR_INBOUND)
            ),
            queues=(Queue(names.VENDOR_WORK, self.namespace, single_active=True),),
            bindings=(Binding(names.VENDOR_WORK, names.VENDOR_OFFERS, "#", self.namespace),),
        )


@pytest.fixture(params=["postgres", "amqp"])
def bus_url(request: pytest.FixtureRequest) -> str:
    """Each test runs on both adapters."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


Connect = Callable[[str], Awaitable[Bus]]


@pytest.fixture
async def new_bus(bus_url: str, request: pytest.FixtureRequest) -> AsyncIterator[Connect]:
    """Makes connections, each like one of another process; closed after the test."""
    management_url = None
    prefix = ""
    if bus_url.startswith("amqp"):
        management_url = request.getfixturevalue("amqp_management_url")
        prefix = f"{bus_url.rpartition('/')[2]}-"
    opened: list[Bus] = []

    async def connect_as(name: str) -> Bus:
        bus = await connect(bus_url, name=name, management_url=management_url, namespace_prefix=prefix)
        opened.append(bus)
        return bus

    yield connect_as
    for bus in opened:
        await bus.close()


AtWork = Callable[..., contextlib.AbstractAsyncContextManager[asyncio.Event]]


@pytest.fixture
def at_work(new_bus: Connect) -> AtWork:
    """Runs a consumer, as in a process of its own, while the block runs or until the event that it answers is set."""

    @contextlib.asynccontextmanager
    async def run(work: WorkFunction, *, worker: Worker = "ann", **options: Any) -> AsyncIterator[asyncio.Event]:
        consumer = TierConsumer.in_house(
            await new_bus("tier"), tenant="main", tier=TIER, group=GROUP, worker=worker, work=work, **options
        )
        stop = asyncio.Event()
        running = asyncio.create_task(consumer.run(stop))
        try:
            yield stop
        finally:
            stop.set()
            await running

    return run


@contextlib.asynccontextmanager
async def listening(desk: Desk) -> AsyncIterator[Desk]:
    """The desk at work while the block runs."""
    await desk.set_up()
    task = asyncio.create_task(desk.listen())
    yield desk
    task.cancel()
    [ended] = await asyncio.gather(task, return_exceptions=True)
    assert isinstance(ended, asyncio.CancelledError), "the scripted desk failed"


@pytest.fixture
async def desk(new_bus: Connect) -> AsyncIterator[Desk]:
    """The desk, listening to outcomes of parties in house."""
    async with listening(Desk(await new_bus("desk"))) as desk:
        yield desk


@pytest.fixture
async def vendor_desk(new_bus: Connect) -> AsyncIterator[Desk]:
    """The desk, listening to one vendor in its namespace."""
    async with listening(Desk(await new_bus("desk"), namespace=NAMESPACE)) as desk:
        yield desk


DeskOf = Callable[[str, str], Awaitable[Desk]]


@pytest.fixture
async def desk_of(new_bus: Connect) -> AsyncIterator[DeskOf]:
    """Makes a desk that offers to this tier and group and listens to outcomes."""
    async with contextlib.AsyncExitStack() as desks:

        async def open_desk(tier: str, group: str) -> Desk:
            return await desks.enter_async_context(listening(Desk(await new_bus("desk"), tier=tier, group=group)))

        yield open_desk


@pytest.fixture
async def desk_without_outcomes(new_bus: Connect) -> Desk:
    """A desk that has not yet opened its queue of outcomes, and does not listen."""
    desk = Desk(await new_bus("desk"))
    await desk.set_up(with_outcomes=False)
    return desk
