"""F2: a process dies at each crash window by name, again and again; and migrations that die half way."""

from __future__ import annotations

import asyncio
import random
import signal
from collections import Counter
from collections.abc import Mapping, Sequence

import asyncpg
import httpx2
import pytest

from bus.operators import api_options, vhost_of

from .field import Field, Ground, Plan, running_field
from .load import Book
from .processes import DIED_AT_FAILPOINT, ServiceProcess, environment_of, run_command
from .run import Disturb, Work, run
from .scale import HITS, LIMIT_SECONDS, SEED, TICKETS

WINDOWS: Mapping[str, Sequence[str]] = {
    "intake-0": ("intake.after_commit",),
    "router-0": ("transaction.before_commit", "relay.after_mark"),
    "router-1": ("relay.after_confirm", "transaction.after_commit"),
    "sla-0": ("sla.after_claim",),
    "sla-1": ("relay.after_claim",),
    "follower-0": ("consumer.before_ack",),
    "follower-1": ("consumer.after_ack",),
}
"""By replica, where it dies; the other replica of the service meanwhile dies elsewhere, or lives."""
LATEST_PASSAGE = 6
PATIENCE_SECONDS = 10.0
ROUND_SECONDS = 0.1
MIGRATION_WINDOWS = ("migration.after_prepare", "migration.in_revision", "migration.before_grant")


def die_at_windows(windows: Mapping[str, Sequence[str]], hits: int, died: Counter[str]) -> Disturb:
    """Let each replica die `hits` times at each of its windows, at a random passage, and then live."""

    async def disturb(desk: Field, book: Book) -> None:
        dying = {process for process in desk.processes if process.name in windows}
        async with asyncio.TaskGroup() as group:
            for replicas in desk.replicas.values():
                for process in dying.intersection(replicas):
                    others = [other for other in replicas if other is not process]
                    group.create_task(die(process, others, dying))

    async def die(process: ServiceProcess, others: Sequence[ServiceProcess], dying: set[ServiceProcess]) -> None:
        dice = random.Random(f"{SEED} {process.name}")
        await asyncio.to_thread(process.kill9)
        for name in [name for _ in range(hits) for name in windows[process.name]]:
            await _die_once(process, f"{name}:{dice.randint(1, LATEST_PASSAGE)}", others, dying)
            died[f"{process.name} {name}"] += 1
        process.start()
        dying.remove(process)

    return disturb


async def _die_once(
    process: ServiceProcess, failpoint: str, others: Sequence[ServiceProcess], dying: set[ServiceProcess]
) -> None:
    """Start it and return when it has died there. When it is ready and does not come there, the other replicas are
    killed: they may hold what would bring it there, such as the partitions of the outbox.
    """
    loop = asyncio.get_running_loop()
    process.start(failpoint=failpoint)
    patient_until: float | None = None
    while (code := process.exit_code) != DIED_AT_FAILPOINT:
        assert code in {None, -signal.SIGKILL}, process.log_end()
        if code is not None:
            process.start(failpoint=failpoint)
            patient_until = None
        elif patient_until is None:
            if await asyncio.to_thread(process.is_ready):
                patient_until = loop.time() + PATIENCE_SECONDS
        elif loop.time() > patient_until:
            for other in others:
                await asyncio.to_thread(other.kill9)
                if other not in dying:
                    other.start()
            patient_until = loop.time() + PATIENCE_SECONDS
        await asyncio.sleep(ROUND_SECONDS)


async def absorbed(ground: Ground) -> list[str]:
    """How often each queue got a message more than once, and by what; since the ledger is clean, that was absorbed."""
    written: Counter[str] = Counter()
    connection = await asyncpg.connect(ground.database_url)
    try:
        for schema in ("intake", "router", "sla", "kb"):
            for row in await connection.fetch(f"SELECT type, count(*) FROM {schema}.outbox GROUP BY type"):
                written[row["type"]] += row["count"]
    finally:
        await connection.close()
    lines = [f"{'queue':<18}{'messages':>10}{'published':>11}{'delivered again':>17}"]
    async with httpx2.AsyncClient(**api_options(ground.broker.management_url)) as api:
        for queue, types in (
            ("router.intake", ("intake.problem_reported.v1", "intake.requester_replied.v1")),
            ("router.events", ("clock.warned.v1", "clock.breached.v1", "clock.retracted.v1", "knowledge.matched.v1")),
            ("sla.events", ("ticket.changed.v1", "policy.applied.v1")),
            ("follower.events", ("ticket.changed.v1",)),
        ):
            answer = await api.get(f"queues/{vhost_of(ground.amqp_url)}/{queue}")
            counts = answer.json().get("message_stats", {})
            messages = sum(written[kind] for kind in types)
            lines.append(f"{queue:<18}{messages:>10}{counts.get('publish', 0):>11}{counts.get('redeliver', 0):>17}")
    return lines


