"""The board of people at work: 100,000 open tickets on it, and fifty who claim the same one at once."""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final
from uuid import UUID, uuid4

import asyncpg
from rich.console import Console

from tierdesk_desk.board import Board
from tierdesk_desk.domain.people import Person
from tierdesk_desk.domain.roles import Grant, Role
from tierdesk_desk.domain.work import TakenError
from tierdesk_desk.store.policies import PolicyShelf
from tierdesk_policy import load_policy
from tierdesk_runtime.clock import SystemClock
from tierdesk_runtime.identifiers import Identifiers
from tierdesk_runtime.publishing import Publisher
from tierdesk_store import Database

from .grounds import POLICY, Grounds, running_desk
from .host import percentile
from .reports import Report

OPEN: Final = 100_000
ASKED: Final = 500
AGENTS: Final = 50
CLAIMS: Final = 1_000
_LOAD: Final = """
    INSERT INTO desk.work (
        tenant, assignment_id, ticket, token, role, tier, group_id, mode, reference, title, category, priority,
        offered_at, changed_at, stage, before, ordinal, question, reason, due_at, rank_at, view, skills
    )
    SELECT 'main', gen_random_uuid(), gen_random_uuid()::text, 1, 'owner', tier, group_id, 'tiered', 'TD-' || n,
        'The printer on floor ' || n % 40 || ' jams', 'usage', 1 + n % 5, now(), now(), 'offered', 'offered', 0, '', 'triage',
        now() + n * interval '1 second', now() + n * interval '1 second',
        jsonb_build_object('case', jsonb_build_object('text', repeat('It jams again and again. ', 20)), 'told', '[]'::jsonb), '{}'
    FROM generate_series(1, $1) AS n
    CROSS JOIN LATERAL (
        SELECT (ARRAY['l1', 'l2', 'l3'])[1 + n % 3] AS tier, (ARRAY['desk', 'pc', 'net'])[1 + n % 3] AS group_id
    ) AS place
"""
_COUNT: Final = """
    INSERT INTO desk.work_count SELECT tenant, tier, group_id, stage, count(*) FROM desk.work GROUP BY 1, 2, 3, 4
    ON CONFLICT (tenant, tier, group_id, stage) DO UPDATE SET number = excluded.number
"""


def measure(grounds: Grounds, options: argparse.Namespace, console: Console) -> None:
    """Milliseconds inside the service for a page, the counts and the next to take; then claims by fifty at once."""
    report = Report("board: milliseconds", console)
    with running_desk(grounds, names=("desk",), stays=False) as desk:
        asyncio.run(_measure(desk.database_url, options.rounds, report))
    report.close()


async def _measure(url: str, rounds: int, report: Report) -> None:
    connection = await asyncpg.connect(url)
    try:
        await fill_board(connection, OPEN)
    finally:
        await connection.close()
    database = Database(url, schema="desk", name="bench")
    board = Board(database, PolicyShelf(), Publisher(SystemClock(), Identifiers(), source="/bench"))
    amy = person_of("amy")
    try:
        for _ in range(rounds):
            await _time("page of 50", lambda: board.page(amy, after=None, limit=50), report)
            await _time("counts", lambda: board.counts(amy), report)
            await _time("next, claimed", lambda: board.take_next(person_of(f"taker-{uuid4()}")), report)
        await _claim_at_once(database, board, report)
    finally:
        await database.close()


async def fill_board(connection: asyncpg.Connection[Any], number: int) -> None:
    """Put so many offers on the board of the tenant `main`, under the policy of the benchmarks."""
    policy = load_policy(POLICY)
    document = json.dumps(policy.document())
    await connection.execute(
        "INSERT INTO desk.policy VALUES ('main', $1, $2) ON CONFLICT DO NOTHING", policy.version, document
    )
    await connection.execute(
        "INSERT INTO desk.policy_in_force VALUES ('main', $1, now()) ON CONFLICT DO NOTHING", policy.version
    )
    await connection.execute(_LOAD, number)
    await connection.execute(_COUNT)
    await connection.execute("VACUUM ANALYZE desk.work")


async def _time(name: str, ask: Callable[[], Awaitable[Any]], report: Report) -> None:
    took = []
    for _ in range(ASKED):
        began = time.perf_counter()
        await ask()
        took.append(time.perf_counter() - began)
    report.add(
        f"{name}, {OPEN:,} open",
        {"p50": round(percentile(took, 0.5) * 1000, 2), "p99": round(percentile(took, 0.99) * 1000, 2)},
    )


async def _claim_at_once(database: Database, board: Board, report: Report) -> None:
    people = [person_of(f"agent-{number}") for number in range(AGENTS)]
    async with database.read() as read:
        rows = await read.exec_driver_sql(f"SELECT assignment_id FROM desk.work WHERE stage = 'offered' LIMIT {CLAIMS}")
        wanted: list[UUID] = [row[0] for row in rows]
    owners = told = 0
    began = time.perf_counter()
    for assignment_id in wanted:
        answers = await asyncio.gather(
            *(board.claim(person, assignment_id) for person in people), return_exceptions=True
        )
        (won,) = [answer for answer in answers if not isinstance(answer, BaseException)]
        owners += 1
        told += sum(isinstance(answer, TakenError) and answer.owner == won.worker for answer in answers)
    report.conclude(f"owners of {len(wanted):,} claimed by {AGENTS} at once", owners)
    report.conclude("told who has it", told)
    report.conclude("seconds", round(time.perf_counter() - began, 1))


def person_of(name: str) -> Person:
    """An agent of all groups."""
    return Person("main", uuid4(), name, name, (Grant(Role.AGENT),))
