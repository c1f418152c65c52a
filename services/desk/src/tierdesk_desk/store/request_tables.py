"""The tables of requests, and of who makes them."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, DateTime, Index, Table, Text, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from tierdesk_desk.store.tables import metadata

requester = Table(
    "requester",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("party", Text, primary_key=True),
    Column("name", Text),
    Column("email", Text),
    Column("phone", Text),
)
"""Who asks: personal data, here alone."""

request = Table(
    "request",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("ticket", Text, primary_key=True),
    Column("party", Text),
    Column("reference", Text, nullable=False),
    Column("channel", Text),
    Column("title", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("category", Text),
    Column("status", Text, nullable=False),
    Column("is_awaited", Boolean, nullable=False),
    Column("asked", Text, nullable=False),
    Column("missing", ARRAY(Text), nullable=False),
    Column("merged_into", Text),
    Column("sequence", BigInteger, nullable=False),
    Column("opened_at", DateTime(timezone=True), nullable=False),
    Column("changed_at", DateTime(timezone=True), nullable=False),
    Index("request_party", "tenant", "party", "opened_at", "ticket"),
    Index(
        "request_open",
        "tenant",
        "party",
        "opened_at",
        "ticket",
        postgresql_where=text("status NOT IN ('closed', 'cancelled', 'merged')"),
    ),
    Index("request_reference", "tenant", "reference"),
)
"""Tickets as those who asked see them. Nobody sees one without `party`."""

request_entry = Table(
    "request_entry",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("ticket", Text, primary_key=True),
    Column("sequence", BigInteger, primary_key=True),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("kind", Text, nullable=False),
    Column("by_requester", Boolean, nullable=False),
    Column("text", Text, nullable=False),
    Column("files", JSONB, nullable=False),
)
"""What was said in public, and what else a requester may know, in the order of the ticket's events."""
