"""The tables of what became of articles: what readers say, how tickets used them, and which are alike."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, DateTime, Index, Integer, Table, Text, Uuid, text
from sqlalchemy.dialects.postgresql import DOUBLE_PRECISION

from tierdesk_kb.store.tables import metadata

feedback = Table(
    "feedback",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("article_id", Uuid, primary_key=True),
    Column("given_by", Text, primary_key=True),
    Column("helpful", Boolean, nullable=False),
    Column("comment", Text, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("given_at", DateTime(timezone=True), nullable=False),
    Index("feedback_given_at", "tenant", "article_id", "given_at"),
)
"""One voice of each reader: the last that was given."""

article_use = Table(
    "article_use",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("ticket", Uuid, primary_key=True),
    Column("article_id", Uuid, primary_key=True),
    Column("verdict", Text),
    Column("answered", Boolean, nullable=False),
    Column("confirmed", Boolean, nullable=False),
)

article_record = Table(
    "article_record",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("article_id", Uuid, primary_key=True),
    *(
        Column(name, Integer, nullable=False, server_default=text("0"))
        for name in ("worked", "failed", "answered", "confirmed", "helpful", "unhelpful")
    ),
)
"""The counts of `article_use` and `feedback` by article, changed with them: so that they can be read for all articles."""

like_article = Table(
    "like_article",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("article_id", Uuid, primary_key=True),
    Column("like_id", Uuid, nullable=False),
    Column("likeness", DOUBLE_PRECISION, nullable=False),
    Index("like_article_like_id", "tenant", "like_id"),
)
"""The published article that says most of the same as this one, where there is any like it."""

like_progress = Table(
    "like_progress",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("position", BigInteger, nullable=False),
)
"""Up to which position the tenant's articles were compared."""
