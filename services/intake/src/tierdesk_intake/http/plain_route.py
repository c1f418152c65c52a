"""A busy route: described to OpenAPI as any other, served without FastAPI's work per request."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final

from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import request_response

from tierdesk_intake.domain.refusals import RefusalKind, RefusedError

NEVER_CALLED: Final = "a described route is answered by what serves it"
"""What a description raises: its signature alone is read."""

Serve = Callable[[Request], Coroutine[Any, Any, Response]]


class PlainRoute(APIRoute):
    """A `POST` route that `serve` answers. `described` is never called: its signature is what OpenAPI tells of it.

    Reading body and key by hand spares what FastAPI does per request with dependencies, models and what they open.
    """

    def __init__(self, path: str, described: Callable[..., Awaitable[Any]], serve: Serve, **description: Any) -> None:
        self._serve = serve
        super().__init__(path, described, methods=["POST"], **description)
        self.app = request_response(serve)

    def get_route_handler(self) -> Serve:
        """What FastAPI builds on when the route is included elsewhere."""
        return self._serve


class MediaType:
    """A content type that an endpoint reads, with or without `charset=utf-8`."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.pattern = re.compile(rf'{re.escape(name)}(?:\s*;\s*charset="?utf-?8"?)?\s*', re.IGNORECASE)


def check_media_type(request: Request, *known: MediaType) -> MediaType:
    """Which of these the body is said to be. Raises `RefusedError` for another, and for a packed body."""
    given = ""
    for name, value in reversed(request.scope["headers"]):  # once through them all; the first of a name counts
        if name == b"content-type":
            given = value.decode("latin-1")
        elif name == b"content-encoding" and value.lower() != b"identity":
            raise RefusedError(RefusalKind.UNSUPPORTED, "Send the body as it is, without Content-Encoding.")
    for media_type in known:
        if media_type.pattern.fullmatch(given):
            return media_type
    wanted = " or ".join(media_type.name for media_type in known)
    raise RefusedError(RefusalKind.UNSUPPORTED, f"Send the header Content-Type: {wanted}")
