"""The tables of outgoing mail."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, DateTime, Index, Integer, Table, Text, Uuid, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from tierdesk_desk.store.tables import metadata

mail = Table(
    "mail",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("id", Uuid, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("party", Text),
    Column("ticket", Text),
    Column("reference", Text),
    Column("locale", Text),
    Column("values", JSONB, nullable=False),
    Column("digest", Text),
    Column("is_open", Boolean, nullable=False),
    Column("state", Text, nullable=False),
    Column("reason", Text),
    Column("detail", Text),
    Column("attempts", Integer, nullable=False),
    Column("message_id", Text),
    Column("added_at", DateTime(timezone=True), nullable=False),
    Column("due_at", DateTime(timezone=True), nullable=False),
    Column("ended_at", DateTime(timezone=True)),
    Column("lease", Uuid),
    Column("leased_until", DateTime(timezone=True)),
    Index("mail_due", "due_at", "id", postgresql_where=text("state = 'queued'")),
    Index("mail_urgent", "due_at", "id", postgresql_where=text("state = 'queued' AND kind <> 'news'")),
    Index("mail_unsent", "tenant", "address", "kind", postgresql_where=text("state = 'queued'")),
    Index("mail_open", "tenant", "address", "kind", unique=True, postgresql_where=text("is_open")),
    Index("mail_failed", "tenant", "id", postgresql_where=text("state = 'failed'")),
    Index("mail_waiting", "tenant", "id", postgresql_where=text("state = 'queued'")),
    Index("mail_suppressed", "tenant", "id", postgresql_where=text("state = 'suppressed'")),
    Index("mail_ended", "ended_at", postgresql_where=text("state <> 'queued'")),
    Index("mail_digest", "tenant", "digest", postgresql_where=text("digest IS NOT NULL")),
)
"""What leaves, or would have. Identifiers grow with time, so that they order it. All times are the database's own.

One that `is_open` takes more in; it closes when it is claimed for the first time, so that what is tried again is the same mail, under the same
`message_id`. A mail in flight is leased: who holds the lease writes what came of it, and nobody else. `digest` is that of the link
in it, by which its use shows whose the address is.
"""

mail_box = Table(
    "mail_box",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("address", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("sent", ARRAY(DateTime(timezone=True)), nullable=False),
    Column("verified_at", DateTime(timezone=True)),
)
"""When the last mails of a kind left for an address, in order, and since when it is known whose it is.

Locked before the mails that change with it. Of `verified_at` that of the kind `news` counts.
"""

mail_reminder = Table(
    "mail_reminder",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("ticket", Text, primary_key=True),
    Column("occasion", Text, nullable=False),
    Column("due_at", DateTime(timezone=True), nullable=False),
    Column("told", Integer, nullable=False),
    Index("mail_reminder_due", "due_at"),
)
"""When the desk writes next of its own accord, in business time. What has become idle since goes when it falls due."""
