"""The tables of the catalogue."""

from __future__ import annotations

from sqlalchemy import JSON, Boolean, Column, DateTime, Index, Integer, LargeBinary, Table, Text, Uuid, text
from sqlalchemy.dialects.postgresql import ARRAY

from tierdesk_kb.store.tables import metadata

service = Table(
    "service",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("item", Text, primary_key=True),
    Column("version", Integer, nullable=False),
)
"""The newest version of each service. Forms and answers are kept as text, in the order in which they were written."""

service_version = Table(
    "service_version",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("item", Text, primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("name", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("form", JSON, nullable=False),
    Column("category", Text, nullable=False),
    Column("steps", ARRAY(Text), nullable=False),
    Column("active", Boolean, nullable=False),
    Column("author", Text, nullable=False),
    Column("written_at", DateTime(timezone=True), nullable=False),
)

service_order = Table(
    "service_order",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("id", Uuid, primary_key=True),
    Column("item", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("party", Text, nullable=False),
    Column("answers", JSON, nullable=False),
    Column("ordered_at", DateTime(timezone=True), nullable=False),
    Column("key", Text),
    Column("fingerprint", LargeBinary, nullable=False),
    Column("reference", Text),
    Column("status", Text),
    Index("service_order_key", "tenant", "key", unique=True, postgresql_where=text("key IS NOT NULL")),
)
"""An order has the identifier of its ticket. `reference` and `status` are that ticket's, once its events tell of it."""
