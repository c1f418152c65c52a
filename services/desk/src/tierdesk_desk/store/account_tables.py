"""The tables of accounts, of who is signed in, and of the audit."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, DateTime, Index, Integer, Table, Text, Uuid, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from tierdesk_desk.store.tables import metadata

account = Table(
    "account",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("id", Uuid, primary_key=True),
    Column("name", Text, nullable=False),
    Column("display_name", Text, nullable=False),
    Column("password_hash", Text),
    Column("must_change_password", Boolean, nullable=False),
    Column("password_expires_at", DateTime(timezone=True)),
    Column("skills", ARRAY(Text), nullable=False),
    Column("capacity", Integer),
    Column("disabled_at", DateTime(timezone=True)),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("changed_at", DateTime(timezone=True), nullable=False),
    Column("party", Text),
    Column("email", Text),
    Index("account_name", "tenant", "name", unique=True),
)
"""People who may sign in. `name` is the login, in lower case; without `password_hash` no password fits.

`party` is whom requests name as who asks; without it, that is `name`.
"""

account_grant = Table(
    "account_grant",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("account_id", Uuid, primary_key=True),
    Column("role", Text, primary_key=True),
    Column("tier", Text, primary_key=True),
    Column("group_id", Text, primary_key=True),
)
"""What is granted to whom. An empty tier or group means all of them."""

session = Table(
    "session",
    metadata,
    Column("digest", Text, primary_key=True),
    Column("tenant", Text, nullable=False),
    Column("account_id", Uuid, nullable=False),
    Column("csrf", Text, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("seen_at", DateTime(timezone=True), nullable=False),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    Column("heard_at", DateTime(timezone=True)),
    Column("provider", Text),
    Column("issuer", Text),
    Column("sid", Text),
    Column("id_token", Text),
    Index("session_account", "tenant", "account_id"),
    Index("session_expiry", "expires_at"),
    Index("session_sid", "tenant", "issuer", "sid", postgresql_where=text("sid IS NOT NULL")),
)
"""Who is signed in. The token itself is in the browser alone. All times are the database's own.

`heard_at` is when a page was last open, which is no use of the session: an open page alone keeps nobody signed in.
Where somebody proved who they are at a provider, it tells which one, its issuer, its own session `sid`, and the ID token,
which it is given back when they sign out.
"""

sign_in_pace = Table(
    "sign_in_pace",
    metadata,
    Column("key", Text, primary_key=True),
    Column("free_at", DateTime(timezone=True), nullable=False),
    Index("sign_in_pace_free", "free_at"),
)
"""When what was tried under a key is paid off; a key that is free again may be forgotten."""

refused_sign_in = Table(
    "refused_sign_in",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("subject", Text, primary_key=True),
    Column("since", DateTime(timezone=True), nullable=False, server_default=text("now()")),
    Column("number", BigInteger, nullable=False, server_default=text("0")),
    Index("refused_sign_in_age", "since"),
)
"""How often somebody was refused since an entry of the audit said so. The time is the database's own."""

audit_head = Table(
    "audit_head",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("position", BigInteger, nullable=False),
    Column("hash", Text, nullable=False),
)
"""The last entry of each tenant's audit, locked by whoever adds the next."""

audit = Table(
    "audit",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("position", BigInteger, primary_key=True),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("actor", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("detail", JSONB, nullable=False),
    Column("previous_hash", Text, nullable=False),
    Column("hash", Text, nullable=False),
    Index("audit_subject", "tenant", "subject", "position"),
)
"""Who did what, in a chain of hashes. Only added to."""
