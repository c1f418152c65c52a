"""Fills ledgers from the tables, and writes what they hold that is new.

Locks are taken in one order everywhere, so that no two processes wait for each other: calls, then tickets, then
keys, each sorted.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ARRAY, BigInteger, Table, Text, Uuid, bindparam, func, select, text, tuple_, update
from sqlalchemy.exc import IntegrityError

from tierdesk_bus.port import HOME, Address
from tierdesk_contracts import AnyEnvelope
from tierdesk_contracts.names import EVENTS, event_key
from tierdesk_intake.domain.ledger import Answer, Entry, KeyName, KnownKey, Ledger, Ticket
from tierdesk_intake.store.bulk import arrays, columns_of, find_rows, insert_rows, keys_of
from tierdesk_intake.store.group_commit import ConflictError
from tierdesk_intake.store.tables import SCHEMA, idempotency_key, raw_event, ticket
from tierdesk_store import Database, Transaction
from tierdesk_store.errors import is_taken
from tierdesk_store.outbox import insert_outgoing

_continued = (
    func.unnest(
        bindparam("tenants", type_=ARRAY(Text)),
        bindparam("ids", type_=ARRAY(Uuid)),
        bindparam("sequences", type_=ARRAY(BigInteger)),
    )
    .table_valued("tenant", "id", "last_sequence", name="continued")
    .render_derived()
)
_continue_tickets: Final = (
    update(ticket)
    .values(last_sequence=_continued.c.last_sequence)
    .where(ticket.c.tenant == _continued.c.tenant, ticket.c.id == _continued.c.id)
)


def _record(*, on_conflict: str = "") -> str:
    """One statement instead of three, since a group's cost is mostly its number of statements: the part that writes."""
    return f"""
        WITH given AS MATERIALIZED (
            SELECT * FROM unnest(
                CAST(:tenant AS text[]), CAST(:id AS uuid[]), CAST(:source AS text[]), CAST(:key AS text[]),
                CAST(:fingerprint AS bytea[]), CAST(:body AS bytea[]), CAST(:answer AS text[]), CAST(:ticket AS uuid[]),
                CAST(:reference AS text[]), CAST(:opened AS bigint[])
            ) AS one(tenant, id, source, key, fingerprint, body, answer, ticket, reference, opened)
        ), used AS MATERIALIZED (
            SELECT EXISTS (
                SELECT FROM given CROSS JOIN LATERAL (
                    SELECT FROM {idempotency_key} AS known
                    WHERE known.tenant = given.tenant AND known.source = given.source AND known.key = given.key
                    LIMIT 1
                ) AS found
            ) AS any
        ), fresh AS (
            SELECT given.*, CAST(:now AS timestamptz) AS now FROM given WHERE NOT (SELECT used.any FROM used)
        ), key AS (
            INSERT INTO {idempotency_key} (tenant, source, key, fingerprint, answer, ticket, reference, created_at)
            SELECT tenant, source, key, fingerprint, answer, ticket, reference, now FROM fresh WHERE key IS NOT NULL
            {on_conflict} RETURNING 1
        ), opened AS (
            INSERT INTO {ticket} (tenant, id, reference, last_sequence, opened_at)
            SELECT tenant, ticket, reference, opened, now FROM fresh WHERE opened IS NOT NULL
            {on_conflict} RETURNING 1
        ), raw AS (
            INSERT INTO {raw_event} (tenant, id, source, key, ticket, body, received_at)
            SELECT tenant, id, source, key, ticket, body, now FROM fresh
        )
    """  # noqa: S608 - the names of our own tables


_ALONE: Final = f"""
    {_record()}, {insert_outgoing(SCHEMA, when="NOT (SELECT used.any FROM used)")}
    SELECT used.any FROM used
"""  # noqa: S608 - our own text
_save_alone: Final = text(_ALONE)
"""All or nothing by itself: a key that another process has just taken is an error, which undoes the rest."""
_IN_TRANSACTION: Final = f"""
    {_record(on_conflict="ON CONFLICT DO NOTHING")}
    SELECT (SELECT count(*) FROM key) AS keys, (SELECT count(*) FROM opened) AS tickets
"""  # noqa: S608 - our own text
_save_entries: Final = text(_IN_TRANSACTION)
"""Says what it has written: who has a transaction to roll back need not have an error in the server's log."""


async def find_keys(tx: Transaction, names: Collection[KeyName]) -> dict[KeyName, KnownKey]:
    """What was answered to those of these keys that were used before."""
    if not names:
        return {}
    found = await tx.execute(find_rows(idempotency_key), arrays(keys_of(idempotency_key), list(names)))
    return {
        KeyName(row.tenant, row.source, row.key): KnownKey(
            row.fingerprint, Answer(row.answer, row.ticket, row.reference)
        )
        for row in found
    }


