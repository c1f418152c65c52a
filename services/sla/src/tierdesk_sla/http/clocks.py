"""`/v1/clocks`: the clocks of a ticket, and how promises were kept."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path

from tierdesk_runtime.clock import Clock
from tierdesk_runtime.http import Principal, require
from tierdesk_runtime.problems import ProblemError
from tierdesk_sla.http.views import SummaryView, TicketClocksView, view_clocks, view_summary
from tierdesk_sla.store.policies import PolicyShelf
from tierdesk_sla.store.timelines import count_clocks, find_ticket, load_records
from tierdesk_sla.store.watch import list_alerts
from tierdesk_store import Database

Reader = Annotated[Principal, Depends(require("clocks:read"))]
TicketName = Annotated[str, Path(pattern=r"^[A-Za-z0-9-]{1,100}$", description="The ticket's identifier or reference.")]


def clock_routes(database: Database, clock: Clock, shelf: PolicyShelf) -> APIRouter:
    """The endpoints. All of them see the tenant of the key alone."""
    router = APIRouter(prefix="/v1/clocks", tags=["clocks"])

    @router.get("/summary")
    async def summary(principal: Reader) -> SummaryView:
        """How many promises were kept and broken, by kind. Reads every clock of the tenant."""
        async with database.read() as connection:
            return view_summary(await count_clocks(connection, principal.tenant))

    @router.get("/{ticket}")
    async def clocks(ticket: TicketName, principal: Reader) -> TicketClocksView:
        """The clocks of one ticket: what was promised, when it is due, what did not count, and what was said of it."""
        async with database.read() as connection:
            key = await find_ticket(connection, principal.tenant, ticket)
            records = await load_records(connection, [key] if key else [])
            if key is None or key not in records:
                raise ProblemError(404, "No such ticket", "No ticket of this name has clocks here.")
            timeline = records[key].timeline
            alerts = await list_alerts(connection, principal.tenant, [one.id for one in timeline.clocks])
            versions = {one.promise.policy_version for one in timeline.clocks if one.promise is not None}
            await shelf.fetch(connection, [(principal.tenant, version) for version in versions])
        known = ((version, shelf.get((principal.tenant, version))) for version in versions)
        policies = {version: policy for version, policy in known if policy is not None}
        return view_clocks(timeline, alerts, policies, clock.now())

    return router
