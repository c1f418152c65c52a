"""`/v1/events/attachments`: files of tickets, in and out as a stream."""

from __future__ import annotations

from asyncio import Semaphore
from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import datetime
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Query
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from tierdesk_intake.domain.attachment_kinds import KINDS, UNKNOWN
from tierdesk_intake.domain.attachment_names import NAME_LENGTH, clean_name, name_in_headers
from tierdesk_intake.domain.attachments import Attachment
from tierdesk_intake.domain.ledger import Answer
from tierdesk_intake.domain.refusals import RefusalKind, RefusedError, unknown_ticket
from tierdesk_intake.http.events import REPLAYED_HEADER
from tierdesk_intake.http.refusal_problems import as_problem
from tierdesk_intake.store.attachment_writer import AttachmentWriter, Upload
from tierdesk_intake.store.attachments import find_attachment, find_reference, list_attachments, read_pieces
from tierdesk_intake.store.recordings import list_recordings
from tierdesk_runtime.http import Principal, limit_body, require
from tierdesk_runtime.problems import ProblemError
from tierdesk_store import Database

PATH: Final = "/v1/events/attachments"
PATIENCE: Final = 4
"""So many times as long as another body may one take to come: two minutes, which is 0.7 Mbit/s for ten megabytes."""
_FORMS: Final = ("multipart/form-data", "application/x-www-form-urlencoded")
_GUARDS: Final = {
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "private, no-store",
}
"""What keeps a browser from doing anything with the bytes but storing them, and a cache from keeping them."""

Writer = Annotated[Principal, Depends(require("events:write"))]
Reader = Annotated[Principal, Depends(require("tickets:read"))]
_Ticket = Annotated[UUID, Query(description="The ticket that it hangs on.")]
_Name = Annotated[
    str | None,
    Query(
        max_length=10 * NAME_LENGTH,
        description="What the file is called; goes before `filename` of `Content-Disposition` and `name` of `Content-Type`.",
    ),
]
_Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        pattern=r"^[\x20-\x7e]{1,200}$",
        description="Printable ASCII. Once the attachment is there, the same key with the same ticket, name and bytes gets the same answer.",
    ),
]

_UPLOAD = """
Hang a file on a ticket: the body is its bytes, as they are, and no form. Answered after all of it is stored.

An upload that is cut off leaves nothing. What the file is, its content says; programs are refused.
"""
_DOWNLOAD = """
The bytes, as they came.

Always as a file to be stored, under a name of ours. What a browser might run is `application/octet-stream`.
"""


class AttachmentView(BaseModel):
    """A file of a ticket."""

    id: UUID
    ticket: UUID
    number: Annotated[int, Field(ge=1, description="Counts the ticket's attachments.")]
    name: Annotated[
        str,
        Field(
            description="What its sender called it, without folders and invisible characters. A text: show it encoded."
        ),
    ]
    file_name: Annotated[
        str, Field(description="What it is called when it is stored.", examples=["TD-7K3M-Q9XP-1.png"])
    ]
    media_type: Annotated[str, Field(description="What its content shows.", examples=["image/png"])]
    size_bytes: Annotated[int, Field(ge=1)]
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    added_at: datetime


class RecordingView(BaseModel):
    """What became of a recording of one of the ticket's calls."""

    call: str
    stage: Annotated[
        str,
        Field(description="`due`, `stored` as the attachment, `refused` or, after several attempts, `failed`."),
    ]
    attempts: int
    detail: Annotated[str, Field(description="Why it is not stored, as far as it was tried.")]
    attachment: UUID | None


class AttachmentList(BaseModel):
    """All files of a ticket, in the order in which they came, and what became of the recordings of its calls."""

    attachments: list[AttachmentView]
    recordings: list[RecordingView]


def write_view(attachment: Attachment) -> str:
    """What its sender is answered."""
    return _view(attachment).model_dump_json()


