"""`tierdesk doctor`: what is well, what is not, and what to do about it; it changes nothing."""

import asyncio
import json
import re
import time
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg
import pytest

from tierdesk_bus import Queue
from tierdesk_bus.inspection import BusState, QueueState
from tierdesk_cli.doctor.bus import judge_queues
from tierdesk_cli.doctor.finding import version_of
from tierdesk_cli.doctor.mail import judge_mail
from tierdesk_cli.examples import sample_policy
from tierdesk_cli.home import Home
from tierdesk_cli.servers import find_database
from tierdesk_desk.store.sending import Counts
from tierdesk_policy import load_policy_file
from tierdesk_router.store.policies import put_in_force
from tierdesk_runtime.clock import FastClock
from tierdesk_store import Database

from .test_desk_commands import post

PATIENCE_SECONDS = 30.0
UNWORKED = "queue work.main.l2.workplace"


@pytest.fixture
def findings(desk, tierdesk):
    """The findings by what was looked at, once nothing is on its way any more."""

    def findings(*, without=(), **settings):
        end = time.monotonic() + PATIENCE_SECONDS
        while True:
            done = tierdesk("doctor", "--json", "--data", desk.folder, **settings)
            found = {one["what"]: one for one in json.loads(done.out)}
            ill = {what for what, one in found.items() if one["health"] == "ill"}
            assert done.code == (1 if ill else 0)
            if ill == set(without) or time.monotonic() > end:
                assert ill == set(without), found
                return found
            time.sleep(0.5)

    return findings


@pytest.fixture
def execute(desk):
    def execute(statement, *arguments):
        async def run():
            connection = await asyncpg.connect(find_database(Home(desk.folder)))
            try:
                return await connection.fetch(statement, *arguments)
            finally:
                await connection.close()

        return asyncio.run(run())

    return execute


def test_a_healthy_desk_is_well(findings, desk, tierdesk):
    found = findings()
    assert list(found) == [
        "secrets", "database", "schema router", "schema intake", "schema sla", "schema kb", "schema bridge", "schema desk", "clocks", "bus",
        "queues", "webhooks", "mail", "desk",
    ]  # fmt: skip
    assert {one["health"] for one in found.values()} == {"well"}
    assert found["database"]["seen"].startswith("PostgreSQL 1")
    assert re.match(r"at router_\d+; outbox 0 ", found["schema router"]["seen"])
    told = tierdesk("doctor", "--data", desk.folder)
    assert [line.split()[0] for line in told.out.splitlines() if not line.startswith(" ")] == ["well"] * len(found)
    assert "password" not in told.out


def test_a_queue_with_messages_and_nobody_who_reads_it_is_ill(findings, desk):
    """Nobody works this desk: what is offered waits."""
    post(desk, "The laptop stays dark", category="pc-and-laptop", impact=3, urgency=1)
    found = findings(without={UNWORKED})[UNWORKED]
    assert (found["seen"], found["cure"]) == (
        "messages wait and nobody reads it: 1",
        "start the consumer of this tier: docs/tiers.md",
    )


