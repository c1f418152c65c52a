"""The frame around each request: its id, the limits of its body, its log line, its metrics, and the last resort."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from typing import Any, Final

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tierdesk_runtime.metrics import Metrics
from tierdesk_runtime.problems import ProblemError, problem_response

BODY_SECONDS: Final = 30.0
"""How long a client may take to send a body, where nothing else is said."""
_GONE: Final = 499
"""Logged, not sent: the client left before it was answered."""
_LIMIT: Final = "tierdesk.body_limit"
_PATIENCE: Final = "tierdesk.body_patience"
METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def limit_body(request: Request, limit_bytes: int, *, patience: int = 1) -> None:
    """Set another limit for the body of this request; call it before the body is read.

    `patience` is how many times `BODY_SECONDS` it may take.
    """
    request.scope[_LIMIT] = limit_bytes
    request.scope[_PATIENCE] = patience


class RequestFrame:
    """ASGI middleware, inside of nothing but the server. A request that raises is answered 500 without its inside."""

    def __init__(self, app: ASGIApp, *, metrics: Metrics, body_limit_bytes: int) -> None:
        self._app = app
        self._log = structlog.get_logger(__name__).bind()  # bound once: binding costs more than logging
        self._metrics = metrics
        self._body_limit_bytes = body_limit_bytes
        self._children: dict[tuple[str, str, int], tuple[Callable[[], None], Callable[[float], None]]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = time.perf_counter()
        request_id = os.urandom(8).hex()
        scope["tierdesk.request_id"] = request_id
        scope[_LIMIT] = self._body_limit_bytes
        id_header = (b"x-request-id", request_id.encode())
        status = 0

        async def send_framed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), id_header]
            await send(message)

        token = structlog.contextvars.bind_contextvars(request_id=request_id)
        try:
            await self._app(scope, _BodyReader(scope, receive), send_framed)
        except ClientDisconnect:
            status = status or _GONE
        except Exception:  # noqa: BLE001 - the last resort: logged with its trace, answered 500
            self._log.exception("request_failed", method=scope["method"], route=route_of(scope))
            if status == 0:
                await problem_response(ProblemError(500), request_id=request_id)(scope, receive, send_framed)
        finally:
            self._record(scope, status, time.perf_counter() - begun)
            structlog.contextvars.reset_contextvars(**token)

    def _record(self, scope: Scope, status: int, seconds: float) -> None:
        method, route = scope["method"], route_of(scope)
        if method not in METHODS:  # a client can make up any number of them
            method = "other"
        key = (method, route, status)
        children = self._children.get(key)
        if children is None:
            children = self._children[key] = (
                self._metrics.http_requests.labels(method, route, str(status)).inc,
                self._metrics.http_seconds.labels(method, route).observe,
            )
        children[0]()
        children[1](seconds)
        principal = scope.get("tierdesk.principal")
        (self._log.info if status < 400 else self._log.warning)(
            "request",
            method=method,
            route=route,
            status=status,
            milliseconds=round(seconds * 1000, 2),
            **({"tenant": principal.tenant, "key": principal.key_id} if principal else {}),
        )


class _BodyReader:
    """`receive` of one request, counted: raises `HTTPException` 413 beyond the limit, 408 when the body takes too long.

    An `HTTPException`, since FastAPI makes a 400 of any other exception that is raised while it reads a body.
    """

    __slots__ = ("_deadline", "_finished", "_receive", "_received", "_scope")

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self._scope = scope
        self._receive = receive
        self._received = 0
        self._finished = False
        self._deadline = 0.0

    async def __call__(self) -> Message:
        if self._finished:
            return await self._receive()
        limit: int = self._scope[_LIMIT]
        if self._deadline == 0.0:
            self._deadline = asyncio.get_running_loop().time() + self._seconds
            if _announced_length(self._scope) > limit:
                raise _too_long(limit)
        try:
            async with asyncio.timeout_at(self._deadline):
                message = await self._receive()
        except TimeoutError:
            detail = f"The body took longer than {self._seconds:.0f} seconds."
            raise HTTPException(408, detail, headers={"Connection": "close"}) from None
        self._received += len(message.get("body", b""))
        if self._received > limit:
            raise _too_long(limit)
        self._finished = not message.get("more_body", False)
        return message

    @property
    def _seconds(self) -> float:
        patience: int = self._scope.get(_PATIENCE, 1)
        return BODY_SECONDS * patience


def _too_long(limit_bytes: int) -> HTTPException:
    return HTTPException(413, f"At most {limit_bytes} bytes are taken.")


def _announced_length(scope: Scope) -> int:
    for name, value in scope["headers"]:
        if name == b"content-length":
            return int(value) if value.isdigit() else 0
    return 0


def route_of(scope: Scope) -> str:
    """The route's pattern, never the path itself; `unmatched` for a path that nothing serves."""
    route: Any = scope.get("route")
    if route is None and "endpoint" in scope:  # a plain route: FastAPI's router does not name it
        route = next((one for one in scope["app"].routes if getattr(one, "endpoint", None) is scope["endpoint"]), None)
    return str(getattr(route, "path_format", None) or getattr(route, "path", "unmatched"))
