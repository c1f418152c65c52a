"""What the watchers said, as it left the broker, held against what they had to say."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, NamedTuple

import orjson

from tierdesk_bus.port import Binding, Bus, Queue, Topology
from tierdesk_contracts.names import EVENTS, event_pattern
from tierdesk_runtime.clock import FastClock

from .promising import SHARES, WITHIN, Promised, Promises

QUEUE: Final = "watched.words"
HEARD: Final = Topology(
    queues=(Queue(QUEUE),),
    bindings=tuple(
        Binding(QUEUE, EVENTS, event_pattern(f"clock.{word}.v1")) for word in ("warned", "breached", "retracted")
    ),
)


class Word(NamedTuple):
    """One message of a watcher. `heard_at` is the business time at which it came here, by the tests' own clock."""

    id: str
    word: str
    ticket: str
    kind: str
    clock_id: str
    cycle: int
    share: float
    due_at: datetime
    said_at: datetime
    heard_at: datetime

    @property
    def key(self) -> tuple[str, int, str, float]:
        """What may be said once."""
        return self.clock_id, self.cycle, self.word, self.share


@dataclass(slots=True)
class Ears:
    """Writes down each message of a watcher once, by its identifier, and counts how often one came again."""

    clock: FastClock
    words: dict[str, Word] = field(default_factory=dict)
    repeated: int = 0

    async def listen(self, bus: Bus) -> None:
        """Listen until cancelled."""
        consumer = await bus.consume(QUEUE, prefetch=1000)
        while True:
            deliveries = await consumer.receive(500, timeout_seconds=1.0)
            now = self.clock.now()
            for delivery in deliveries:
                word = _read(delivery.body, now)
                self.repeated += word.id in self.words
                self.words.setdefault(word.id, word)
            await consumer.ack(deliveries)
            await asyncio.sleep(0.02)

    def breached(self) -> set[tuple[str, str]]:
        """The tickets and kinds of clocks of which a breach was heard."""
        return {(word.ticket, word.kind) for word in self.words.values() if word.word == "breached"}


def _read(body: bytes, now: datetime) -> Word:
    told = orjson.loads(body)
    data = told["data"]
    return Word(
        id=told["id"],
        word=told["type"].split(".")[1],
        ticket=told["subject"],
        kind=data["kind"],
        clock_id=data["clock_id"],
        cycle=data["cycle"],
        share=data.get("share", 1.0),
        due_at=datetime.fromisoformat(data["due_at"]),
        said_at=datetime.fromisoformat(told["time"]),
        heard_at=now,
    )


@dataclass(slots=True)
class Account:
    """The columns, each entry in words. `fired` counts the deadlines passed of which a breach was heard."""

    fired: int = 0
    lost: list[str] = field(default_factory=list)
    twice: list[str] = field(default_factory=list)
    early: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    """What stands and is not so: a breach of a promise that was kept, another due instant."""
    warned: int = 0
    retracted: int = 0
    repeated: int = 0

    @property
    def is_clean(self) -> bool:
        return not (self.lost or self.twice or self.early or self.wrong)

    def line(self) -> str:
        columns = f"{self.fired} fired / {len(self.lost)} lost / {len(self.twice)} twice / {len(self.early)} early"
        rest = f"{len(self.wrong)} wrong, {self.warned} warnings, {self.retracted} retracted"
        return f"{columns} ({rest}, {self.repeated} messages came again under the same identifier)"

    def examples(self, *, most: int = 20) -> list[str]:
        return [entry for column in (self.lost, self.twice, self.early, self.wrong) for entry in column[: most // 4]]

    def expect_nothing_amiss(self) -> None:
        assert self.is_clean, "\n".join(self.examples())


def draw_up(promises: Promises, ears: Ears) -> Account:
    """Compare. A message that came twice under one identifier counts once: that is what its readers do."""
    account = Account(repeated=ears.repeated)
    heard: dict[tuple[str, str], list[Word]] = defaultdict(list)
    for word in ears.words.values():
        heard[word.ticket, word.kind].append(word)
    for key, number in Counter(word.key for word in ears.words.values()).items():
        if number > 1:
            account.twice.append(f"{key} was said {number} times")
    for ticket, promised in promises.made.items():
        for kind in WITHIN:
            _check(account, promised, kind, heard.pop((ticket, kind), []))
    account.wrong += [f"{key}: words on a clock that is not there" for key in heard]
    return account


def _check(account: Account, promised: Promised, kind: str, words: list[Word]) -> None:
    name = f"{promised.ticket_id} {kind}"
    due_at = promised.due_at(kind)
    if len({word.clock_id for word in words}) > 1:
        account.twice.append(f"{name}: said of several clocks")
    for word in words:
        at = promised.warned_at(word.share) if word.word == "warned" else due_at
        if word.word != "retracted" and min(word.said_at, word.heard_at) < at:
            account.early.append(f"{name}: {word.word} at {word.said_at}, heard at {word.heard_at}, due at {at}")
        if word.due_at != due_at:
            account.wrong.append(f"{name}: {word.word} of {word.due_at}, it is due at {due_at}")
    cycles = {word.cycle for word in words if word.word == "breached"}
    taken_back = {word.cycle for word in words if word.word == "retracted"}
    account.retracted += len(taken_back)
    shares = {word.share for word in words if word.word == "warned"}
    account.warned += len(shares)
    standing = cycles - taken_back
    if promised.is_kept:
        account.wrong += [f"{name}: a breach stands of what was kept" for _ in standing]
        return
    if standing:
        account.fired += 1
    else:
        account.lost.append(f"{name}: due at {due_at}, no breach was heard")
    account.twice += [f"{name}: breaches stand of the cycles {sorted(standing)}" for _ in list(_beyond_one(standing))]
    if kind == "resolution":
        account.lost += [f"{name}: not warned at {share}" for share in SHARES if share not in shares]


def _beyond_one(standing: set[int]) -> Iterator[int]:
    yield from sorted(standing)[1:]