def attachment_routes(database: Database, writer: AttachmentWriter, turns: Semaphore) -> APIRouter:
    """The endpoints. All of them see the tenant of the key alone; `turns` bounds the connections of downloads."""
    router = APIRouter(prefix=PATH, tags=["intake"])

    @router.post(
        "",
        status_code=201,
        response_model=AttachmentView,
        summary="Attach a file",
        description=_UPLOAD,
        response_description="Stored.",
        responses={201: {"headers": _ANSWERED}},
        openapi_extra={"requestBody": {"required": True, "content": {UNKNOWN: {"schema": _BYTES}}}},
    )
    async def post_attachment(
        who: Writer, request: Request, ticket: _Ticket, name: _Name = None, key: _Key = None
    ) -> Response:
        limit_body(request, writer.limits.bytes, patience=PATIENCE)
        try:
            _check_headers(request)
            async with writer.upload(who.tenant, ticket, _name(request, name), key) as upload:
                answer = await _take(request, writer, upload)
        except RefusedError as refused:
            raise as_problem(refused) from None
        headers = {"Location": f"{PATH}/{AttachmentView.model_validate_json(answer.text).id}"}
        if answer.replayed:
            headers[REPLAYED_HEADER] = "true"
        return Response(answer.text, 201, headers, media_type="application/json")

    @router.get("", summary="List the files of a ticket")
    async def list_(who: Reader, ticket: _Ticket) -> AttachmentList:
        """All that hangs on the ticket."""
        async with database.read() as connection:
            found = await list_attachments(connection, who.tenant, ticket)
            if not found and await find_reference(connection, who.tenant, ticket) is None:
                raise as_problem(unknown_ticket("ticket"))
            heard = await list_recordings(connection, who.tenant, ticket)
        return AttachmentList(
            attachments=[_view(one) for one in found],
            recordings=[
                RecordingView(
                    call=one.call_id,
                    stage=one.stage,
                    attempts=one.attempts,
                    detail=one.detail,
                    attachment=one.attachment,
                )
                for one in heard
            ],
        )

    @router.get(
        "/{attachment}",
        summary="Read a file",
        description=_DOWNLOAD,
        response_class=StreamingResponse,
        responses={200: {"description": "The bytes.", "content": {kind: {"schema": _BYTES} for kind in KINDS}}},
    )
    async def read(who: Reader, attachment: UUID) -> Response:
        async with database.read() as connection:
            found = await find_attachment(connection, who.tenant, attachment)
        if found is None:
            raise ProblemError(404, "Unknown attachment", "There is no such attachment.")
        pieces = read_pieces(database, who.tenant, found.id, found.size_bytes, turns=turns)
        first = await anext(pieces)  # before anything is answered, so that a database that is away is a 503
        headers = _GUARDS | {
            "Content-Disposition": f'attachment; filename="{found.file_name}"',
            "Content-Length": str(found.size_bytes),
        }
        return StreamingResponse(_go_on(first, pieces), headers=headers, media_type=found.media_type)

    return router


_BYTES: Final[dict[str, Any]] = {"type": "string", "format": "binary", "minLength": 1}
_ANSWERED: Final[dict[str, Any]] = {
    "Location": {"description": "Where it can be read.", "schema": {"type": "string"}},
    REPLAYED_HEADER: {
        "description": "`true` when this repeats the answer to an earlier request.",
        "schema": {"type": "string"},
    },
}


async def _take(request: Request, writer: AttachmentWriter, upload: Upload) -> Answer:
    """Store the body piece by piece."""
    async with aclosing(request.stream()) as body:
        async for data in body:
            for piece in upload.content.add(data):
                await writer.add(upload, piece)
    for piece in upload.content.end():
        await writer.add(upload, piece)
    return await writer.finish(upload)


async def _go_on(first: bytes, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for piece in pieces:
        yield piece


def _check_headers(request: Request) -> None:
    """Refuse what is not the file itself: a form around it, or a packed body."""
    said = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if said in _FORMS:
        raise RefusedError(RefusalKind.UNSUPPORTED, "Send the bytes of the file as the body, and no form.")
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise RefusedError(RefusalKind.UNSUPPORTED, "Send the body as it is, without Content-Encoding.")


def _name(request: Request, given: str | None) -> str:
    headers = request.headers
    return clean_name(given or name_in_headers(headers.get("content-disposition"), headers.get("content-type")))


def _view(attachment: Attachment) -> AttachmentView:
    return AttachmentView(
        id=attachment.id,
        ticket=attachment.ticket,
        number=attachment.number,
        name=attachment.name,
        file_name=attachment.file_name,
        media_type=attachment.media_type,
        size_bytes=attachment.size_bytes,
        sha256=attachment.sha256.hex(),
        added_at=attachment.added_at,
    )
