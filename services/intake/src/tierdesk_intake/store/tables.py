"""Intake's tables. The tenant stands first in every key."""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Column,
    Date,
    DateTime,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

SCHEMA: Final = "intake"
LOG_TABLES: Final = ("raw_event", "call_event")
"""Append-only: the service's role may neither change nor delete their rows."""

metadata: Final = MetaData(schema=SCHEMA)

raw_event: Final = Table(
    "raw_event",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("id", Uuid, primary_key=True),
    Column("source", Text, nullable=False),
    Column("key", Text),
    Column("ticket", Uuid),
    Column("body", LargeBinary, nullable=False),
    Column("received_at", DateTime(timezone=True), nullable=False),
)
"""The bytes of everything that was accepted. `id` is that of the message it became, if it became one."""

idempotency_key: Final = Table(
    "idempotency_key",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("source", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("fingerprint", LargeBinary, nullable=False),
    Column("answer", Text, nullable=False),
    Column("ticket", Uuid),
    Column("reference", Text),
    Column("created_at", DateTime(timezone=True), nullable=False),
)
"""Kept for ever: a repetition after years gets the same answer."""

ticket: Final = Table(
    "ticket",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("id", Uuid, primary_key=True),
    Column("reference", Text, nullable=False),
    Column("last_sequence", BigInteger, nullable=False),
    Column("opened_at", DateTime(timezone=True), nullable=False),
    UniqueConstraint("tenant", "reference", name="ticket_reference"),
)

call: Final = Table(
    "call",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("provider", Text, primary_key=True),
    Column("call_id", Text, primary_key=True),
    Column("state", JSONB),
    Column("ticket", Uuid),
    Column("waits_since", DateTime(timezone=True)),
    Column("talks_since", DateTime(timezone=True)),
    Index("call_waiting", "tenant", "waits_since", postgresql_where=text("waits_since IS NOT NULL")),
    Index("call_talking", "tenant", "talks_since", postgresql_where=text("talks_since IS NOT NULL")),
)
"""What is known of a call, as it was last told. Who waits, and where somebody talks, stands apart, so that counting them looks at no
call that is over.
"""

call_event: Final = Table(
    "call_event",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("provider", Text, primary_key=True),
    Column("call_id", Text, primary_key=True),
    Column("digest", LargeBinary, primary_key=True),
    Column("event", JSONB, nullable=False),
    Column("seen_at", DateTime(timezone=True), nullable=False),
)
"""The distinct events of a call."""

recording: Final = Table(
    "recording",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("provider", Text, primary_key=True),
    Column("call_id", Text, primary_key=True),
    Column("digest", LargeBinary, primary_key=True),
    Column("ticket", Uuid, nullable=False),
    Column("locator", Text, nullable=False),
    Column("stage", Text, nullable=False),
    Column("due_at", DateTime(timezone=True), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("detail", Text, nullable=False),
    Column("attachment", Uuid),
    Column("told_at", DateTime(timezone=True), nullable=False),
    Column("settled_at", DateTime(timezone=True)),
    Index("recording_due", "due_at", postgresql_where=text("stage = 'due'")),
    Index("recording_ticket", "tenant", "ticket"),
)
"""Recordings of calls, by the SHA-256 of where they can be found. Times are real ones, of the database."""

policy_terms: Final = Table(
    "policy_terms",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("version", Text, nullable=False),
    Column("categories", ARRAY(Text), nullable=False),
    Column("departments", ARRAY(Text), nullable=False),
    Column("applied_at", DateTime(timezone=True), nullable=False),
    Column("phone", JSONB(none_as_null=True)),
)
"""The names that the policy in force knows, and what it says of the telephone, if anything."""

attachment: Final = Table(
    "attachment",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("id", Uuid, primary_key=True),
    Column("ticket", Uuid, nullable=False),
    Column("name", Text, nullable=False),
    Column("begun_at", DateTime(timezone=True), nullable=False),
    Column("number", Integer),
    Column("media_type", Text),
    Column("size_bytes", BigInteger),
    Column("sha256", LargeBinary),
    Column("added_at", DateTime(timezone=True)),
    Column("told_by", Uuid),
    UniqueConstraint("tenant", "ticket", "number", name="attachment_number"),
    Index("attachment_unfinished", "begun_at", postgresql_where=text("number IS NULL")),
)
"""Files of tickets. One without a number is on its way in, or was cut off. `begun_at` is real time, `added_at`
business time, `told_by` the message that told of it."""

attachment_piece: Final = Table(
    "attachment_piece",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("attachment", Uuid, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("bytes", LargeBinary, nullable=False),
    ForeignKeyConstraint(
        ["tenant", "attachment"],
        [f"{SCHEMA}.attachment.tenant", f"{SCHEMA}.attachment.id"],
        name="attachment_piece_of",
        ondelete="CASCADE",
    ),
)
"""Their bytes, from piece 0 on."""

attachment_day: Final = Table(
    "attachment_day",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("day", Date, primary_key=True),
    Column("size_bytes", BigInteger, nullable=False),
)
"""How much a tenant has attached on a day of UTC."""
