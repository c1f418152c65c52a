"""`tierdesk vendor conformance`: a consumer that keeps the protocol passes, and each way not to keep it has its check."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import json
import threading
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid4, uuid5

import pytest

from tierdesk_bus import CONTENT_TYPE, Address, Bus, Message, connect
from tierdesk_cli.conformance.checks import CHECKS, Result, Verdict, run_checks
from tierdesk_cli.conformance.desk import playing

PATIENCE_SECONDS = 30.0
"""For a consumer that keeps the protocol, on a busy machine."""
SHORT_PATIENCE_SECONDS = 6.0
QUIET_SECONDS = 1.0
STEPS = (("outcome.progressed.v1", {"note": "looked at it"}), ("outcome.resolved.v1", {"how": "mended"}))


class OwnConsumer:
    """A vendor's consumer without the library, as plain as it can be; `fault` is what it does wrong."""

    def __init__(self, bus: Bus, fault: str = "") -> None:
        self._bus = bus
        self._fault = fault
        self._works: dict[tuple[str, int], list[dict[str, Any]]] = {}
        self._started: set[tuple[str, int]] = set()
        self._gone: set[tuple[str, int]] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        consumer = await self._bus.consume("work", prefetch=100)
        while True:
            for delivery in await consumer.receive(50, timeout_seconds=0.5):
                envelope = json.loads(delivery.body)
                if self._fault == "strict" and (
                    set(envelope["data"]) & {"x_of_a_later_release"} or "later" in envelope["type"]
                ):
                    await consumer.close()
                    return
                task = asyncio.create_task(self._take(envelope))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
                await consumer.ack([delivery])

    async def _take(self, envelope: dict[str, Any]) -> None:
        key = (envelope["data"]["assignment_id"], envelope["data"]["token"])
        match envelope["type"]:
            case "work.offered.v1":
                await self._on_offered(envelope, key)
            case "work.assigned.v1":
                await self._on_assigned(envelope, key)
            case "work.withdrawn.v1":
                self._gone.add(key)
            case "work.rejected.v1" if envelope["data"]["reason"] == "gap" and self._fault != "sulky":
                await self._on_gap(envelope["data"], key)

    async def _on_offered(self, envelope: dict[str, Any], key: tuple[str, int]) -> None:
        if key in self._works and self._fault != "forgetful":
            return
        self._works.setdefault(key, [])
        await self._say(envelope, key, "outcome.accepted.v1", {}, 2 if self._fault == "second" else 1)
        if self._fault == "eager":
            await self._work(envelope, key)

    async def _on_assigned(self, envelope: dict[str, Any], key: tuple[str, int]) -> None:
        if key not in self._started:
            self._started.add(key)
            await self._work(envelope, key)
        elif self._fault != "mute":
            for said in self._works[key]:
                if said["data"]["ordinal"] > envelope["data"]["last_ordinal"]:
                    await self._publish(said | ({"id": str(uuid4())} if self._fault == "chance" else {}))

    async def _on_gap(self, data: dict[str, Any], key: tuple[str, int]) -> None:
        for said in self._works[key]:
            if data["last_ordinal"] < said["data"]["ordinal"] <= data["ordinal"]:
                if said["id"] == data["outcome_id"] and self._fault != "stubborn":
                    said["id"] = str(uuid5(NAMESPACE_URL, said["id"]))
                await self._publish(said)

    async def _work(self, envelope: dict[str, Any], key: tuple[str, int]) -> None:
        steps = [STEPS[0]] * 20 + [STEPS[1]] if self._fault == "deaf" else list(STEPS)
        if self._fault == "endless":
            steps = steps[:1]
        for place, (message_type, fields) in enumerate(steps):
            if key in self._gone and self._fault != "deaf":
                return
            await self._say(envelope, key, message_type, fields, place + (3 if self._fault == "leaping" else 2))
            await asyncio.sleep(0.2)

    async def _say(
        self, about: dict[str, Any], key: tuple[str, int], message_type: str, fields: dict[str, Any], ordinal: int
    ) -> None:
        data = {"assignment_id": key[0], "token": key[1], "worker": "own", "ordinal": ordinal} | fields
        content = f"{key} {message_type} {ordinal} {fields}"
        said = {
            "specversion": "1.0",
            "id": str(uuid4() if self._fault == "forgetful" else uuid5(NAMESPACE_URL, content)),
            "source": "/own",
            "type": message_type,
            "subject": "another" if self._fault == "misdirected" else about["subject"],
            "time": datetime.now(UTC).isoformat(),
            "datacontenttype": "application/json",
            "tenant": about["tenant"],
            "data": data,
        }
        self._works[key].append(said)
        await self._publish(said)

    async def _publish(self, said: dict[str, Any]) -> None:
        message_id = str(uuid4()) if self._fault == "unnamed" else said["id"]
        content_type = "application/json" if self._fault == "plain" else CONTENT_TYPE
        body = b"done" if self._fault == "wordy" else json.dumps(said).encode()
        message = Message(
            message_id, said["type"], Address("", "inbound", said["type"]), body, content_type=content_type
        )
        await self._bus.publish([message], timeout_seconds=10)


