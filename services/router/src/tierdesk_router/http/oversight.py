"""`/v1/vendors`: what vendors have, how they do, and which of their outcomes were refused."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.ext.asyncio import AsyncConnection

from tierdesk_contracts.names import vendor_namespace
from tierdesk_contracts.vocabulary import Identifier
from tierdesk_policy import Vendor, VendorContract
from tierdesk_router.domain.scorecard import Scorecard, score
from tierdesk_router.http.tickets import After
from tierdesk_router.store.oversight import OpenCount, count_open_work, read_open_work, read_visits, was_ever_offered
from tierdesk_router.store.policies import PolicyShelf
from tierdesk_router.store.refusals import count_refusals, list_refusals
from tierdesk_runtime.clock import Clock
from tierdesk_runtime.http import Principal, QueryInstant, require
from tierdesk_runtime.problems import FieldFault, ProblemError
from tierdesk_store import Database

DEFAULT_DAYS: Final = 30
LONGEST_DAYS: Final = 366
MOST_OPEN: Final = 100

Reader = Annotated[Principal, Depends(require("tickets:read"))]
VendorName = Annotated[Identifier, Path(description="As the policy names it.")]
Since = Annotated[
    QueryInstant | None,
    Query(alias="from", description=f"Offered from then on; default: {DEFAULT_DAYS} days before `to`."),
]
Until = Annotated[QueryInstant | None, Query(alias="to", description="Offered before then; default: now.")]


class VendorState(BaseModel):
    """A vendor, and what it has now. One that the policy in force no longer names has neither name nor group."""

    id: str
    name: str | None = None
    group: str | None = None
    covers: Annotated[list[str], Field(description="The categories of its contract; empty: all.")] = []
    contract: Annotated[VendorContract | None, Field(description="The record of its contract in the policy.")] = None
    open_offered: Annotated[int, Field(description="Offered, and not accepted yet.")] = 0
    open_accepted: Annotated[int, Field(description="Accepted, and not ended yet.")] = 0


class OpenAssignment(BaseModel):
    """Work that a vendor has now."""

    ticket_id: UUID
    reference: str
    group: str
    worker: str | None = None
    offered_at: datetime
    accepted_at: datetime | None = None
    age_seconds: Annotated[float, Field(description="Since it was offered.")]


class VendorScorecard(BaseModel):
    """How a vendor did with what it was offered in a window, and what it has now."""

    vendor: VendorState
    since: datetime
    until: datetime
    figures: Scorecard
    refused: Annotated[
        dict[str, int], Field(description="Its outcomes that changed nothing, by reason, in the hours of the window.")
    ]
    open: Annotated[list[OpenAssignment], Field(description=f"The oldest first, {MOST_OPEN} at most.")]


class RefusalEntry(BaseModel):
    """An outcome of the vendor that changed nothing. `ticket_id` is that of the claimed assignment, if it exists."""

    model_config = ConfigDict(from_attributes=True)

    outcome_id: UUID
    namespace: str
    assignment_id: UUID
    ticket_id: UUID | None = None
    worker: str
    ordinal: int
    reason: str
    detail: str
    at: datetime
    recorded_at: datetime


class RefusalPage(BaseModel):
    """Refused outcomes, the newest first; `next` is the `after` of the next page, absent on the last."""

    refusals: list[RefusalEntry]
    next: str | None = None


def oversight_router(database: Database, shelf: PolicyShelf, clock: Clock) -> APIRouter:
    """The routes, on this database."""
    router = APIRouter(prefix="/v1/vendors", tags=["vendors"])

    @router.get("", summary="List vendors, and how much each has")
    async def list_(who: Reader) -> list[VendorState]:
        async with database.read() as connection:
            named = await _vendors_in_force(connection, shelf, who.tenant)
            counts = await count_open_work(connection, who.tenant)
        return [_state(name, named.get(name), counts.get(name)) for name in sorted(named.keys() | counts.keys())]

    @router.get("/{vendor}/scorecard", summary="How a vendor did")
    async def show(who: Reader, vendor: VendorName, since: Since = None, until: Until = None) -> VendorScorecard:
        now = clock.now()
        async with database.read() as connection:
            found = await _find_vendor(connection, shelf, who.tenant, vendor)
            since, until = _window(since, until, now)
            counts = await count_open_work(connection, who.tenant)
            visits = await read_visits(connection, who.tenant, vendor, since=since, until=until)
            namespace = vendor_namespace(who.tenant, vendor)
            refused = await count_refusals(connection, who.tenant, namespace, since=since, until=until)
            has_now = await read_open_work(connection, who.tenant, vendor, limit=MOST_OPEN)
        return VendorScorecard(
            vendor=_state(vendor, found, counts.get(vendor)),
            since=since,
            until=until,
            figures=score(visits),
            refused=refused,
            open=[
                OpenAssignment(
                    ticket_id=one.ticket_id,
                    reference=one.reference,
                    group=one.group,
                    worker=one.worker,
                    offered_at=one.offered_at,
                    accepted_at=one.accepted_at,
                    age_seconds=max((now - one.offered_at).total_seconds(), 0.0),
                )
                for one in has_now
            ],
        )

    @router.get("/{vendor}/refusals", summary="A vendor's outcomes that were refused, the newest first")
    async def refusals(
        who: Reader, vendor: VendorName, limit: Annotated[int, Query(ge=1, le=500)] = 50, after: After = None
    ) -> RefusalPage:
        cursor = None if after is None else _read_cursor(after)
        async with database.read() as connection:
            await _find_vendor(connection, shelf, who.tenant, vendor)
            rows = await list_refusals(connection, who.tenant, vendor, limit=limit + 1, after=cursor)
        page = [RefusalEntry.model_validate(row) for row in rows[:limit]]
        return RefusalPage(refusals=page, next=_write_cursor(page[-1]) if len(rows) > limit else None)

    return router


async def _vendors_in_force(connection: AsyncConnection, shelf: PolicyShelf, tenant: str) -> dict[str, Vendor]:
    policy = (await shelf.in_force(connection, [tenant])).get(tenant)
    return {} if policy is None else {vendor.id: vendor for vendor in policy.vendors}


async def _find_vendor(connection: AsyncConnection, shelf: PolicyShelf, tenant: str, vendor: str) -> Vendor | None:
    """The vendor, as the policy in force has it; None for one that only an earlier policy had. Raises `ProblemError` 404."""
    found = (await _vendors_in_force(connection, shelf, tenant)).get(vendor)
    if found is None and not await was_ever_offered(connection, tenant, vendor):
        raise ProblemError(404, "No such vendor", "GET /v1/vendors lists those of your policy.")
    return found


def _state(name: str, vendor: Vendor | None, count: OpenCount | None) -> VendorState:
    count = count or OpenCount()
    state = VendorState(id=name, open_offered=count.offered, open_accepted=count.accepted)
    if vendor is None:
        return state
    told = {"name": vendor.name, "group": vendor.group, "covers": list(vendor.covers), "contract": vendor.contract}
    return state.model_copy(update=told)


def _window(since: datetime | None, until: datetime | None, now: datetime) -> tuple[datetime, datetime]:
    """The window in UTC. Raises `ProblemError` 422 for one that is empty, reversed or too long."""
    until = (until or now).astimezone(UTC)
    since = (since or until - timedelta(days=DEFAULT_DAYS)).astimezone(UTC)
    if since >= until:
        raise _invalid("from", "must lie before `to`")
    if until - since > timedelta(days=LONGEST_DAYS):
        raise _invalid("from", f"at most {LONGEST_DAYS} days before `to`")
    return since, until


def _write_cursor(entry: RefusalEntry) -> str:
    return base64.urlsafe_b64encode(f"{entry.at.isoformat()} {entry.outcome_id}".encode()).decode()


def _read_cursor(after: str) -> tuple[datetime, UUID]:
    try:
        at, _, outcome_id = base64.urlsafe_b64decode(after.encode()).decode().partition(" ")
        return datetime.fromisoformat(at).astimezone(UTC), UUID(outcome_id)
    except (ValueError, OverflowError) as error:
        raise _invalid("after", "not a cursor: use `next` of the page before") from error


def _invalid(field: str, message: str) -> ProblemError:
    fault: FieldFault = {"field": field, "message": message}
    return ProblemError(422, "Invalid request", "See errors.", errors=[fault])
