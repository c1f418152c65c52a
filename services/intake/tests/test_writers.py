"""The writers on a real database, as several processes use them at once."""

import asyncio
import hashlib
import json
from collections import Counter
from datetime import UTC, datetime

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from servers.postgres import let_in
from tierdesk_intake.domain.admission import PostedToDesk
from tierdesk_intake.domain.events import read_event
from tierdesk_intake.domain.generic_cti import read_json
from tierdesk_intake.domain.ledger import Answer, PolicyTerms, Posted
from tierdesk_intake.domain.phone_log import PostedByPhone
from tierdesk_intake.domain.refusals import RefusalKind, RefusedError
from tierdesk_intake.store.event_writer import EventWriter
from tierdesk_intake.store.group_commit import ConflictError, GroupCommit
from tierdesk_intake.store.phone_writer import PhoneWriter
from tierdesk_intake.store.terms import AppliedTerms, KnownTerms, save_terms
from tierdesk_runtime.identifiers import Identifiers
from tierdesk_store import Database, service_url

NOW = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)


def posted(body, key, source="events"):
    return Posted("main", source, key, "key", hashlib.sha256(body).digest(), body)


def problem(number, key, **more):
    told = {"type": "problem_reported", "requester": {"party": "ann"}, "title": f"Problem {number}", **more}
    body = json.dumps(told).encode()
    return PostedToDesk(posted(body, key), read_event(body, now=NOW))


def reply(ticket, number):
    body = json.dumps({"type": "requester_replied", "ticket": str(ticket), "text": str(number)}).encode()
    return PostedToDesk(posted(body, None), read_event(body, now=NOW))


def call_event(call_id, kind, key):
    body = json.dumps({"event": kind, "direction": "in", "callId": call_id}).encode()
    return PostedByPhone(posted(body, key, "phone/pbx"), "pbx", *read_json(body, now=NOW))


def event_commit(database, mint=None):
    """As intake is wired."""
    writer = EventWriter(mint or Identifiers(), lambda: NOW)
    return GroupCommit(database, writer, write_alone=writer.write_alone, size_of=lambda _: 100)


@pytest.fixture
async def replicas(postgres_url):
    """Two processes' worth of writers on one database: of events, and of phone events."""
    let_in(postgres_url, "intake", "pw")
    url = service_url(postgres_url, "intake", "pw")
    databases = [Database(url, schema="intake", name=f"replica {number}") for number in range(2)]
    stop, tasks, commits = asyncio.Event(), [], []
    for database in databases:
        pair = [
            event_commit(database),
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
    commit = event_commit(database, mint)
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


async def save_category(database, name):
    terms = AppliedTerms("v1", PolicyTerms(frozenset({name})), NOW)
    async with database.transaction() as tx:
        await save_terms(tx, {"main": terms})


async def written(database):
    """Keys, tickets, raw events and messages."""
    tables = ("idempotency_key", "ticket", "raw_event", "outbox")
    return [len(await rows(database, f"SELECT 1 FROM {table}")) for table in tables]


async def test_new_tickets_are_written_by_one_statement(replicas):
    (_, _), database = replicas
    writer = EventWriter(Identifiers(), lambda: NOW)
    answers = await writer.write_alone(database, [problem(1, "a"), problem(2, "b"), problem(3, None), problem(1, "a")])
    assert [answer.replayed for answer in answers] == [False, False, False, True]
    assert answers[3].text == answers[0].text
    assert await written(database) == [2, 3, 3, 3]


async def test_nothing_is_written_alone_when_one_was_posted_before_or_would_be_refused_or_continues(replicas):
    ((commit, _), _), database = replicas
    first = await commit.submit(problem(1, "a"))
    before = await written(database)
    writer = EventWriter(Identifiers(), lambda: NOW)
    for other in (
        problem(1, "a"),  # a repetition
        problem(2, "a"),  # the key of another
        reply(first.ticket, 1),
    ):
        assert await writer.write_alone(database, [problem(8, "b"), other, problem(9, "c")]) is None
    assert await writer.write_alone(database, [problem(8, "b"), problem(9, "b")]) is None, "the same key twice"
    assert await written(database) == before


async def test_what_cannot_be_written_alone_is_written_together_with_the_rest(replicas):
    ((commit, _), _), database = replicas
    first = await commit.submit(problem(1, "a"))
    answers = await commit.submit_all(
        [
            (one, None)
            for one in (problem(2, "b"), problem(1, "a"), reply(first.ticket, 1), problem(3, "a"), problem(4, "c"))
        ]
    )
    assert [getattr(answer, "replayed", type(answer)) for answer in answers] == [
        False,
        True,
        False,
        RefusedError,
        False,
    ]
    assert answers[3].kind is RefusalKind.KEY_REUSED
    assert await written(database) == [3, 3, 4, 4]


async def test_terms_that_must_be_read_anew_are_read_in_a_transaction_and_then_known(replicas):
    (_, _), database = replicas
    at = [100.0]
    writer = EventWriter(Identifiers(), lambda: NOW, KnownTerms(monotonic=lambda: at[0]))
    await save_category(database, "network")
    known, unknown = problem(1, "a", category="network"), problem(2, "b", category="coffee")
    assert await writer.write_alone(database, [known]) is None
    async with database.transaction() as tx:
        assert isinstance((await writer(tx, [known]))[0], Answer)
    assert await writer.write_alone(database, [unknown]) is None
    assert isinstance((await writer.write_alone(database, [problem(3, "c", category="network")]))[0], Answer)
    at[0] += 1.0
    assert await writer.write_alone(database, [problem(4, "d", category="network")]) is None
    assert isinstance((await writer.write_alone(database, [problem(5, "e")]))[0], Answer), "it names nothing"


async def test_after_a_repetition_the_next_group_looks_first_until_one_has_none(replicas):
    _, database = replicas
    writer = EventWriter(Identifiers(), lambda: NOW)
    assert await writer.write_alone(database, [problem(1, "a")]) is not None
    assert await writer.write_alone(database, [problem(1, "a")]) is None
    async with database.transaction() as tx:
        assert (await writer(tx, [problem(1, "a")]))[0].replayed
    assert await writer.write_alone(database, [problem(2, "b")]) is None
    async with database.transaction() as tx:
        assert not (await writer(tx, [problem(2, "b")]))[0].replayed
    assert await writer.write_alone(database, [problem(3, "c")]) is not None


async def test_who_loses_a_race_for_a_key_has_written_nothing_and_is_told(replicas):
    _, database = replicas
    first, second = (EventWriter(Identifiers(), lambda: NOW) for _ in range(2))
    async with database.transaction() as tx:
        await first(tx, [problem(1, "a")])
        losing = asyncio.create_task(second.write_alone(database, [problem(7, "z"), problem(1, "a")]))
        await asyncio.sleep(0.3)
        assert not losing.done()
    with pytest.raises(ConflictError) as caught:
        await losing
    assert isinstance(caught.value.__cause__, IntegrityError)
    assert await written(database) == [1, 1, 1, 1]
