"""Properties: whatever order, repetition and failure the messages meet, their effects happen once and in order."""

import itertools

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from trial_service import Intake, Notes, changed, make_due, ordered, parked, unordered, waiting, word_of, words

from tierdesk_bus.port import HOME, Address, Message, PublishResult
from tierdesk_store import GapError, PermanentError, TransientError
from tierdesk_store.outbox import OutboxRow
from tierdesk_store.waves import Waves

DATABASE = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
_run = itertools.count()


def cut(lengths):
    """Messages of a stream that cover the given numbers of sequences, one after the other."""
    bounds = list(itertools.accumulate(lengths, initial=0))
    return list(itertools.pairwise(bounds))


@given(st.data())
@DATABASE
async def test_shuffled_and_tripled_streams_are_applied_in_order(database, data):
    run = next(_run)
    messages, expected = [], {}
    for name in "ab":
        subject = f"{name}{run}"
        spans = cut(data.draw(st.lists(st.integers(1, 3), min_size=1, max_size=6)))
        messages += [changed(subject, low + 1, high) for low, high in spans]
        expected[subject] = [f"{low + 1}-{high}" for low, high in spans]
    messages += [unordered(f"u{run}", str(n)) for n in range(3)]
    tripled = data.draw(st.permutations(messages * 3))
    sizes = data.draw(st.lists(st.integers(1, 8), min_size=1, max_size=6))
    intake = Intake(database, Notes(name=f"trial {run}"))
    stream = iter(tripled)
    for size in itertools.cycle(sizes):
        batch = list(itertools.islice(stream, size))
        if not batch:
            break
        await intake.take(*batch)
    for subject, wanted in expected.items():
        assert await words(database, subject) == wanted
    assert sorted(await words(database, f"u{run}")) == ["0", "1", "2"]
    assert await waiting(database) == []
    assert len(intake.acknowledged) == len(tripled)


@given(st.data())
@DATABASE
async def test_every_message_ends_once_whatever_its_decisions_raise(database, data):
    run = next(_run)
    subject = f"s{run}"
    length = data.draw(st.integers(1, 6))
    messages = [ordered(subject, n) for n in range(1, length + 1)]
    messages += [unordered(subject, f"u{n}") for n in range(data.draw(st.integers(0, 4)))]
    lives = {
        word_of(m): data.draw(st.lists(st.sampled_from(["transient", "gap"]), max_size=3), label=word_of(m))
        for m in messages
    }
    bad = data.draw(st.sets(st.sampled_from([word_of(m) for m in messages]), max_size=1))

    def rule(received, state):
        word = word_of(received.envelope)
        if lives[word]:
            raise {"transient": TransientError, "gap": GapError}[lives[word].pop()]("not yet")
        if word in bad:
            raise PermanentError("bad")

    handler = Notes(name=f"trial {run}", rule=rule)
    unsaveable = data.draw(st.sets(st.sampled_from([word_of(m) for m in messages]), max_size=1))

    def saving(state):
        if any(word in unsaveable for _, word in state):
            raise ZeroDivisionError("unsaveable")

    handler.saving = saving
    intake = Intake(database, handler)
    arrivals = iter(data.draw(st.permutations(messages * 2)))
    for size in itertools.cycle(data.draw(st.lists(st.integers(1, 5), min_size=1, max_size=4))):
        batch = list(itertools.islice(arrivals, size))
        if not batch:
            break
        await intake.take(*batch)
    for _ in range(40):
        await make_due(database)
        await intake.sweep()

    faulty = bad | unsaveable
    done = await words(database, subject)
    stuck = [int(word) for word in faulty if word.isdigit()]
    reach = min(stuck, default=length + 1)
    assert [word for word in done if word.isdigit()] == [str(n) for n in range(1, reach)]
    wanted = {word_of(m) for m in messages if not word_of(m).isdigit()} - faulty
    assert sorted(word for word in done if not word.isdigit()) == sorted(wanted)
    held = [cause for name, cause in await waiting(database) if name == subject]
    assert held == ["held"] * max(0, length - reach)
    ended = [name for name, _ in await parked(database) if name == subject]
    assert len(ended) == len([w for w in faulty if not w.isdigit() or int(w) == reach])


FATES = [PublishResult.CONFIRMED, PublishResult.NACKED, PublishResult.RETURNED, PublishResult.UNKNOWN]


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("xyz")), max_size=30),
    st.sets(st.sampled_from("xyz")),
    st.data(),
)
def test_waves_never_send_a_message_before_its_predecessor_is_stored(pairs, probed, data):
    rows = [
        OutboxRow(0, position, subject, Message(str(position), "t", Address(HOME, "e", key), b""))
        for position, (subject, key) in enumerate(pairs)
    ]
    waves = Waves(rows, {Address(HOME, "e", key) for key in probed})
    stored, tried, sent = [], [], 0
    while wave := waves.next():
        sent += len(wave)
        assert len({(row.subject, row.destination) for row in wave}) == len(wave)
        for row in wave:
            before = [r for r in rows[: row.position] if (r.subject, r.destination) == (row.subject, row.destination)]
            assert all(r in stored for r in before)
            assert row not in tried
        tried += wave
        results = data.draw(st.lists(st.sampled_from(FATES), min_size=len(wave), max_size=len(wave)))
        confirmed = waves.settle(wave, results)
        assert confirmed == [r for r, result in zip(wave, results, strict=True) if result is PublishResult.CONFIRMED]
        stored += confirmed
    for key in probed:
        assert len([row for row in tried if row.destination.key == key]) <= 1
    if len(tried) == len(stored) and not probed:
        assert sent == len(rows), "nothing was refused, yet something stayed behind"


@given(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from("xyz")), max_size=30))
def test_when_all_goes_well_a_subject_s_messages_to_one_exchange_keep_their_order(pairs):
    rows = [
        OutboxRow(0, position, subject, Message(str(position), "t", Address(HOME, "e", key), b""))
        for position, (subject, key) in enumerate(pairs)
    ]
    waves, sent = Waves(rows), []
    while wave := waves.next():
        waves.settle(wave, [PublishResult.CONFIRMED] * len(wave))
        sent += wave
    for subject in "ab":
        positions = [row.position for row in sent if row.subject == subject]
        assert positions == sorted(positions)