@contextlib.asynccontextmanager
async def at_work(url: str, fault: str = "") -> AsyncIterator[None]:
    bus = await connect(url, name="own consumer")
    running = asyncio.create_task(OwnConsumer(bus, fault).run())
    try:
        yield
        assert not running.done() or running.exception() is None
    finally:
        running.cancel()
        await bus.close()


async def results_of(url: str, *names: str, patience_seconds: float) -> dict[str, Result]:
    """Those checks, and the two that all stand on."""
    chosen = [check for check in CHECKS if not names or check.name in {CHECKS[0].name, CHECKS[1].name, *names}]
    bus = await connect(url, name="played desk")
    try:
        async with playing(bus, category="printer") as desk:
            found = await run_checks(
                desk, patience_seconds=patience_seconds, quiet_seconds=QUIET_SECONDS, checks=chosen
            )
    finally:
        await bus.close()
    return {result.name: result for result in found}


async def test_a_consumer_that_keeps_the_protocol_passes_every_check(amqp_url: str):
    async with at_work(amqp_url):
        found = await results_of(amqp_url, patience_seconds=PATIENCE_SECONDS)
    assert {result.verdict for result in found.values()} == {Verdict.PASSED}, found
    assert len(found) == len(CHECKS)


ACCEPTS, ENDS = "accepts with ordinal 1", "ends the work"


@pytest.mark.parametrize(
    ("fault", "name", "seen"),
    [
        ("second", ACCEPTS, "the first outcome has ordinal 2"),
        ("wordy", ACCEPTS, "the offer was not answered"),
        ("wordy", "writes valid messages", "a message that is none: not JSON"),
        ("endless", ENDS, "after ordinals [1, 2]"),
        ("leaping", "counts without gaps", "the ordinals were [1, 3, 4]"),
        ("forgetful", "takes repeats for what they are", "accepted 2 times"),
        ("chance", "says the same again under the same id", "came under 2 ids"),
        ("mute", "says the same again under the same id", "2 of 2 outcomes were not said again"),
        ("deaf", "obeys a withdrawal", "after the withdrawal"),
        ("eager", "obeys a withdrawal", "never assigned was answered with outcome.progressed.v1"),
        ("strict", "ignores what it does not know", "not accepted within"),
        ("sulky", "mends a gap", "did not come again"),
        ("stubborn", "mends a gap", "under the id that was refused"),
        ("plain", "writes valid messages", "the content type of outcome.accepted.v1 is 'application/json'"),
        ("unnamed", "writes valid messages", "the message_id of outcome.accepted.v1"),
        ("misdirected", "writes valid messages", "the subject of outcome.accepted.v1 is 'another'"),
    ],
)  # fmt: skip
async def test_a_consumer_that_breaks_it_fails_the_check_of_what_it_breaks(
    amqp_url: str, fault: str, name: str, seen: str
):
    async with at_work(amqp_url, fault):
        found = await results_of(amqp_url, name, patience_seconds=SHORT_PATIENCE_SECONDS)
    assert found[name].verdict is Verdict.FAILED, found
    assert seen in found[name].seen
    assert found[name].cure


