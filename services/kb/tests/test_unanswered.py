"""Questions for which nothing was found: counted without a write, written in bulk, listed and forgotten."""

import asyncio
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from tierdesk_kb.domain.unanswered import LONGEST, MOST_AT_ONCE, Tally, Unanswered
from tierdesk_kb.handlers.unanswered import UnansweredQuestions
from tierdesk_kb.store.unanswered import forget_unanswered

question = st.text("ab ", max_size=4)


def test_what_is_being_typed_is_kept_as_far_as_it_got():
    tally = Tally()
    for typed in ("z", "ze", "zeb", "zebra", "zoo"):
        tally.note("main", typed, typing=True)
    tally.note("other", "zebra c", typing=True)
    assert [(one.tenant, one.question) for one in tally.take()] == [
        ("main", "zebra"), ("main", "zoo"), ("other", "zebra c"),
    ]  # fmt: skip


def test_what_was_searched_for_is_kept_though_somebody_typed_on():
    tally = Tally()
    tally.note("main", "zebra", typing=False)
    tally.note("main", "zebra crossing", typing=True)
    assert tally.take() == [Unanswered("main", "zebra", 1, 0), Unanswered("main", "zebra crossing", 0, 1)]
    assert tally.take() == []


@given(st.lists(st.tuples(st.sampled_from(["main", "other"]), question)))
def test_each_search_is_counted_once(noted):
    tally = Tally()
    for tenant, asked in noted:
        tally.note(tenant, asked, typing=False)
    first = tally.take()
    tally.put_back(first)
    counts = tally.take()
    assert counts == first == sorted(first, key=lambda one: (one.tenant, one.question))
    assert sum(one.searches for one in counts) == sum(bool(asked.rstrip()) for _, asked in noted)


def test_a_flood_of_questions_takes_bounded_room():
    tally = Tally()
    for number in range(MOST_AT_ONCE * 2):
        tally.note("main", f"{number:09} " + "x" * 10_000, typing=False)
    counts = tally.take()
    assert len(counts) == MOST_AT_ONCE
    assert max(len(one.question) for one in counts) == LONGEST


async def asked(base, client, headers, *paths):
    for path in paths:
        assert (await client.get(path, headers=headers)).status_code == 200
    await base.unanswered.write()
    answer = await client.get("/v1/articles/unanswered", headers=headers)
    return [(one["question"], one["searches"], one["suggestions"]) for one in answer.json()["questions"]]


async def test_questions_in_vain_are_counted_by_their_words_and_listed(base, client, key_of):
    headers = key_of()
    search, suggest = "/v1/articles/search?q=", "/v1/suggest?q="
    found = await asked(
        base, client, headers, f"{search}Zebra,%20crossing!", f"{search}z%C3%A9bra+crossing", f"{suggest}zebra+crossing",
        f"{suggest}okapi", f"{search}password", f"{search}", f"{search}%F0%9F%A6%93", f"{search}password&audience=l4",
        f"{search}walrus&offset=10",
    )  # fmt: skip
    assert found == [("zebra crossing", 2, 1), ("okapi", 0, 1), ("password", 1, 0)]
    again = await asked(base, client, headers, f"{search}okapi")
    assert again[:2] == [("zebra crossing", 2, 1), ("okapi", 1, 1)]
    assert await asked(base, client, key_of("other")) == []
    assert len((await client.get("/v1/articles/unanswered?limit=1&offset=1", headers=headers)).json()["questions"]) == 1
    assert (await client.get("/v1/articles/unanswered?limit=0", headers=headers)).status_code == 422


async def test_a_search_writes_nothing(base, client, key_of):
    before = await base.sent()
    await client.get("/v1/articles/search?q=zebra", headers=key_of())
    async with base.database.read() as connection:
        assert (await connection.execute(text("SELECT count(*) FROM kb.unanswered"))).scalar_one() == 0
    assert await base.sent() == before


async def test_counts_that_could_not_be_written_are_written_later(base):
    counting = UnansweredQuestions(base.database, base.publisher)
    counting.note("main", "zebra", typing=False)
    async with base.database.transaction() as tx:
        await tx.execute(text("LOCK kb.unanswered"))
        with pytest.raises(DBAPIError, match="lock timeout"):
            await counting.write()
    counting.note("main", "zebra", typing=False)
    await counting.write()
    async with base.database.read() as connection:
        assert (await connection.execute(text("SELECT searches FROM kb.unanswered"))).scalar_one() == 2


async def test_several_processes_add_to_the_same_questions(base):
    processes = [UnansweredQuestions(base.database, base.publisher) for _ in range(6)]
    for turn, one in enumerate(processes):
        for number in range(200):
            one.note("main", f"question {(number * (turn + 3)) % 200}", typing=False)
    await asyncio.gather(*(one.write() for one in processes))
    async with base.database.read() as connection:
        row = (await connection.execute(text("SELECT count(*), sum(searches) FROM kb.unanswered"))).one()
    assert tuple(row) == (200, 1_200)


async def test_the_running_task_writes_each_second_and_at_the_end(base):
    counting, stop = UnansweredQuestions(base.database, base.publisher), asyncio.Event()
    task = asyncio.create_task(counting.run(stop))
    counting.note("main", "zebra", typing=False)
    statement = text("SELECT coalesce(sum(searches), 0) FROM kb.unanswered")
    async with asyncio.timeout(5):
        while True:
            async with base.database.read() as connection:
                if (await connection.execute(statement)).scalar_one():
                    break
            await asyncio.sleep(0.05)
    counting.note("main", "okapi", typing=False)
    stop.set()
    await task
    async with base.database.read() as connection:
        assert (await connection.execute(statement)).scalar_one() == 2


async def test_what_is_old_or_too_much_is_forgotten(base):
    for number in range(5):
        for _ in range(number + 1):
            base.unanswered.note("main", f"question {number}", typing=False)
    base.unanswered.note("other", "question", typing=False)
    await base.unanswered.write()
    async with base.database.transaction() as tx:
        assert await forget_unanswered(tx.connection, base.clock.now(), most=3) == 2
    async with base.database.read() as connection:
        rows = await connection.execute(text("SELECT question FROM kb.unanswered WHERE tenant = 'main'"))
        assert {row.question for row in rows} == {"question 2", "question 3", "question 4"}
    base.clock.advance_to(base.clock.now() + timedelta(days=89))
    assert await base.unanswered.forget() == 0
    base.clock.advance_to(base.clock.now() + timedelta(days=2))
    assert await base.unanswered.forget() == 4
