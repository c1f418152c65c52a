"""One connection of a client: how long its silence and how large a request's head may be, before the application sees anything."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Final

import orjson
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from tierdesk_runtime.problems import MEDIA_TYPE, ProblemError, problem_document

HEAD_SECONDS: Final = 15.0
"""How long a client may take from the connection, or from the first byte of a later request, to the end of the head."""
HEAD_BYTES: Final = 64 * 1024
"""The longest head, request line included."""


class Connection(HttpToolsProtocol):
    """uvicorn's protocol, for clients that are slow or speak something else: each is answered by a problem and cut off.

    Without it a client that says nothing, or one byte now and then, holds its connection for ever, and a head without
    end fills the memory. The time of a body is `framing.BODY_SECONDS`; between requests uvicorn's own limit holds.
    """

    _head_timer: asyncio.TimerHandle | None = None
    _head_bytes: int = 0
    _in_body: bool = False
    _between: bool = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """The time for the first head begins."""
        super().connection_made(transport)
        self._await_head()

    def data_received(self, data: bytes) -> None:
        """Count what belongs to a head that has not ended; the time for a later request's head begins with its first byte.

        A request that comes in one piece, as most do, needs no timer.
        """
        self._between = False
        super().data_received(data)
        if self._in_body or self._between or self.transport.is_closing():
            return
        if self._head_timer is None:
            self._await_head()
        self._head_bytes += len(data)
        if self._head_bytes > HEAD_BYTES:
            self._refuse(ProblemError(431, detail=f"At most {HEAD_BYTES} bytes of request line and headers are taken."))

    def on_message_begin(self) -> None:
        """The first byte of a request is there."""
        self._between = False
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """The head has ended in time."""
        self._end_head()
        self._in_body = True
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The body has ended; what comes next is another head."""
        self._in_body = False
        self._between = True
        super().on_message_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nobody is waited for any more."""
        self._end_head()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP, or a head that the application could not be given."""
        del msg  # uvicorn's plain text
        self._refuse(ProblemError(400, detail="This is no HTTP/1.1 request."))

    def _await_head(self) -> None:
        self._head_bytes = 0
        self._head_timer = self.loop.call_later(HEAD_SECONDS, self._give_up)

    def _end_head(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _give_up(self) -> None:
        if self._head_bytes:
            self._refuse(ProblemError(408, detail=f"The request's head took longer than {HEAD_SECONDS:.0f} seconds."))
        else:
            self._end_head()
            self.transport.close()

    def _refuse(self, error: ProblemError) -> None:
        self._end_head()
        if self.transport.is_closing():
            return
        body = orjson.dumps(problem_document(error))
        head = (
            f"HTTP/1.1 {error.status} {HTTPStatus(error.status).phrase}\r\n"
            f"content-type: {MEDIA_TYPE}\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head.encode("ascii") + body)
        self.transport.close()
