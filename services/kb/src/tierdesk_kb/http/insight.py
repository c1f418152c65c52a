"""`/v1/insight/shift-left`: what a lower tier could have closed, and could close now."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query
from pydantic import AwareDatetime, BaseModel, BeforeValidator, Field

from tierdesk_contracts.vocabulary import Instant
from tierdesk_kb.domain.shift_left import KEPT_DAYS, Share, tell_shares
from tierdesk_kb.store.policies import PolicyShelf
from tierdesk_kb.store.resolutions import count_open, count_resolved
from tierdesk_runtime.clock import Clock
from tierdesk_runtime.http import Principal, require
from tierdesk_runtime.problems import FieldFault, ProblemError
from tierdesk_store import Database

DEFAULT_DAYS: Final = 30


def refuse_number(value: object) -> object:
    """Refuse what would be read as seconds since 1970. Raises `ValueError`."""
    if isinstance(value, str) and value[4:5] != "-":
        raise ValueError("not a moment: write it as 2026-11-23T09:00:00Z")
    return value


Reader = Annotated[Principal, Depends(require("articles:read"))]
Moment = Annotated[Instant, BeforeValidator(refuse_number)]
Since = Annotated[
    Moment | None, Query(description=f"Resolved from then on; left out, {DEFAULT_DAYS} days before `until`.")
]
Until = Annotated[Moment | None, Query(description="Resolved before then; left out, now.")]


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

    since: AwareDatetime
    until: AwareDatetime
    kept_since: Annotated[AwareDatetime, Field(description="Of what was resolved before, nothing is known.")]
    resolved: int
    documented: int
    open_documented: int
    shares: tuple[ShiftLeft, ...]


def insight_routes(database: Database, shelf: PolicyShelf, clock: Clock) -> APIRouter:
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
            kept_since=now - timedelta(days=KEPT_DAYS),
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


def _window(since: datetime | None, until: datetime | None, now: datetime) -> tuple[datetime, datetime]:
    """The window in UTC. Raises `ProblemError` 422 for one that is empty or reversed."""
    until = (until or now).astimezone(UTC)
    since = (since or until - timedelta(days=DEFAULT_DAYS)).astimezone(UTC)
    if since >= until:
        fault: FieldFault = {"field": "since", "message": "must lie before `until`"}
        raise ProblemError(422, "Invalid request", "See errors.", errors=[fault])
    return since, until
