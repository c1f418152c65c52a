"""The tables of telephone calls: callbacks, whose number is whose, and who is at the telephone."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Date,
    DateTime,
    Double,
    Index,
    Integer,
    Table,
    Text,
    Uuid,
    text,
)

from tierdesk_desk.store.tables import metadata

callback = Table(
    "callback",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("id", Uuid, primary_key=True),
    Column("ticket", Text, nullable=False),
    Column("reference", Text, nullable=False),
    Column("tier", Text, nullable=False),
    Column("group_id", Text, nullable=False),
    Column("number", Text, nullable=False),
    Column("cause", Text, nullable=False),
    Column("promised_at", DateTime(timezone=True), nullable=False),
    Column("due_at", DateTime(timezone=True), nullable=False),
    Column("ready_at", DateTime(timezone=True), nullable=False),
    Column("changed_at", DateTime(timezone=True), nullable=False),
    Column("stage", Text, nullable=False),
    Column("asked", Integer, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("token", BigInteger, nullable=False),
    Column("claimed_by", Text),
    Column("claimed_until", DateTime(timezone=True)),
    Column("result", Text),
    Column("note", Text, nullable=False),
    Index(
        "callback_line",
        "tenant",
        "tier",
        "group_id",
        "due_at",
        "id",
        postgresql_where=text("stage IN ('waiting', 'claimed')"),
    ),
    Index(
        "callback_open",
        "tenant",
        "number",
        "ticket",
        unique=True,
        postgresql_where=text("stage IN ('waiting', 'claimed')"),
    ),
    Index("callback_ticket", "tenant", "ticket"),
    Index("callback_over", "changed_at", postgresql_where=text("stage NOT IN ('waiting', 'claimed')")),
)
"""Who is to be called back. One is open for each number and ticket."""

callback_attempt = Table(
    "callback_attempt",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("callback", Uuid, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("worker", Text, nullable=False),
    Column("result", Text, nullable=False),
    Column("note", Text, nullable=False),
)
"""The calls that were made."""

caller = Table(
    "caller",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("tail", Text, primary_key=True),
    Column("party", Text, primary_key=True),
)
"""Who may be calling, by the last digits of the number: whole numbers are compared with what `requester` says now."""

phone_agent = Table(
    "phone_agent",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("talks_on", Uuid),
    Column("since", DateTime(timezone=True), nullable=False),
    Column("reminded_at", DateTime(timezone=True)),
    Column("offered_at", DateTime(timezone=True)),
)
"""Who answers calls: since when they talk, or, without a call, since when they do not."""

phone_call = Table(
    "phone_call",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("id", Uuid, primary_key=True),
    Column("counted_at", DateTime(timezone=True), nullable=False),
    Index("phone_call_counted", "counted_at"),
)
"""Calls that were counted."""

call_guard_day = Table(
    "call_guard_day",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("day", Date, primary_key=True),
    Column("what", Text, primary_key=True),
    Column("number", BigInteger, nullable=False),
    Column("seconds", Double, nullable=False),
)
"""What was counted on a day of UTC."""
