"""Batches that fail as a whole: taken apart, redone or kept; the message at fault is parked alone."""

import asyncio

import asyncpg
from sqlalchemy import text
from trial_service import Intake, make_due, ordered, parked, rows, unordered, until, waiting, word_of, words

from tierdesk_store import DatabaseUnavailableError, TransientError
from tierdesk_store.attempts import MAX_ATTEMPTS


async def test_a_save_that_fails_is_taken_apart_until_the_message_at_fault_is_alone(database, intake, notes):
    def saving(state):
        if any(word == "poison" for _, word in state):
            raise ZeroDivisionError("cannot be saved")

    notes.saving = saving
    batch = [unordered(f"s{n}", "fine") for n in range(60)]
    batch[41] = unordered("s41", "poison")
    batch[7] = unordered("s7", "poison")
    await intake.take(*batch)
    assert await rows(database, "SELECT count(*) FROM note") == [(58,)]
    assert sorted(await parked(database)) == [
        ("s41", "ZeroDivisionError: cannot be saved"),
        ("s7", "ZeroDivisionError: cannot be saved"),
    ]
    assert len(intake.acknowledged) == 60
    assert len(notes.batches) < 40


async def test_a_statement_that_a_message_breaks_parks_that_message(database, intake, notes):
    async def save(tx, state):
        await tx.execute(text("SELECT CAST(:w AS integer[])"), {"w": [int(w) for _, w in state]})
        for subject, word in state:
            await tx.execute(
                text("INSERT INTO note (subject, word) VALUES (:s, CAST(10 / CAST(:w AS integer) AS text))"),
                {"s": subject, "w": int(word)},
            )

    notes.save = save
    await intake.take(unordered("a", "5"), unordered("a", "0"), unordered("a", "2"))
    assert await words(database, "a") == ["2", "5"]
    ((_, reason),) = await parked(database)
    assert "division by zero" in reason


async def test_a_waiting_row_that_cannot_be_saved_is_parked_by_the_sweep(database, intake, notes):
    await intake.take(ordered("a", 2, "poison"), ordered("a", 3))

    def saving(state):
        if any(word == "poison" for _, word in state):
            raise ZeroDivisionError("cannot be saved")

    notes.saving = saving
    await intake.take(ordered("a", 1))
    assert await words(database, "a") == ["1"]
    await intake.sweep()
    assert await parked(database) == [("a", "ZeroDivisionError: cannot be saved")]
    assert [subject for subject, _ in await waiting(database)] == ["a"]


async def test_a_failing_load_is_taken_apart_as_well(database, intake, notes):
    load = notes.load

    async def failing(tx, messages):
        if any(word_of(m.envelope) == "poison" for m in messages):
            raise ValueError("cannot be loaded")
        return await load(tx, messages)

    notes.load = failing
    await intake.take(unordered("a", "x"), unordered("a", "poison"), unordered("a", "y"))
    assert await words(database, "a") == ["x", "y"]
    assert await parked(database) == [("a", "ValueError: cannot be loaded")]


async def test_a_deadlock_redoes_the_batch_and_counts_against_nobody(database, postgres_url, intake, notes):
    async with database.transaction() as tx:
        await tx.execute(text("INSERT INTO note (subject, word) VALUES ('lock', 'p'), ('lock', 'q')"))
    rival = await asyncpg.connect(postgres_url)
    await rival.execute("SET deadlock_timeout = '60s'")  # so that the batch is the one that is chosen
    rivalry = rival.transaction()
    await rivalry.start()
    await rival.execute("SELECT FROM trial.note WHERE word = 'q' FOR UPDATE")
    save = notes.save
    crossed = []

    async def crossing(tx, state):
        await tx.execute(text("SELECT FROM note WHERE word = 'p' FOR UPDATE"))
        crossed.append(asyncio.create_task(rival.execute("SELECT FROM trial.note WHERE word = 'p' FOR UPDATE")))
        await asyncio.sleep(0.1)
        await tx.execute(text("SELECT FROM note WHERE word = 'q' FOR UPDATE"))
        await save(tx, state)

    async def give_way():
        await until(lambda: crossed)
        await crossed[0]
        notes.save = save
        await rivalry.commit()

    notes.save = crossing
    await asyncio.gather(intake.take(unordered("a", "x")), give_way())
    await rival.close()
    assert await words(database, "a") == ["x"]
    assert await parked(database) == []
    assert intake.application.counts.redone >= 1


async def test_a_connection_lost_at_commit_neither_loses_nor_doubles(database, postgres_url, intake, notes):
    commit = database._commit
    killed = []

    async def torn(tx):
        if len(killed) < 4:
            # In turn: the session ends before COMMIT reaches the server, and after the server has committed.
            after = len(killed) % 2
            if after:
                await tx.connection.exec_driver_sql("COMMIT")
            (pid,) = (await tx.execute(text("SELECT pg_backend_pid()"))).one()
            killed.append(pid)
            connection = await asyncpg.connect(postgres_url)
            await connection.execute("SELECT pg_terminate_backend($1, 5000)", pid)
            await connection.close()
        await commit(tx)

    database._commit = torn
    one = [ordered("a", 1), unordered("a", "x")]
    await intake.take(*one)
    two = [ordered("a", 2), unordered("a", "y")]
    await intake.take(*two)
    assert len(killed) == 4
    assert await words(database, "a") == ["1", "x", "2", "y"]
    assert len(intake.acknowledged) == 4


async def test_while_the_database_is_away_a_batch_is_kept_until_stop(database, intake, notes):
    def raise_at_open(*_):
        raise DatabaseUnavailableError("away")

    database._open = raise_at_open
    task = asyncio.create_task(intake.take(ordered("a", 1)))
    await until(lambda: intake.application.counts.redone >= 3)
    assert not task.done()
    intake.stop.set()
    await task
    assert intake.acknowledged == []


async def test_a_waiting_row_whose_process_dies_again_and_again_is_not_blamed_within_seconds(database, notes):
    def rule(received, state):
        if not received.attempts:
            raise TransientError("later")
        raise asyncio.CancelledError

    notes.rule = rule
    await Intake(database, notes).take(unordered("s", "innocent"))
    await make_due(database)
    deaths = 0
    for _ in range(2 * MAX_ATTEMPTS):
        try:
            await Intake(database, notes).sweep()
        except asyncio.CancelledError:
            deaths += 1
    assert deaths == 2, "the second time alone, and then put off"
    notes.rule = lambda received, state: None
    await make_due(database)
    await Intake(database, notes).sweep()
    assert await words(database, "s") == ["innocent"]
    assert await parked(database) == []


async def test_a_waiting_row_that_kills_its_process_is_parked_and_its_neighbours_are_not(database, notes):
    def rule(received, state):
        if word_of(received.envelope) == "deadly" and received.attempts:
            raise asyncio.CancelledError  # ends the sweep as a kill does: nothing after it runs
        if not received.attempts:
            raise TransientError("later")

    notes.rule = rule
    intake = Intake(database, notes)
    await intake.take(*(unordered(f"s{n}", "harmless") for n in range(4)), unordered("s4", "deadly"))
    deaths = 0
    for _ in range(30):
        await make_due(database)
        try:
            await Intake(database, notes).sweep()
        except asyncio.CancelledError:
            deaths += 1
    assert deaths == MAX_ATTEMPTS
    ((subject, reason),) = await parked(database)
    assert subject == "s4"
    assert "may kill its consumer" in reason
    for n in range(4):
        assert await words(database, f"s{n}") == ["harmless"]
    assert await waiting(database) == []
