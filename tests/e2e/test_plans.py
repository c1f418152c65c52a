"""The statements that every ticket takes look rows up by key, also where the planner believes that a table is empty.

A service keeps its plans while its tables grow: one that reads a whole table or hashes it is cheap on the first day,
and costs as much as all that there is from then on.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import bindparam
from sqlalchemy.dialects.postgresql import asyncpg

from e2e.whole_desk import migrated_database
from servers.postgres import DatabaseServer
from tierdesk_intake.store import ledgers
from tierdesk_intake.store.bulk import find_rows
from tierdesk_intake.store.tables import idempotency_key, ticket
from tierdesk_kb.store import catalogue, open_tickets, publications, resolutions, uses
from tierdesk_router.store import parties, tickets
from tierdesk_sla.store import rebuilding, timelines, watch
from tierdesk_sla.store.tables import clock
from tierdesk_store import driver, sequences, waiting
from tierdesk_store.outbox import mark_published, select_unpublished

OF_INTAKE: dict[str, Any] = {
    "tickets are opened": ledgers._save_alone,
    "tickets are locked": find_rows(ticket, lock=True),
    "keys are found": find_rows(idempotency_key),
}
OF_ROUTER: dict[str, Any] = {
    "streams are locked": sequences._lock("router"),
    "streams move on": sequences._store("router"),
    "waiting rows are locked": waiting._lock("router"),
    "waiting rows are made due": waiting._hasten("router"),
    "waiting rows are put off": waiting._postpone("router"),
    "tickets are locked": tickets._LOCK,
    "assignments are found": tickets._FIND_ASSIGNMENTS,
    "ordinals are saved": tickets._SAVE_ORDINALS,
    "due tickets are claimed": tickets._CLAIM_DUE,
    "some due tickets are claimed": tickets._CLAIM_THESE_DUE,
    "requesters are found": parties._FIND,
    "requesters are found by name": parties._FIND_NAMED,
    "the outbox is read": select_unpublished("router", with_exceptions=False),
    "the outbox is read but for what is held": select_unpublished("router", with_exceptions=True),
    "the outbox is marked": mark_published("router"),
}
OF_SLA: dict[str, Any] = {
    "timelines are found": timelines._LOAD_TICKETS,
    "clocks are locked": timelines._LOCK_CLOCKS,
    "kept events are found": timelines._LOAD_CHANGES,
    "due clocks are claimed": watch._CLAIM.where(clock.c.next_at <= bindparam("until")).limit(200),
    "what was said is marked": watch._SAVE_MARKS,
    "a page of tickets to move is read": rebuilding._TO_MOVE,
}
OF_KB: dict[str, Any] = {
    "positions are held": publications._HOLD_COUNTERS,
    "a page of open tickets ends": open_tickets._END_OF_PAGE,
    "a page of open tickets is read": open_tickets._PAGE,
    "open tickets are locked": open_tickets._LOCK,
    "what was tried is noted": open_tickets._ADD_TRIED,
    "what was told is noted": open_tickets._TELL,
    "uses of tickets are found": uses._FIND,
    "what level 0 sent is found": uses._FIND_SENT,
    "articles are found": uses._FIND_ARTICLES,
    "orders are followed": catalogue._FOLLOW,
    **{f"a ticket is {course}": statement for course, statement in open_tickets._FOLLOW.items()},
    "resolved tickets are noted": resolutions._ADD,
    "tickets are open again": resolutions._REOPEN,
    "what was reopened is forgotten": resolutions._DROP,
    "a count is changed": resolutions._CHANGE_COUNT,
    "where a ticket stands is noted": resolutions._MOVE_DOCUMENTED,
    "that a ticket is over is noted": resolutions._DROP_DOCUMENTED,
    "that an article did not help is noted": resolutions._DROP_TRIED,
    "new resolved tickets are locked": resolutions._FRESH,
    "a page of resolved tickets ends": resolutions._END_OF_PAGE,
    "a page of resolved tickets is locked": resolutions._PAGE,
    "what was drafted from tickets is found": resolutions._DRAFTED,
    "what documents a ticket is noted": resolutions._DOCUMENT,
    "resolved tickets are counted": resolutions._COUNT,
}


@pytest.fixture(scope="module")
def database_url(database_server: DatabaseServer) -> Iterator[str]:
    """All tables, empty, and known to be."""
    with migrated_database(database_server) as url:
        yield url


def nodes_of(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", ()):
        yield from nodes_of(child)


def expect_probes(name: str, document: dict[str, Any]) -> None:
    for node in nodes_of(document["Plan"]):
        assert node["Node Type"] not in {"Seq Scan", "Hash Join", "Merge Join"}, (name, document)
        if node["Node Type"].startswith(("Index", "Bitmap Index")):
            assert "Index Cond" in node, (name, node)


@pytest.mark.parametrize(
    ("schema", "statements"), [("intake", OF_INTAKE), ("router", OF_ROUTER), ("sla", OF_SLA), ("kb", OF_KB)]
)
async def test_statements_of_the_road_look_up_by_key_though_the_tables_are_believed_empty(
    database_url, schema, statements
):
    """The plan is the one that is kept, for whatever arrays come."""
    connection = await driver.connect(database_url, schema=schema, name="test")
    await connection.execute("ANALYZE")
    await connection.execute("SET plan_cache_mode = force_generic_plan")
    for number, (name, statement) in enumerate(statements.items()):
        sql = statement if isinstance(statement, str) else str(statement.compile(dialect=asyncpg.dialect()))
        await connection.execute(f"PREPARE statement_{number} AS {sql}")
        nothing = ", ".join(["NULL"] * len(set(re.findall(r"\$\d+", sql))))
        (document,) = json.loads(
            await connection.fetchval(f"EXPLAIN (FORMAT JSON) EXECUTE statement_{number} ({nothing})")
        )
        expect_probes(name, document)
    await connection.close()
