"""`POST /v1/bridge/{vendor}/outcomes`: what a vendor says of its work, signed by it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Path, Response
from fastapi.security import APIKeyHeader
from pydantic import BaseModel, ConfigDict
from starlette.requests import Request

from tierdesk_bridge.http.views import OutcomeTaken
from tierdesk_bridge.store.callbacks import note_callback
from tierdesk_bridge.store.endpoints import find_endpoint
from tierdesk_bus.port import Address
from tierdesk_contracts import MESSAGE_TYPES, AnyEnvelope, MessageError, parse
from tierdesk_contracts.names import VENDOR_INBOUND, event_key, vendor_namespace
from tierdesk_runtime.json_body import check_media_type, parse_json
from tierdesk_runtime.problems import FieldFault, ProblemError
from tierdesk_runtime.webhook_secrets import WebhookSecrets, vendor_source
from tierdesk_store import Database, Transaction

MEDIA_TYPE: Final = "application/cloudevents+json"
REPLAYED_HEADER: Final = "Idempotency-Replayed"
_CLOUDEVENT: Final = re.compile(rf"{re.escape(MEDIA_TYPE)}(?:\s*;\s*charset=\"?utf-8\"?)?\s*", re.IGNORECASE)
OUTCOME_TYPES: Final = frozenset(name for name, entry in MESSAGE_TYPES.items() if entry.exchange == "outcomes")
_signature: Final = APIKeyHeader(
    name="webhook-signature",
    scheme_name="signature",
    description="`v1,<base 64>` of the HMAC-SHA256 of `webhook-id.webhook-timestamp.body`; several, separated by spaces.",
    auto_error=False,
)
"""Tells OpenAPI of the signature; `WebhookSecrets` is what checks it."""
_DESCRIPTION: Final = """
Take one outcome, as its vendor would publish it by AMQP: an envelope as docs/asyncapi.yaml describes it, of a type
`outcome.….v1`.

Signed as Standard Webhooks, with the vendor's secret, which tells whose desk it is. `webhook-id` is the idempotency key,
for ever. 202 says that the outcome is stored; what the desk refuses of it comes back as `work.rejected.v1`.
"""
_EXTRA: Final[dict[str, Any]] = {
    "parameters": [
        {
            "name": "webhook-id",
            "in": "header",
            "required": True,
            "schema": {"type": "string", "minLength": 1, "maxLength": 200, "pattern": r"^[\x21-\x7e]+$"},
        },
        {
            "name": "webhook-timestamp",
            "in": "header",
            "required": True,
            "description": "Seconds since 1970; at most five minutes from now.",
            "schema": {"type": "integer"},
        },
    ],
    "requestBody": {
        "required": True,
        "content": {
            MEDIA_TYPE: {
                "schema": {
                    "type": "object",
                    "required": ["id", "source", "type", "subject", "time", "tenant", "data"],
                    "properties": {
                        "specversion": {"const": "1.0"},
                        "id": {"type": "string", "format": "uuid"},
                        "source": {"type": "string", "minLength": 1, "maxLength": 200},
                        "type": {"enum": sorted(OUTCOME_TYPES)},
                        "subject": {"type": "string", "minLength": 1, "maxLength": 200},
                        "time": {"type": "string", "format": "date-time"},
                        "tenant": {"type": "string", "description": "Not looked at."},
                        "data": {"type": "object", "description": "As its type wants it: docs/asyncapi.yaml."},
                    },
                }
            }
        },
    },
}


class _Head(BaseModel):
    """What is looked at before the type's own model is."""

    model_config = ConfigDict(extra="ignore")

    type: str


def outcome_routes(database: Database, secrets: WebhookSecrets, wall_clock: Callable[[], datetime]) -> APIRouter:
    """The endpoint of vendors. Signatures are as old as `wall_clock` says."""
    router = APIRouter(tags=["bridge"])

    @router.post(
        "/v1/bridge/{vendor}/outcomes",
        status_code=202,
        summary="Say what became of work",
        description=_DESCRIPTION,
        openapi_extra=_EXTRA,
        dependencies=[Depends(_signature)],
    )
    async def post_outcome(
        request: Request, vendor: Annotated[str, Path(description="As the policy names it.")], response: Response
    ) -> OutcomeTaken:
        body = await request.body()
        signed = secrets.authenticate(
            vendor_source(vendor),
            request.headers,
            body,
            wall_clock(),
            unknown="No vendor of this name signs to this desk.",
        )
        check_media_type(request, _CLOUDEVENT, MEDIA_TYPE)
        envelope = _read(body)
        fingerprint = hashlib.sha256(body).digest()
        async with database.transaction() as tx:
            if await find_endpoint(tx.connection, signed.tenant, vendor) is None:
                raise ProblemError(409, "No webhook", "The desk sends you nothing by webhook, and so takes no answers.")
            known = await note_callback(tx, signed.tenant, vendor, signed.webhook_id, fingerprint, envelope.id)
            if known is None:
                _send(tx, signed.tenant, vendor, envelope)
        if known is None:
            return OutcomeTaken(id=envelope.id)
        if known.fingerprint != fingerprint:
            fault: FieldFault = {"field": "webhook-id", "message": "used before, with another body"}
            detail = "This webhook-id was used before, with another body. Repeat the body as it was, or choose another."
            raise ProblemError(422, "Idempotency key reused", detail, errors=[fault])
        response.headers[REPLAYED_HEADER] = "true"
        return OutcomeTaken(id=known.message_id)

    return router


def _send(tx: Transaction, tenant: str, vendor: str, envelope: AnyEnvelope) -> None:
    """To where the vendor would publish it. Whose it is, the namespace says; what the body claims is put right."""
    told = envelope.model_copy(update={"tenant": tenant, "source": f"/vendors/{vendor}"})
    tx.send(told, Address(vendor_namespace(tenant, vendor), VENDOR_INBOUND, event_key(tenant, envelope.type)))


def _read(body: bytes) -> AnyEnvelope:
    """The envelope. Raises `ProblemError` 400 when it is not strict JSON, 422 with the field that is wrong."""
    head = parse_json(body, _Head)
    if head.type not in OUTCOME_TYPES:
        raise _invalid("type", "is no outcome that this desk knows")
    try:
        return parse(body, type_hint=head.type)
    except MessageError as error:
        field, colon, message = error.reason.partition(": ")
        raise _invalid(field if colon else "body", message if colon else error.reason) from None


def _invalid(field: str, message: str) -> ProblemError:
    fault: FieldFault = {"field": field, "message": message}
    return ProblemError(422, "Invalid outcome", "See errors.", errors=[fault])
