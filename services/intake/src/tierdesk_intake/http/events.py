"""`POST /v1/events`: one event."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Final, Literal
from uuid import UUID

from fastapi import Body, Depends, Header
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import Response

from tierdesk_intake.domain.admission import PostedToDesk
from tierdesk_intake.domain.events import PostedEvent, read_event
from tierdesk_intake.domain.ledger import EVENTS_SOURCE, Answer, Posted
from tierdesk_intake.domain.refusals import RefusedError, refuse_field
from tierdesk_intake.http.plain_route import NEVER_CALLED, MediaType, PlainRoute, check_media_type
from tierdesk_intake.http.refusal_problems import as_problem
from tierdesk_intake.store.group_commit import GroupCommit
from tierdesk_runtime.http import Principal, require
from tierdesk_runtime.tracing import traceparent_of

KEY_HEADER: Final = "Idempotency-Key"
REPLAYED_HEADER: Final = "Idempotency-Replayed"
EventCommit = GroupCommit[PostedToDesk, Answer]

_KEY: Final = re.compile(r"[\x20-\x7e]{1,200}")
_JSON: Final = MediaType("application/json")
_writer: Final = require("events:write")

_DESCRIPTION: Final = """
Take one event. Answered after it is stored, and then never lost.

With an `Idempotency-Key` the request can be repeated for ever: the same key with the same bytes gets the same answer
(marked `Idempotency-Replayed: true`), the same key with other bytes 422, a key that is being handled at this moment
409. Without one, each repetition is a new event.
"""


class Accepted(BaseModel):
    """The event is stored."""

    ticket: Annotated[UUID, Field(description="The ticket's identifier, for its later events.")]
    reference: Annotated[str, Field(description="The ticket's name for people.", examples=["TD-7K3M-Q9XP"])]
    status: Literal["accepted"]


async def _describe(
    event: Annotated[PostedEvent, Body()],
    principal: Annotated[Principal, Depends(_writer)],
    idempotency_key: Annotated[
        str | None, Header(min_length=1, max_length=200, pattern=f"^{_KEY.pattern}$", description="Printable ASCII.")
    ] = None,
) -> Accepted:
    """Tell OpenAPI what the endpoint takes and answers; `serve` below is what answers."""
    del event, principal, idempotency_key
    raise AssertionError(NEVER_CALLED)


def event_route(commit: EventCommit, now: Callable[[], datetime]) -> PlainRoute:
    """The route. `now` is business time."""

    async def serve(request: Request) -> Response:
        principal = await _writer(request)
        try:
            posted = await _read(request, principal.tenant, now())
            answer = await commit.submit(posted, posted.posted.key_name)
        except RefusedError as refused:
            raise as_problem(refused) from None
        headers = {"Location": f"/v1/tickets/{answer.ticket}"}
        if answer.replayed:
            headers[REPLAYED_HEADER] = "true"
        return Response(answer.text, 202, headers, media_type="application/json")

    return PlainRoute(
        "/v1/events",
        _describe,
        serve,
        name="post_event",
        summary="Post one event",
        description=_DESCRIPTION,
        tags=["intake"],
        status_code=202,
        response_description="Stored.",
        responses={
            202: {
                "headers": {
                    "Location": {"description": "Where the ticket is.", "schema": {"type": "string"}},
                    REPLAYED_HEADER: {
                        "description": "`true` when this repeats the answer to an earlier request.",
                        "schema": {"type": "string"},
                    },
                }
            }
        },
    )


async def _read(request: Request, tenant: str, now: datetime) -> PostedToDesk:
    check_media_type(request, _JSON)
    keys = request.headers.getlist(KEY_HEADER)
    if len(keys) > 1 or (keys and not _KEY.fullmatch(keys[0])):
        raise refuse_field(KEY_HEADER, "one header of 1 to 200 printable ASCII characters is expected")
    body = await request.body()
    event = read_event(body, now=now)
    fingerprint = hashlib.sha256(body).digest()
    key, trace = keys[0] if keys else None, traceparent_of(request)
    return PostedToDesk(Posted(tenant, EVENTS_SOURCE, key, KEY_HEADER, fingerprint, body, trace), event)
