"""`POST /v1/phone/generic`: what a telephone system says of calls, in the generic CTI shape."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import Body, Depends, Header
from fastapi.security import APIKeyHeader
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import Response

from tierdesk_intake.domain.generic_cti import GenericCallEvent, read_form, read_json
from tierdesk_intake.domain.ledger import Answer, Posted
from tierdesk_intake.domain.phone_log import PostedByPhone
from tierdesk_intake.domain.phone_routes import Route
from tierdesk_intake.domain.refusals import RefusedError
from tierdesk_intake.http.events import REPLAYED_HEADER
from tierdesk_intake.http.plain_route import NEVER_CALLED, MediaType, PlainRoute, check_media_type
from tierdesk_intake.http.refusal_problems import as_problem
from tierdesk_intake.store.group_commit import GroupCommit
from tierdesk_runtime.problems import ProblemError
from tierdesk_runtime.tracing import traceparent_of
from tierdesk_runtime.webhook_secrets import WebhookSecrets, is_vendor_source

PhoneCommit = GroupCommit[PostedByPhone, Answer]

SOURCE_HEADER: Final = "Tierdesk-Source"
_UNKNOWN: Final = f"{SOURCE_HEADER} names no telephone system of this desk."
_JSON: Final = MediaType("application/json")
_FORM: Final = MediaType("application/x-www-form-urlencoded")

_signature: Final = APIKeyHeader(
    name="webhook-signature",
    scheme_name="signature",
    description="`v1,<base 64>` of the HMAC-SHA256 of `webhook-id.webhook-timestamp.body`; several, separated by spaces.",
)
"""Tells OpenAPI of the signature; `WebhookSecrets` is what checks it."""

_DESCRIPTION: Final = """
Take one event of a call: `newCall`, `queue`, `answer`, `hangup` or `voicemail`, in any order and as often as it comes.

Signed as Standard Webhooks (HMAC-SHA256 over `id.timestamp.body`); the secret tells whose desk it is, and `webhook-id`
is the idempotency key. A ticket is opened when an incoming call is answered, missed, or leaves a message, and when the caller is
promised to be called back.

Of a caller who waits, the answer says what to do: `queue` (wait on), `l2` (put through to the next tier), `voicemail`, or `callback`
(tell the caller of the callback, and hang up). Post `queue` under a new `webhook-id` to ask again.
"""


class CallTaken(BaseModel):
    """The event is stored."""

    call: Annotated[str, Field(description="The call's identifier, as it was sent.")]
    ticket: Annotated[UUID | None, Field(description="The ticket it became; null while it calls for no action.")]
    reference: str | None
    route: Annotated[
        Route | None, Field(description="What to do with a caller who waits; null for a call that waits for nobody.")
    ]


async def _describe(
    event: Annotated[GenericCallEvent, Body()],
    signature: Annotated[str | None, Depends(_signature)],
    tierdesk_source: Annotated[str, Header(description="The name of the telephone system, as its secret is filed.")],
    webhook_id: Annotated[str, Header(min_length=1, max_length=200, pattern=r"^[\x21-\x7e]+$")],
    webhook_timestamp: Annotated[int, Header(description="Seconds since 1970; at most five minutes from now.")],
) -> CallTaken:
    """Tell OpenAPI what the endpoint takes and answers; `serve` below is what answers."""
    del event, signature, tierdesk_source, webhook_id, webhook_timestamp
    raise AssertionError(NEVER_CALLED)


def phone_route(
    commit: PhoneCommit, secrets: WebhookSecrets, now: Callable[[], datetime], wall_clock: Callable[[], datetime]
) -> PlainRoute:
    """The route. `now` is business time; signatures are as old as `wall_clock` says."""

    async def serve(request: Request) -> Response:
        body = await request.body()
        system = request.headers.get(SOURCE_HEADER, "")
        if is_vendor_source(system):
            raise ProblemError(401, "Bad signature", _UNKNOWN)
        signed = secrets.authenticate(system, request.headers, body, wall_clock(), unknown=_UNKNOWN)
        try:
            read = read_json if check_media_type(request, _JSON, _FORM) is _JSON else read_form
            call_id, event = read(body, now=now())
            fingerprint = hashlib.sha256(body).digest()
            source = f"phone/{system}"
            trace = traceparent_of(request)
            posted = Posted(signed.tenant, source, signed.webhook_id, "webhook-id", fingerprint, body, trace)
            answer = await commit.submit(PostedByPhone(posted, system, call_id, event), posted.key_name)
        except RefusedError as refused:
            raise as_problem(refused) from None
        headers = {REPLAYED_HEADER: "true"} if answer.replayed else {}
        return Response(answer.text, 200, headers, media_type="application/json")

    return PlainRoute(
        "/v1/phone/generic",
        _describe,
        serve,
        name="post_phone_event",
        summary="Post what happens to a call",
        description=_DESCRIPTION,
        tags=["intake"],
        response_description="Stored.",
        openapi_extra={"requestBody": {"content": {_FORM.name: {"schema": _form_schema()}}}},
    )


def _form_schema() -> dict[str, Any]:
    """The same fields as in JSON. A form cannot say null."""
    schema = GenericCallEvent.model_json_schema(ref_template="#/components/schemas/{model}")
    schema.pop("$defs", None)
    for field in schema["properties"].values():
        field.pop("default", None)
        if "anyOf" in field:
            field["anyOf"] = [kind for kind in field["anyOf"] if kind != {"type": "null"}]
    return schema
