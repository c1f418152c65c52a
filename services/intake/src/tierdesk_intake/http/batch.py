"""`POST /v1/events:batch`: thousands of events, a line each, each with its own key and its own result."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, Final, Literal
from uuid import UUID

import orjson
import structlog
from fastapi import Body, Depends
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from pydantic_core import from_json
from starlette.requests import Request
from starlette.responses import Response

from tierdesk_intake.domain.admission import PostedToDesk
from tierdesk_intake.domain.events import PostedLine, read_line
from tierdesk_intake.domain.ledger import EVENTS_SOURCE, Answer, Posted
from tierdesk_intake.domain.refusals import Fault, RefusalKind, RefusedError
from tierdesk_intake.http.events import EventCommit
from tierdesk_intake.http.plain_route import NEVER_CALLED, MediaType, PlainRoute, check_media_type
from tierdesk_intake.http.refusal_problems import as_problem
from tierdesk_runtime.http import Principal, limit_body, require
from tierdesk_runtime.problems import ProblemError, database_unavailable, problem_document
from tierdesk_runtime.settings import Settings
from tierdesk_runtime.tracing import traceparent_of
from tierdesk_store import DatabaseUnavailableError

LINES: Final = 10_000
CHUNK_LINES: Final = 500
"""So many lines are read at a time, so that reading a batch does not keep other requests waiting."""
MEDIA_TYPE: Final = "application/x-ndjson"

_NDJSON: Final = MediaType(MEDIA_TYPE)
_writer: Final = require("events:write")

_DESCRIPTION: Final = f"""
Take up to {LINES:,} events, one JSON object a line: `{{"key": "…", "event": {{…}}}}`, where `event` is what `/v1/events` takes.

Answers one line for each line that is not blank, in order. A line that is refused harms no other. `key` works as the
`Idempotency-Key` of `/v1/events`, over the bytes of the line: a batch can be sent again as a whole.
"""

log = structlog.get_logger(__name__)


class LineResult(BaseModel):
    """What became of one line."""

    line: Annotated[int, Field(ge=1, description="Which line of the request.")]
    key: Annotated[str | None, Field(description="Its key, as far as it could be read.")]
    status: Annotated[
        Literal[202, 400, 404, 409, 413, 422, 500, 503],
        Field(description="What `/v1/events` would have answered. Send a line with 409, 500 or 503 again."),
    ]
    ticket: UUID | None = None
    reference: str | None = None
    replayed: Annotated[bool | None, Field(description="Whether the key had this answer before.")] = None
    problem: Annotated[dict[str, Any] | None, Field(description="Why not, as problem details (RFC 9457).")] = None


class LineResults(JSONResponse):
    """Lines of JSON."""

    media_type = MEDIA_TYPE


async def _describe(
    line: Annotated[PostedLine, Body(media_type=MEDIA_TYPE, description="One such object a line.")],
    principal: Annotated[Principal, Depends(_writer)],
) -> LineResult:
    """Tell OpenAPI what the endpoint takes and answers; `serve` below is what answers."""
    del line, principal
    raise AssertionError(NEVER_CALLED)


def batch_route(commit: EventCommit, now: Callable[[], datetime], settings: Settings) -> PlainRoute:
    """The route. `now` is business time."""

    async def serve(request: Request) -> Response:
        principal = await _writer(request)
        limit_body(request, settings.batch_body_limit_bytes)
        try:
            check_media_type(request, _NDJSON)
            lines = _split(await request.body())
        except RefusedError as refused:
            raise as_problem(refused) from None
        results: list[dict[str, Any]] = []
        for start in range(0, len(lines), CHUNK_LINES):
            taken = lines[start : start + CHUNK_LINES]
            chunk = _Chunk(taken, principal.tenant, settings.body_limit_bytes, now(), traceparent_of(request))
            results += await chunk.write(commit)
            await asyncio.sleep(0)
        if results and all(result["status"] == 503 for result in results):
            raise database_unavailable()
        return Response(b"".join(orjson.dumps(result) + b"\n" for result in results), 200, media_type=MEDIA_TYPE)

    return PlainRoute(
        "/v1/events:batch",
        _describe,
        serve,
        name="post_events",
        summary="Post many events",
        description=_DESCRIPTION,
        tags=["intake"],
        response_class=LineResults,
        response_description="A result for each line.",
    )


class _Chunk:
    """Some lines of a batch: read, written together, and told one by one."""

    def __init__(
        self, lines: list[tuple[int, bytes]], tenant: str, limit_bytes: int, now: datetime, trace: str | None
    ) -> None:
        self._results: list[dict[str, Any]] = []
        self._read: list[tuple[dict[str, Any], PostedToDesk]] = []
        for number, line in lines:
            result: dict[str, Any] = {"line": number, "key": None}
            self._results.append(result)
            try:
                self._read.append((result, _read(line, tenant, limit_bytes, now, trace)))
            except RefusedError as refused:
                result["key"] = _key_of(line)
                _tell_problem(result, as_problem(refused))

    async def write(self, commit: EventCommit) -> list[dict[str, Any]]:
        """Have all lines that read well written; answer the results of all."""
        answers = await commit.submit_all([(posted, posted.posted.key_name) for _, posted in self._read])
        for (result, posted), answer in zip(self._read, answers, strict=True):
            result["key"] = posted.posted.key
            _tell(result, answer)
        return self._results


def _split(body: bytes) -> list[tuple[int, bytes]]:
    if body.count(b"\n") > LINES + 1:  # before they are cut out: a body may be nothing but line ends
        raise _too_many()
    cut = [(number, line.removesuffix(b"\r")) for number, line in enumerate(body.split(b"\n"), start=1)]
    lines = [(number, line) for number, line in cut if line.strip()]
    if len(lines) > LINES:
        raise _too_many()
    if not lines:
        text = "a line for each event is expected"
        raise RefusedError(RefusalKind.NOT_JSON, f"The body is empty: {text}.", [Fault("body", text)])
    return lines


def _too_many() -> RefusedError:
    return RefusedError(RefusalKind.TOO_LARGE, f"A batch has at most {LINES} lines. Send the rest in another.")


def _read(line: bytes, tenant: str, limit_bytes: int, now: datetime, trace: str | None) -> PostedToDesk:
    if len(line) > limit_bytes:
        raise RefusedError(RefusalKind.TOO_LARGE, f"A line has at most {limit_bytes} bytes.")
    posted = read_line(line, now=now)
    fingerprint = hashlib.sha256(line).digest()
    return PostedToDesk(
        Posted(tenant, EVENTS_SOURCE, posted.key, "key", fingerprint, line, trace), posted.event, prefix="event."
    )


def _key_of(line: bytes) -> str | None:
    try:
        value = from_json(line)
    except ValueError:
        return None
    key = value.get("key") if isinstance(value, dict) else None
    return key[:200] if isinstance(key, str) else None


def _tell(result: dict[str, Any], answer: Answer | Exception) -> None:
    match answer:
        case Answer():
            result |= {
                "status": 202,
                "ticket": str(answer.ticket),
                "reference": answer.reference,
                "replayed": answer.replayed,
            }
        case RefusedError():
            _tell_problem(result, as_problem(answer))
        case DatabaseUnavailableError():
            _tell_problem(result, database_unavailable())
        case _:
            log.error("line_failed", exc_info=answer)
            _tell_problem(result, ProblemError(500))


def _tell_problem(result: dict[str, Any], problem: ProblemError) -> None:
    result |= {"status": problem.status, "problem": problem_document(problem)}
