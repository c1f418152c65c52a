"""`/v1/insight/shift-left`: what a lower tier could have closed, and could close now."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, BeforeValidator, Field, WithJsonSchema

from tierdesk_kb.domain.shift_left import Share, kept_since, tell_shares
from tierdesk_kb.store.policies import PolicyShelf
from tierdesk_kb.store.resolutions import count_open, count_resolved
from tierdesk_runtime.clock import Clock
from tierdesk_runtime.http import Principal, require
from tierdesk_runtime.problems import FieldFault, ProblemError
from tierdesk_store import Database

DEFAULT_DAYS: Final = 30

_WRITTEN: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_DAY: Final = {"type": "string", "format": "date"}


def _read_day(value: object) -> object:
    """A date as it is written in a query. Raises `ValueError` for anything else, numbers too."""
    if isinstance(value, str):
        if _WRITTEN.fullmatch(value) is None:
            raise ValueError("not a date: write it as 2026-11-23")
        return date.fromisoformat(value)
    return value


Reader = Annotated[Principal, Depends(require("articles:read"))]
Day = Annotated[
    date, Field(strict=True, ge=date(1970, 1, 1), lt=date(3000, 1, 1)), BeforeValidator(_read_day), WithJsonSchema(_DAY)
]
Since = Annotated[
    Day | None, Query(description=f"Counted from this day on (UTC); left out, {DEFAULT_DAYS} days before `until`.")
]
Until = Annotated[Day | None, Query(description="Counted until the end of the day before; left out, until now.")]


class ShiftLeft(BaseModel):
    """Of one tier and category."""

    tier: str
    category: str
    resolved: Annotated[int, Field(description="Tickets resolved there in the time.")]
    documented: Annotated[
        int, Field(description="Those of them that a published article documents now, which people below may read.")
    ]
    open_documented: Annotated[int, Field(description="Tickets open there now for which the same is so.")]


class ShiftLeftReport(BaseModel):
    """What a lower tier could have closed, by tier, the highest first, and category."""

    since: Annotated[date, Field(description="The first day that is counted, in UTC.")]
    until: Annotated[date, Field(description="The day after the last that is counted.")]
    kept_since: Annotated[date, Field(description="Of what was resolved before, nothing is known.")]
    resolved: int
    documented: int
    open_documented: int
    shares: tuple[ShiftLeft, ...]


def shift_left_routes(database: Database, shelf: PolicyShelf, clock: Clock) -> APIRouter:
    """The endpoint. It sees the tenant of the key alone."""
    router = APIRouter(prefix="/v1/insight", tags=["insight"])

    @router.get("/shift-left")
    async def shift_left(principal: Reader, since: Since = None, until: Until = None) -> ShiftLeftReport:
        """Of the tickets resolved in a time, those that a published article documents now for people below, and open ones."""
        now = clock.now()
        since, until = _window(since, until, now)
        async with database.read() as connection:
            policy = (await shelf.fetch_in_force(connection)).get(principal.tenant)
            resolved = await count_resolved(connection, principal.tenant, since, until)
            opened = await count_open(connection, principal.tenant)
        shares = tell_shares(resolved, opened, policy)
        return ShiftLeftReport(
            since=since,
            until=until,
            kept_since=kept_since(now),
            resolved=sum(one.resolved for one in shares),
            documented=sum(one.documented for one in shares),
            open_documented=sum(one.open_documented for one in shares),
            shares=tuple(_view(one) for one in shares),
        )

    return router


def _view(one: Share) -> ShiftLeft:
    return ShiftLeft(
        tier=one.tier,
        category=one.category,
        resolved=one.resolved,
        documented=one.documented,
        open_documented=one.open_documented,
    )


def _window(since: date | None, until: date | None, now: datetime) -> tuple[date, date]:
    """The days from the first that is counted to the one after the last. Raises `ProblemError` 422 where there is none."""
    until = until or now.astimezone(UTC).date() + timedelta(days=1)
    since = since or until - timedelta(days=DEFAULT_DAYS)
    if since >= until:
        fault: FieldFault = {"field": "since", "message": "must lie before `until`"}
        raise ProblemError(422, "Invalid request", "See errors.", errors=[fault])
    return since, until
