"""The tables of the knowledge base."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
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
from sqlalchemy.dialects.postgresql import ARRAY, DOUBLE_PRECISION, JSONB

SCHEMA = "kb"
LOG_TABLES = ("revision", "review", "policy", "service_version", "post_log")
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
    Column("submitted_revision", Integer),
    Column("owner", Text),
    Column("review_at", DateTime(timezone=True)),
    Index("article_position", "tenant", "position", unique=True, postgresql_where=text("position IS NOT NULL")),
    Index("article_submitted", "tenant", "id", postgresql_where=text("submitted_revision IS NOT NULL")),
    Index("article_owner", "tenant", "owner", "id", postgresql_where=text("owner IS NOT NULL")),
    Index("article_review_at", "tenant", "review_at", postgresql_where=text("review_at IS NOT NULL")),
)
"""`position` is that of the last change that readers can see, in the tenant's gapless order of commits.

`state` is what readers see of it: a draft in review is a `draft` here, with the revision that was submitted.
"""

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
    Column("language", Text, nullable=False, server_default="en"),
    Column("author", Text, nullable=False),
    Column("written_at", DateTime(timezone=True), nullable=False),
    Column("kind", Text, nullable=False, server_default="faq"),
    Column("steps", ARRAY(Text), nullable=False, server_default="{}"),
    Column("attachments", JSONB, nullable=False, server_default="[]"),
    Column("video", Text),
)

review = Table(
    "review",
    metadata,
    Column("position", BigInteger, Identity(always=True), primary_key=True),
    Column("tenant", Text, nullable=False),
    Column("article_id", Uuid, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("step", Text, nullable=False),
    Column("by", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Index("review_article", "tenant", "article_id", "position"),
)
"""What was done about revisions on their way to the readers, and by whom."""

imported = Table(
    "imported",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("article_id", Uuid, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("fingerprint", LargeBinary, nullable=False),
)
"""Articles that came from elsewhere: by the key that their source gave them, as they were when they came last."""

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
    Column("due_at", DateTime(timezone=True)),
    Index("job_due_at", "due_at", postgresql_where=text("due_at IS NOT NULL")),
)
"""Work of level 0 that the knowledge base accepted. While it waits for the requester, `due_at` is when it waits no longer."""

open_ticket = Table(
    "open_ticket",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("id", Uuid, primary_key=True),
    Column("policy_version", Text, nullable=False),
    Column("title_words", ARRAY(Text), nullable=False),
    Column("text_words", ARRAY(Text), nullable=False),
    Column("tried", ARRAY(Uuid), nullable=False),
    Column("told_article", Uuid),
    Column("told_score", DOUBLE_PRECISION, nullable=False),
    Column("reopen_seconds", BigInteger, nullable=False),
    Column("forget_at", DateTime(timezone=True)),
    Index("open_ticket_forget_at", "forget_at", postgresql_where=text("forget_at IS NOT NULL")),
)
"""What is kept of tickets for which an article may still be published. `told_*` is the best match told so far.

One that is over stays until `forget_at`, in business time: it may be reopened until then.
"""

publication = Table(
    "publication",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("article_id", Uuid, primary_key=True),
    Column("position", BigInteger, nullable=False),
    Column("after", Uuid, nullable=False),
    Index("publication_position", "position", "tenant"),
)
"""Published revisions, by their position, for which the open tickets after this one are still to be looked at."""

synonyms = Table(
    "synonyms",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("groups", JSONB, nullable=False),
    Column("author", Text, nullable=False),
    Column("written_at", DateTime(timezone=True), nullable=False),
)
"""Terms that mean the same, by language. Their `position` makes every process look, as that of an article does."""

unanswered = Table(
    "unanswered",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("question", Text, primary_key=True),
    Column("searches", BigInteger, nullable=False),
    Column("suggestions", BigInteger, nullable=False),
    Column("first_at", DateTime(timezone=True), nullable=False),
    Column("last_at", DateTime(timezone=True), nullable=False),
    Index("unanswered_last_at", "last_at"),
)
"""Questions for which nothing was found, and how often."""

deflection = Table(
    "deflection",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("id", Uuid, primary_key=True),
    Column("article_id", Uuid, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Index("deflection_at", "tenant", "at"),
)
"""Problems that an article solved before they became tickets, by the identifier that the caller gave."""
