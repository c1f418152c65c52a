"""`tierdesk vendor mock`: plays a vendor in its own namespace, until the real one has joined."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Final
from uuid import UUID

import typer
from rich.console import Console

from tierdesk_bus import HOME, Bus, Consumer, Delivery, Message, PublishResult
from tierdesk_bus import connect as connect_bus
from tierdesk_bus.wrapping import WrappedBus, WrappedConsumer
from tierdesk_cli.errors import CommandError
from tierdesk_cli.home import Home
from tierdesk_cli.options import Data, wait_for
from tierdesk_cli.servers import find_database
from tierdesk_cli.tickets import clean
from tierdesk_cli.wording import quote, tell_moment
from tierdesk_contracts import AnyEnvelope, MessageError, parse
from tierdesk_contracts import outcome as outcomes
from tierdesk_contracts import work as works
from tierdesk_contracts.vocabulary import Role
from tierdesk_policy.units import parse_duration
from tierdesk_tier import Job, TierConsumer, until_stopped

MOST_AT_ONCE: Final = 500
WAIT_SECONDS: Final = 3.0
"""How long the bus may take to answer at first."""
ACCEPTANCE: Final = "outcome.accepted.v1"
NEVER: Final = "never"
PLAYED: Final = "Played by the mock vendor."


class Then(StrEnum):
    """What becomes of the work at last."""

    RESOLVE = "resolve"
    RETURN = "return"
    ESCALATE = "escalate"
    SILENT = "silent"


@dataclass(frozen=True, slots=True)
class Part:
    """How the vendor is played. `accept_after_seconds` is None for one who never accepts."""

    worker: str
    accept_after_seconds: float | None = 5.0
    work_for_seconds: float = 60.0
    then: Then = Then.RESOLVE

    async def work(self, job: Job) -> None:
        """Take the time, then end it; what the desk does not let through is given back."""
        if job.refused is not None:
            await job.give_back("not_ours", findings=PLAYED)
            return
        await asyncio.sleep(self.work_for_seconds)
        if self.then is Then.SILENT:
            await asyncio.Event().wait()  # until the desk takes it back, or this process ends
        elif self.then is Then.RETURN:
            await job.give_back("not_ours", findings=PLAYED)
        elif job.role is Role.CONTRIBUTOR:
            await job.contribute(PLAYED)
        elif self.then is Then.ESCALATE:
            await job.escalate("beyond_scope", findings=PLAYED)
        else:
            await job.resolve(PLAYED)


async def play(
    bus_url: str,
    part: Part,
    say: Callable[[str], None],
    *,
    namespace: str = HOME,
    namespace_prefix: str = "",
    stop: asyncio.Event | None = None,
) -> None:
    """Play until `stop`, or without it until SIGINT or SIGTERM; work that has not ended goes back to the queue.

    `say` is told each message that comes and that goes, in a line. Raises `BusError` where nothing answers.
    """
    try:
        bus = await connect_bus(
            bus_url, name="mock vendor", namespace_prefix=namespace_prefix, wait_seconds=WAIT_SECONDS
        )
    except ValueError as error:
        raise CommandError(f"--bus: {error}", exit_code=2) from error
    try:
        await bus.ping()
        told = ToldBus(bus, say, accept_after_seconds=part.accept_after_seconds or 0.0)
        consumer = TierConsumer.vendor(
            told,
            worker=part.worker,
            work=part.work,
            namespace=namespace,
            accept=lambda _: part.accept_after_seconds is not None,
            workers=MOST_AT_ONCE,
            drain_seconds=0.0,
        )
        async with until_stopped(stop) as stopping:
            await consumer.run(stopping)
    finally:
        await bus.close()


class ToldBus(WrappedBus):
    """A bus that tells what passes over it, and lets acceptances wait."""

    def __init__(self, bus: Bus, say: Callable[[str], None], *, accept_after_seconds: float) -> None:
        """Around `bus`, which its owner closes."""
        super().__init__(bus)
        self._say = say
        self._accept_after_seconds = accept_after_seconds
        self._references: dict[UUID, str] = {}
        self.turn = asyncio.Lock()
        """Held until what goes is told: the desk may answer before its broker confirms, and the answer is told after."""

    async def publish(self, batch: Sequence[Message], *, timeout_seconds: float) -> list[PublishResult]:
        """As the bus does; an acceptance goes out after its time."""
        if any(message.type == ACCEPTANCE for message in batch):
            await asyncio.sleep(self._accept_after_seconds)
        async with self.turn:
            fates = await super().publish(batch, timeout_seconds=timeout_seconds)
            for message, fate in zip(batch, fates, strict=True):
                sent = fate is PublishResult.CONFIRMED
                self.tell("→", message.body, "" if sent else f" (not sent yet: {fate.value})")
        return fates

    async def consume(self, queue: str, *, prefetch: int, namespace: str = HOME) -> Consumer:
        """As the bus does; what is received is told."""
        return _ToldConsumer(await super().consume(queue, prefetch=prefetch, namespace=namespace), self)

    def tell(self, way: str, body: bytes, remark: str = "") -> None:
        """Say in a line what came or went."""
        try:
            envelope = parse(body)
        except MessageError as error:
            self._say(f"{datetime.now(UTC):%H:%M:%S} {way} no message: {error}")
            return
        data = envelope.data
        if isinstance(data, works.WorkOffered | works.WorkAssigned):
            self._references[data.assignment_id] = data.case.reference
        reference = self._references.get(data.assignment_id, "") if hasattr(data, "assignment_id") else ""
        line = f"{datetime.now(UTC):%H:%M:%S} {way} {envelope.type:<23} {reference or envelope.subject} {tell_content(envelope)}"
        self._say(line.rstrip() + remark)


class _ToldConsumer(WrappedConsumer):
    def __init__(self, consumer: Consumer, bus: ToldBus) -> None:
        super().__init__(consumer)
        self._bus = bus

    async def receive(self, limit: int, *, timeout_seconds: float) -> list[Delivery]:
        received = await super().receive(limit, timeout_seconds=timeout_seconds)
        if received:
            async with self._bus.turn:
                for delivery in received:
                    self._bus.tell("←", delivery.body)
        return received


def tell_content(envelope: AnyEnvelope) -> str:
    """What stands in a message, as short as may be."""
    told = ""
    match envelope.data:
        case works.WorkOffered(accept_by=until, case=case):
            told = quote(case.title) + (f", to be accepted until {tell_moment(until)} UTC" if until else "")
        case works.WorkAssigned(worker=worker):
            told = f"{worker} owns it"
        case works.OutcomeRejected(reason=reason, detail=detail):
            told = f"{reason.value}: {detail}"
        case works.WorkUpdated() as update:
            fields = update.model_dump(exclude={"assignment_id", "token"}, exclude_defaults=True)
            told = ", ".join(f"{name} {quote(str(value))}" for name, value in fields.items())
        case works.WorkWithdrawn(reason=why) | outcomes.WorkReturned(reason=why) | outcomes.WorkEscalated(reason=why):
            told = why.value
    return told


def _read_duration(option: str, text: str) -> float:
    try:
        return float(parse_duration(text))
    except ValueError as error:
        raise CommandError(f"{option}: {error}", exit_code=2) from error


def add_command(app: typer.Typer, console: Console) -> None:
    """Add `mock` to the commands of `tierdesk vendor`."""

    @app.command("mock")
    def mock_command(
        data: Data,
        bus: Annotated[
            str | None,
            typer.Option(
                "--bus",
                envvar="TIERDESK_BUS_URL",
                help="The vendor's own address; default: the embedded desk that runs on --data.",
            ),
        ] = None,
        namespace: Annotated[
            str, typer.Option(help="As v-main.printer-vendor; only where --bus does not name the vendor's own.")
        ] = HOME,
        worker: Annotated[str, typer.Option(help="Who works there.")] = "mock-1",
        accept: Annotated[str | None, typer.Option(help="`never`: leave every offer alone.")] = None,
        accept_after: Annotated[str, typer.Option(help="As 5s or 2m.")] = "5s",
        work_for: Annotated[str, typer.Option(help="As 30s or 1h.")] = "1m",
        then: Annotated[Then, typer.Option(help="What becomes of the work at last.")] = Then.RESOLVE,
    ) -> None:
        """Play a vendor, to try a policy before the real one has joined. Tells each message that comes (←) and goes (→).

        It accepts and ends real tickets. Ctrl-C stops it; what it has not ended goes back to the queue. Only one consumer
        of a vendor is served at a time: stop the real one first.

        Example: tierdesk vendor mock --bus amqps://USER:PASSWORD@broker/v-main.printer-vendor --then silent
        """
        if accept not in {None, NEVER}:
            raise CommandError(f"--accept: {accept!r} is not known; there is {NEVER}, else it accepts", exit_code=2)
        after = None if accept == NEVER else _read_duration("--accept-after", accept_after)
        if bus is None and namespace == HOME:
            raise CommandError("name the vendor by its address (--bus), or by --namespace, as v-main.acme", exit_code=2)
        part = Part(worker, after, _read_duration("--work-for", work_for), then)

        def say(line: str) -> None:
            console.print(clean(line), highlight=False, soft_wrap=True)

        bus_url = bus or find_database(Home(data))
        say(f"{worker} plays the vendor; Ctrl-C stops it.")
        wait_for(play(bus_url, part, say, namespace=namespace))
