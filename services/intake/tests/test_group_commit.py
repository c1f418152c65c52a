"""The group commit, on a real database: nobody suffers for another's fault."""

import asyncio

import pytest
from sqlalchemy import text

from tierdesk_intake.domain.refusals import RefusalKind, RefusedError
from tierdesk_intake.store.group_commit import GROUP_BYTES, WAITING_BYTES, ConflictError, GroupCommit
from tierdesk_store import Database, DatabaseUnavailableError

TABLE = "CREATE TABLE note (name text PRIMARY KEY, number integer CHECK (number < 100))"
NOTE = text("INSERT INTO public.note VALUES (:name, :number)")


class Notes:
    """Writes (name, number) as rows; counts its transactions, and remembers their sizes."""

    def __init__(self):
        self.sizes = []

    async def __call__(self, tx, items):
        self.sizes.append(len(items))
        for name, number in items:
            await tx.execute(NOTE, {"name": name, "number": number})
        return [RefusedError(RefusalKind.INVALID, name) if number < 0 else name for name, number in items]


@pytest.fixture
async def database(postgres_url):
    database = Database(postgres_url, schema="public", name="test", pool_size=4)
    async with database.transaction() as tx:
        await tx.execute(text(TABLE))
    yield database
    await database.close()


@pytest.fixture
async def start(database):
    """Starts group commits, and stops them at the end."""
    stop, tasks = asyncio.Event(), []

    def start(write, **options):
        commit = GroupCommit(database, write, size_of=len, **options)
        tasks.append(asyncio.create_task(commit.run(stop)))
        return commit

    yield start
    stop.set()
    await asyncio.gather(*tasks)


async def names(database):
    async with database.read() as connection:
        return {row.name for row in await connection.execute(text("SELECT name FROM public.note"))}


async def test_what_arrives_together_is_committed_together(start, database):
    notes = Notes()
    commit = start(notes)
    answers = await asyncio.gather(*(commit.submit((f"n{number}", number % 100)) for number in range(300)))
    assert answers == [f"n{number}" for number in range(300)]
    assert len(await names(database)) == 300
    assert len(notes.sizes) < 10


async def test_a_group_has_a_greatest_size(start):
    notes = Notes()
    commit = start(notes, most=50)
    await commit.submit_all([((f"n{number}", 1), None) for number in range(120)])
    assert sorted(notes.sizes) == [20, 50, 50]


async def test_an_item_that_cannot_be_written_fails_alone(start, database):
    commit = start(Notes())
    items = [((f"n{number}", 1000 if number in {7, 30} else 1), None) for number in range(64)]
    answers = await commit.submit_all(items)
    failed = {number for number, answer in enumerate(answers) if isinstance(answer, Exception)}
    assert failed == {7, 30}
    assert "check constraint" in str(answers[7])
    assert await names(database) == {f"n{number}" for number in range(64) if number not in failed}


async def test_a_refused_item_is_answered_alone(start):
    commit = start(Notes())
    answers = await commit.submit_all([(("a", 1), None), (("b", -1), None), (("c", 1), None)])
    assert [type(answer) for answer in answers] == [str, RefusedError, str]


async def test_a_name_is_taken_until_its_commit_and_then_free(start, database):
    commit = start(Notes())
    async with database.transaction() as tx:
        await tx.execute(text("LOCK TABLE public.note IN EXCLUSIVE MODE"))
        first = asyncio.create_task(commit.submit(("a", 1), name="a"))
        await asyncio.sleep(0.2)
        with pytest.raises(RefusedError) as refused:
            await commit.submit(("a2", 1), name="a")
        assert refused.value.kind is RefusalKind.KEY_IN_FLIGHT
    assert await first == "a"
    assert await commit.submit(("a3", 1), name="a") == "a3"


async def test_a_caller_that_leaves_has_its_item_written(start, database):
    commit = start(Notes())
    async with database.transaction() as tx:
        await tx.execute(text("LOCK TABLE public.note IN EXCLUSIVE MODE"))
        leaving = asyncio.create_task(commit.submit(("a", 1), name="a"))
        staying = asyncio.create_task(commit.submit(("b", 1)))
        await asyncio.sleep(0.2)
        leaving.cancel()
    assert await staying == "b"
    assert leaving.cancelled()
    assert await names(database) == {"a", "b"}
    assert await commit.submit(("c", 1), name="a") == "c"


async def test_more_than_can_wait_is_refused_and_not_kept(start, database):
    commit = start(Notes(), capacity=10, most=5)
    async with database.transaction() as tx:
        await tx.execute(text("LOCK TABLE public.note IN EXCLUSIVE MODE"))
        first = asyncio.create_task(commit.submit(("first", 1)))
        await asyncio.sleep(0.2)
        rest = asyncio.create_task(commit.submit_all([((f"n{number}", 1), f"n{number}") for number in range(12)]))
        await asyncio.sleep(0)
    assert await first == "first"
    answers = await rest
    assert answers[:10] == [f"n{number}" for number in range(10)]
    assert {answer.kind for answer in answers[10:]} == {RefusalKind.OVERLOADED}
    assert "n11" not in await names(database)
    assert await commit.submit(("n11", 1), name="n11") == "n11"


