"""The ledger: what was promised held against what is there, row by row.

Reads every service's schema as the database's owner does. `lost` is what was accepted and is not there, `duplicated` what
is there more often than it happened, `reordered` what stands in another order than it was sent in.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import orjson

from .load import Book

ENDED = ("resolved", "closed")
SCHEMAS = ("intake", "router", "sla", "kb")
FOLLOWER = "follower"
_BEHIND = """
    SELECT (SELECT count(*) FROM router.ticket_log)
             - (SELECT coalesce(sum(sequence - first_sequence + 1), 0) FROM sla.ticket_change),
           (SELECT count(*) FROM sla.clock WHERE next_at < now())
"""
_HEARD_BEHIND = """
    SELECT (SELECT count(*) FROM router.ticket_log) - (SELECT coalesce(sum(last - first + 1), 0) FROM follower.heard)
"""


@dataclass(slots=True)
class Ledger:
    """The three columns, each entry in words, and what is unfinished."""

    lost: list[str] = field(default_factory=list)
    duplicated: list[str] = field(default_factory=list)
    reordered: list[str] = field(default_factory=list)
    parked: list[str] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        return not (self.lost or self.duplicated or self.reordered or self.parked)

    def line(self, tickets: int) -> str:
        return (
            f"{len(self.lost)} lost / {len(self.duplicated)} duplicated / {len(self.reordered)} reordered of {tickets}"
        )

    def examples(self, *, most: int) -> list[str]:
        return (self.lost + self.duplicated + self.reordered + self.parked)[:most]


async def is_settled(database_url: str, tickets: int, *, heard: bool = True) -> bool:
    """Whether all tickets have ended and nothing is on its way; without `heard`, no follower is looked at."""
    connection = await asyncpg.connect(database_url)
    try:
        ended = await connection.fetchval("SELECT count(*) FROM router.ticket WHERE status = ANY($1)", list(ENDED))
        if ended < tickets:
            return False
        behind = [*await connection.fetchrow(_BEHIND), await connection.fetchval(_HEARD_BEHIND) if heard else 0]
        pending = [
            await connection.fetchval(f"SELECT count(*) FROM {schema}.dispatch WHERE published_at IS NULL")
            + await connection.fetchval(f"SELECT count(*) FROM {schema}.waiting")
            for schema in (*SCHEMAS, *[FOLLOWER] * heard)
        ]
        return not any(behind) and not any(pending)
    finally:
        await connection.close()


async def draw_up(database_url: str, book: Book, *, heard: bool = True) -> Ledger:
    """Read everything and compare; without `heard`, there is no follower to compare with."""
    ledger = Ledger()
    connection = await asyncpg.connect(database_url)
    try:
        tickets = {
            str(row["id"]): row["status"] for row in await connection.fetch("SELECT id, status FROM router.ticket")
        }
        log = await connection.fetch(
            "SELECT ticket_id, sequence, kind, event FROM router.ticket_log ORDER BY ticket_id, sequence"
        )
        followed = await connection.fetch(
            "SELECT ticket_id, generate_series(first_sequence, sequence) AS sequence FROM sla.ticket_change"
        )
        told = "SELECT ticket_id, first, last FROM follower.heard ORDER BY position"
        heard_rows = await connection.fetch(told) if heard else None
        await _check_alarms(ledger, connection)
        for schema in (*SCHEMAS, *[FOLLOWER] * heard):
            rows = await connection.fetch(f"SELECT type, reason FROM {schema}.parked WHERE resolution IS NULL")
            ledger.parked += [f"{schema} parked {row['type']}: {row['reason']}" for row in rows]
    finally:
        await connection.close()
    _check_tickets(ledger, book, tickets)
    stories: dict[str, list[Any]] = defaultdict(list)
    for row in log:
        stories[str(row["ticket_id"])].append((row["sequence"], row["kind"], orjson.loads(row["event"])))
    for ticket, story in stories.items():
        _check_story(ledger, ticket, story, book.replies.get(ticket, []))
    _check_watcher(ledger, stories, followed)
    if heard_rows is not None:
        _check_follower(ledger, stories, heard_rows)
    return ledger


def _check_tickets(ledger: Ledger, book: Book, tickets: dict[str, str]) -> None:
    for key, ticket in book.tickets.items():
        if ticket not in tickets:
            ledger.lost.append(f"{key} was accepted as {ticket}, which the router does not have")
        elif tickets[ticket] not in ENDED:
            ledger.lost.append(f"{key}: ticket {ticket} has not ended, it is {tickets[ticket]}")
    ghosts = len(tickets) - len(book.posted)
    if ghosts > 0:
        ledger.duplicated.append(f"{ghosts} tickets more than were posted")
    twice = [ticket for ticket, number in Counter(book.tickets.values()).items() if number > 1]
    ledger.duplicated += [f"{ticket} was given to two reports" for ticket in twice]


def _check_story(ledger: Ledger, ticket: str, story: list[Any], replies: list[str]) -> None:
    sequences = [sequence for sequence, _, _ in story]
    if sequences != list(range(1, len(story) + 1)):
        ledger.reordered.append(f"{ticket}: its log is not gapless: {sequences}")
    said = [event["text"] for _, kind, event in story if kind == "replied"]
    ledger.lost += [f"{ticket}: {text!r} was accepted and is not in the log" for text in replies if text not in said]
    ledger.duplicated += [f"{ticket}: {text!r} {number} times" for text, number in Counter(said).items() if number > 1]
    if [text for text in said if text in replies] != replies and Counter(said) == Counter(replies):
        ledger.reordered.append(f"{ticket}: replies as {said}")
    ledger.duplicated += [
        f"{ticket}: {event['note']!r} although {event['assignment_id']} had it"
        for _, kind, event in story
        if kind == "progressed" and not event.get("note", "").endswith(event["assignment_id"])
    ]
    kinds = Counter(kind for _, kind, _ in story)
    for kind in ("opened", "resolved"):
        if kinds[kind] > 1:
            ledger.duplicated.append(f"{ticket}: {kind} {kinds[kind]} times")
    notes = Counter(event.get("note") for _, kind, event in story if kind == "progressed")
    ledger.duplicated += [f"{ticket}: note {note!r} {number} times" for note, number in notes.items() if number > 1]
    offers = Counter(event["token"] for _, kind, event in story if kind == "offered")
    ledger.duplicated += [f"{ticket}: token {token} {number} times" for token, number in offers.items() if number > 1]


def _check_watcher(ledger: Ledger, stories: dict[str, list[Any]], followed: list[Any]) -> None:
    """The watcher's copy of the events equals the router's log."""
    copied: dict[str, list[int]] = defaultdict(list)
    for row in followed:
        copied[str(row["ticket_id"])].append(row["sequence"])
    for ticket, story in stories.items():
        if len(copied[ticket]) < len(story):
            ledger.lost.append(f"{ticket}: the watcher has {len(copied[ticket])} of {len(story)} events")
        if len(copied[ticket]) > len(set(copied[ticket])):
            ledger.duplicated.append(f"{ticket}: the watcher has an event twice")


def _check_follower(ledger: Ledger, stories: dict[str, list[Any]], heard: list[Any]) -> None:
    """What the follower applied, in the order in which it applied it, is each ticket's log once."""
    applied: dict[str, list[int]] = defaultdict(list)
    for row in heard:
        applied[row["ticket_id"]] += range(row["first"], row["last"] + 1)
    for ticket, story in stories.items():
        missing = len(story) - len(set(applied[ticket]))
        if missing > 0:
            ledger.lost.append(f"{ticket}: the follower lacks {missing} of {len(story)} events")
        if len(applied[ticket]) > len(set(applied[ticket])):
            ledger.duplicated.append(f"{ticket}: the follower applied {applied[ticket]}")
        first_times = list(dict.fromkeys(applied[ticket]))
        if first_times != sorted(first_times):
            ledger.reordered.append(f"{ticket}: the follower applied {applied[ticket]}")


async def _check_alarms(ledger: Ledger, connection: asyncpg.Connection) -> None:
    """Each word of the watcher is published once, and heard once by the router; none that was due is missing."""
    said = await connection.fetchval("SELECT count(*) FROM sla.alert")
    sent = Counter(
        (data["clock_id"], data["cycle"], row["type"], data.get("share"))
        for row in await connection.fetch("SELECT type, body FROM sla.outbox WHERE type LIKE 'clock.%'")
        for data in [orjson.loads(row["body"])["data"]]
    )
    heard = await connection.fetchval("SELECT count(*) FROM router.ticket_log WHERE kind = 'alarm'")
    due = await connection.fetchval("SELECT count(*) FROM sla.clock WHERE next_at < now() - interval '5 seconds'")
    ledger.duplicated += [f"{key} was said {number} times" for key, number in sent.items() if number > 1]
    if sent.total() < said or heard < sent.total():
        ledger.lost.append(f"the watcher said {said}, sent {sent.total()}, the router heard {heard}")
    if heard > sent.total():
        ledger.duplicated.append(f"the watcher sent {sent.total()}, the router heard {heard}")
    if due:
        ledger.lost.append(f"{due} clocks fell due and nothing was said of them")