async def test_without_a_consumer_the_first_check_fails_and_the_others_are_not_run(amqp_url: str):
    found = await results_of(amqp_url, patience_seconds=1)
    assert [result.verdict for result in found.values()] == [
        Verdict.FAILED, *[Verdict.NOT_RUN] * (len(CHECKS) - 2), Verdict.PASSED,
    ]  # fmt: skip


async def test_a_run_leaves_no_offer_behind(amqp_url: str):
    await results_of(amqp_url, patience_seconds=1)
    bus = await connect(amqp_url, name="afterwards")
    try:
        consumer = await bus.consume("work", prefetch=9)
        offered, withdrawn = await consumer.receive(9, timeout_seconds=20), []
        while len(offered) + len(withdrawn) < 2:
            withdrawn += await consumer.receive(9, timeout_seconds=20)
        types = [json.loads(delivery.body)["type"] for delivery in [*offered, *withdrawn]]
        assert types == ["work.offered.v1", "work.withdrawn.v1"]
    finally:
        await bus.close()


class PrinterThread(threading.Thread):
    """The example vendor beside the test."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._url = url
        self._ready = threading.Event()

    def run(self) -> None:
        asyncio.run(self._work())

    async def _work(self) -> None:
        file = Path(__file__).parents[2] / "examples" / "vendor_printer.py"
        specification = importlib.util.spec_from_file_location("vendor_printer", file)
        assert specification is not None
        assert specification.loader is not None
        module = importlib.util.module_from_spec(specification)
        specification.loader.exec_module(module)
        self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        self._ready.set()
        await module.run(self._url, self._stopping, visit_seconds=0.3)

    def end(self) -> None:
        self._ready.wait(30)
        self._loop.call_soon_threadsafe(self._stopping.set)
        self.join(60)
        assert not self.is_alive()


def test_the_example_vendor_passes(tierdesk, amqp_url: str):
    printer = PrinterThread(amqp_url)
    printer.start()
    try:
        done = tierdesk("vendor", "conformance", "--url", amqp_url)
    finally:
        printer.end()
    assert done.code == 0, done
    assert [line.split()[0] for line in done.out.splitlines()] == ["passed"] * len(CHECKS)


def test_what_fails_is_told_with_its_cure_and_ends_with_1(tierdesk, amqp_url: str):
    done = tierdesk("vendor", "conformance", "--patience", "1", conformance_url=amqp_url)
    assert done.code == 1
    assert done.err == ""
    told = done.out.splitlines()[0]
    assert told.startswith("failed")
    assert "the offer was not answered within 1 s" in done.out
    assert "→" in done.out


@pytest.mark.parametrize(
    ("url", "code", "words"),
    [
        ("postgresql://nobody@127.0.0.1:1/x", 2, "vendors' credentials need RabbitMQ"),
        ("amqp://guest:guest@127.0.0.1:1/x", 1, "no connection"),
        ("amqp://guest:secret@", 2, "--url is no address"),
        ("amqp://guest:secret/word@127.0.0.1/x", 2, "--url is no address"),
        ("amqp://[::1/x", 2, "--url is no address"),
        ("somewhere", 2, "--url is no address"),
    ],
)
def test_a_bus_that_cannot_serve_is_told_in_one_line(tierdesk, url: str, code: int, words: str):
    told = tierdesk("vendor", "conformance", "--url", url).check_one_line(code)
    assert words in told
    assert "secret" not in told
