"""`/v1/bridge/{vendor}/deliveries`: what became of what was sent to a vendor."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from tierdesk_bridge.domain.answers import State
from tierdesk_bridge.http.endpoints import Operator, VendorName, no_endpoint
from tierdesk_bridge.http.views import DeliveryPage, DeliveryView, view_delivery
from tierdesk_bridge.store.deliveries import find_delivery, list_deliveries, send_again
from tierdesk_bridge.store.endpoints import find_endpoint
from tierdesk_runtime.problems import ProblemError
from tierdesk_store import Database

Before = Annotated[int | None, Query(ge=1, le=2**63 - 1, description="The `next` of the page before.")]
Limit = Annotated[int, Query(ge=1, le=500)]


def delivery_routes(database: Database, poke: Callable[[], None]) -> APIRouter:
    """The endpoints. All of them see the tenant of the key alone; `poke` is told when something is due."""
    router = APIRouter(prefix="/v1/bridge/{vendor}/deliveries", tags=["bridge"])

    @router.get("")
    async def list_(
        who: Operator, vendor: VendorName, state: State | None = None, limit: Limit = 50, before: Before = None
    ) -> DeliveryPage:
        """What is and was to be delivered, the newest first. What was delivered is forgotten after 30 days."""
        async with database.read() as connection:
            found = await list_deliveries(connection, who.tenant, vendor, state=state, before=before, limit=limit + 1)
            if not found and await find_endpoint(connection, who.tenant, vendor) is None:
                raise no_endpoint()
        page = [view_delivery(one) for one in found[:limit]]
        return DeliveryPage(deliveries=page, next=found[limit - 1].position if len(found) > limit else None)

    @router.post("/{delivery}/retry")
    async def retry(who: Operator, vendor: VendorName, delivery: UUID) -> DeliveryView:
        """Send a message again that was given up. It may overtake nothing, but later ones may have overtaken it."""
        async with database.transaction() as tx:
            sent = await send_again(tx, who.tenant, vendor, delivery)
            found = await find_delivery(tx.connection, who.tenant, vendor, delivery)
        if found is None:
            raise ProblemError(404, "No such delivery", "No delivery of this identifier can be seen with this key.")
        if not sent:
            raise ProblemError(409, "Not failed", f"It is {found.state.value}; only what failed is sent again.")
        poke()
        return view_delivery(found)

    return router
