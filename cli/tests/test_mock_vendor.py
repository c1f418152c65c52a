"""`tierdesk vendor mock`, beside a desk that is played on a real broker."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator

import pytest

from tierdesk_bus import connect
from tierdesk_bus.wrapping import WrappedBus
from tierdesk_cli.conformance.checks import CHECKS, Verdict, run_checks
from tierdesk_cli.conformance.desk import PlayedDesk, playing
from tierdesk_cli.vendors.mock import Part, Then, play

PATIENCE_SECONDS = 60.0


class Told:
    """The lines that the mock vendor says."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._moved = asyncio.Event()

    def say(self, line: str) -> None:
        self.lines.append(line)
        self._moved.set()

    @property
    def types(self) -> list[str]:
        """Way and type of each message."""
        return types(self.lines)

    async def until(self, number: int) -> None:
        """Wait until so many lines are said."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while len(self.lines) < number:
                self._moved.clear()
                await self._moved.wait()


@pytest.fixture
async def desk(amqp_url: str) -> AsyncIterator[PlayedDesk]:
    """The desk, on the vendor's namespace."""
    bus = await connect(amqp_url, name="played desk")
    try:
        async with playing(bus, category="printer") as desk:
            yield desk
    finally:
        await bus.close()


@contextlib.asynccontextmanager
async def played(url: str, part: Part) -> AsyncIterator[Told]:
    """What the mock vendor says while the block runs."""
    told, stop = Told(), asyncio.Event()
    vendor = asyncio.create_task(play(url, part, told.say, stop=stop))
    try:
        yield told
    finally:
        stop.set()
        await vendor


def types(told: list[str]) -> list[str]:
    """Way and type of each message told."""
    return [" ".join(line.split()[1:3]) for line in told]


@pytest.mark.parametrize(
    ("then", "last"),
    [
        (Then.RESOLVE, "→ outcome.resolved.v1"),
        (Then.RETURN, "→ outcome.returned.v1"),
        (Then.ESCALATE, "→ outcome.escalated.v1"),
    ],
)
async def test_it_accepts_works_and_ends_as_it_was_told_and_tells_each_message(desk, amqp_url, then, last):
    async with played(amqp_url, Part("mock-1", accept_after_seconds=0.2, work_for_seconds=0.2, then=then)) as told:
        visit = await desk.offer("a first one")
        await told.until(4)
    assert told.types == ["← work.offered.v1", "→ outcome.accepted.v1", "← work.assigned.v1", last]
    assert await desk.until(lambda: visit.is_ended, seconds=PATIENCE_SECONDS)
    assert visit.worker == "mock-1"
    assert all(visit.case.reference in line for line in told.lines)
    assert told.lines[0].endswith("“Conformance: a first one”")
    assert told.lines[2].endswith("mock-1 owns it")


async def test_what_it_sends_is_told_before_the_answer_though_its_confirmation_comes_late(desk, amqp_url, monkeypatch):
    sends = WrappedBus.publish

    async def confirmed_late(bus, batch, *, timeout_seconds):
        fates = await sends(bus, batch, timeout_seconds=timeout_seconds)
        await asyncio.sleep(0.5)
        return fates

    monkeypatch.setattr(WrappedBus, "publish", confirmed_late)
    async with played(amqp_url, Part("mock-1", accept_after_seconds=0.1, work_for_seconds=0.1)) as told:
        await desk.offer("answered at once")
        await told.until(4)
    assert told.types == [
        "← work.offered.v1", "→ outcome.accepted.v1", "← work.assigned.v1", "→ outcome.resolved.v1"
    ]  # fmt: skip


async def test_one_who_never_accepts_takes_the_offer_and_says_nothing(desk, amqp_url):
    async with played(amqp_url, Part("mock-1", accept_after_seconds=None)) as told:
        visit = await desk.offer("left alone")
        await desk.send(visit, visit.withdraw())
        await told.until(2)
    assert told.types == ["← work.offered.v1", "← work.withdrawn.v1"]
    assert visit.heard == []


async def test_silent_work_goes_back_to_the_queue_and_whoever_comes_next_ends_it(desk, amqp_url):
    silent = Part("mock-1", accept_after_seconds=0.1, work_for_seconds=0.1, then=Then.SILENT)
    async with played(amqp_url, silent) as told:
        visit = await desk.offer("nothing is heard of it")
        await told.until(3)
    assert told.types == ["← work.offered.v1", "→ outcome.accepted.v1", "← work.assigned.v1"]
    assert not visit.is_ended
    async with played(amqp_url, Part("mock-2", accept_after_seconds=0.1, work_for_seconds=0.1)) as told:
        assert await desk.until(lambda: visit.is_ended, seconds=PATIENCE_SECONDS)
        await told.until(2)
    assert told.types == ["← work.assigned.v1", "→ outcome.resolved.v1"]
    assert visit.worker == "mock-1"  # the work goes on under the name that the assignment states


async def test_it_passes_the_checks_of_a_vendors_consumer(desk, amqp_url):
    async with played(amqp_url, Part("mock-1", accept_after_seconds=0.1, work_for_seconds=0.1)):
        found = await run_checks(desk, patience_seconds=PATIENCE_SECONDS, quiet_seconds=1.0, checks=CHECKS)
    verdicts = {result.name: result.verdict for result in found}
    assert verdicts.pop("mends a gap") is Verdict.NOT_RUN  # its work has no step between acceptance and end
    assert set(verdicts.values()) == {Verdict.PASSED}, found


async def test_sigterm_ends_the_command_with_0_and_leaves_its_work_in_the_queue(desk, amqp_url):
    program = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tierdesk_cli", "vendor", "mock", "--accept-after", "1s", "--work-for", "1h",
        env=os.environ | {"TIERDESK_BUS_URL": amqp_url}, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert program.stdout is not None
    await desk.offer("a long one")
    async with asyncio.timeout(PATIENCE_SECONDS):
        lines = [(await program.stdout.readline()).decode() for _ in range(4)]
        program.send_signal(signal.SIGTERM)
        assert await program.wait() == 0
    assert lines[0] == "mock-1 plays the vendor; Ctrl-C stops it.\n"
    assert types(lines[1:]) == ["← work.offered.v1", "→ outcome.accepted.v1", "← work.assigned.v1"]
    bus = await connect(amqp_url, name="afterwards")
    try:
        left = await bus.consume("work", prefetch=9)
        (delivery,) = await left.receive(9, timeout_seconds=PATIENCE_SECONDS)
        assert json.loads(delivery.body)["type"] == "work.assigned.v1"
    finally:
        await bus.close()


def test_without_an_address_the_vendor_is_named_and_a_desk_must_run(tierdesk, tmp_path):
    told = tierdesk("vendor", "mock", "--data", tmp_path).check_one_line(2)
    assert told == "name the vendor by its address (--bus), or by --namespace, as v-main.acme"
    told = tierdesk("vendor", "mock", "--namespace", "v-main.acme", "--data", tmp_path).check_one_line(1)
    assert told.startswith(f"no PostgreSQL runs on {tmp_path}: ")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--accept", "later"), "--accept: 'later' is not known; there is never"),
        (("--accept-after", "soon"), "--accept-after: not a duration"),
        (("--work-for", "0s"), "--work-for: a duration must be longer than zero"),
        ((), "--bus: no bus for ''"),
    ],
)
def test_what_cannot_be_played_is_told_in_one_line(tierdesk, arguments, words):
    done = tierdesk("vendor", "mock", "--bus", "nowhere", *arguments)
    assert done.check_one_line(2).startswith(words)
