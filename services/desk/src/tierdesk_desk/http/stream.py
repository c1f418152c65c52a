"""`/v1/desk/changes`: what changes on the board, as server-sent events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Annotated, Final

from fastapi import APIRouter, Depends
from starlette.responses import StreamingResponse

from tierdesk_desk.domain.changes import Change, WorkChange
from tierdesk_desk.domain.people import Person
from tierdesk_desk.domain.roles import Verb
from tierdesk_desk.feed import Feed
from tierdesk_desk.http.access import signed_in

LOOK_SECONDS: Final = 15.0
"""How often a stream with nothing to say says so, which keeps proxies from closing it, and looks whether it may go on."""
_HEADERS: Final = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
StillSignedIn = Callable[[Person], Awaitable[bool]]
Reader = Annotated[Person, Depends(signed_in(Verb.READ_BOARD))]


def stream_routes(feed: Feed, still_signed_in: StillSignedIn) -> APIRouter:
    """The endpoint. A stream ends when the feed does, and when its reader is signed in no more."""
    router = APIRouter(prefix="/v1/desk", tags=["desk"])

    @router.get(
        "/changes",
        response_class=StreamingResponse,
        responses={200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}},
    )
    async def follow(person: Reader) -> StreamingResponse:
        """Events `work` and `ticket`, each with what the board shows of it; `look` when some may have been missed."""
        stream = _stream(feed, person, still_signed_in)
        return StreamingResponse(stream, media_type="text/event-stream", headers=_HEADERS)

    return router


async def _stream(feed: Feed, person: Person, still_signed_in: StillSignedIn) -> AsyncIterator[str]:
    loop = asyncio.get_running_loop()
    with feed.subscribe(person) as subscription:
        yield "retry: 1000\nevent: look\ndata: {}\n\n"
        look_at = loop.time() + LOOK_SECONDS
        while not subscription.ended:
            changes = await subscription.take(timeout_seconds=max(0.0, look_at - loop.time()))
            if changes is None:
                yield "event: look\ndata: {}\n\n"
            elif changes:
                yield "".join(write_event(change) for change in changes)
            if loop.time() >= look_at:
                if not await still_signed_in(person):
                    return
                yield ": still here\n\n"
                look_at = loop.time() + LOOK_SECONDS


def write_event(change: Change) -> str:
    """A change as one event. Its data is JSON on one line."""
    kind = "work" if isinstance(change, WorkChange) else "ticket"
    return f"event: {kind}\ndata: {change.model_dump_json(exclude={'tenant', 'places'})}\n\n"
