"""The tables of the knowledge base."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, DateTime, Index, Integer, MetaData, Table, Text, Uuid, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

SCHEMA = "kb"
LOG_TABLES = ("revision", "policy")
"""Append-only: what was written stays as it was written."""

metadata = MetaData(schema=SCHEMA)

article = Table(
    "article",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("id", Uuid, primary_key=True),
    Column("state", Text, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("published_revision", Integer),
    Column("position", BigInteger),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("changed_at", DateTime(timezone=True), nullable=False),
    Index("article_position", "tenant", "position", unique=True, postgresql_where=text("position IS NOT NULL")),
)
"""`position` is that of the last change that readers can see, in the tenant's gapless order of commits."""

revision = Table(
    "revision",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("article_id", Uuid, primary_key=True),
    Column("revision", Integer, primary_key=True, autoincrement=False),
    Column("title", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("audience", Text, nullable=False),
    Column("keywords", ARRAY(Text), nullable=False),
    Column("author", Text, nullable=False),
    Column("written_at", DateTime(timezone=True), nullable=False),
)

counter = Table(
    "counter",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("position", BigInteger, nullable=False),
)
"""The last position given. Its row is locked until the change commits, so that positions become visible in order."""

policy = Table(
    "policy",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("version", Text, primary_key=True),
    Column("document", JSONB, nullable=False),
)

policy_in_force = Table(
    "policy_in_force",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("version", Text, nullable=False),
    Column("applied_at", DateTime(timezone=True), nullable=False),
)

job = Table(
    "job",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("assignment_id", Uuid, primary_key=True),
    Column("token", BigInteger, nullable=False),
    Column("ticket", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("ordinal", Integer, nullable=False),
    Column("article_id", Text),
    Column("article_title", Text),
)
"""Work of level 0 that the knowledge base accepted."""
