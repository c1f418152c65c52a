"""The statements that every ticket takes look rows up by key, also where the planner believes that a table is empty.

A service keeps its plans while its tables grow: one that reads a whole table or hashes it is cheap on the first day,
and costs as much as all that there is from then on.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.dialects import postgresql

from faults.processes import environment_of, run_command
from tierdesk_router.store import parties, tickets
from tierdesk_sla.store import timelines
from tierdesk_store import Database, driver, sequences, waiting
from tierdesk_store.outbox import mark_published, select_unpublished

NAME = UUID(int=1)
TICKETS = {"tenants": ["main"], "ids": [NAME]}
SUBJECTS = {"consumer": "c", "tenants": ["main"], "subjects": ["s"]}
TIMELINES = {"tenants": ["main"], "ticket_ids": [NAME]}
NOW = datetime(2026, 1, 1, tzinfo=UTC)
STATEMENTS: list[tuple[str, str, Any, dict[str, Any]]] = [
    ("streams are locked", "router", sequences._lock("router"), SUBJECTS),
    ("waiting rows are locked", "router", waiting._lock("router"), SUBJECTS),
    ("waiting rows are made due", "router", waiting._hasten("router"), SUBJECTS | {"known": [1]}),
    ("tickets are locked", "router", tickets._LOCK, TICKETS),
    ("assignments are found", "router", tickets._FIND_ASSIGNMENTS, TICKETS),
    ("due tickets are claimed", "router", tickets._CLAIM_DUE, {"now": NOW, "limit": 100}),
    ("requesters are found", "router", parties._FIND, TICKETS),
    ("requesters are found by name", "router", parties._FIND_NAMED, {"tenants": ["main"], "externals": ["x"]}),
    ("timelines are found", "sla", timelines._LOAD_TICKETS, TIMELINES),
    ("clocks are locked", "sla", timelines._LOCK_CLOCKS, TIMELINES),
]
RELAYED = [
    ("outbox is read", select_unpublished("intake", with_exceptions=False), ([1], 10)),
    ("outbox is marked", mark_published("intake"), ([1], [1])),
]


@pytest.fixture
def database_url(postgres_url, tmp_path) -> str:
    """All tables, empty, and known to be."""
    settings = {"database_url": postgres_url, "bus_url": postgres_url, "secrets_file": str(tmp_path / "secrets.json")}
    run_command(["migrate"], environment_of(**settings))
    return postgres_url


def nodes_of(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", ()):
        yield from nodes_of(child)


def expect_probes(name: str, explained: Any) -> None:
    (document,) = json.loads(explained) if isinstance(explained, str) else explained
    nodes = [*nodes_of(document["Plan"])]
    for node in nodes:
        assert node["Node Type"] not in {"Seq Scan", "Hash Join", "Merge Join"}, (name, document)
        if node["Node Type"].startswith(("Index", "Bitmap Index")):
            assert "Index Cond" in node, (name, node)


async def test_statements_of_the_road_look_up_by_key_though_the_tables_are_believed_empty(database_url):
    for schema in ("router", "sla"):
        database = Database(database_url, schema=schema, name="test")
        async with database.transaction() as tx:
            await tx.execute(text("ANALYZE"))
        async with database.transaction() as tx:
            for name, owner, statement, parameters in STATEMENTS:
                if owner == schema:
                    compiled = str(statement.compile(dialect=postgresql.dialect(paramstyle="named")))
                    bound = re.sub(r":(\w+)::([\w]+\[\])", r"CAST(:\1 AS \2)", compiled)
                    found = await tx.execute(text(f"EXPLAIN (FORMAT JSON) {bound}"), parameters)
                    expect_probes(name, found.scalar_one())
        await database.close()


async def test_the_relay_looks_up_by_key_though_the_outbox_is_believed_empty(database_url):
    connection = await driver.connect(database_url, schema="intake", name="test")
    await connection.execute("ANALYZE")
    for name, statement, parameters in RELAYED:
        expect_probes(name, await connection.fetchval(f"EXPLAIN (FORMAT JSON) {statement}", *parameters))
    await connection.close()
