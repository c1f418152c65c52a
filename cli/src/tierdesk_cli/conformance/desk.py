"""The desk that is played: it offers work to a vendor's namespace, and hears what the consumer there says."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any, Final
from uuid import uuid4

from tierdesk_bus import CONTENT_TYPE, HOME, Address, Bus, BusError, Delivery, Message, PublishResult
from tierdesk_cli.conformance.visit import Visit
from tierdesk_contracts import AnyEnvelope, MessageError, parse, seal
from tierdesk_contracts.names import VENDOR_INBOUND, VENDOR_OFFERS, VENDOR_WORK
from tierdesk_contracts.outcome import Outcome
from tierdesk_contracts.vocabulary import Contract
from tierdesk_contracts.work import Case
from tierdesk_router.handlers.policies import vendor_topology

TENANT: Final = "conformance"
SOURCE: Final = "/tierdesk/conformance"
PUBLISH_SECONDS: Final = 10.0
FIRST_TOKEN: Final = 7
"""Not 1, which a consumer could have written into its code."""


class PlayedDesk:
    """Use inside `playing`. `faults` gathers what is wrong with the messages themselves."""

    def __init__(self, bus: Bus, *, category: str) -> None:
        """On the vendor's namespace, where the user of `bus` may do everything."""
        self.faults: list[str] = []
        self._bus = bus
        self._category = category
        self._visits: dict[object, Visit] = {}
        self._heard = asyncio.Condition()

    async def offer(self, title: str, *, assigns: bool = True, loses: int | None = None, **unknown: Any) -> Visit:
        """Offer new work; `unknown` fields, which no release knows, go along. Raises `BusError`."""
        visit = self._open(title, assigns=assigns, loses=loses)
        await self.send(visit, visit.offer(), **unknown)
        return visit

    async def offer_twice(self, title: str) -> Visit:
        """The same offer, two times, as after a lost confirm."""
        visit = self._open(title)
        envelope = self._seal(visit, visit.offer())
        for _ in range(2):
            await self.publish(envelope.to_bytes(), str(envelope.id), envelope.type)
        return visit

    async def send(self, visit: Visit, data: Contract, **unknown: Any) -> None:
        """Publish one message of this work. Raises `BusError`."""
        envelope = self._seal(visit, data)
        body = envelope.to_bytes()
        if unknown:
            document = json.loads(body)
            body = json.dumps({**document, **unknown, "data": {**document["data"], **unknown}}).encode()
        await self.publish(body, str(envelope.id), envelope.type)

    async def send_unknown(self, visit: Visit, message_type: str) -> None:
        """Publish a message of a type that no release knows."""
        document = json.loads(self._seal(visit, visit.offer()).to_bytes()) | {"type": message_type}
        await self.publish(json.dumps(document).encode(), document["id"], message_type)

    async def publish(self, body: bytes, message_id: str, message_type: str) -> None:
        """Put these bytes into the vendor's queue. Raises `BusError` when it takes none."""
        message = Message(message_id, message_type, Address(HOME, VENDOR_OFFERS, VENDOR_WORK), body)
        (fate,) = await self._bus.publish([message], timeout_seconds=PUBLISH_SECONDS)
        if fate is not PublishResult.CONFIRMED:
            raise BusError(f"the queue {VENDOR_WORK!r} did not take a message: {fate.value}")

    async def until(self, condition: Callable[[], bool], *, seconds: float) -> bool:
        """Wait until it holds; answers whether it did in time."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds), self._heard:
                await self._heard.wait_for(condition)
        return condition()

    async def listen(self) -> None:
        """Hear and answer, until cancelled. Raises `BusError`."""
        consumer = await self._bus.consume(VENDOR_INBOUND, prefetch=200)
        try:
            while True:
                for delivery in await consumer.receive(100, timeout_seconds=1.0):
                    await self._hear(delivery)
                    await consumer.ack([delivery])
        finally:
            await consumer.close()

    async def withdraw_all(self) -> None:
        """Leave no work behind."""
        for visit in self._visits.values():
            if not visit.is_over:
                await self.send(visit, visit.withdraw())

    def _open(self, title: str, *, assigns: bool = True, loses: int | None = None) -> Visit:
        ticket = str(uuid4())
        case = Case(
            reference=f"TD-{ticket[:8].upper()}",
            title=f"Conformance: {title}",
            text="A trial of your consumer. Nothing is broken.",
            category=self._category,
            priority=3,
        )
        token = FIRST_TOKEN + len(self._visits)
        visit = Visit(ticket, uuid4(), token, case, assigns=assigns, loses=loses)
        self._visits[visit.assignment_id] = visit
        return visit

    def _seal(self, visit: Visit, data: Contract) -> AnyEnvelope:
        return seal(
            data, message_id=uuid4(), source=SOURCE, subject=visit.ticket, time=datetime.now(UTC), tenant=TENANT
        )

    async def _hear(self, delivery: Delivery) -> None:
        try:
            envelope = parse(delivery.body)
        except MessageError as error:
            self.faults.append(f"a message that is none: {error.reason}")
            return
        if not isinstance(envelope.data, Outcome):
            self.faults.append(f"a {envelope.type}, which is no outcome")
            return
        visit = self._visits.get(envelope.data.assignment_id)
        if visit is None:
            return  # of an earlier run
        self._check_properties(envelope, delivery, visit)
        for answer in visit.take(envelope):
            await self.send(visit, answer)
        async with self._heard:
            self._heard.notify_all()  # after the answers: what a check sends next stands behind them

    def _check_properties(self, envelope: AnyEnvelope, delivery: Delivery, visit: Visit) -> None:
        if delivery.content_type != CONTENT_TYPE:
            self.faults.append(f"the content type of {envelope.type} is {delivery.content_type!r}")
        if delivery.id != str(envelope.id):
            self.faults.append(f"the message_id of {envelope.type} is {delivery.id!r}, its envelope's id {envelope.id}")
        if envelope.subject != visit.ticket:
            self.faults.append(f"the subject of {envelope.type} is {envelope.subject!r}, not the offer's")
        if envelope.tenant != TENANT:
            self.faults.append(f"the tenant of {envelope.type} is {envelope.tenant!r}, not the offer's")


@contextlib.asynccontextmanager
async def playing(bus: Bus, *, category: str) -> AsyncIterator[PlayedDesk]:
    """A desk at work while the block runs. Raises `BusError` where the namespace is not its own to declare in."""
    await bus.declare(vendor_topology(HOME))
    desk = PlayedDesk(bus, category=category)
    async with asyncio.TaskGroup() as tasks:
        listening = tasks.create_task(desk.listen())
        try:
            yield desk
            await desk.withdraw_all()
        finally:
            listening.cancel()
