"""The tables of what resolutions leave behind: drafts, and what a lower tier could have solved."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, DateTime, Index, Integer, Table, Text, Uuid, text
from sqlalchemy.dialects.postgresql import ARRAY, DOUBLE_PRECISION

from tierdesk_kb.store.tables import metadata

proposal = Table(
    "proposal",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("ticket", Uuid, primary_key=True),
    Column("reference", Text, nullable=False),
    Column("tier", Text, nullable=False),
    Column("category", Text, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("article_id", Uuid),
    Column("revision", Integer, nullable=False),
    Column("proposed_at", DateTime(timezone=True), nullable=False),
    Index("proposal_article", "tenant", "article_id", unique=True, postgresql_where=text("article_id IS NOT NULL")),
)
"""The draft that a ticket has proposed; `article_id` is null once it was withdrawn."""

resolution = Table(
    "resolution",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("ticket", Uuid, primary_key=True),
    Column("tier", Text, nullable=False),
    Column("category", Text, nullable=False),
    Column("policy_version", Text, nullable=False),
    Column("resolved_at", DateTime(timezone=True), nullable=False),
    Column("title_words", ARRAY(Text), nullable=False),
    Column("text_words", ARRAY(Text), nullable=False),
    Column("fresh", Boolean, nullable=False),
    Column("article_id", Uuid),
    Column("score", DOUBLE_PRECISION, nullable=False),
    Index("resolution_figures", "tenant", "resolved_at", postgresql_include=["tier", "category", "article_id"]),
    Index("resolution_fresh", "tenant", "ticket", postgresql_where=text("fresh")),
)
"""Tickets that were resolved, and the best article that documents each now, for people below.

One that is `fresh` was not looked at yet.
"""

hindsight = Table(
    "hindsight",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("position", BigInteger, nullable=False),
    Column("target", BigInteger),
    Column("after", Uuid, nullable=False),
)
"""How far resolved tickets were looked at: for all that readers see by `position`; and, up to the ticket `after`, by `target`."""

documented_ticket = Table(
    "documented_ticket",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("ticket", Uuid, primary_key=True),
    Column("article_id", Uuid, nullable=False),
    Column("tier", Text, nullable=False),
    Column("category", Text, nullable=False),
)
"""Open tickets that an article documents, and where they stand."""
