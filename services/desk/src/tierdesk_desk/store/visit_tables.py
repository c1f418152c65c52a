"""The tables of field visits and depot repairs."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, DateTime, Index, Table, Text, Uuid, text

from tierdesk_desk.store.tables import metadata

visit = Table(
    "visit",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("id", Uuid, primary_key=True),
    Column("ticket", Text, nullable=False),
    Column("reference", Text, nullable=False),
    Column("tier", Text, nullable=False),
    Column("group_id", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("technician", Text, nullable=False),
    Column("starts_at", DateTime(timezone=True), nullable=False),
    Column("ends_at", DateTime(timezone=True), nullable=False),
    Column("planned_by", Text, nullable=False),
    Column("planned_at", DateTime(timezone=True), nullable=False),
    Column("changed_by", Text, nullable=False),
    Column("changed_at", DateTime(timezone=True), nullable=False),
    Column("token", BigInteger, nullable=False),
    Column("outcome", Text),
    Column("note", Text, nullable=False),
    Column("report", Text, nullable=False),
    Index("visit_slot", "tenant", "tier", "group_id", "starts_at", "id", postgresql_where=text("outcome IS NULL")),
    Index("visit_open", "tenant", "ticket", postgresql_where=text("outcome IS NULL")),
    Index("visit_ticket", "tenant", "ticket", "planned_at"),
    Index("visit_over", "changed_at", postgresql_where=text("outcome IS NOT NULL")),
)
"""Where somebody goes for a ticket."""

repair = Table(
    "repair",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("id", Uuid, primary_key=True),
    Column("ticket", Text, nullable=False),
    Column("reference", Text, nullable=False),
    Column("tier", Text, nullable=False),
    Column("group_id", Text, nullable=False),
    Column("number", Text, nullable=False),
    Column("device", Text, nullable=False),
    Column("depot", Text, nullable=False),
    Column("announced_by", Text, nullable=False),
    Column("announced_at", DateTime(timezone=True), nullable=False),
    Column("changed_by", Text, nullable=False),
    Column("changed_at", DateTime(timezone=True), nullable=False),
    Column("token", BigInteger, nullable=False),
    Column("stage", Text, nullable=False),
    Column("carrier_reference", Text, nullable=False),
    Column("sent_at", DateTime(timezone=True)),
    Column("received_at", DateTime(timezone=True)),
    Column("ended_at", DateTime(timezone=True)),
    Column("note", Text, nullable=False),
    Column("report", Text, nullable=False),
    Index("repair_number", "tenant", "number", unique=True),
    Index("repair_line", "tenant", "tier", "group_id", "announced_at", "id", postgresql_where=text("ended_at IS NULL")),
    Index("repair_open", "tenant", "ticket", postgresql_where=text("ended_at IS NULL")),
    Index("repair_ticket", "tenant", "ticket", "announced_at"),
    Index("repair_over", "changed_at", postgresql_where=text("ended_at IS NOT NULL")),
)
"""What was sent to a depot. A return number is one parcel's of a tenant, for as long as it is known."""
