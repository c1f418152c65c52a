"""The small HTTP side of the diagnostics bot: it says what is asked, and takes one result for each token."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import Callable, Generator, Iterable, Mapping
from datetime import datetime
from http import HTTPStatus
from typing import Any, Final

import uvicorn
from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route

from tierdesk_bots.codes import read_token
from tierdesk_bots.diagnosis import Check, Diagnosis, Request
from tierdesk_bots.journal import Journal, Journals

LONGEST_BODY_BYTES: Final = 65_536
BODY_SECONDS: Final = 20.0
MOST_CONNECTIONS: Final = 200
_MOST_FAULTS: Final = 20


class Problem(Exception):  # noqa: N818 - what an answer is called, RFC 9457
    """A request that is refused, and what to do."""

    def __init__(self, status: int, detail: str, errors: Iterable[Mapping[str, str]] = ()) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.errors = list(errors)


class Listener:
    """Takes results into the journals; whoever waits for one is woken by its journal."""

    def __init__(
        self, journals: Journals, *, secret: bytes, checks: tuple[Check, ...], now: Callable[[], datetime]
    ) -> None:
        self._journals = journals
        self._secret = secret
        self._checks = checks
        self._now = now

    @property
    def app(self) -> Starlette:
        """`GET` and `POST /v1/diagnoses/{token}`, every refusal a problem document."""
        path = "/v1/diagnoses/{token}"
        return Starlette(
            routes=[Route(path, self._ask, methods=["GET"]), Route(path, self._take, methods=["POST"])],
            exception_handlers={Problem: _on_problem, HTTPException: _on_http_exception, Exception: _on_fault},
        )

    async def _ask(self, request: HttpRequest) -> Response:
        journal = self._find(request)
        asked = journal.get("asked")
        told = Request(reference=asked["reference"], until=asked["until"], checks=self._checks)
        return Response(told.model_dump_json(exclude_none=True), media_type="application/json")

    async def _take(self, request: HttpRequest) -> Response:
        self._find(request)
        body = await _read_body(request)
        try:
            diagnosis = Diagnosis.model_validate_json(body)
        except ValidationError as error:
            raise Problem(422, "This is no diagnosis; see errors.", _faults(error)) from None
        # Found once more: meanwhile another may have come, or the ticket may be over.
        self._find(request).note("diagnosis", diagnosis.model_dump(mode="json"))
        return Response(json.dumps({"status": "received"}), media_type="application/json")

    def _find(self, request: HttpRequest) -> Journal:
        """The journal of a token that is open. Raises `Problem`: 409 for one that was used, 404 for any other."""
        assignment_id = read_token(self._secret, request.path_params["token"])
        journal = None if assignment_id is None else self._journals.find(assignment_id)
        if journal is None or journal.get("asked") is None:
            raise Problem(404, "This link is not known here.")
        if journal.get("diagnosis") is not None:
            raise Problem(409, "A diagnosis was already sent with this link; it works once.")
        if journal.get("ending") is not None or journal.get("lost") is not None:
            raise Problem(404, "This link is over: the ticket has gone on without it.")
        if datetime.fromisoformat(journal.get("asked")["until"]) < self._now():
            raise Problem(404, "This link is over: its time has run out.")
        return journal


class ListenerServer(uvicorn.Server):
    """uvicorn, stopped by whoever started it."""

    def __init__(self, app: Starlette, sock: socket.socket) -> None:
        super().__init__(
            uvicorn.Config(
                app, lifespan="off", ws="none", log_config=None, access_log=False, server_header=False,
                proxy_headers=False, limit_concurrency=MOST_CONNECTIONS, timeout_graceful_shutdown=5,
            )
        )  # fmt: skip
        self._socket = sock

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Leave the signals to the bot."""
        yield

    async def run_until(self, stop: asyncio.Event) -> None:
        """Serve until `stop`."""
        serving = asyncio.create_task(self.serve(sockets=[self._socket]))
        stopped = asyncio.create_task(stop.wait())
        await asyncio.wait([serving, stopped], return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        self.should_exit = True
        await serving


async def _read_body(request: HttpRequest) -> bytes:
    """Raises `Problem` 415, 413, 408 or 400."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise Problem(415, "Send application/json.")
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in request.stream():
                body += chunk
                if len(body) > LONGEST_BODY_BYTES:
                    raise Problem(413, f"At most {LONGEST_BODY_BYTES} bytes.")
    except TimeoutError:
        raise Problem(408, f"The body did not come within {BODY_SECONDS:.0f} s.") from None
    except ClientDisconnect:
        raise Problem(400, "The body did not come whole.") from None
    return bytes(body)


def _faults(error: ValidationError) -> list[dict[str, str]]:
    """What is wrong with which field, without what was sent."""
    return [
        {"field": ".".join(str(part) for part in one["loc"]) or "body", "message": one["msg"]}
        for one in error.errors(include_input=False, include_url=False)[:_MOST_FAULTS]
    ]


async def _on_problem(request: HttpRequest, error: Exception) -> Response:
    del request
    assert isinstance(error, Problem)
    return _answer(error)


async def _on_http_exception(request: HttpRequest, error: Exception) -> Response:
    del request
    assert isinstance(error, HTTPException)
    return _answer(Problem(error.status_code, error.detail), error.headers)


async def _on_fault(request: HttpRequest, error: Exception) -> Response:
    del request, error  # uvicorn logs it; its text is not for strangers
    return _answer(Problem(500, "The bot has failed; the ticket goes on without it."))


def _answer(problem: Problem, headers: Mapping[str, str] | None = None) -> Response:
    document: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(problem.status).phrase,
        "status": problem.status,
        "detail": problem.detail,
    }
    if problem.errors:
        document["errors"] = problem.errors
    return Response(json.dumps(document), problem.status, headers, media_type="application/problem+json")
