"""`/v1/catalogue`: services that can be ordered."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from tierdesk_contracts.vocabulary import Identifier, Line, Text
from tierdesk_kb.domain.catalogue import Service, ServiceConflictError, revise_service
from tierdesk_kb.domain.forms import FormError, read_form
from tierdesk_kb.store.catalogue import list_services, lock_service, read_service, save_service
from tierdesk_kb.store.policies import PolicyShelf
from tierdesk_runtime.http import Principal, json_body, require
from tierdesk_runtime.problems import ProblemError
from tierdesk_store import Database

Reader = Annotated[Principal, Depends(require("catalogue:read"))]
Writer = Annotated[Principal, Depends(require("catalogue:write"))]


class ServiceText(BaseModel):
    """A service as its author writes it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Line
    description: Annotated[Text, Field(description="Markdown.")] = ""
    form: Annotated[
        dict[str, JsonValue],
        Field(description="What is asked of whoever orders: a JSON Schema (draft 2020-12) of the type object."),
    ]
    category: Annotated[Identifier, Field(description="Of the tickets that fulfil it.")]
    steps: Annotated[tuple[Line, ...], Field(max_length=30, description="What fulfils an order.")] = ()
    active: Annotated[bool, Field(description="Whether it can be ordered.")] = True


class ServiceRevision(ServiceText):
    """The first or the next version of a service."""

    based_on: Annotated[int, Field(ge=0, description="The newest version, as the author has read it; 0 for none.")] = 0


class ServiceView(ServiceText):
    """One version of a service."""

    item: str
    version: int


class ServiceSummary(BaseModel):
    """A service in the list."""

    item: str
    version: int
    name: str
    description: str
    category: str
    active: bool


class ServicePage(BaseModel):
    """Services, by item. `next` is the `after` of the next page, absent on the last."""

    services: tuple[ServiceSummary, ...]
    next: str | None = None


def catalogue_routes(database: Database, shelf: PolicyShelf, now: Callable[[], datetime]) -> APIRouter:
    """The endpoints. All of them see the tenant of the key alone. `now` is business time."""
    router = APIRouter(prefix="/v1/catalogue", tags=["catalogue"])

    @router.get("")
    async def list_(
        who: Reader,
        inactive: Annotated[bool, Query(description="Also those that cannot be ordered.")] = False,
        limit: Annotated[int, Query(ge=1, le=200)] = 50,
        after: Annotated[Identifier | None, Query(description="`next` of the page before.")] = None,
    ) -> ServicePage:
        """The services that can be ordered."""
        async with database.read() as connection:
            found = await list_services(connection, who.tenant, after=after or "", limit=limit + 1, inactive=inactive)
        return ServicePage(
            services=tuple(_summary(service) for service in found[:limit]),
            next=found[limit - 1].item if len(found) > limit else None,
        )

    @router.get("/{item}")
    async def read(
        item: Identifier, who: Reader, version: Annotated[int | None, Query(ge=1, le=2_147_483_647)] = None
    ) -> ServiceView:
        """A service with its form: the newest version, or the one that is named."""
        async with database.read() as connection:
            found = await read_service(connection, who.tenant, item, version)
        if found is None:
            raise unknown_service()
        return _view(found)

    @router.put("/{item}", responses={201: {"model": ServiceView, "description": "It is new."}})
    async def write(
        item: Identifier,
        who: Writer,
        told: Annotated[ServiceRevision, Depends(json_body(ServiceRevision))],
        response: Response,
    ) -> ServiceView:
        """Write a service, or its next version. What is ordered stays ordered by the version that it named."""
        _check_form(told.form)
        fields: dict[str, Any] = told.model_dump(exclude={"based_on"})
        wanted = Service(tenant=who.tenant, item=item, version=0, **fields)
        async with database.transaction() as tx:
            policy = (await shelf.fetch_in_force(tx.connection)).get(who.tenant)
            if policy is not None and policy.find_category(told.category) is None:
                raise _invalid("category", "no category of this desk")
            newest = await lock_service(tx.connection, who.tenant, item)
            try:
                service = revise_service(newest, wanted, based_on=told.based_on)
            except ServiceConflictError as error:
                raise _conflict(str(error)) from None
            if service != newest and not await save_service(tx.connection, service, who.label, now()):
                raise _conflict("somebody else wrote it meanwhile: read it, then write the next")
        if newest is None:
            response.status_code = 201
        return _view(service)

    return router


def unknown_service() -> ProblemError:
    """Answered alike for a service of another tenant and for one that does not exist."""
    return ProblemError(404, "No such service", "No service of this name can be read with this key.")


def _check_form(form: dict[str, JsonValue]) -> None:
    try:
        read_form(form)
    except FormError as error:
        raise _invalid(f"form{error.pointer}", error.reason) from None


def _invalid(field: str, message: str) -> ProblemError:
    return ProblemError(422, "Invalid request", "See errors.", errors=[{"field": field, "message": message}])


def _conflict(detail: str) -> ProblemError:
    return ProblemError(409, "Service conflict", detail)


def _view(service: Service) -> ServiceView:
    return ServiceView(
        item=service.item,
        version=service.version,
        name=service.name,
        description=service.description,
        form=service.form,
        category=service.category,
        steps=service.steps,
        active=service.active,
    )


def _summary(service: Service) -> ServiceSummary:
    return ServiceSummary(
        item=service.item,
        version=service.version,
        name=service.name,
        description=service.description,
        category=service.category,
        active=service.active,
    )
