"""`/v1/policy`: the policy in force of a tenant, and putting another one in force."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel

from tierdesk_bus import BusError
from tierdesk_policy import Policy, PolicyError, load_policy
from tierdesk_router.store.policies import PolicyShelf
from tierdesk_runtime.http import Principal, require
from tierdesk_runtime.problems import FieldFault, ProblemError, problem_response
from tierdesk_store import Database

MOST_FAULTS: Final = 100
"""So many faults an answer names; a hostile document can have a hundred thousand."""
ApplyPolicy = Callable[[str, Policy], Awaitable[bool]]


class PolicyInForce(BaseModel):
    """A policy that is in force, or was, whole."""

    version: str
    name: str
    document: dict[str, Any]


class PolicyAnswer(BaseModel):
    """What applying did: `changed` is false when the policy was in force already."""

    version: str
    name: str
    changed: bool


def policy_router(database: Database, shelf: PolicyShelf, apply_policy: ApplyPolicy) -> APIRouter:
    """The routes. `apply_policy` puts a policy in force for a tenant and tells whether that changed anything."""
    router = APIRouter(prefix="/v1/policy", tags=["policy"])
    reading = asyncio.Lock()

    @router.get("", summary="The policy in force")
    async def show(who: Annotated[Principal, Depends(require("tickets:read"))]) -> PolicyInForce:
        async with database.read() as connection:
            policy = (await shelf.in_force(connection, [who.tenant])).get(who.tenant)
        if policy is None:
            raise ProblemError(404, "No policy in force", "Apply one with PUT /v1/policy.")
        return _whole(policy)

    @router.get("/versions/{version}", summary="A policy that is or was in force")
    async def show_version(version: str, who: Annotated[Principal, Depends(require("tickets:read"))]) -> PolicyInForce:
        async with database.read() as connection:
            policy = None if "\x00" in version else await shelf.find(connection, who.tenant, version)
        if policy is None:
            raise ProblemError(404, "No such policy", "Give a version as a ticket names it, `sha256:…`.")
        return _whole(policy)

    @router.put(
        "",
        summary="Put a policy in force, given as YAML or JSON",
        openapi_extra={
            "requestBody": {"required": True, "content": {"application/yaml": {"schema": {"type": "string"}}}}
        },
    )
    async def apply(request: Request, who: Annotated[Principal, Depends(require("policy:write"))]) -> PolicyAnswer:
        body = await request.body()
        try:
            # A hostile document takes a second or two, in which the others are to be served; one at a time, so that
            # many of them take no more than one.
            async with reading:
                policy = await asyncio.to_thread(load_policy, body, source="body")
        except PolicyError as error:
            faults: list[FieldFault] = [
                {"field": f"line {fault.line}: {fault.field}", "message": fault.message}
                for fault in error.faults[:MOST_FAULTS]
            ]
            detail = f"The policy in force stays as it is. Its faults are {len(error.faults)}."
            raise ProblemError(422, "Invalid policy", detail, errors=faults) from error
        try:
            changed = await apply_policy(who.tenant, policy)
        except BusError as error:
            detail = f"Its queues could not be declared: {error}. The policy in force stays as it is."
            raise ProblemError(503, "Bus unavailable", detail, headers={"Retry-After": "5"}) from error
        return PolicyAnswer(version=policy.version, name=policy.name, changed=changed)

    return router


async def answer_unknown_policy(request: Request, error: Exception) -> Response:
    """The answer to a command that met an `UnknownPolicyError`: another release may be able to carry it out."""
    del request
    return problem_response(ProblemError(503, "Policy cannot be read", f"{error}. Nothing was changed."))


def _whole(policy: Policy) -> PolicyInForce:
    return PolicyInForce(version=policy.version, name=policy.name, document=policy.document())
