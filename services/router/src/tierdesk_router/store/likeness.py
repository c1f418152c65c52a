"""What was noted of tickets under the keys by which they are alike: one row a key, of bounded size."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text

from tierdesk_router.domain.likeness import Noted
from tierdesk_store import Transaction

LikenessKey = tuple[str, str]
"""(tenant, key)."""

MOST_NOTED: Final = 200
"""So many tickets, the newest, are kept under a key: twice what a rule can count to."""
_SWEEP: Final = 1_000

# A row that is inserted or updated stays locked until the commit, and what another transaction wrote meanwhile is seen
# here, since the update reads the row anew: so routers that find like tickets at once take turns.
_NOTE = text(
    f"""
    INSERT INTO router.likeness AS known (tenant, key, noted, since, expires_at)
    SELECT * FROM unnest(
        CAST(:tenants AS text[]), CAST(:keys AS text[]), CAST(:noted AS jsonb[]), CAST(:since AS timestamptz[]),
        CAST(:expires AS timestamptz[]))
    ON CONFLICT (tenant, key) DO UPDATE SET
        noted = (
            SELECT coalesce(jsonb_agg(newest.one), '[]') FROM (
                SELECT one FROM jsonb_array_elements(known.noted || excluded.noted) AS one
                WHERE CAST(one ->> 'at' AS timestamptz) >= excluded.since
                ORDER BY CAST(one ->> 'at' AS timestamptz) DESC LIMIT {MOST_NOTED}
            ) AS newest
        ),
        since = excluded.since,
        expires_at = greatest(known.expires_at, excluded.expires_at)
    RETURNING tenant, key, CAST(noted AS text) AS noted
    """  # noqa: S608 - a number of ours
)
_MARK = text(
    """
    UPDATE router.likeness AS known SET noted = k.noted
    FROM unnest(CAST(:tenants AS text[]), CAST(:keys AS text[]), CAST(:noted AS jsonb[])) AS k(tenant, key, noted)
    WHERE known.tenant = k.tenant AND known.key = k.key
    """
)
_FORGET = text(
    f"""
    DELETE FROM router.likeness WHERE ctid = ANY(ARRAY(
        SELECT ctid FROM router.likeness WHERE expires_at < :now ORDER BY expires_at LIMIT {_SWEEP} FOR UPDATE SKIP LOCKED
    ))
    """  # noqa: S608 - a number of ours
)


@dataclass(slots=True)
class Noting:
    """What a batch notes under one key. What was before `since` is forgotten, and all of it after `expires_at`."""

    since: datetime
    expires_at: datetime
    noted: list[Noted] = field(default_factory=list)


async def note_tickets(tx: Transaction, notings: Mapping[LikenessKey, Noting]) -> dict[LikenessKey, list[Noted]]:
    """Note tickets under their keys, and answer all that is known under each. The keys stay locked until the commit.

    One statement, which reads and writes rows by their key alone, in one order everywhere.
    """
    keys = sorted(notings)
    rows = await tx.execute(
        _NOTE,
        {
            "tenants": [key[0] for key in keys],
            "keys": [key[1] for key in keys],
            "noted": [_write(notings[key].noted) for key in keys],
            "since": [notings[key].since for key in keys],
            "expires": [notings[key].expires_at for key in keys],
        },
    )
    return {(row.tenant, row.key): _read(row.noted) for row in rows}


async def mark_tickets(tx: Transaction, noted: Mapping[LikenessKey, Sequence[Noted]]) -> None:
    """Put this in the place of what is noted under these keys, which this transaction has locked."""
    if noted:
        keys = sorted(noted)
        await tx.execute(
            _MARK,
            {
                "tenants": [key[0] for key in keys],
                "keys": [key[1] for key in keys],
                "noted": [_write(noted[key]) for key in keys],
            },
        )


async def forget_tickets(tx: Transaction, now: datetime) -> bool:
    """Forget some of the keys whose time is over; answer whether there may be more."""
    return (await tx.execute(_FORGET, {"now": now})).rowcount == _SWEEP


def _write(noted: Sequence[Noted]) -> str:
    return json.dumps([_document(one) for one in noted])


def _document(one: Noted) -> dict[str, Any]:
    document = {"ticket": str(one.ticket_id), "reference": one.reference, "at": one.at.astimezone(UTC).isoformat()}
    told = {"words": sorted(one.words), "asset": one.asset, "problem": one.problem and str(one.problem)}
    return document | {name: value for name, value in told.items() if value}


def _read(text_of_row: str) -> list[Noted]:
    return [
        Noted(
            UUID(one["ticket"]),
            one["reference"],
            datetime.fromisoformat(one["at"]),
            frozenset(one.get("words", ())),
            one.get("asset"),
            UUID(one["problem"]) if "problem" in one else None,
        )
        for one in json.loads(text_of_row)
    ]