async def draw_references(
    tx: Transaction, tickets: Collection[tuple[UUID, str]], draw: Callable[[], str]
) -> dict[UUID, str]:
    """A reference for each of these, given with its tenant, that no ticket of that tenant has."""
    drawn: dict[UUID, str] = {}
    missing = list(tickets)
    while missing:
        drawn |= {one: draw() for one, _ in missing}
        names = [(tenant, drawn[one]) for one, tenant in missing]
        known = select(ticket.c.tenant, ticket.c.reference).where(
            tuple_(ticket.c.tenant, ticket.c.reference).in_(names)
        )
        taken = {(row.tenant, row.reference) for row in await tx.execute(known)}
        missing = [(one, tenant) for one, tenant in missing if (tenant, drawn[one]) in taken]
    return drawn


async def lock_tickets(tx: Transaction, names: Collection[tuple[str, UUID]]) -> dict[tuple[str, UUID], Ticket]:
    """Those of these tickets that exist, locked until the transaction ends."""
    if not names:
        return {}
    found = await tx.execute(find_rows(ticket, lock=True), arrays(keys_of(ticket), sorted(names)))
    return {(row.tenant, row.id): Ticket(row.tenant, row.id, row.reference, row.last_sequence) for row in found}


async def save(tx: Transaction, ledger: Ledger) -> None:
    """Write what is new in the ledger and send its messages.

    Raises `ConflictError` when another process was first with a key or drew the same reference.
    """
    if ledger.continued:
        # One that was opened just now is not there yet: it is inserted below, with its last sequence.
        tickets = [ledger.continued[name] for name in sorted(ledger.continued)]
        await tx.execute(
            _continue_tickets,
            {
                "tenants": [one.tenant for one in tickets],
                "ids": [one.id for one in tickets],
                "sequences": [one.last_sequence for one in tickets],
            },
        )
    if ledger.entries:
        saved = (await tx.execute(_save_entries, _rows_of(ledger))).one()
        if saved.keys != sum(one.posted.key is not None for one in ledger.entries):
            raise ConflictError("another process was first with a key")
        if saved.tickets != sum(one.opened is not None for one in ledger.entries):
            raise ConflictError("a reference is taken")
    for message, address in _sent(ledger):
        tx.send(message, address)


async def save_alone(database: Database, ledger: Ledger) -> bool:
    """Write a ledger of new tickets, its messages too, as a transaction of one statement, if none of its keys was used.

    Answers whether it did: else nothing is written. Raises `ConflictError` as `save` does.
    """
    try:
        recorded = await database.execute_alone(_save_alone, _rows_of(ledger), _sent(ledger))
    except IntegrityError as error:
        if not is_taken(error):
            raise
        raise ConflictError("another process was first with a key, or a reference is taken") from error
    return not recorded.scalar_one()


def _sent(ledger: Ledger) -> list[tuple[AnyEnvelope, Address]]:
    return [(message, Address(HOME, EVENTS, event_key(message.tenant, message.type))) for message in ledger.messages]


def _key_order(entry: Entry) -> tuple[str, str, str]:
    return (entry.posted.tenant, entry.posted.source, entry.posted.key or "")


def _rows_of(ledger: Ledger) -> dict[str, Any]:
    entries = sorted(ledger.entries, key=_key_order)
    return {
        "now": ledger.now,
        "tenant": [one.posted.tenant for one in entries],
        "id": [one.id for one in entries],
        "source": [one.posted.source for one in entries],
        "key": [one.posted.key for one in entries],
        "fingerprint": [one.posted.fingerprint for one in entries],
        "body": [one.posted.body for one in entries],
        "answer": [one.answer.text for one in entries],
        "ticket": [one.answer.ticket for one in entries],
        "reference": [one.answer.reference for one in entries],
        "opened": [None if one.opened is None else one.opened.last_sequence for one in entries],
    }


async def add_tickets(tx: Transaction, tickets: Sequence[tuple[Ticket, datetime]]) -> None:
    """Keep tickets, each with the time at which it was opened; those that are known stay as they are."""
    rows = [(one.tenant, one.id, one.reference, one.last_sequence, at) for one, at in tickets]
    if rows:
        await tx.execute(insert_rows(ticket, skip_conflicts=True), arrays(columns_of(ticket), rows))


async def insert_all(tx: Transaction, table: Table, rows: Sequence[Sequence[Any]]) -> None:
    """Insert all of these rows. Raises `ConflictError` when one of them is there already."""
    inserted = await tx.execute(insert_rows(table, skip_conflicts=True), arrays(columns_of(table), rows))
    if inserted.rowcount != len(rows):
        raise ConflictError(table.name)
