"""F16: processes that are frozen beyond what they hold, and go on as if nothing had been."""

from __future__ import annotations

import asyncio
import random
import signal
import sys
from collections.abc import Callable
from functools import partial

import asyncpg
import psutil
import pytest

from .broker_access import Broker
from .field import Field, Ground, Plan, running_field
from .load import Book
from .processes import ServiceProcess, environment_of
from .run import Outcome, Work, run, wait_for
from .scale import SEED
from .workers import POLICY, run_workers

FROZEN_SECONDS = 30.0
"""Longer than PostgreSQL leaves a transaction idle (15 s) and RabbitMQ a silent client connected (20 s)."""
ATTEMPTS = 400
QUEUE = "work.main.l1.service-desk"
# An offer is void before the broker drops the frozen worker, which its heartbeat makes 6 s.
HASTY_POLICY = POLICY.replace("accept_within: 10m", "accept_within: 2s").replace("attempts: 3", "attempts: 50")


async def freeze_in_transaction(ground: Ground, process: ServiceProcess) -> bool:
    """Freeze it at a moment when it has a transaction open that has locked something; answers whether it was met."""
    dice = random.Random(f"{SEED} {process.name}")
    connection = await asyncpg.connect(ground.database_url)
    try:
        for _ in range(ATTEMPTS):
            await asyncio.sleep(dice.uniform(0.0, 0.05))
            process.freeze()
            await asyncio.sleep(0.05)  # the server finishes the statement that it has got
            ports = [line.laddr.port for line in psutil.Process(process.pid).net_connections("tcp") if line.laddr]
            if await connection.fetchval(
                "SELECT count(*) FROM pg_stat_activity"
                " WHERE client_port = ANY($1) AND state = 'idle in transaction' AND backend_xid IS NOT NULL",
                ports,
            ):
                return True
            process.thaw()
    finally:
        await connection.close()
    process.freeze()
    return False


@pytest.mark.faults
@pytest.mark.timeout(600)
async def test_a_service_frozen_within_a_transaction_is_fenced_when_it_goes_on(ground, tell):
    met: dict[str, bool] = {}

    async def freeze(desk: Field, book: Book) -> None:
        await asyncio.sleep(3)
        for name in ("router", "sla", "follower"):
            process = desk.replicas[name][0]
            met[process.name] = await freeze_in_transaction(desk.ground, process)
        await asyncio.sleep(FROZEN_SECONDS)
        for name in ("router", "sla", "follower"):
            desk.replicas[name][0].thaw()
        await asyncio.sleep(3)

    async with running_field(ground) as desk:
        outcome = await run(desk, Work(300, per_second=12), freeze)
        ended = [process.name for process in desk.processes if process.exit_code is not None]
    tell(outcome.line(f"frozen {FROZEN_SECONDS:.0f} s, within a transaction: {met}"))
    outcome.expect_nothing_amiss()
    assert any(met.values())
    assert not ended


async def _freeze_a_worker(ground: Ground, unsafe: dict[str, str], settle_seconds: float) -> tuple[Outcome, int]:
    """A blunt worker takes offers and is frozen; another gets their work; then the first answers, too late."""
    said = ground.folder / "blunt.txt"
    late = 0

    def count(word: str) -> int:
        return said.read_text().split().count(word)

    async def disturb(desk: Field, book: Book) -> None:
        nonlocal late
        await _until(lambda: count("took") > 3, "the blunt worker has offers")
        worker.send_signal(signal.SIGSTOP)
        before = count("answered")
        await wait_for(partial(_is_taken_over, ground), seconds=90, what="another worker takes over")
        worker.send_signal(signal.SIGCONT)
        await _until(lambda: count("answered") > before, "the thawed worker answers")
        await asyncio.sleep(3)
        late = count("answered") - before

    plan = Plan(replicas=1, policy=HASTY_POLICY, unsafe=unsafe)
    async with running_field(ground, plan) as desk:
        command = [sys.executable, "-m", "faults.blunt_worker", f"{ground.amqp_url}?heartbeat=3", QUEUE, "3"]
        with said.open("w") as output:
            worker = await asyncio.create_subprocess_exec(*command, env=environment_of(), stdout=output)
        try:
            broker = Broker(ground)
            await wait_for(partial(broker.are_consumed, [QUEUE]), seconds=60, what="the blunt worker is there first")
            await broker.close()
            work = Work(60, per_second=20, settle_seconds=settle_seconds, workers=partial(run_workers, hold_all=10.0))
            outcome = await run(desk, work, disturb)
        finally:
            worker.kill()
            await worker.wait()
    return outcome, late


async def _until(condition: Callable[[], bool], what: str) -> None:
    async def holds() -> bool:
        return condition()

    await wait_for(holds, seconds=60, what=what)


async def _is_taken_over(ground: Ground) -> bool:
    """Whether offers of the frozen worker were withdrawn and their tickets accepted by another."""
    connection = await asyncpg.connect(ground.database_url)
    try:
        tickets: int = await connection.fetchval(
            "SELECT count(DISTINCT ticket_id)"
            " FROM router.ticket_log AS accepted JOIN router.ticket_log AS withdrawn USING (ticket_id)"
            " WHERE accepted.kind = 'accepted' AND accepted.event ->> 'worker' = 'service-desk-worker'"
            " AND withdrawn.kind = 'withdrawn'"
        )
        return tickets > 3
    finally:
        await connection.close()


@pytest.mark.faults
@pytest.mark.timeout(400)
async def test_a_worker_that_answers_a_void_offer_changes_nothing(ground, tell):
    outcome, answered = await _freeze_a_worker(ground, {}, 120)
    tell(outcome.line(f"{answered} answers to void offers refused"))
    outcome.expect_nothing_amiss()


@pytest.mark.faults
@pytest.mark.timeout(400)
async def test_without_the_fence_work_is_done_twice(ground, tell):
    """The negative control."""
    outcome, answered = await _freeze_a_worker(ground, {"router": "no_fence"}, 10)
    tell(outcome.line(f"{answered} answers to void offers, a router without the fence"))
    assert outcome.ledger.duplicated
