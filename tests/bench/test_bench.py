"""The benchmarks measure what they say: the raw pipeline does the desk's work, and a loaded history is a closed one."""

import asyncio
import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from faults.processes import common_nursery
from servers.postgres import DatabaseServer, make_reachable_folder
from servers.rabbitmq import Broker
from servers.reaper import Reaper
from tierdesk_contracts import parse

from .grounds import Desk, Grounds, running_desk, running_raw_pipeline
from .history import load_history
from .open_tickets import load_open_tickets
from .road import Road, behind

COUNTED = """
    SELECT (SELECT count(*) FROM intake.ticket) AS taken, (SELECT count(*) FROM router.ticket) AS routed,
        (SELECT count(*) FROM router.ticket_log) AS logged, (SELECT count(*) FROM router.assignment) AS assigned,
        (SELECT count(*) FROM sla.clock) AS clocks, (SELECT count(*) FROM kb.applied) AS known,
        (SELECT count(*) FROM intake.outbox) AS told,
        (SELECT count(*) FROM router.outbox WHERE type <> 'policy.applied.v1') AS sent,
        (SELECT count(*) FROM intake.dispatch JOIN intake.outbox USING (partition, position)) AS told_listed,
        (SELECT count(*) FROM router.dispatch JOIN router.outbox USING (partition, position)
            WHERE type <> 'policy.applied.v1') AS sent_listed
"""
EACH = {
    "taken": 1, "routed": 1, "logged": 3, "assigned": 1, "clocks": 3, "known": 1, "told": 1, "sent": 2,
    "told_listed": 1, "sent_listed": 2,
}  # fmt: skip


@pytest.fixture(scope="module")
def grounds(broker: Broker, database_server: DatabaseServer, reaper: Reaper) -> Grounds:
    folder: Path = make_reachable_folder()
    reaper.watch_folder(folder)
    return Grounds(broker, database_server, folder, nursery=common_nursery())


@pytest.fixture(scope="module")
def raw(grounds: Grounds) -> Iterator[Desk]:
    """The raw pipeline, which the tests share."""
    with running_raw_pipeline(grounds) as raw:
        yield raw


@pytest.fixture(scope="module")
def road(raw: Desk) -> Road:
    """It numbers its keys, so there is one for each desk."""
    return Road(raw)


async def _query(url: str, statement: str, given: tuple[Any, ...]) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(url)
    try:
        return list(await connection.fetch(statement, *given))
    finally:
        await connection.close()


def query(desk: Desk, statement: str, *given: Any) -> list[asyncpg.Record]:
    return asyncio.run(_query(desk.database_url, statement, given))


def count(desk: Desk) -> dict[str, int]:
    """How many rows of each kind there are."""
    (counted,) = query(desk, COUNTED)
    return dict(counted)


def test_the_raw_pipeline_does_the_desks_work_and_goes_on_beside_a_history_of_closed_tickets(
    raw: Desk, road: Road
) -> None:
    before = count(raw)
    journeys = [road.drive(40, connections=4), road.drive(40, connections=2, batch=20)]
    counted = count(raw)
    bodies = [row["body"] for row in query(raw, "SELECT body FROM router.outbox UNION SELECT body FROM intake.outbox")]
    load_history(raw.database_url, 160)
    beside = count(raw)
    statuses = dict(query(raw, "SELECT status, count(*) FROM router.ticket GROUP BY 1"))
    journeys.append(road.drive(40, connections=4))
    assert counted == {name: before[name] + number * 80 for name, number in EACH.items()}
    assert all(parse(body) for body in bodies)
    assert beside == {name: before[name] + number * 240 for name, number in EACH.items()}
    assert statuses == {"offered": before["routed"] + 80, "closed": 160}
    assert all(journey.rate > 0 and len(journey.offer_seconds) == 40 for journey in journeys)


def test_a_drive_ends_when_all_that_was_said_of_its_tickets_is_applied_and_not_before(raw: Desk, road: Road) -> None:
    known = [row["id"] for row in query(raw, "SELECT id FROM router.ticket")]
    road.drive(20, connections=4)
    new = query(raw, "SELECT id FROM router.ticket WHERE id <> ALL ($1) ORDER BY id", known)
    tickets = [str(row["id"]) for row in new]
    last = f"'{tickets[-1]}'"
    answers = []
    for change in (
        "SELECT",
        f"UPDATE router.ticket SET sequence = sequence + 1 WHERE id = {last}",
        f"UPDATE sla.applied SET sequence = sequence + 1 WHERE subject = {last}",
        f"DELETE FROM sla.applied WHERE subject = {last}",
    ):
        query(raw, change)
        answers += [row["exists"] for row in query(raw, behind("sla"), tickets)]
    (others,) = query(raw, behind("sla"), tickets[:-1])
    assert len(tickets) == 20
    assert answers == [False, True, False, True]
    assert not others["exists"]


ROWS = {
    "ticket": "SELECT * FROM sla.ticket WHERE ticket_id = $1",
    "clocks": "SELECT * FROM sla.clock WHERE ticket_id = $1 ORDER BY place",
    "heard": "SELECT * FROM sla.ticket_change WHERE ticket_id = $1",
    "applied": "SELECT * FROM sla.applied WHERE subject = CAST(CAST($1 AS uuid) AS text)",
}
NAMES = {"id", "ticket_id", "reference", "subject", "assignment_id", "applied_at"}
"""What is a copy's own; the last is when its row was written."""
NEW = "SELECT ticket_id FROM sla.ticket WHERE ticket_id <> ALL (SELECT id FROM router.ticket) ORDER BY ticket_id"


def rows_of(desk: Desk, ticket_id: UUID, *, later: timedelta = timedelta()) -> dict[str, list[dict[str, Any]]]:
    """All that the watcher has of a ticket, but for names, with its clocks put off."""

    def put_off(value: Any) -> Any:
        return value + later if isinstance(value, datetime) else value

    def value_of(name: str, value: Any) -> Any:
        if name == "warnings":
            return [(share, datetime.fromisoformat(at) + later) for share, at in json.loads(value)]
        return value is None if name in NAMES else put_off(value)

    return {
        table: [
            {name: value_of(name, value) for name, value in row.items()} for row in query(desk, statement, ticket_id)
        ]
        for table, statement in ROWS.items()
    }


def test_a_loaded_open_ticket_has_the_rows_that_the_service_writes(grounds: Grounds) -> None:
    hour = timedelta(hours=1)
    with running_desk(grounds) as desk:
        Road(desk).drive(8, connections=2)
        (pattern,) = query(
            desk, "SELECT ticket_id, started_at FROM sla.clock WHERE place = 1 ORDER BY ticket_id LIMIT 1"
        )
        first, ticket_id = pattern["started_at"], pattern["ticket_id"]
        load_open_tickets(desk.database_url, 1, first, first, name="same", heard=True)
        load_open_tickets(desk.database_url, 1, first + hour, first + hour, name="later", heard=True)
        same, later = (row["ticket_id"] for row in query(desk, NEW))
        assert len(rows_of(desk, ticket_id)["clocks"]) == 3
        assert rows_of(desk, same) == rows_of(desk, ticket_id)
        assert rows_of(desk, later) == rows_of(desk, ticket_id, later=hour)
        assert same < later
        load_open_tickets(desk.database_url, 60, first, first + hour, name="many")
        (counted,) = query(desk, "SELECT count(*) AS clocks, count(DISTINCT started_at) AS openings FROM sla.clock")
    assert counted["clocks"] == 3 * (8 + 2 + 60)
    assert counted["openings"] > 60
