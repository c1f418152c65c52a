"""Files of tickets: listed, added and read through the desk. Intake keeps them, and its guards go with each."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from fastapi import APIRouter
from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from tierdesk_desk.console.neighbours import Neighbours, UnavailableError, path_of_files
from tierdesk_desk.console.rendering import Visit
from tierdesk_desk.console.visiting import Console
from tierdesk_desk.domain.roles import Verb
from tierdesk_runtime.problems import ProblemError

MOST_BYTES: Final = 64 * 1024 * 1024
"""So much may come with one form. What one file may have intake says."""
PATIENCE: Final = 8
"""So many times as long as another form it may take to come."""
MOST_FILES: Final = 10
_PIECE_BYTES: Final = 256 * 1024


class FileRefusedError(Exception):
    """A file was not taken; the text is why, in intake's words."""


def file_routes(console: Console) -> APIRouter:
    """The page of a file: its bytes."""
    router = console.router()

    @router.get("/works/{assignment_id:uuid}/files/{file}")
    async def read(request: Request, assignment_id: UUID, file: UUID) -> Response:
        visit, person, _ = await console.enter(request, Verb.READ_BOARD)
        work = await console.board.read(person, assignment_id)
        try:
            listed = await console.neighbours.call(visit, "GET", path_of_files(work.ticket))
            known = listed.body["attachments"] if listed.is_done else []
            if str(file) not in {one["id"] for one in known}:
                raise ProblemError(404)
            opened = await console.neighbours.open_file(visit, str(file))
        except UnavailableError:
            raise ProblemError(503, headers={"Retry-After": "2"}) from None
        if opened is None:
            raise ProblemError(404)
        headers, content = opened
        return StreamingResponse(content, headers=dict(headers))

    return router


def files_in(form: FormData) -> list[UploadFile]:
    """The files that were chosen in a form; a field without one sends an empty one."""
    return [file for file in form.getlist("file") if isinstance(file, UploadFile) and file.filename]


async def attach(neighbours: Neighbours, visit: Visit, ticket: str, files: Sequence[UploadFile], key: str) -> list[str]:
    """Hang these on a ticket, one after the other; answers their names there. The same key hangs the same ones once.

    Raises `FileRefusedError` and `UnavailableError`; those before the one that is refused stay.
    """
    if len(files) > MOST_FILES:
        raise FileRefusedError(f"Ten files at a time, and not {len(files)}.")
    names = []
    for number, file in enumerate(files):
        if not file.size:
            raise FileRefusedError(f"{file.filename} is empty.")
        answer = await neighbours.send_file(visit, ticket, str(file.filename), _read(file), f"{key}-{number}")
        if not answer.is_done:
            raise FileRefusedError(answer.reason)
        names.append(str(answer.body["file_name"]))
    return names


def view_files(found: Mapping[str, Any] | None) -> list[Mapping[str, Any]]:
    """The files of a ticket, the newest first."""
    return list(reversed((found or {}).get("attachments") or ()))


async def _read(file: UploadFile) -> AsyncIterator[bytes]:
    while piece := await file.read(_PIECE_BYTES):
        yield piece
