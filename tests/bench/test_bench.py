"""The benchmarks measure what they say: the raw pipeline does the desk's work, and a loaded history is a closed one."""

import asyncio
from pathlib import Path

import asyncpg
import pytest

from servers.postgres import DatabaseServer, make_reachable_folder
from servers.rabbitmq import Broker
from servers.reaper import Reaper
from tierdesk_contracts import parse

from .grounds import Desk, Grounds, running_raw_pipeline
from .history import load_history
from .road import Road

COUNTED = """
    SELECT (SELECT count(*) FROM intake.ticket) AS taken, (SELECT count(*) FROM router.ticket) AS routed,
        (SELECT count(*) FROM router.ticket_log) AS logged, (SELECT count(*) FROM router.assignment) AS assigned,
        (SELECT count(*) FROM sla.clock) AS clocks, (SELECT count(*) FROM kb.applied) AS known,
        (SELECT count(*) FROM intake.outbox) AS told,
        (SELECT count(*) FROM router.outbox WHERE type <> 'policy.applied.v1') AS sent
"""
EACH = {"taken": 1, "routed": 1, "logged": 3, "assigned": 1, "clocks": 3, "known": 1, "told": 1, "sent": 2}


@pytest.fixture
def grounds(broker: Broker, database_server: DatabaseServer, reaper: Reaper) -> Grounds:
    folder: Path = make_reachable_folder()
    reaper.watch_folder(folder)
    return Grounds(broker, database_server, folder)


async def _query(url: str, statement: str) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(url)
    try:
        return list(await connection.fetch(statement))
    finally:
        await connection.close()


def query(desk: Desk, statement: str) -> list[asyncpg.Record]:
    return asyncio.run(_query(desk.database_url, statement))


def test_the_raw_pipeline_does_the_desks_work_and_goes_on_beside_a_history_of_closed_tickets(grounds: Grounds) -> None:
    with running_raw_pipeline(grounds) as raw:
        road = Road(raw)
        journeys = [road.drive(40, connections=4), road.drive(40, connections=2, batch=20)]
        (counted,) = query(raw, COUNTED)
        bodies = [
            row["body"] for row in query(raw, "SELECT body FROM router.outbox UNION SELECT body FROM intake.outbox")
        ]
        load_history(raw.database_url, 160)
        (beside,) = query(raw, COUNTED)
        statuses = dict(query(raw, "SELECT status, count(*) FROM router.ticket GROUP BY 1"))
        journeys.append(road.drive(40, connections=4))
    assert dict(counted) == {name: number * 80 for name, number in EACH.items()}
    assert all(parse(body) for body in bodies)
    assert dict(beside) == {name: number * 240 for name, number in EACH.items()}
    assert statuses == {"offered": 80, "closed": 160}
    assert all(journey.rate > 0 and len(journey.offer_seconds) == 40 for journey in journeys)
