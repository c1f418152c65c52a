"""`/v1/desk/changes`: what changes on the board, as server-sent events."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Annotated, Final

from fastapi import APIRouter, Depends
from starlette.responses import StreamingResponse

from tierdesk_desk.domain.changes import (
    CallbackChange,
    Change,
    GuardChange,
    PresenceChange,
    RequestChange,
    TicketChange,
    WorkChange,
)
from tierdesk_desk.domain.people import Person
from tierdesk_desk.domain.roles import Verb
from tierdesk_desk.feed import Feed, Reader, at_the_board
from tierdesk_desk.http.access import signed_in

LOOK_SECONDS: Final = 15.0
"""How often a stream with nothing to say says so, which keeps proxies from closing it, and looks whether it may go on."""
RETRY_MILLISECONDS: Final = (1_000, 5_000)
"""Between these, at random, whoever was cut off comes back."""
_HEADERS: Final = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
_KINDS: Final = {
    WorkChange: "work",
    TicketChange: "ticket",
    CallbackChange: "callback",
    GuardChange: "guard",
    PresenceChange: "presence",
    RequestChange: "request",
}
_HIDDEN: Final = {"tenant", "places", "serves", "party"}
StillSignedIn = Callable[[Person], Awaitable[bool]]
Chance = Callable[[int, int], int]
"""Answers some number between two, both included."""
SignedIn = Annotated[Person, Depends(signed_in(Verb.READ_BOARD))]


def stream_routes(feed: Feed, still_signed_in: StillSignedIn) -> APIRouter:
    """The endpoint. A stream ends when the feed does, and when its reader is signed in no more."""
    router = APIRouter(prefix="/v1/desk", tags=["desk"])

    @router.get(
        "/changes",
        response_class=StreamingResponse,
        responses={200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}},
    )
    async def follow(person: SignedIn) -> StreamingResponse:
        """Events `work`, `ticket`, `callback` and `guard`, each with what the board shows; `look` when some may have been missed.

        Leads have `presence` too: somebody of their groups came or went, or has other shifts. `enough` is the last one of a
        stream whose reader follows ten others since: do not begin it anew by itself.
        """
        return answer_stream(feed, at_the_board(person), lambda: still_signed_in(person))

    return router


def answer_stream(
    feed: Feed, reader: Reader, may_go_on: Callable[[], Awaitable[bool]], *, chance: Chance = random.randint
) -> StreamingResponse:
    """The changes that this reader sees, until the feed ends or `may_go_on` says no."""
    stream = write_stream(feed, reader, may_go_on, chance=chance)
    return StreamingResponse(stream, media_type="text/event-stream", headers=_HEADERS)


async def write_stream(
    feed: Feed, reader: Reader, may_go_on: Callable[[], Awaitable[bool]], *, chance: Chance = random.randint
) -> AsyncIterator[str]:
    """The text of `answer_stream`."""
    loop = asyncio.get_running_loop()
    with feed.subscribe(reader) as subscription:
        # Not all at once: whoever was cut off together comes back at a time of their own.
        yield f"retry: {chance(*RETRY_MILLISECONDS)}\nevent: look\ndata: {{}}\n\n"
        look_at = loop.time() + LOOK_SECONDS
        while not subscription.ended:
            changes = await subscription.take(timeout_seconds=max(0.0, look_at - loop.time()))
            if changes is None:
                yield "event: look\ndata: {}\n\n"
            elif changes:
                yield "".join(write_event(change) for change in changes)
            if loop.time() >= look_at:
                if not await may_go_on():
                    return
                yield ": still here\n\n"
                look_at = loop.time() + LOOK_SECONDS
        if subscription.displaced:
            yield "event: enough\ndata: {}\n\n"


def write_event(change: Change) -> str:
    """A change as one event. Its data is JSON on one line."""
    return f"event: {_KINDS[type(change)]}\ndata: {change.model_dump_json(exclude=_HIDDEN)}\n\n"
