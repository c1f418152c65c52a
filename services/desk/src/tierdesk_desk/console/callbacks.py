"""Who is to be called back: the line, and what people do with it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Final
from urllib.parse import quote
from uuid import UUID

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from tierdesk_desk.board import NotFoundError
from tierdesk_desk.console.callback_views import view_callback
from tierdesk_desk.console.forms import Filled, read_filled
from tierdesk_desk.console.rendering import Flash, redirect
from tierdesk_desk.console.visiting import Console
from tierdesk_desk.domain.callbacks import LONGEST_NOTE, Result, Stage
from tierdesk_desk.domain.roles import Verb
from tierdesk_desk.domain.work import ForbiddenStepError, OverError, TakenError
from tierdesk_desk.http.callbacks import read_place, write_place
from tierdesk_runtime.problems import ProblemError

PAGE: Final = 50
LONGEST_NUMBER: Final = 200
_TRIED: Final = {Stage.DONE: "callback_reached", Stage.GIVEN_UP: "callback_given_up"}
Trouble = tuple[str, dict[str, str]]


def callback_routes(console: Console) -> APIRouter:
    """The page and its forms."""
    router = console.router()
    page = _CallbacksPage(console)
    router.add_api_route("/callbacks", page.read, methods=["GET"])
    router.add_api_route("/callbacks", page.promise, methods=["POST"])
    router.add_api_route("/callbacks/{callback_id}/claim", page.claim, methods=["POST"])
    router.add_api_route("/callbacks/{callback_id}/release", page.release, methods=["POST"])
    router.add_api_route("/callbacks/{callback_id}/attempts", page.attempt, methods=["POST"])
    router.add_api_route("/callbacks/{callback_id}/close", page.close, methods=["POST"])
    return router


class _CallbacksPage:
    def __init__(self, console: Console) -> None:
        self._console = console
        self._callbacks = console.callbacks

    async def read(self, request: Request, after: Annotated[str | None, Query(max_length=100)] = None) -> Response:
        return await self._show(request, after=after)

    async def claim(self, request: Request, callback_id: UUID) -> Response:
        visit, person, _ = await self._console.enter(request, Verb.WORK)
        with _noting() as troubles:
            await self._callbacks.claim(person, callback_id)
        if troubles:
            return await self._show(request, status=409, trouble=troubles[0])
        return redirect(visit, f"/callbacks#c-{callback_id}", Flash("callback_claimed"))

    async def release(self, request: Request, callback_id: UUID) -> Response:
        visit, person, _ = await self._console.enter(request, Verb.WORK)
        token = _token(read_filled(await request.form()))
        with _noting() as troubles:
            await self._callbacks.release(person, callback_id, token)
        if troubles:
            return await self._show(request, status=409, trouble=troubles[0])
        return redirect(visit, "/callbacks", Flash("callback_released"))

    async def attempt(self, request: Request, callback_id: UUID) -> Response:
        visit, person, _ = await self._console.enter(request, Verb.WORK)
        filled = read_filled(await request.form())
        faults = _note_faults(filled)
        if filled["outcome"] not in set(Result):
            faults["outcome"] = "choose"
        if faults:
            return await self._show(request, status=422, faults=faults, filled=filled, at=callback_id)
        with _noting() as troubles:
            tried = await self._callbacks.attempt(
                person, callback_id, _token(filled), Result(filled["outcome"]), filled["note"]
            )
        if troubles:
            return await self._show(request, status=409, trouble=troubles[0], filled=filled, at=callback_id)
        return redirect(visit, "/callbacks", Flash(_TRIED.get(tried.stage, "callback_tried")))

    async def close(self, request: Request, callback_id: UUID) -> Response:
        visit, person, _ = await self._console.enter(request, Verb.WORK)
        filled = read_filled(await request.form())
        faults = _note_faults(filled)
        if faults:
            return await self._show(request, status=422, faults=faults, filled=filled, at=callback_id)
        with _noting() as troubles:
            await self._callbacks.close(person, callback_id, filled["note"])
        if troubles:
            return await self._show(request, status=409, trouble=troubles[0], filled=filled, at=callback_id)
        return redirect(visit, "/callbacks", Flash("callback_closed"))

    async def promise(self, request: Request) -> Response:
        visit, person, _ = await self._console.enter(request, Verb.WORK)
        filled = read_filled(await request.form())
        number, ticket = filled["number"], filled["ticket"]
        if not ticket or "\x00" in ticket:
            raise NotFoundError
        faults = _number_faults(number) | _note_faults(filled)
        if faults:
            return await self._show(request, status=422, faults=faults, filled=filled)
        await self._callbacks.promise(person, ticket, number, note=filled["note"])
        return redirect(visit, f"/ticket/{quote(ticket, safe='')}", Flash("callback_promised"))

    async def _show(
        self,
        request: Request,
        *,
        status: int = 200,
        after: str | None = None,
        trouble: Trouble | None = None,
        faults: dict[str, str] | None = None,
        filled: Filled | None = None,
        at: UUID | None = None,
    ) -> Response:
        visit, person, _ = await self._console.enter(request, Verb.READ_BOARD)
        mine = await self._callbacks.mine(person)
        found, following = await self._callbacks.page(person, after=read_place(after), limit=PAGE)
        return self._console.renderer.page(
            visit,
            "callbacks.html",
            status=status,
            mine=[view_callback(one, person, visit.now) for one in mine],
            callbacks=[view_callback(one, person, visit.now) for one in found],
            following=None if following is None else quote(write_place(following), safe=""),
            first_page=after is None,
            trouble=trouble,
            faults=faults or {},
            filled=filled or Filled(),
            at=at,
        )


def _token(filled: Filled) -> int:
    """The claim in whose name the form was made. Raises `ProblemError` 422."""
    text = filled["token"]
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise ProblemError(422, "Invalid request", "`token` is that of the claim.")
    return int(text)


def _number_faults(number: str) -> dict[str, str]:
    if "\x00" in number:
        return {"number": "character"}
    if len(number) > LONGEST_NUMBER:
        return {"number": "too_long"}
    return {} if any(letter in "0123456789" for letter in number) else {"number": "number"}


def _note_faults(filled: Filled) -> dict[str, str]:
    note = filled["note"]
    if "\x00" in note:
        return {"note": "character"}
    return {"note": "too_long"} if len(note) > LONGEST_NOTE else {}


@contextmanager
def _noting() -> Iterator[list[Trouble]]:
    """Note what is wrong, as a word of `trouble` with what its text names."""
    troubles: list[Trouble] = []
    try:
        yield troubles
    except TakenError as error:
        troubles.append(("callback_taken", {"who": error.owner}))
    except OverError:
        troubles.append(("callback_over", {}))
    except ForbiddenStepError:
        troubles.append(("callback_lapsed", {}))
