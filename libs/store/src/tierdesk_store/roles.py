"""The two roles of a service, and what its login role may do."""

from __future__ import annotations

import re
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

VERSION_TABLE: Final = "alembic_version"
OUTBOX: Final = "outbox"
"""Rows are added, and deleted when they are old; never changed."""
_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,39}")


def role_of(name: str) -> str:
    """The login role of a service. Raises `ValueError` for a name that is no plain lower-case word."""
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no name for a service: use lower-case letters, digits and underscores")
    return f"tierdesk_{name}"


def owner_of(name: str) -> str:
    """The role that owns the tables of a service and cannot log in."""
    return f"{role_of(name)}_owner"


async def create_roles(connection: AsyncConnection, name: str, password: str) -> None:
    """Make both roles exist; the login role gets `password`.

    Roles belong to the whole server: another database's migration may make the same ones at the same moment.
    """
    for role, options in ((owner_of(name), "NOLOGIN"), (role_of(name), "LOGIN")):
        await connection.execute(
            text(f"""
                DO $$ BEGIN
                    CREATE ROLE {role} {options};
                EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
                END $$
            """)
        )
    await connection.execute(text(f"GRANT {owner_of(name)} TO CURRENT_USER"))
    # ALTER ROLE takes no parameters: the server itself quotes the password into the statement.
    statement = await connection.execute(
        text("SELECT format('ALTER ROLE %I LOGIN PASSWORD %L', CAST(:role AS text), CAST(:password AS text))"),
        {"role": role_of(name), "password": password},
    )
    await connection.exec_driver_sql(statement.scalar_one())
    await connection.execute(text("REVOKE ALL ON SCHEMA public FROM PUBLIC"))
    await connection.commit()


async def grant(connection: AsyncConnection, name: str, log_tables: tuple[str, ...]) -> None:
    """Give the login role the rows of its schema, and of `log_tables` only reading and adding.

    The outbox it cannot change either, but take old rows from.
    """
    role = role_of(name)
    tables = await connection.execute(
        text("SELECT tablename FROM pg_tables WHERE schemaname = :schema ORDER BY tablename"), {"schema": name}
    )
    names = set(tables.scalars())
    missing = set(log_tables) - names
    if missing:
        raise ValueError(f"schema {name} declares log tables that do not exist: {sorted(missing)}")
    await connection.execute(text(f'GRANT USAGE ON SCHEMA "{name}" TO {role}'))
    for table in sorted(names):
        if table == VERSION_TABLE:
            rights = "SELECT"
        elif table in log_tables:
            rights = "SELECT, INSERT"
        elif table == OUTBOX:
            rights = "SELECT, INSERT, DELETE"
        else:
            rights = "SELECT, INSERT, UPDATE, DELETE"
        await connection.execute(text(f'REVOKE ALL ON "{name}"."{table}" FROM {role}'))
        await connection.execute(text(f'GRANT {rights} ON "{name}"."{table}" TO {role}'))
    await connection.execute(text(f'GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA "{name}" TO {role}'))
