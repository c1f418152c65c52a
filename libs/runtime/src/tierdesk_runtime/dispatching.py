"""Which service answers a path, and what the process answers for all of them: health, metrics, the OpenAPI document."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tierdesk_runtime.health import State
from tierdesk_runtime.keys import KeyRing
from tierdesk_runtime.metrics import CONTENT_TYPE, render
from tierdesk_runtime.openapi import merge_documents
from tierdesk_runtime.problems import ProblemError, problem_response
from tierdesk_runtime.service import Service

_CLOSE: Final = (b"connection", b"close")


class Dispatcher:
    """The ASGI application of the process. A service that is not built yet answers 503.

    `/healthz` answers when the event loop turns, `/readyz` when every service would take a request, both without a key,
    as probes come without one. `/metrics` wants a key with `metrics:read`. `/openapi.json` describes what is in the
    repository anyway, and is open.
    """

    def __init__(self, paths: Mapping[str, tuple[str, ...]]) -> None:
        self._prefixes = sorted(
            ((prefix.rstrip("/"), name) for name, prefixes in paths.items() for prefix in prefixes),
            key=lambda entry: len(entry[0]),
            reverse=True,
        )
        self._names = tuple(paths)
        self._services: dict[str, Service] = {}
        self._answers: dict[str, Callable[[Request], Awaitable[Response]]] = {
            "/healthz": self._health,
            "/readyz": self._readiness,
            "/metrics": self._metrics,
            "/openapi.json": self._openapi,
        }
        self.stopping = False
        """Set when the process is told to stop: not ready, and every answer closes its connection."""

    def add(self, service: Service) -> None:
        """This service takes requests from now on."""
        self._services[service.name] = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        await self._application(scope["path"])(scope, receive, self._closing(send) if self.stopping else send)

    def _application(self, path: str) -> ASGIApp:
        if path in self._answers:
            return self._own
        for prefix, name in self._prefixes:
            if _covers(prefix, path):
                service = self._services.get(name)
                return service.entry if service is not None else _starting
        return self._own

    async def _own(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            response = await self._answer(Request(scope))
        except ProblemError as error:
            response = problem_response(error)
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        answer = self._answers.get(request.scope["path"])
        if answer is None:
            raise ProblemError(404)
        if request.method not in {"GET", "HEAD"}:
            raise ProblemError(405, headers={"Allow": "GET, HEAD"})
        return await answer(request)

    async def _health(self, _request: Request) -> Response:
        return _json({"state": State.OK})

    async def _readiness(self, _request: Request) -> Response:
        found = await asyncio.gather(*(service.ready() for service in self._services.values()))
        documents = {
            service.name: readiness.document()
            for service, readiness in zip(self._services.values(), found, strict=True)
        }
        for name in self._names:
            documents.setdefault(
                name, {"state": State.FAILED, "checks": {"service": {"state": State.FAILED, "detail": "starting"}}}
            )
        if self.stopping:
            documents["process"] = {"state": State.FAILED, "detail": "stopping"}
        states = {document["state"] for document in documents.values()}
        worst = next((state for state in (State.FAILED, State.DEGRADED) if state in states), State.OK)
        return _json({"state": worst, "services": documents}, status=503 if worst is State.FAILED else 200)

    async def _metrics(self, request: Request) -> Response:
        ring = self._ring()
        if ring is None:
            return problem_response(_not_yet())
        if "metrics:read" not in ring.authenticate(request.headers.get("authorization")).scopes:
            raise ProblemError(403, "Scope missing", "This key lacks: metrics:read")
        registries = {service.name: service.metrics.registry for service in self._services.values()}
        return Response(render(registries), media_type=CONTENT_TYPE)

    async def _openapi(self, _request: Request) -> Response:
        documents = {service.name: service.app.openapi() for service in self._services.values()}
        return _json(merge_documents(documents, title="Tierdesk"))

    def _ring(self) -> KeyRing | None:
        return next((service.parts.ring for service in self._services.values()), None)

    @staticmethod
    def _closing(send: Send) -> Send:
        async def send_and_close(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), _CLOSE]
            await send(message)

        return send_and_close


def _covers(prefix: str, path: str) -> bool:
    return path.startswith(prefix) and path[len(prefix) : len(prefix) + 1] in {"", "/", ":"}


def _json(document: Mapping[str, Any], *, status: int = 200) -> Response:
    return Response(orjson.dumps(document), status, {"Cache-Control": "no-store"}, media_type="application/json")


def _not_yet() -> ProblemError:
    return ProblemError(503, "Starting", "The service is starting.", headers={"Retry-After": "1"})


async def _starting(scope: Scope, receive: Receive, send: Send) -> None:
    await problem_response(_not_yet())(scope, receive, send)
