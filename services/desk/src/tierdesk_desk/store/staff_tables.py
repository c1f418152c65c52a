"""The tables of presence, of shifts, and of what each person has solved and escalated."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Date, DateTime, Index, Table, Text, Uuid, text

from tierdesk_desk.store.tables import metadata

presence = Table(
    "presence",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("account_id", Uuid, primary_key=True),
    Column("state", Text, nullable=False),
    Column("since", DateTime(timezone=True), nullable=False),
    Column("waits_since", DateTime(timezone=True), nullable=False),
    Index("presence_available", "tenant", "account_id", postgresql_where=text("state = 'available'")),
)
"""What people say of themselves. `waits_since` is when they came, or were last given work. Both in business time."""

shift = Table(
    "shift",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("id", Uuid, primary_key=True),
    Column("account_id", Uuid, nullable=False),
    Column("tier", Text, nullable=False),
    Column("group_id", Text, nullable=False),
    Column("starts_at", DateTime(timezone=True), nullable=False),
    Column("ends_at", DateTime(timezone=True), nullable=False),
    Index("shift_account", "tenant", "account_id", "starts_at", "tier", "group_id", unique=True),
    Index("shift_ends", "tenant", "ends_at", "id"),
)
"""Who serves which group from when to when, in business time."""

work_record = Table(
    "work_record",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("worker", Text, primary_key=True),
    Column("month", Date, primary_key=True),
    Column("tier", Text, primary_key=True),
    Column("group_id", Text, primary_key=True),
    Column("category", Text, primary_key=True),
    Column("ended", Text, primary_key=True),
    Column("number", BigInteger, nullable=False),
    Index("work_record_group", "tenant", "tier", "group_id", "month"),
)
"""How much work of a category ended how, by who had it and by month (UTC): kept with each ending, so that nobody counts rows."""