async def test_large_items_are_written_in_smaller_groups_and_few_of_them_wait(start, database):
    sizes = []

    async def write(tx, items):
        sizes.append(sum(len(item) for item in items))
        return [len(item) for item in items]

    item = b"x" * (1 << 20)
    answers = await start(write).submit_all([(item, None)] * 100)
    taken = WAITING_BYTES >> 20
    assert answers[:taken] == [1 << 20] * taken
    assert {answer.kind for answer in answers[taken:]} == {RefusalKind.OVERLOADED}
    assert max(sizes) <= GROUP_BYTES
    assert sum(sizes) == WAITING_BYTES


async def test_who_was_second_does_it_again_and_sees_the_first(start):
    rounds = []

    async def write(tx, items):
        rounds.append(len(items))
        if len(rounds) < 3:
            raise ConflictError("a key is taken")
        return list(items)

    assert await start(write).submit("a") == "a"
    assert rounds == [1, 1, 1]


async def test_who_is_always_second_is_told_to_come_again(start):
    async def write(tx, items):
        raise ConflictError("a key is taken")

    with pytest.raises(DatabaseUnavailableError):
        await start(write).submit("a")


async def test_a_lock_that_another_process_holds_is_the_business_of_one_item(start, database):
    notes = Notes()
    commit = start(notes)
    async with database.transaction() as tx:
        await tx.execute(NOTE, {"name": "held", "number": 1})
        answers = await commit.submit_all([(("held", 1), None), (("free", 1), None)])
    assert isinstance(answers[0], RefusedError)
    assert answers[0].kind is RefusalKind.KEY_IN_FLIGHT
    assert answers[1] == "free"


async def test_a_defect_is_told_to_its_caller_and_the_rest_goes_on(start):
    async def write(tx, items):
        if "broken" in items:
            raise ZeroDivisionError
        return list(items)

    commit = start(write)
    answers = await commit.submit_all([("a", None), ("broken", None), ("b", None)])
    assert answers[0] == "a"
    assert isinstance(answers[1], ZeroDivisionError)
    assert answers[2] == "b"


async def test_without_a_database_nobody_is_told_that_it_is_stored():
    database = Database("postgresql://nobody@127.0.0.1:1/none", schema="public", name="test")
    commit, stop = GroupCommit(database, Notes(), size_of=len), asyncio.Event()
    task = asyncio.create_task(commit.run(stop))
    answers = await commit.submit_all([(("a", 1), "a"), (("b", 1), "b")])
    assert {type(answer) for answer in answers} == {DatabaseUnavailableError}
    stop.set()
    await task


async def test_what_waits_when_told_to_stop_is_written_and_nothing_after(database):
    commit, stop = GroupCommit(database, Notes(), size_of=len, most=2), asyncio.Event()
    task = asyncio.create_task(commit.run(stop))
    waiting = asyncio.create_task(commit.submit_all([((f"n{number}", 1), None) for number in range(9)]))
    await asyncio.sleep(0)
    stop.set()
    assert await waiting == [f"n{number}" for number in range(9)]
    await task
    with pytest.raises(DatabaseUnavailableError, match="stopping"):
        await commit.submit(("late", 1))


async def test_what_is_cut_off_is_told_that_its_fate_is_unknown(database):
    commit = GroupCommit(database, Notes(), size_of=len)
    async with database.transaction() as tx:
        await tx.execute(text("LOCK TABLE public.note IN EXCLUSIVE MODE"))
        task = asyncio.create_task(commit.run(asyncio.Event()))
        waiting = asyncio.create_task(commit.submit_all([(("a", 1), None)]))
        await asyncio.sleep(0.2)
        task.cancel()
        await asyncio.wait([task])
    (answer,) = await waiting
    assert isinstance(answer, DatabaseUnavailableError)


async def test_whoever_waits_when_a_group_is_cut_off_while_halved_is_told(database):
    begun = asyncio.Event()

    async def write(tx, items):
        if len(items) > 1:
            raise ZeroDivisionError
        begun.set()
        await asyncio.sleep(60)

    commit = GroupCommit(database, write, size_of=len)
    task = asyncio.create_task(commit.run(asyncio.Event()))
    waiting = asyncio.create_task(commit.submit_all([(name, name) for name in "abcd"]))
    await begun.wait()
    task.cancel()
    await asyncio.wait([task])
    assert {type(answer) for answer in await waiting} == {DatabaseUnavailableError}


async def test_a_statement_that_takes_too_long_stops_the_group_only(start, database):
    slow = [True]

    async def write(tx, items):
        if slow.pop() if slow else False:
            await tx.execute(text("SET LOCAL statement_timeout = '50ms'"))
            await tx.execute(text("SELECT pg_sleep(5)"))
        return list(items)

    commit = start(write)
    with pytest.raises(DatabaseUnavailableError):
        await commit.submit("a")
    assert await commit.submit("b") == "b"
