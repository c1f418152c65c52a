"""Changes told through the database to every replica, as they commit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from pydantic import TypeAdapter, ValidationError
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from tierdesk_desk.domain.changes import Change

CHANNEL: Final = "desk_changes"
_CHANGES: Final[TypeAdapter[Change]] = TypeAdapter(Change)
_TELL: Final = text("SELECT pg_notify(:channel, told) FROM unnest(CAST(:told AS text[])) AS told")
_LONGEST_BYTES: Final = 7_900
"""PostgreSQL takes payloads below 8,000 bytes."""


async def tell(connection: AsyncConnection, changes: Sequence[Change]) -> None:
    """Tell of these when the transaction commits, in order."""
    if not changes:
        return
    told = [_CHANGES.dump_json(change).decode() for change in changes]
    assert all(len(one.encode()) <= _LONGEST_BYTES for one in told)
    await connection.execute(_TELL, {"channel": CHANNEL, "told": told})


def read_change(payload: str) -> Change | None:
    """What was told; None for what another release tells and this one does not understand."""
    try:
        return _CHANGES.validate_json(payload)
    except ValidationError:
        return None
