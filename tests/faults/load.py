"""Clients that post events and repeat what was not answered, each under its own key, and write down what they know."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field

import httpx2

REPLIES = 2
PATIENCE_SECONDS = 120.0


@dataclass(slots=True)
class Book:
    """What the clients know: per key the ticket they were given, and the replies that were accepted, in order."""

    posted: set[str] = field(default_factory=set)
    tickets: dict[str, str] = field(default_factory=dict)
    replies: dict[str, list[str]] = field(default_factory=dict)
    repeats: int = 0


async def post_all(url: str, key: str, count: int, book: Book, *, clients: int, seed: int, per_second: float) -> None:
    """Post `count` tickets and their replies at a steady rate. Every client goes on until it has its answer."""
    queue: asyncio.Queue[int] = asyncio.Queue()
    dice = random.Random(seed)
    categories = [dice.choice(["usage", "how-to", "laptop", "printer"]) for _ in range(count)]

    async def feed() -> None:
        for number in range(count):
            queue.put_nowait(number)
            await asyncio.sleep(1 / per_second)
        for _ in range(clients):
            queue.put_nowait(-1)

    async def client() -> None:
        headers = {"Authorization": f"Bearer {key}"}
        async with httpx2.AsyncClient(base_url=url, headers=headers, timeout=10.0, trust_env=False) as http:
            while (number := await queue.get()) >= 0:
                await _report(http, number, categories[number], book)

    await asyncio.gather(feed(), *(client() for _ in range(clients)))


async def _report(http: httpx2.AsyncClient, number: int, category: str, book: Book) -> None:
    key = f"problem-{number}"
    book.posted.add(key)
    answer = await _post(
        http,
        key,
        {
            "type": "problem_reported",
            "requester": {"party": f"person-{number % 50}", "phone": "12"},
            "title": f"Problem {number}",
            "category": category,
        },
        book,
    )
    ticket = answer["ticket"]
    book.tickets[key] = ticket
    book.replies[ticket] = []
    for reply in range(REPLIES):
        text = f"reply {reply} of {number}"
        await _post(http, f"{key}-{reply}", {"type": "requester_replied", "ticket": ticket, "text": text}, book)
        book.replies[ticket].append(text)


async def _post(http: httpx2.AsyncClient, key: str, event: dict[str, object], book: Book) -> dict[str, str]:
    loop = asyncio.get_running_loop()
    end = loop.time() + PATIENCE_SECONDS
    while loop.time() < end:
        try:
            answer = await http.post("/v1/events", json=event, headers={"Idempotency-Key": key})
        except httpx2.TransportError:
            answer = None
        if answer is not None and answer.status_code == 202:
            body: dict[str, str] = answer.json()
            return body
        if answer is not None and answer.status_code not in {409, 503}:
            raise AssertionError(f"{key}: {answer.status_code} {answer.text}")
        book.repeats += 1
        await asyncio.sleep(0.1)
    raise AssertionError(f"{key}: no answer in {PATIENCE_SECONDS:.0f} s")
