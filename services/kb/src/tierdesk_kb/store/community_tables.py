"""The tables of the community."""

from __future__ import annotations

from sqlalchemy import Column, DateTime, Index, Integer, Table, Text, Uuid, text

from tierdesk_kb.store.tables import metadata

post = Table(
    "post",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("id", Uuid, primary_key=True),
    Column("author", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("written_at", DateTime(timezone=True), nullable=False),
    Column("question", Uuid),
    Column("title", Text),
    Column("votes", Integer, nullable=False),
    Column("reports", Integer, nullable=False),
    Column("accepted", Uuid),
    Column("article_id", Uuid),
    Index("post_questions", "tenant", "id", postgresql_where=text("question IS NULL AND state = 'shown'")),
    Index("post_answers", "tenant", "question", "id", postgresql_where=text("question IS NOT NULL")),
    Index("post_queue", "tenant", "id", postgresql_where=text("state = 'held' OR reports > 0")),
)
"""Questions, and answers to the `question` that they name. `reports` counts those that no moderator has settled."""

post_vote = Table(
    "post_vote",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("post_id", Uuid, primary_key=True),
    Column("voter", Text, primary_key=True),
)

post_report = Table(
    "post_report",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("post_id", Uuid, primary_key=True),
    Column("reporter", Text, primary_key=True),
)
"""Who has reported what: each once."""

post_log = Table(
    "post_log",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("id", Uuid, primary_key=True),
    Column("post_id", Uuid, nullable=False),
    Column("verb", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Index("post_log_post", "tenant", "post_id", "id"),
)

known_author = Table(
    "known_author",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("name", Text, primary_key=True),
)
"""Authors of whom a moderator approved the last post that one judged."""

community_setting = Table(
    "community_setting",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("hold_first", Text, nullable=False),
)
