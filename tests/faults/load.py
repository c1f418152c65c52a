"""Clients that post events and repeat what was not answered, each under its own key, and write down what they know."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import httpx2

REPLIES = 2
CLIENTS = 20
PATIENCE_SECONDS = 180.0
ANSWER_SECONDS = 45.0


@dataclass(slots=True)
class Book:
    """What the clients know: per key the ticket they were given, and the replies that were accepted, in order.

    `refused` counts answers other than 202 by status; 0 stands for none: refused or lost connections.
    """

    posted: set[str] = field(default_factory=set)
    tickets: dict[str, str] = field(default_factory=dict)
    replies: dict[str, list[str]] = field(default_factory=dict)
    refused: Counter[int] = field(default_factory=Counter)
    slowest_seconds: float = 0.0
    unrouted: int = 0
    """What an outbox held, at the most, while nothing took it."""


@dataclass(frozen=True, slots=True)
class Load:
    """So many tickets at a steady rate to all of `urls`; goes on beyond `tickets` until `enough` says so.

    Each request is sent `copies` times at once, under the same key.
    """

    urls: Sequence[str]
    key: str
    tickets: int
    per_second: float
    seed: int
    copies: int = 1
    enough: Callable[[], bool] = lambda: True

    async def post_all(self, book: Book) -> None:
        """Post all tickets and their replies. Every client goes on until it has its answer."""
        queue: asyncio.Queue[int] = asyncio.Queue()
        tasks = [asyncio.create_task(self._client(queue, book, number)) for number in range(CLIENTS)]
        try:
            number = 0
            while number < self.tickets or not self.enough():
                queue.put_nowait(number)
                number += 1
                await asyncio.sleep(1 / self.per_second)
                for task in tasks:
                    if task.done():
                        task.result()
            for _ in tasks:
                queue.put_nowait(-1)
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _client(self, queue: asyncio.Queue[int], book: Book, client: int) -> None:
        headers = {"Authorization": f"Bearer {self.key}"}
        doors = [
            httpx2.AsyncClient(base_url=url, headers=headers, timeout=ANSWER_SECONDS, trust_env=False)
            for url in self.urls
        ]
        dice = random.Random(f"{self.seed} {client}")
        try:
            while (number := await queue.get()) >= 0:
                await self._report(_Visitor(doors, dice, book), number, book)
        finally:
            for door in doors:
                await door.aclose()

    async def _report(self, visitor: _Visitor, number: int, book: Book) -> None:
        key = f"problem-{number}"
        book.posted.add(key)
        problem = {
            "type": "problem_reported",
            "requester": {"party": f"person-{number % 50}", "phone": "12"},
            "title": f"Problem {number}",
            "category": random.Random(f"{self.seed} {key}").choice(["usage", "how-to", "laptop", "printer"]),
        }
        ticket = await visitor.post(key, problem, copies=self.copies)
        book.tickets[key] = ticket
        book.replies[ticket] = []
        for reply in range(REPLIES):
            text = f"reply {reply} of {number}"
            event = {"type": "requester_replied", "ticket": ticket, "text": text}
            await visitor.post(f"{key}-{reply}", event, copies=self.copies)
            book.replies[ticket].append(text)


@dataclass(slots=True)
class _Visitor:
    """One client at several doors: where it is not served at one, it tries the next."""

    doors: Sequence[httpx2.AsyncClient]
    dice: random.Random
    book: Book

    async def post(self, key: str, event: dict[str, object], *, copies: int) -> str:
        """The ticket that the desk answers; of several copies, the one that all are given."""
        tickets = await asyncio.gather(*(self._post_one(key, event) for _ in range(copies)))
        assert len(set(tickets)) == 1, f"{key}: copies of one request were given {set(tickets)}"
        return tickets[0]

    async def _post_one(self, key: str, event: dict[str, object]) -> str:
        loop = asyncio.get_running_loop()
        began_at = loop.time()
        door = self.dice.randrange(len(self.doors))
        while loop.time() < began_at + PATIENCE_SECONDS:
            asked_at = loop.time()
            status, body = await self._ask(self.doors[door], key, event)
            self.book.slowest_seconds = max(self.book.slowest_seconds, loop.time() - asked_at)
            if status == 202:
                return body
            self.book.refused[status] += 1
            if status not in {0, 409, 503}:
                raise AssertionError(f"{key}: {status} {body}")
            door = (door + 1) % len(self.doors)
            await asyncio.sleep(0.3)
        raise AssertionError(
            f"{key}: no answer in {PATIENCE_SECONDS:.0f} s; all were refused {dict(self.book.refused)}"
        )

    @staticmethod
    async def _ask(door: httpx2.AsyncClient, key: str, event: dict[str, object]) -> tuple[int, str]:
        try:
            answer = await door.post("/v1/events", json=event, headers={"Idempotency-Key": key})
        except httpx2.TransportError:
            return 0, ""
        if answer.status_code != 202:
            return answer.status_code, answer.text
        return 202, str(answer.json()["ticket"])
