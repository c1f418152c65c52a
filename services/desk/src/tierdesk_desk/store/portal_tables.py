"""The tables of the portal: links, who came by one, and ratings."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, DateTime, Index, Integer, SmallInteger, Table, Text, Uuid

from tierdesk_desk.store.tables import metadata

link = Table(
    "link",
    metadata,
    Column("digest", Text, primary_key=True),
    Column("tenant", Text, nullable=False),
    Column("ticket", Text, nullable=False),
    Column("made_by", Text, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    Index("link_expiry", "expires_at"),
    Index("link_ticket", "tenant", "ticket"),
)
"""Links that nobody has used yet. The token itself is in the link alone. All times are the database's own."""

guest = Table(
    "guest",
    metadata,
    Column("digest", Text, primary_key=True),
    Column("id", Uuid, nullable=False),
    Column("tenant", Text, nullable=False),
    Column("ticket", Text, nullable=False),
    Column("csrf", Text, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    Index("guest_expiry", "expires_at"),
)
"""Who came by a link: sees one ticket, for some hours. As sessions, by the digest of a token and the database's times."""

rating = Table(
    "rating",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("ticket", Text, primary_key=True),
    Column("resolution", BigInteger, primary_key=True),
    Column("score", SmallInteger, nullable=False),
    Column("comment", Text, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("rated_at", DateTime(timezone=True), nullable=False),
    Column("changed_at", DateTime(timezone=True), nullable=False),
)
"""How a requester rates a resolution, which is named by its place among the ticket's events. Times of business."""