@pytest.mark.faults
@pytest.mark.timeout(300)
async def test_a_relay_and_a_consumer_that_die_between_two_steps_lose_and_double_nothing(ground, tell):
    windows = {"router-0": ("relay.after_confirm", "consumer.before_ack"), "intake-0": ("intake.after_commit",)}
    died: Counter[str] = Counter()
    async with running_field(ground, Plan(replicas=1)) as desk:
        outcome = await run(desk, Work(100, per_second=20), die_at_windows(windows, 1, died))
    tell(outcome.line(f"{died.total()} deaths at failpoints"))
    outcome.expect_nothing_amiss()


@pytest.mark.faults
@pytest.mark.timeout(LIMIT_SECONDS)
async def test_at_no_crash_window_anything_is_lost_doubled_or_reordered(ground, tell):
    died: Counter[str] = Counter()
    async with running_field(ground) as desk:
        work = Work(TICKETS, per_second=15)
        outcome = await run(desk, work, die_at_windows(WINDOWS, HITS, died))
        table = await absorbed(ground)
    tell(outcome.line(f"{died.total()} deaths at failpoints"))
    tell("\n".join([*(f"{name:<40}{count:>4}" for name, count in sorted(died.items())), *table]))
    outcome.expect_nothing_amiss()
    assert set(died.values()) == {HITS}


@pytest.mark.faults
@pytest.mark.timeout(LIMIT_SECONDS)
async def test_a_migration_that_dies_half_way_is_finished_by_the_next(ground, tell, database_server):
    """Each time on an empty database; each window in each service in turn."""
    settings = {"amqp_url": ground.amqp_url, "secrets_file": str(ground.folder / "secrets.json")}
    deaths = 0
    for hit in range(HITS):
        with database_server.fresh_database() as url:
            environment = environment_of(**settings, database_url=url)
            window = MIGRATION_WINDOWS[hit % len(MIGRATION_WINDOWS)]
            passage = hit // len(MIGRATION_WINDOWS) % 4 + 1
            dying = environment | {"TIERDESK_FAILPOINT": f"{window}:{passage}"}
            deaths += await asyncio.to_thread(run_command, ["migrate"], dying, ground.nursery) == DIED_AT_FAILPOINT
            assert await asyncio.to_thread(run_command, ["migrate"], environment, ground.nursery) == 0
            connection = await asyncpg.connect(url)
            for schema in ("intake", "router", "sla", "kb"):
                assert await connection.fetchval(f"SELECT count(*) FROM {schema}.alembic_version") == 1
                may_write = f"SELECT has_table_privilege('tierdesk_{schema}', '{schema}.outbox', 'INSERT')"
                assert await connection.fetchval(may_write)
            await connection.close()
    tell(f"{deaths} deaths in {HITS} migrations, each finished by the next, seed={SEED}")
    assert deaths == HITS


@pytest.mark.faults
@pytest.mark.timeout(600)
async def test_with_rows_marked_before_the_confirm_a_death_between_loses_them(ground, tell):
    """The negative control of the relay's windows."""
    died: Counter[str] = Counter()
    plan = Plan(replicas=1, unsafe={"router": "mark_before_confirm"})
    async with running_field(ground, plan) as desk:
        work = Work(100, per_second=20, settle_seconds=15)
        outcome = await run(desk, work, die_at_windows({"router-0": ("relay.after_claim",)}, 3, died))
    tell(outcome.line("3 deaths of a router that marks before the confirm"))
    assert outcome.ledger.lost
