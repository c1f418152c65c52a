"""The tables of who opens which account from a provider."""

from __future__ import annotations

from sqlalchemy import Column, DateTime, Index, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import ARRAY

from tierdesk_desk.store.tables import metadata

account_link = Table(
    "account_link",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("issuer", Text, primary_key=True),
    Column("subject", Text, primary_key=True),
    Column("account_id", Uuid, nullable=False),
    Column("provider", Text, nullable=False),
    Column("granted", ARRAY(Text), nullable=False),
    Column("linked_at", DateTime(timezone=True), nullable=False),
    Column("seen_at", DateTime(timezone=True), nullable=False),
    Index("account_link_account", "tenant", "account_id", "issuer", unique=True),
)
"""Who of which issuer opens which account. `granted` is what the provider gave of the account's grants at the last sign-in."""

account_invitation = Table(
    "account_invitation",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("account_id", Uuid, primary_key=True),
    Column("provider", Text, primary_key=True),
    Column("subject", Text),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    Index("account_invitation_subject", "tenant", "provider", "subject", unique=True),
)
"""Accounts that an administrator opened to somebody of a provider: to this subject, else to whoever has its login there."""

spent = Table(
    "spent",
    metadata,
    Column("digest", Text, primary_key=True),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    Index("spent_expiry", "expires_at"),
)
"""What is good for once and was used: the states of sign-ins at providers, and their logout tokens. Times are the database's."""
