"""The tables of this library, one set in the schema of each service."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    Uuid,
    func,
    text,
)

OUTBOX_PARTITIONS: Final = 16


@dataclass(frozen=True, slots=True)
class LibraryTables:
    """The library's tables in one schema.

    `outbox` what is to be published, and for 30 days what was; `dispatch` which of its rows were, and when; `inbox` the
    identifiers seen; `applied` how far each ordered stream was followed; `waiting` messages that cannot be applied yet;
    `parked` those set aside with a reason; `attempts` how often a message that may kill its consumer was begun.
    """

    outbox: Table
    dispatch: Table
    inbox: Table
    applied: Table
    waiting: Table
    parked: Table
    attempts: Table


def library_tables(metadata: MetaData) -> LibraryTables:
    """Define the library's tables in the schema that `metadata` names."""
    return LibraryTables(
        outbox=_outbox(metadata),
        dispatch=_dispatch(metadata),
        inbox=_inbox(metadata),
        applied=_applied(metadata),
        waiting=_waiting(metadata),
        parked=_parked(metadata),
        attempts=_attempts(metadata),
    )


def _text(name: str, *, default: str | None = None) -> Column[str]:
    return Column(name, Text, nullable=False, server_default=default)


def _moment(name: str) -> Column[object]:
    return Column(name, DateTime(timezone=True), nullable=False, server_default=func.now())


def _outbox(metadata: MetaData) -> Table:
    return Table(
        "outbox",
        metadata,
        Column("partition", SmallInteger, primary_key=True, autoincrement=False),
        Column("position", BigInteger, Identity(always=True), primary_key=True),
        Column("id", Uuid, nullable=False),
        _text("tenant"),
        _text("subject"),
        _text("namespace"),
        _text("exchange"),
        _text("key"),
        _text("type"),
        Column("body", LargeBinary, nullable=False),
        Column(
            "created_at",
            DateTime(timezone=True),
            nullable=False,
            server_default=text(f"{metadata.schema}.refuse_older_release()"),
        ),
    )


def _dispatch(metadata: MetaData) -> Table:
    return Table(
        "dispatch",
        metadata,
        Column("partition", SmallInteger, primary_key=True, autoincrement=False),
        Column("position", BigInteger, primary_key=True, autoincrement=False),
        Column("published_at", DateTime(timezone=True)),
        Index("dispatch_unpublished", "partition", "position", postgresql_where=text("published_at IS NULL")),
    )


def _inbox(metadata: MetaData) -> Table:
    return Table(
        "inbox",
        metadata,
        Column("consumer", Text, primary_key=True),
        Column("namespace", Text, primary_key=True),
        Column("message_id", Uuid, primary_key=True),
        _moment("seen_at"),
        Index("inbox_seen_at", "seen_at"),
    )


def _applied(metadata: MetaData) -> Table:
    return Table(
        "applied",
        metadata,
        Column("consumer", Text, primary_key=True),
        Column("tenant", Text, primary_key=True),
        Column("subject", Text, primary_key=True),
        Column("stream", Text, primary_key=True),
        Column("sequence", BigInteger, nullable=False, server_default="0"),
        Column("held_last", BigInteger),
    )


def _waiting(metadata: MetaData) -> Table:
    return Table(
        "waiting",
        metadata,
        Column("position", BigInteger, Identity(always=True), primary_key=True),
        _text("consumer"),
        _text("tenant"),
        _text("subject"),
        _text("cause"),
        Column("stream", Text),
        Column("first", BigInteger),
        Column("last", BigInteger),
        _text("message_id"),
        _text("type"),
        _text("namespace"),
        _text("queue"),
        Column("body", LargeBinary, nullable=False),
        _text("reason", default=""),
        Column("attempts", Integer, nullable=False, server_default="0"),
        Column("begun", Integer, nullable=False, server_default="0"),
        _moment("first_seen_at"),
        _moment("due_at"),
        Index("waiting_due", "consumer", "due_at"),
        Index("waiting_subject", "consumer", "tenant", "subject", "position"),
        Index(
            "waiting_sequence",
            "consumer",
            "tenant",
            "subject",
            "stream",
            "last",
            unique=True,
            postgresql_where=text("stream IS NOT NULL"),
        ),
    )


def _parked(metadata: MetaData) -> Table:
    return Table(
        "parked",
        metadata,
        Column("id", Uuid, primary_key=True, server_default=func.gen_random_uuid()),
        _text("consumer"),
        _text("tenant"),
        _text("subject"),
        Column("stream", Text),
        Column("first", BigInteger),
        Column("last", BigInteger),
        _text("message_id"),
        _text("type"),
        _text("namespace"),
        _text("queue"),
        Column("body", LargeBinary, nullable=False),
        _text("reason"),
        _text("detail", default=""),
        Column("attempts", Integer, nullable=False, server_default="0"),
        _moment("first_seen_at"),
        _moment("parked_at"),
        Column("resolution", Text),
        Column("resolved_at", DateTime(timezone=True)),
        Index("parked_open", "parked_at", postgresql_where=text("resolution IS NULL")),
    )


def _attempts(metadata: MetaData) -> Table:
    return Table(
        "attempts",
        metadata,
        Column("consumer", Text, primary_key=True),
        Column("digest", LargeBinary, primary_key=True),
        Column("count", Integer, nullable=False),
        _moment("last_at"),
        Index("attempts_last_at", "last_at"),
    )
