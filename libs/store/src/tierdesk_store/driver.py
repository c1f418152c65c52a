"""How a connection to PostgreSQL is opened and closed: the one place that knows the driver's options."""

from __future__ import annotations

from typing import Any, Final

import asyncpg

CONNECT_SECONDS: Final = 5.0
CLOSE_SECONDS: Final = 2.0
COMMAND_SECONDS: Final = 12.0
"""Longer than the server's own limit for a statement, so that the server normally speaks first."""

_SETTINGS: Final = {
    "statement_timeout": "10s",
    "lock_timeout": "2s",
    "idle_in_transaction_session_timeout": "15s",
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
    "jit": "off",  # our statements are short; compiling one costs more than running it
    # A plan is kept, and tables grow: one that reads a small table whole is ruinous a minute later, and until statistics come.
    "enable_seqscan": "off",
}


async def connect(url: str, *, schema: str, name: str) -> asyncpg.Connection[Any]:
    """Open a connection whose statements resolve in `schema` alone.

    The URL is PostgreSQL's own (`postgresql://user:password@host:port/database?sslmode=…`). A pooler between, such
    as PgBouncer, must be in session mode: prepared statements and session locks are used.
    Raises what asyncpg raises, `OSError` and `TimeoutError`.
    """
    return await asyncpg.connect(
        url,
        timeout=CONNECT_SECONDS,
        command_timeout=COMMAND_SECONDS,
        server_settings={**_SETTINGS, "application_name": name[:63], "search_path": f'"{schema}"'},
    )


async def close(connection: asyncpg.Connection[Any]) -> None:
    """Close a connection, by force when it does not close within 2 seconds; one that is closed already stays so."""
    if connection.is_closed():
        return
    try:
        await connection.close(timeout=CLOSE_SECONDS)
    except (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError, TimeoutError):
        connection.terminate()
