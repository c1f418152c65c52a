"""`/v1/catalogue/…/orders`: ordering a service, and what became of an order."""

from __future__ import annotations

import asyncio
import hashlib
from typing import Annotated, Final, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Request, Response
from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, JsonValue, StringConstraints

from tierdesk_contracts.intake import Requester
from tierdesk_contracts.vocabulary import Count, Identifier, Name, refuse_nul
from tierdesk_kb.domain.catalogue import Service, word_order
from tierdesk_kb.domain.forms import find_faults, read_form
from tierdesk_kb.http.catalogue import unknown_service
from tierdesk_kb.store.catalogue import Order, add_order, find_order, read_order, read_service
from tierdesk_runtime.http import Principal, json_body, require
from tierdesk_runtime.identifiers import Identifiers
from tierdesk_runtime.problems import FieldFault, ProblemError
from tierdesk_runtime.publishing import Publisher
from tierdesk_runtime.tracing import traceparent_of
from tierdesk_store import Database

Buyer = Annotated[Principal, Depends(require("catalogue:order"))]
REPLAYED_HEADER: Final = "Idempotency-Replayed"
_Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        pattern=r"^[\x20-\x7e]{1,200}$",
        description="Printable ASCII. The same key with the same bytes is one order, with other bytes 422.",
    ),
]


_Mail = Annotated[
    str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^@\s]+@[^@\s]+$"), AfterValidator(refuse_nul)
]


class OrderingRequester(BaseModel):
    """Who orders, and how to reach them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    party: Annotated[Name, Field(description="The requester's name in the client's own directory: stable, unique.")]
    name: Name | None = None
    email: _Mail | None = None
    phone: Name | None = None


class ServiceOrder(BaseModel):
    """An order of a service."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    requester: OrderingRequester
    answers: Annotated[dict[str, JsonValue], Field(description="To the form of the service.")]
    version: Annotated[
        Count | None, Field(description="Of the form that was filled in; refused with 409 when there is a newer one.")
    ] = None


class AcceptedOrder(BaseModel):
    """The order is kept, and a ticket will be opened for it."""

    order: Annotated[UUID, Field(description="The order's identifier, and that of its ticket.")]
    status: Literal["accepted"] = "accepted"


class TicketOfOrder(BaseModel):
    """The ticket that fulfils an order."""

    id: UUID
    reference: str


class OrderView(BaseModel):
    """An order. `status` is that of its ticket; `ordered` until there is one."""

    id: UUID
    item: str
    version: int
    party: str
    answers: dict[str, JsonValue]
    ordered_at: AwareDatetime
    status: str
    ticket: TicketOfOrder | None


def order_routes(database: Database, publisher: Publisher, identifiers: Identifiers) -> APIRouter:
    """The endpoints. All of them see the tenant of the key alone."""
    router = APIRouter(prefix="/v1/catalogue", tags=["catalogue"])

    @router.post(
        "/{item}/orders",
        status_code=202,
        responses={
            202: {
                "headers": {
                    "Location": {"description": "Where the order is.", "schema": {"type": "string"}},
                    REPLAYED_HEADER: {
                        "description": "`true` when this repeats the answer to an earlier request.",
                        "schema": {"type": "string"},
                    },
                }
            }
        },
    )
    async def order(
        item: Identifier,
        who: Buyer,
        told: Annotated[ServiceOrder, Depends(json_body(ServiceOrder))],
        request: Request,
        response: Response,
        key: _Key = None,
    ) -> AcceptedOrder:
        """Order a service: a ticket with its category and its steps is opened. Answered after it is stored, and then never lost."""
        fingerprint = hashlib.sha256(item.encode() + b"\n" + await request.body()).digest()
        async with database.read() as connection:
            known = None if key is None else await find_order(connection, who.tenant, key)
            service = None if known else await read_service(connection, who.tenant, item)
        if known is not None:
            return _answer(_repeated(known, fingerprint), response, replayed=True)
        service = _orderable(service, told.version)
        faults = await asyncio.to_thread(lambda: find_faults(read_form(service.form), told.answers))
        if faults:
            errors: list[FieldFault] = [{"field": f"/answers{at}", "message": message} for at, message in faults]
            raise ProblemError(422, "Invalid answers", "The answers do not fit the form; see errors.", errors=errors)
        made = Order(
            tenant=who.tenant,
            id=identifiers.new(),
            item=item,
            version=service.version,
            party=told.requester.party,
            answers=dict(told.answers),
            ordered_at=publisher.now(),
            fingerprint=fingerprint,
            key=key,
        )
        async with database.transaction() as tx:
            if await add_order(tx.connection, made):
                notice = word_order(service, Requester(**told.requester.model_dump()), told.answers)
                publisher.send(tx, notice, tenant=who.tenant, subject=str(made.id), traceparent=traceparent_of(request))
                return _answer(made, response, replayed=False)
            known = await find_order(tx.connection, who.tenant, key or "")
            if known is None:
                raise RuntimeError(f"order {made.id} is neither new nor known")
        return _answer(_repeated(known, fingerprint), response, replayed=True)

    @router.get("/orders/{order_id}")
    async def read(order_id: UUID, who: Buyer) -> OrderView:
        """What became of an order."""
        async with database.read() as connection:
            found = await read_order(connection, who.tenant, order_id)
        if found is None:
            raise ProblemError(404, "No such order", "No order of this identifier can be read with this key.")
        reference = found.reference
        return OrderView(
            id=found.id,
            item=found.item,
            version=found.version,
            party=found.party,
            answers=found.answers,
            ordered_at=found.ordered_at,
            status=found.status or "ordered",
            ticket=None if reference is None else TicketOfOrder(id=found.id, reference=reference),
        )

    return router


def _orderable(service: Service | None, version: int | None) -> Service:
    if service is None:
        raise unknown_service()
    if not service.active:
        raise ProblemError(409, "Not to be ordered", "This service cannot be ordered now.")
    if version is not None and version != service.version:
        raise ProblemError(
            409, "Another version", f"Version {service.version} of the service is in force: read its form again."
        )
    return service


def _repeated(known: Order, fingerprint: bytes) -> Order:
    if known.fingerprint != fingerprint:
        raise ProblemError(
            422,
            "Idempotency key reused",
            "This key was used before, with another order. Repeat the body as it was, to the byte, or choose another key.",
            errors=[{"field": "Idempotency-Key", "message": "used before, with another order"}],
        )
    return known


def _answer(order: Order, response: Response, *, replayed: bool) -> AcceptedOrder:
    response.headers["Location"] = f"/v1/catalogue/orders/{order.id}"
    if replayed:
        response.headers[REPLAYED_HEADER] = "true"
    return AcceptedOrder(order=order.id)
