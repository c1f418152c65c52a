"""The tables of what resolutions leave behind: drafts, and what a lower tier could have solved."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Date, DateTime, Index, Integer, Table, Text, Uuid, text
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
    Column("sequence", BigInteger, primary_key=True, autoincrement=False),
    Column("tier", Text, nullable=False),
    Column("category", Text, nullable=False),
    Column("policy_version", Text, nullable=False),
    Column("resolved_at", DateTime(timezone=True), nullable=False),
    Column("title_words", ARRAY(Text), nullable=False),
    Column("text_words", ARRAY(Text), nullable=False),
    Column("fresh", Boolean, nullable=False),
    Column("counted", Boolean, nullable=False),
    Column("reopened", Boolean, nullable=False),
    Column("article_id", Uuid),
    Column("score", DOUBLE_PRECISION, nullable=False),
    Index("resolution_age", "tenant", "resolved_at"),
    Index("resolution_fresh", "tenant", "ticket", postgresql_where=text("fresh")),
)
"""Tickets that were resolved, each time by its place in the ticket's log, and the best article that documents each now, for people below.

One that is `fresh` is still to be looked at: it is new, or the ticket was `reopened` and the row is to go. `counted` says whether `shift_left` has it.
"""

shift_left = Table(
    "shift_left",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("day", Date, primary_key=True),
    Column("tier", Text, primary_key=True),
    Column("category", Text, primary_key=True),
    Column("article_id", Uuid, primary_key=True),
    Column("tickets", BigInteger, nullable=False),
)
"""How many tickets were resolved on a day (UTC), by what documents them: nil where nothing does.

Whoever holds the tenant's row in `hindsight` writes it, and nobody else.
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
