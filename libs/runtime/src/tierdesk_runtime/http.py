"""The HTTP side of a service: every request framed, every error a problem, no endpoint without a key."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.models import HTTPBearer as HTTPBearerModel
from fastapi.routing import iter_route_contexts
from fastapi.security.base import SecurityBase
from pydantic import BeforeValidator
from sqlalchemy.exc import DBAPIError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from tierdesk_contracts.vocabulary import Instant
from tierdesk_runtime.framing import RequestFrame, limit_body
from tierdesk_runtime.json_body import json_body, parse_json, read_json
from tierdesk_runtime.keys import SCOPES, KeyRing, Principal
from tierdesk_runtime.metrics import Metrics
from tierdesk_runtime.openapi import describe_app
from tierdesk_runtime.problems import ProblemError, database_unavailable, field_faults, problem_response
from tierdesk_runtime.settings import Settings
from tierdesk_store import DatabaseUnavailableError, is_redo

__all__ = ["Principal", "QueryInstant", "create_app", "json_body", "limit_body", "parse_json", "read_json", "require"]


def _refuse_number(value: object) -> object:
    if isinstance(value, str) and not value.startswith("-", 4):
        raise ValueError("a moment is written as 2026-03-02T09:30:00Z")
    return value


QueryInstant = Annotated[Instant, BeforeValidator(_refuse_number)]
"""A moment in a query. Pydantic alone would take a number, for seconds since 1970."""


def create_app(*, title: str, ring: KeyRing, settings: Settings) -> FastAPI:
    """An application that answers problem details for whatever goes wrong and limits the size of bodies.

    Endpoints ask for `require(...)`; bodies are read by `read_json` or `json_body`. `app.state.metrics` holds the
    metrics. Health, metrics and the OpenAPI document are served by `tierdesk_runtime.serving`.
    """
    app = FastAPI(
        title=title,
        version="1",
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        telemetry={"tracing": False, "metrics": False, "logs": False},
        exception_handlers={
            ProblemError: _on_problem,
            HTTPException: _on_http_exception,
            RequestValidationError: _on_invalid_request,
            DatabaseUnavailableError: _on_database_unavailable,
            DBAPIError: _on_statement_error,
        },
    )
    app.state.ring = ring
    app.state.metrics = Metrics()
    app.add_middleware(RequestFrame, metrics=app.state.metrics, body_limit_bytes=settings.body_limit_bytes)
    describe_app(app)
    return app


def require(*scopes: str) -> KeyCheck:
    """A dependency that answers the `Principal` of the request's key, if it has all these scopes.

    `principal: Annotated[Principal, Depends(require("tickets:read"))]`; in a plain route `await require(...)(request)`.
    Raises `ProblemError` 401 without a live key, 403 without a scope, and `ValueError` here for a scope that does not
    exist.
    """
    return KeyCheck(scopes)


class KeyCheck(SecurityBase):
    """What `require` makes: FastAPI sees a bearer scheme in it and puts that into the OpenAPI document."""

    def __init__(self, scopes: tuple[str, ...]) -> None:
        unknown = set(scopes) - SCOPES
        if unknown:
            raise ValueError(f"no such scope: {sorted(unknown)}")
        self.model = HTTPBearerModel(bearerFormat="tierdesk", description="An API key of the desk.")
        self.scheme_name = "key"
        self._scopes = frozenset(scopes)

    async def __call__(self, request: Request) -> Principal:
        """The principal. Raises `ProblemError` 401 or 403."""
        ring: KeyRing = request.app.state.ring
        principal = ring.authenticate(request.headers.get("authorization"))
        request.scope["tierdesk.principal"] = principal
        if not self._scopes <= principal.scopes:
            missing = ", ".join(sorted(self._scopes - principal.scopes))
            raise ProblemError(403, "Scope missing", f"This key lacks: {missing}")
        return principal


def _request_id(request: Request) -> str | None:
    request_id: str | None = request.scope.get("tierdesk.request_id")
    return request_id


def _methods_of(request: Request) -> set[str]:
    """What the path takes: each route knows only of its own methods."""
    methods: set[str] = set()
    for context in iter_route_contexts(request.app.routes):
        if context.path_regex.match(request.scope["path"]):
            methods |= context.methods or set()
    return methods


async def _on_problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, ProblemError)
    return problem_response(error, request_id=_request_id(request))


async def _on_http_exception(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    headers = dict(error.headers or {})
    if error.status_code == 405:
        headers["Allow"] = ", ".join(sorted(_methods_of(request)))
    problem = ProblemError(error.status_code, headers=headers)
    detail: object = error.detail  # FastAPI's own HTTPException takes anything
    if isinstance(detail, str) and detail != problem.title:
        problem.detail = detail
    return problem_response(problem, request_id=_request_id(request))


async def _on_invalid_request(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    faults: list[dict[str, Any]] = list(error.errors())
    if faults and faults[0]["type"] == "json_invalid":
        broken = ProblemError(400, "Malformed JSON", errors=[{"field": "body", "message": "not JSON"}])
        return problem_response(broken, request_id=_request_id(request))
    problem = ProblemError(422, "Invalid request", "See errors.", errors=field_faults(faults))
    return problem_response(problem, request_id=_request_id(request))


async def _on_statement_error(request: Request, error: Exception) -> Response:
    """A transaction that gave way to another may be asked for again; any other error is a defect."""
    if not is_redo(error):
        raise error
    return problem_response(database_unavailable(), request_id=_request_id(request))


async def _on_database_unavailable(request: Request, error: Exception) -> Response:
    del error
    return problem_response(database_unavailable(), request_id=_request_id(request))
