"""Errors as problem details (RFC 9457): one shape for every refusal of every service."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, TypedDict

import orjson
from starlette.responses import Response

MEDIA_TYPE = "application/problem+json"


class FieldFault(TypedDict):
    """What is wrong with one field of a request; `field` is a path such as `requester.email`."""

    field: str
    message: str


class ProblemError(Exception):
    """A request that is refused, with what the client needs to do better.

    `title` is short and the same for every case of its kind; `detail` is about this case. Neither holds a secret,
    personal data or the inside of the service.
    """

    def __init__(
        self,
        status: int,
        title: str | None = None,
        detail: str | None = None,
        *,
        errors: Iterable[FieldFault] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.status = status
        self.title = title or HTTPStatus(status).phrase
        self.detail = detail
        self.errors: tuple[FieldFault, ...] = tuple(errors)
        self.headers: Mapping[str, str] = headers or {}
        super().__init__(f"{status} {self.title}" + (f": {detail}" if detail else ""))


def problem_document(error: ProblemError, *, request_id: str | None = None) -> dict[str, Any]:
    """The members of the problem. `type` is `about:blank` where the status says it all, as RFC 9457 §4.2.1 asks."""
    plain = error.title == HTTPStatus(error.status).phrase
    slug = re.sub(r"[^a-z0-9]+", "-", error.title.lower()).strip("-")
    document: dict[str, Any] = {
        "type": "about:blank" if plain else f"urn:tierdesk:problem:{slug}",
        "title": error.title,
        "status": error.status,
    }
    if error.detail:
        document["detail"] = error.detail
    if error.errors:
        document["errors"] = list(error.errors)
    if request_id:
        document["request_id"] = request_id
    return document


def problem_response(error: ProblemError, *, request_id: str | None = None) -> Response:
    """The answer to a request that ended in this problem."""
    return Response(
        orjson.dumps(problem_document(error, request_id=request_id)),
        status_code=error.status,
        headers=dict(error.headers),
        media_type=MEDIA_TYPE,
    )


def field_path(location: Sequence[int | str], *, drop: str = "body") -> str:
    """Pydantic's `loc` as a dotted path: `("body", "steps", 0, "what")` is `steps.0.what`; nothing left is `body`."""
    parts = location[1:] if location and location[0] == drop else location
    return ".".join(str(part) for part in parts) or drop


def field_faults(errors: Iterable[Mapping[str, Any]]) -> list[FieldFault]:
    """Pydantic's errors, at most 100, without the values that were sent: those may be secrets or personal."""
    faults: list[FieldFault] = []
    for error in errors:
        if len(faults) == 100:
            break
        faults.append({"field": field_path(error["loc"]), "message": str(error["msg"])})
    return faults


def database_unavailable() -> ProblemError:
    """Nothing is known to be stored: the client repeats the request, with the same idempotency key."""
    return ProblemError(
        503,
        "Storage unavailable",
        "The request may or may not have been stored. Repeat it with the same key.",
        headers={"Retry-After": "1"},
    )
