"""`/v1/bridge/{vendor}`: where a vendor takes webhooks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Response
from sqlalchemy.ext.asyncio import AsyncConnection

from tierdesk_bridge.http.views import EndpointView, WebhookUrl, view_endpoint
from tierdesk_bridge.store.deliveries import count_states
from tierdesk_bridge.store.endpoints import enable_endpoint, find_endpoint, remove_endpoint, set_endpoint
from tierdesk_contracts.vocabulary import Identifier
from tierdesk_runtime.addresses import Networks, UrlError, read_url
from tierdesk_runtime.http import Principal, json_body, require
from tierdesk_runtime.problems import FieldFault, ProblemError
from tierdesk_runtime.webhook_secrets import WebhookSecrets, vendor_source
from tierdesk_store import Database

Operator = Annotated[Principal, Depends(require("policy:write"))]
"""Who may say where tickets go may say where a vendor's go, too."""
VendorName = Annotated[Identifier, Path(description="As the policy names it.")]


def endpoint_routes(
    database: Database, secrets: WebhookSecrets, private: Networks, poke: Callable[[], None]
) -> APIRouter:
    """The endpoints of operators. All of them see the tenant of the key alone; `poke` is told when something is due."""
    router = APIRouter(prefix="/v1/bridge/{vendor}", tags=["bridge"])

    @router.put("")
    async def put(
        who: Operator,
        vendor: VendorName,
        given: Annotated[WebhookUrl, Depends(json_body(WebhookUrl))],
        response: Response,
    ) -> EndpointView:
        """Send what waits for the vendor, and what comes, to this URL. A disabled endpoint is enabled by it."""
        _check_url(given.url, private)
        if not secrets.has(who.tenant, vendor_source(vendor)):
            detail = f"There is no secret to sign with: `tierdesk vendor webhook set {vendor} URL` makes one."
            raise ProblemError(409, "No secret", detail)
        async with database.transaction() as tx:
            created = await set_endpoint(tx, who.tenant, vendor, given.url)
            view = await _view(tx.connection, who.tenant, vendor)
        response.status_code = 201 if created else 200
        poke()
        return view

    @router.get("")
    async def show(who: Operator, vendor: VendorName) -> EndpointView:
        """A vendor's endpoint."""
        async with database.read() as connection:
            return await _view(connection, who.tenant, vendor)

    @router.delete("", status_code=204)
    async def remove(who: Operator, vendor: VendorName) -> None:
        """Send the vendor nothing more. What was taken from its queue already waits for the next endpoint."""
        async with database.transaction() as tx:
            if not await remove_endpoint(tx, who.tenant, vendor):
                raise no_endpoint()

    @router.post("/enable")
    async def enable(who: Operator, vendor: VendorName) -> EndpointView:
        """Send again, at once, what waits for a disabled or resting endpoint."""
        async with database.transaction() as tx:
            if not await enable_endpoint(tx, who.tenant, vendor):
                raise no_endpoint()
            view = await _view(tx.connection, who.tenant, vendor)
        poke()
        return view

    return router


async def _view(connection: AsyncConnection, tenant: str, vendor: str) -> EndpointView:
    endpoint = await find_endpoint(connection, tenant, vendor)
    if endpoint is None:
        raise no_endpoint()
    return view_endpoint(endpoint, await count_states(connection, tenant, vendor))


def _check_url(url: str, private: Networks) -> None:
    try:
        read_url(url, private)
    except UrlError as error:
        fault: FieldFault = {"field": "url", "message": str(error)}
        raise ProblemError(422, "Invalid request", "See errors.", errors=[fault]) from None


def no_endpoint() -> ProblemError:
    """The same for a foreign vendor as for one that does not exist."""
    return ProblemError(404, "No such endpoint", "This vendor has no webhook that can be seen with this key.")