def test_parked_messages_a_stuck_outbox_and_an_old_schema_are_ill(findings, execute):
    parked = uuid4()
    execute(
        "INSERT INTO sla.parked (id, consumer, tenant, subject, message_id, type, namespace, queue, body, reason)"
        " VALUES ($1, 'c', 't', 's', 'm', 'x', '', 'q', 'x', 'r')", parked,
    )  # fmt: skip
    execute(
        "WITH written AS ("
        "INSERT INTO kb.outbox (partition, id, tenant, subject, namespace, exchange, key, type, body, created_at)"
        " VALUES (0, $1, 't', 's', '', 'no such exchange', 'k', 'x', 'x', now() - interval '5 minutes')"
        " RETURNING partition, position) INSERT INTO kb.dispatch SELECT * FROM written", parked,
    )  # fmt: skip
    execute("UPDATE intake.alembic_version SET version_num = 'older'")
    try:
        found = findings(without={"schema sla", "schema kb", "schema intake", UNWORKED})
        assert "`tierdesk parked list --service sla`" in found["schema sla"]["cure"]
        assert "relay" in found["schema kb"]["cure"]
        assert found["schema intake"]["seen"] == "at revision older, this release needs 0004_phone"
        assert "`tierdesk migrate`" in found["schema intake"]["cure"]
    finally:
        execute("UPDATE intake.alembic_version SET version_num = '0004_phone'")
        execute("DELETE FROM sla.parked WHERE id = $1", parked)
        execute(
            "WITH gone AS (DELETE FROM kb.outbox WHERE id = $1 RETURNING position)"
            " DELETE FROM kb.dispatch WHERE position IN (SELECT position FROM gone)", parked,
        )  # fmt: skip


def test_the_business_clock_is_told_and_one_that_cannot_be_read_is_ill(findings, tmp_path):
    clock = tmp_path / "clock.json"
    FastClock.starting(datetime.now(UTC) + timedelta(days=30), rate=60).save(clock)
    found = findings(without={UNWORKED}, clock_file=str(clock))
    assert found["business clock"]["health"] == "warning"
    assert "60 times as fast" in found["business clock"]["seen"]
    clock.write_text("{}")
    findings(without={UNWORKED, "business clock"}, clock_file=str(clock))


def test_on_servers_of_ones_own_versions_and_the_queues_of_the_policy_are_looked_at(
    tierdesk, tmp_path, postgres_url, amqp_url, amqp_management_url
):
    settings = {
        "database_url": postgres_url,
        "amqp_url": amqp_url,
        "amqp_management_url": amqp_management_url,
        "namespace_prefix": f"{urlsplit(amqp_url).path[1:]}-",
        "secrets_file": str(tmp_path / "secrets.json"),
    }

    def look():
        done = tierdesk("doctor", "--json", "--data", tmp_path, **settings)
        assert done.code == 1  # no service runs
        return {one["what"]: one for one in json.loads(done.out)}

    empty = look()
    assert {empty[f"schema {name}"]["seen"].partition(",")[0] for name in ("router", "kb")} == {"at revision none"}
    assert empty["bus"]["health"] == "well"
    assert "queue router.intake" in empty
    assert tierdesk("migrate", **settings).code == 0
    found = look()
    assert {what for what, one in found.items() if one["health"] == "ill"} == {"desk"}
    version = re.search(r"RabbitMQ (\S+) at ", found["bus"]["seen"])[1]
    assert found["bus"]["health"] == "well"
    assert found["queues"]["seen"].startswith("10 of 10 are well")

    async def put_policy_in_force():
        database = Database(postgres_url, schema="router", name="test")
        async with database.transaction() as tx:
            await put_in_force(tx, "main", load_policy_file(sample_policy()), datetime.now(UTC))
        await database.close()

    asyncio.run(put_policy_in_force())
    found = look()
    assert (found["bus"]["health"] == "well") == (version_of(version) >= (4, 3, 5))
    assert "Repair depot" in found["bus"]["cure"] or found["bus"]["health"] == "well"
    missing = {what for what, one in found.items() if what.startswith("queue ") and one["health"] == "ill"}
    assert {"queue work.main.l1.service-desk", "queue v-main.depot/work", "queue v-main.depot/inbound"} <= missing
    assert found["queues"]["seen"].startswith("10 of ")


def judged(product="RabbitMQ", version="4.3.5", **state):
    queue = state.pop("queue", Queue("router.intake"))
    return judge_queues(BusState(product, version, (QueueState(queue, **state),)))


