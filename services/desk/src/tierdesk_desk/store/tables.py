"""The tables of the desk."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from sqlalchemy import BigInteger, Column, DateTime, Index, Integer, MetaData, Table, Text, Uuid, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

SCHEMA = "desk"
LOG_TABLES = ("audit", "policy")
"""Append-only: what was written stays as it was written."""

NEVER: Final = datetime(9999, 1, 1, tzinfo=UTC)
"""Ranks what has no deadline behind all that have."""

metadata = MetaData(schema=SCHEMA)

work = Table(
    "work",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("assignment_id", Uuid, primary_key=True),
    Column("ticket", Text, nullable=False),
    Column("token", BigInteger, nullable=False),
    Column("role", Text, nullable=False),
    Column("tier", Text, nullable=False),
    Column("group_id", Text, nullable=False),
    Column("mode", Text, nullable=False),
    Column("reference", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("category", Text, nullable=False),
    Column("priority", Integer, nullable=False),
    Column("offered_at", DateTime(timezone=True), nullable=False),
    Column("changed_at", DateTime(timezone=True), nullable=False),
    Column("stage", Text, nullable=False),
    Column("before", Text, nullable=False),
    Column("worker", Text),
    Column("ordinal", Integer, nullable=False),
    Column("question", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("accept_by", DateTime(timezone=True)),
    Column("due_at", DateTime(timezone=True)),
    Column("rank_at", DateTime(timezone=True), nullable=False),
    Column("waits_for", Text),
    Column("ended", Text),
    Column("refused", JSONB(none_as_null=True)),
    Column("said", JSONB(none_as_null=True)),
    Column("view", JSONB, nullable=False),
    Column("skills", ARRAY(Text), nullable=False),
    Index(
        "work_board",
        "tenant",
        "tier",
        "group_id",
        "priority",
        "rank_at",
        "assignment_id",
        postgresql_where=text("stage = 'offered'"),
    ),
    Index(
        "work_in_hand",
        "tenant",
        "tier",
        "group_id",
        "priority",
        "rank_at",
        "assignment_id",
        postgresql_where=text("stage IN ('claiming', 'owned', 'paused')"),
    ),
    Index(
        "work_held",
        "tenant",
        "worker",
        "assignment_id",
        postgresql_where=text("stage IN ('claiming', 'owned', 'paused')"),
    ),
    Index("work_ticket", "tenant", "ticket"),
    Index("work_left", "tenant", "worker", "changed_at", postgresql_where=text("stage = 'left'")),
    Index("work_over", "changed_at", postgresql_where=text("stage IN ('left', 'gone')")),
    Index("work_since", "tenant", "tier", "group_id", "offered_at", postgresql_where=text("stage = 'offered'")),
    Index(
        "work_words",
        text("words_of(tenant, (reference || ' ') || title)"),
        postgresql_using="gin",
        postgresql_with={"fastupdate": "off"},
        postgresql_where=text("stage IN ('offered', 'claiming', 'owned', 'paused')"),
    ),
)
"""What was offered to the groups that people work. `rank_at` is `due_at`, or `NEVER` without one.

Identifiers of assignments grow with time, so that they order what is alike.
"""

work_count = Table(
    "work_count",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("tier", Text, primary_key=True),
    Column("group_id", Text, primary_key=True),
    Column("stage", Text, primary_key=True),
    Column("number", BigInteger, nullable=False),
)
"""How much work of each group stands where: kept with each change, so that nobody counts rows."""

ticket = Table(
    "ticket",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("reference", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("tier", Text),
    Column("group_id", Text),
    Column("owner", Text),
    Column("priority", Integer),
    Column("category", Text),
    Column("sequence", BigInteger, nullable=False),
    Column("changed_at", DateTime(timezone=True), nullable=False),
    Index("ticket_reference", "tenant", "reference"),
)
"""Where each ticket stands, from the events alone."""

taking = Table(
    "taking",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("account_id", Uuid, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("assignment_id", Uuid, nullable=False),
    Column("taken_at", DateTime(timezone=True), nullable=False, server_default=text("now()")),
    Index("taking_age", "taken_at"),
)
"""What somebody took as the next under which key. The time is the database's own."""

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
