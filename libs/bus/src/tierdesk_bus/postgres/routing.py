"""Which queues a key goes to, decided as a topic exchange of RabbitMQ decides it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

MAX_REMEMBERED_KEYS = 10_000
"""Keys name kinds of messages, so there are few; should somebody put identifiers into them, the memory stays bounded."""


class Route(NamedTuple):
    """A queue that a key goes to, and how many messages it may hold."""

    queue_id: int
    max_length: int | None


class BindingRow(NamedTuple):
    """A binding as it stands in the database; a `fanout` exchange does not look at the pattern."""

    namespace: str
    exchange: str
    kind: str
    pattern: str
    route: Route


def split_words(text: str) -> list[str]:
    """Answer the words between the dots. The empty text has none; two dots in a row hold an empty word."""
    return text.split(".") if text else []


def match_topic(pattern: list[str], key: list[str]) -> bool:
    """Tell whether the words of a key match those of a pattern: `*` is one word, `#` any number, also none.

    Goes back to the latest `#` alone, as matching of `*` in file names does, and so never takes longer than the
    product of both lengths.
    """
    at_pattern = at_key = 0
    latest_hash: int | None = None
    swallowed_to = 0
    while at_key < len(key):
        if at_pattern < len(pattern) and pattern[at_pattern] == "#":
            latest_hash, swallowed_to = at_pattern, at_key
            at_pattern += 1
        elif at_pattern < len(pattern) and pattern[at_pattern] in {"*", key[at_key]}:
            at_pattern += 1
            at_key += 1
        elif latest_hash is not None:
            swallowed_to += 1
            at_pattern, at_key = latest_hash + 1, swallowed_to
        else:
            return False
    return all(word == "#" for word in pattern[at_pattern:])


class Routes:
    """The bindings at one version of the topology, and the keys that were looked up in them."""

    def __init__(self, version: int, bindings: Iterable[BindingRow]) -> None:
        self.version = version
        self._bindings: dict[tuple[str, str], list[tuple[list[str], Route]]] = {}
        self._known: dict[tuple[str, str, str], tuple[Route, ...]] = {}
        for binding in bindings:
            pattern = ["#"] if binding.kind == "fanout" else split_words(binding.pattern)
            self._bindings.setdefault((binding.namespace, binding.exchange), []).append((pattern, binding.route))

    def find(self, namespace: str, exchange: str, key: str) -> tuple[Route, ...]:
        """Answer each queue once, however many of its bindings match."""
        address = (namespace, exchange, key)
        found = self._known.get(address)
        if found is None:
            words = split_words(key)
            bindings = self._bindings.get((namespace, exchange), ())
            found = tuple(sorted({route for pattern, route in bindings if match_topic(pattern, words)}))
            if len(self._known) >= MAX_REMEMBERED_KEYS:
                self._known.clear()
            self._known[address] = found
        return found
