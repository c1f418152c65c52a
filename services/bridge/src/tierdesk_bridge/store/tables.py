"""The tables of the bridge."""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    Uuid,
    text,
)

SCHEMA: Final = "bridge"
LOG_TABLES: Final = ("callback",)
"""Append-only: what was answered stays as it was answered."""

metadata = MetaData(schema=SCHEMA)

endpoint = Table(
    "endpoint",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("vendor", Text, primary_key=True),
    Column("url", Text, nullable=False),
    Column("set_at", DateTime(timezone=True), nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("disabled_reason", Text),
    Column("disabled_at", DateTime(timezone=True)),
    Column("failures", Integer, nullable=False),
    Column("rests_until", DateTime(timezone=True)),
    Column("failing_subject", Text),
)
"""Where a vendor takes webhooks. `failures` counts in a row, and of one ticket after itself but once; it gets nothing
before `rests_until`.

Locked before the deliveries that change with it.
"""

delivery = Table(
    "delivery",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("vendor", Text, primary_key=True),
    Column("id", Uuid, primary_key=True),
    Column("position", BigInteger, Identity(always=True), nullable=False),
    Column("subject", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("state", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("taken_at", DateTime(timezone=True), nullable=False),
    Column("due_at", DateTime(timezone=True), nullable=False),
    Column("first_in_line", Boolean, nullable=False),
    Column("lease", Uuid),
    Column("leased_until", DateTime(timezone=True)),
    Column("ended_at", DateTime(timezone=True)),
    Column("last_status", Integer),
    Column("last_detail", Text),
    Index("delivery_position", "tenant", "vendor", "position"),
    Index(
        "delivery_due",
        *("tenant", "vendor", "due_at", "position"),
        postgresql_where=text("state = 'pending' AND first_in_line"),
    ),
    Index("delivery_leased", "tenant", "vendor", postgresql_where=text("lease IS NOT NULL")),
    Index("delivery_order", "tenant", "vendor", "subject", "position", postgresql_where=text("state = 'pending'")),
    Index("delivery_ended", "ended_at", postgresql_where=text("state = 'delivered'")),
    Index("delivery_left", "taken_at", postgresql_where=text("state <> 'delivered'")),
)
"""One message for a vendor; `id` is that of its envelope. Positions ascend in the order of the vendor's queue.

Of a ticket only the oldest that is pending is sent: it is `first_in_line`, so that what waits behind it is never read.

A delivery in flight is leased: who holds the lease writes what came of it, and nobody else.
"""

callback = Table(
    "callback",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("vendor", Text, primary_key=True),
    Column("webhook_id", Text, primary_key=True),
    Column("fingerprint", LargeBinary, nullable=False),
    Column("message_id", Uuid, nullable=False),
    Column("taken_at", DateTime(timezone=True), nullable=False),
)
"""What was taken of a vendor under which identifier, for ever. `fingerprint` is the SHA-256 of the body."""
