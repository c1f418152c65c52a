"""How keys are matched: the rules by themselves, and that both adapters keep them."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus.driving import EVENTS, bodies, message, publish, receive_and_ack
from tierdesk_bus import Binding, Bus, Exchange, Queue, Topology
from tierdesk_bus.postgres.routing import match_topic, split_words

WORDS = st.sampled_from(["", "a", "b", "ticket", "v1"])
PATTERNS = st.lists(st.one_of(WORDS, st.sampled_from(["*", "#"])), max_size=7)
KEYS = st.lists(WORDS, max_size=7)


def _matches(pattern: Sequence[str], key: Sequence[str]) -> bool:
    """The rule as the AMQP specification says it, without a thought for speed."""
    if not pattern:
        return not key
    head, *rest = pattern
    if head == "#":
        return any(_matches(rest, key[taken:]) for taken in range(len(key) + 1))
    return bool(key) and head in {"*", key[0]} and _matches(rest, key[1:])


@given(PATTERNS, KEYS)
def test_a_key_matches_a_pattern_exactly_when_the_rule_says_so(pattern: list[str], key: list[str]) -> None:
    assert match_topic(pattern, key) == _matches(pattern, key)


@given(KEYS)
def test_a_lone_hash_matches_every_key(key: list[str]) -> None:
    assert match_topic(["#"], key)


@pytest.mark.parametrize(("text", "words"), [("", []), ("a", ["a"]), ("a.b", ["a", "b"]), ("a..b", ["a", "", "b"])])
def test_words_stand_between_dots(text: str, words: list[str]) -> None:
    assert split_words(text) == words


PATTERN_EXAMPLES = [
    "#",
    "*",
    "a",
    "a.b",
    "a.*",
    "a.#",
    "*.b",
    "#.b",
    "a.*.c",
    "a.#.c",
    "*.*",
    "#.#",
    "*.#",
    "#.*.#",
    "",
]
KEY_EXAMPLES = ["", "a", "b", "a.b", "b.a", "a.b.c", "a.c", "a.b.b.c", "a.", ".b", "a..c", "a.x.b", "A.b"]


async def test_each_key_reaches_the_queues_whose_pattern_it_matches_and_no_other(bus: Bus) -> None:
    names = {pattern: f"q{index}" for index, pattern in enumerate(PATTERN_EXAMPLES)}
    await bus.declare(
        Topology(
            (EVENTS,),
            tuple(Queue(name) for name in names.values()),
            tuple(Binding(name, "events", pattern) for pattern, name in names.items()),
        )
    )
    await publish(bus, [message(key, key.encode()) for key in KEY_EXAMPLES])
    for pattern, name in names.items():
        expected = [key for key in KEY_EXAMPLES if _matches(split_words(pattern), split_words(key))]
        consumer = await bus.consume(name, prefetch=100)
        arrived = await receive_and_ack(consumer, len(expected))
        assert [delivery.body.decode() for delivery in arrived] == expected, pattern
        assert await consumer.receive(1, timeout_seconds=0.05) == []


async def test_a_queue_bound_twice_gets_a_message_once(bus: Bus) -> None:
    await bus.declare(
        Topology((EVENTS,), (Queue("q"),), (Binding("q", "events", "a.*"), Binding("q", "events", "*.b")))
    )
    await publish(bus, [message("a.b")])
    consumer = await bus.consume("q", prefetch=10)
    assert len(await receive_and_ack(consumer, 1)) == 1
    assert await consumer.receive(10, timeout_seconds=0.3) == []


async def test_a_fanout_exchange_does_not_look_at_the_key(bus: Bus) -> None:
    await bus.declare(
        Topology(
            (Exchange("inbound", kind="fanout"),),
            (Queue("one"), Queue("two")),
            (Binding("one", "inbound", "x"), Binding("two", "inbound", "y")),
        )
    )
    await publish(bus, [message("whatever", exchange="inbound")])
    for name in ("one", "two"):
        assert len(await receive_and_ack(await bus.consume(name, prefetch=10), 1)) == 1


async def test_a_binding_of_another_process_counts_for_the_next_publish(bus: Bus, connect_bus, bus_url: str) -> None:
    other = await connect_bus(bus_url)
    await bus.declare(Topology((EVENTS,), (Queue("q"),), (Binding("q", "events", "a"),)))
    assert await bus.publish([message("a"), message("b")], timeout_seconds=5) == ["confirmed", "returned"]
    await other.declare(
        Topology(queues=(Queue("late"),), bindings=(Binding("q", "events", "b"), Binding("late", "events")))
    )
    await publish(bus, [message("a", b"second a"), message("b", b"second b")])
    assert len(await receive_and_ack(await bus.consume("q", prefetch=10), 3)) == 3
    late = await bus.consume("late", prefetch=10)
    assert bodies(await receive_and_ack(late, 2)) == [b"second a", b"second b"]
    assert await late.receive(10, timeout_seconds=0.3) == []
