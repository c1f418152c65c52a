"""The watcher's tables."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    DateTime,
    Float,
    Index,
    Integer,
    MetaData,
    SmallInteger,
    Table,
    Text,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

SCHEMA = "sla"
LOG_TABLES = ("policy", "ticket_change", "policy_move", "alert")
"""Append-only: what was consumed, what was decided beside it, and what was said."""

metadata = MetaData(schema=SCHEMA)

policy = Table(
    "policy",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("version", Text, primary_key=True),
    Column("document", JSONB, nullable=False),
    Column("applied_at", DateTime(timezone=True), nullable=False),
)

ticket = Table(
    "ticket",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("ticket_id", Uuid, primary_key=True),
    Column("reference", Text, nullable=False),
    Column("policy_version", Text, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("category", Text),
    Column("priority", SmallInteger),
    Column("waiting", Uuid),
    Column("waiting_for", Text),
    Column("moved_to", Text),
    Index("ticket_reference", "tenant", "reference"),
)

ticket_change = Table(
    "ticket_change",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("ticket_id", Uuid, primary_key=True),
    Column("first_sequence", BigInteger, nullable=False),
    Column("sequence", BigInteger, primary_key=True, autoincrement=False),
    Column("policy_version", Text, nullable=False),
    Column("events", JSON, nullable=False),
    Column("applied_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)
"""What each message said of a ticket. `json`, not `jsonb`: it is written on the way of every ticket and rarely read."""

policy_move = Table(
    "policy_move",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("ticket_id", Uuid, primary_key=True),
    Column("nth", SmallInteger, primary_key=True, autoincrement=False),
    Column("sequence", BigInteger, nullable=False),
    Column("version", Text, nullable=False),
    Column("moved_at", DateTime(timezone=True), nullable=False),
)
"""That the clocks of a ticket, as they were after its event `sequence`, were moved to another version of the policy."""

clock = Table(
    "clock",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("id", Uuid, nullable=False),
    Column("ticket_id", Uuid, primary_key=True),
    Column("place", SmallInteger, primary_key=True, autoincrement=False),
    Column("kind", Text, nullable=False),
    Column("tier", Text),
    Column("group_id", Text),
    Column("vendor", Text),
    Column("assignment_id", Uuid),
    Column("started_at", DateTime(timezone=True), nullable=False),
    Column("within_seconds", Integer),
    Column("calendar", Text),
    Column("warn_at", ARRAY(Float)),
    Column("promised_by", Text),
    Column("holds", JSONB, nullable=False),
    Column("warnings", JSONB, nullable=False),
    Column("state", Text, nullable=False),
    Column("due_at", DateTime(timezone=True)),
    Column("ended_at", DateTime(timezone=True)),
    Column("cycle", Integer, nullable=False),
    Column("warned", ARRAY(Float), nullable=False),
    Column("breach_due_at", DateTime(timezone=True)),
    Column("next_at", DateTime(timezone=True)),
    Index("clock_next", "next_at", "tenant", postgresql_where=text("next_at IS NOT NULL")),
)
"""One promise of one ticket, known by its place among the ticket's: rows of new tickets stand together in that index,
which the identifiers, digests, would scatter over all of it.

`next_at` is when the watcher has something to say of it; ended clocks mostly have none, so its index grows with what
may still fall due and not with what is closed.
"""

alert = Table(
    "alert",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("clock_id", Uuid, primary_key=True),
    Column("cycle", Integer, primary_key=True, autoincrement=False),
    Column("word", Text, primary_key=True),
    Column("share", Float, primary_key=True),
    Column("due_at", DateTime(timezone=True), nullable=False),
    Column("said_at", DateTime(timezone=True), nullable=False),
)
"""What was said of a clock. The key is the promise that a word is said once in a cycle."""


def _beside(table: Table) -> Table:
    """A table of the same rows, in which they are built anew."""
    copies = [Column(one.name, one.type, primary_key=one.primary_key, nullable=one.nullable) for one in table.columns]
    for copy in copies:
        copy.autoincrement = False
    return Table(f"{table.name}_rebuilt", metadata, *copies)


ticket_rebuilt = _beside(ticket)
clock_rebuilt = _beside(clock)
"""What a rebuild made; after a swap, what stood in the live tables before it."""