@pytest.mark.parametrize(
    ("state", "seen"),
    [
        ({"fault": "it does not exist"}, "it does not exist"),
        ({"messages": 3, "consumers": 0}, "messages wait and nobody reads it: 3"),
        ({"queue": Queue("work", "v", max_length=9), "rules": {}, "version": "3.10.8"}, "no limit is set; it should be 9 messages"),
        (
            {"queue": Queue("work", "v", max_length=9), "rules": {"max-length": 5}, "version": "3.10.8"},
            "when it is full, its oldest messages are dropped",
        ),
        ({"rules": {}}, "the broker drops a message after a few deliveries"),
        ({"rules": {"delivery-limit": 20}}, "the broker drops a message after a few deliveries"),
        (
            {"rules": {"delivery-limit": 20}, "arguments": {"x-delivery-limit": 1_000_000_000}},
            "the broker drops a message after a few deliveries",
        ),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_queue_has_a_cure(state, seen):
    (finding,) = judged(**state)
    assert (finding.health, finding.seen) == ("ill", seen)
    assert finding.cure


@pytest.mark.parametrize(
    "state",
    [
        {"messages": 0, "consumers": 0},
        {"messages": 3, "consumers": 1},
        {"messages": 3, "consumers": None},
        {"rules": {"delivery-limit": 100}},
        {"rules": {"delivery-limit": -1}},
        {"rules": {}, "arguments": {"x-delivery-limit": 1_000_000_000}},
        {"rules": {}, "version": "3.10.8"},
        {"rules": {}, "version": "18.1", "product": "PostgreSQL"},
        {"rules": {"max-length": 5, "overflow": "reject-publish"}, "queue": Queue("w", "v", max_length=9), "version": "3.10.8"},
    ],
)  # fmt: skip
def test_a_queue_that_is_read_and_bound_as_it_should_be_is_well(state):
    (finding,) = judged(**state)
    assert finding.health == "well"


@pytest.mark.parametrize(
    ("text", "numbers"),
    [("18.1 (Debian 18.1-1)", (18, 1)), ("4.3.5", (4, 3, 5)), ("4.3.5-rc.1", (4, 3, 5)), ("", ()), ("15beta1", (15,))],
)
def test_versions_are_compared_by_their_numbers(text, numbers):
    assert version_of(text) == numbers


def test_an_endpoint_that_takes_nothing_and_what_was_given_up_are_told(findings, execute):
    endpoint = "INSERT INTO bridge.endpoint VALUES ('main', $1, 'https://v.example', now(), $2, $3, now(), $4, NULL)"
    delivery = (
        "INSERT INTO bridge.delivery"
        " (tenant, vendor, id, subject, type, body, state, attempts, taken_at, due_at, first_in_line)"
        " VALUES ('main', 'gone', gen_random_uuid(), 't', 'work.offered.v1', '', 'failed', 10, now(), now(), false)"
    )
    try:
        execute(endpoint, "down", True, None, 3)
        assert findings(without=[UNWORKED])["webhooks"]["seen"] == "down of main: 3 requests failed in a row"
        execute("DELETE FROM bridge.endpoint")
        execute(endpoint, "gone", False, "410", 0)
        told = findings(without=[UNWORKED, "webhooks"])["webhooks"]
        assert told["seen"] == "gone of main is disabled: 410"
        assert "vendor webhook enable gone" in told["cure"]
        execute("DELETE FROM bridge.endpoint")
        execute(delivery)
        assert findings(without=[UNWORKED])["webhooks"]["seen"] == "1 messages were given up"
    finally:
        execute("DELETE FROM bridge.endpoint")
        execute("DELETE FROM bridge.delivery")


def test_mail_that_is_not_sent_is_told():
    assert [one.health for one in judge_mail(Counts(3, 10.0, 0), 0)] == ["well"]
    told = {one.seen: one.health for one in judge_mail(Counts(3, 3_600.0, 2), 40)}
    assert told == {
        "the desk has no mail server: 40 mails were not sent": "warning",
        "3 wait, one is due for 60 min": "warning",
        "2 mails were given up": "warning",
    }
