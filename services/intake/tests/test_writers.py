"""The writers on a real database, as several processes use them at once."""

import asyncio
import hashlib
import json
from collections import Counter
from datetime import UTC, datetime

import pytest
from sqlalchemy import text

from tierdesk_intake.app import DEFINITION
from tierdesk_intake.domain.admission import PostedToDesk
from tierdesk_intake.domain.events import read_event
from tierdesk_intake.domain.generic_cti import read_json
from tierdesk_intake.domain.ledger import Answer, Posted
from tierdesk_intake.domain.phone_log import PostedByPhone
from tierdesk_intake.store.event_writer import EventWriter
from tierdesk_intake.store.group_commit import GroupCommit
from tierdesk_intake.store.phone_writer import PhoneWriter
from tierdesk_runtime.identifiers import Identifiers
from tierdesk_store import Database, migrate, service_url

NOW = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)


def posted(body, key, source="events"):
    return Posted("main", source, key, "key", hashlib.sha256(body).digest(), body)


def problem(number, key):
    told = {"type": "problem_reported", "requester": {"party": "ann"}, "title": f"Problem {number}"}
    body = json.dumps(told).encode()
    return PostedToDesk(posted(body, key), read_event(body, now=NOW))


def reply(ticket, number):
    body = json.dumps({"type": "requester_replied", "ticket": str(ticket), "text": str(number)}).encode()
    return PostedToDesk(posted(body, None), read_event(body, now=NOW))


def call_event(call_id, kind, key):
    body = json.dumps({"event": kind, "direction": "in", "callId": call_id}).encode()
    return PostedByPhone(posted(body, key, "phone/pbx"), "pbx", *read_json(body, now=NOW))


@pytest.fixture
async def replicas(postgres_url):
    """Two processes' worth of writers on one database: of events, and of phone events."""
    migrate(postgres_url, DEFINITION.schema, password="pw")
    url = service_url(postgres_url, "intake", "pw")
    databases = [Database(url, schema="intake", name=f"replica {number}") for number in range(2)]
    stop, tasks, commits = asyncio.Event(), [], []
    for database in databases:
        pair = [
            GroupCommit(database, EventWriter(Identifiers(), lambda: NOW), size_of=lambda _: 100),
            GroupCommit(database, PhoneWriter(Identifiers(), lambda: NOW), size_of=lambda _: 100),
        ]
        tasks += [asyncio.create_task(commit.run(stop)) for commit in pair]
        commits.append(pair)
    yield commits, databases[0]
    stop.set()
    await asyncio.gather(*tasks)
    for database in databases:
        await database.close()


async def rows(database, statement):
    async with database.read() as connection:
        return (await connection.execute(text(statement))).all()


async def until_answered(commit, item):
    while True:
        (answer,) = await commit.submit_all([(item, None)])
        if isinstance(answer, Answer):
            return answer


async def test_two_replicas_give_one_answer_to_a_key(replicas):
    ((first, _), (second, _)), database = replicas
    keys = [f"k{number}" for number in range(200)]
    answers = await asyncio.gather(
        *(until_answered(commit, problem(key, key)) for key in keys for commit in (first, second))
    )
    assert [one.text for one in answers[::2]] == [one.text for one in answers[1::2]]
    assert Counter(one.replayed for one in answers) == {False: 200, True: 200}
    assert len(await rows(database, "SELECT 1 FROM ticket")) == 200
    assert len(await rows(database, "SELECT 1 FROM outbox")) == 200


async def test_two_replicas_tell_a_ticket_without_a_gap(replicas):
    ((first, _), (second, _)), database = replicas
    ticket = (await first.submit(problem(0, None))).ticket

    async def talk(commit):
        for number in range(20):
            await commit.submit(reply(ticket, number))

    await asyncio.gather(*(talk(commit) for commit in (first, second) for _ in range(3)))
    told = await rows(database, "SELECT convert_from(body, 'UTF8')::json ->> 'sequence' FROM outbox ORDER BY position")
    assert [int(one[0]) for one in told] == list(range(1, 122))


async def test_two_replicas_fold_a_call_as_one(replicas):
    ((_, first), (_, second)), database = replicas
    said = [
        (commit, call_event(f"c{number}", kind, f"{number}-{kind}-{copy}"))
        for number in range(20)
        for kind in ("newCall", "answer", "hangup")
        for copy, commit in enumerate((first, second))
    ]
    await asyncio.gather(*(until_answered(commit, item) for commit, item in said))
    assert await rows(database, "SELECT DISTINCT state ->> 'outcome' FROM call") == [("ended",)]
    assert len(await rows(database, "SELECT 1 FROM ticket")) == 20
    assert len(await rows(database, "SELECT 1 FROM call_event")) == 60
    assert len(await rows(database, "SELECT 1 FROM raw_event")) == 120
    gaps = """
        SELECT 1 FROM (SELECT subject, count(*) AS count, max((convert_from(body, 'UTF8')::json ->> 'sequence')::int) AS last
                     FROM outbox GROUP BY subject) AS told
        WHERE count <> last
    """
    assert await rows(database, gaps) == []


class OneReference(Identifiers):
    """Draws the same reference twice, then others."""

    def __init__(self):
        super().__init__()
        self.drawn = 0

    def reference(self):
        self.drawn += 1
        return "TD-0000-0000" if self.drawn <= 2 else super().reference()


async def test_a_reference_that_is_taken_is_drawn_again(replicas):
    _, database = replicas
    mint, stop = OneReference(), asyncio.Event()
    commit = GroupCommit(database, EventWriter(mint, lambda: NOW), size_of=lambda _: 100)
    task = asyncio.create_task(commit.run(stop))
    first = await commit.submit(problem(1, "a"))
    second = await commit.submit(problem(2, "b"))
    stop.set()
    await task
    assert first.reference == "TD-0000-0000"
    assert second.reference != first.reference
    assert mint.drawn == 3


async def test_what_two_requests_of_a_group_share_is_seen_by_the_second(replicas):
    ((events, phone), _), _ = replicas
    first, second = await events.submit_all([(problem(1, "a"), None), (problem(1, "a"), None)])
    assert (first.replayed, second.replayed, second.text) == (False, True, first.text)
    answers = await phone.submit_all([(call_event("c", kind, kind), None) for kind in ("hangup", "answer", "newCall")])
    assert len({answer.ticket for answer in answers}) == 1
