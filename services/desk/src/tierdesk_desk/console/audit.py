"""What was done by whom, and whether it stands as it was written: for auditors."""

from __future__ import annotations

import asyncio
import json
import re
from typing import Annotated, Final

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from tierdesk_desk.console.forms import read_filled
from tierdesk_desk.console.visiting import Console
from tierdesk_desk.domain.audit import Detail, Link
from tierdesk_desk.domain.roles import Verb
from tierdesk_desk.store.audit import Verdict, read_entries, verify
from tierdesk_store import Database

PAGE: Final = 50
_ANCHOR: Final = re.compile(r"([1-9][0-9]{0,17}):([0-9a-f]{64})")


def audit_page_routes(console: Console, database: Database) -> APIRouter:
    """The pages. One verification at a time: it reads all there is."""
    router = console.router()
    verifying = asyncio.Semaphore(1)

    async def show(
        request: Request,
        *,
        subject: str = "",
        before: int | None = None,
        verdict: Verdict | None = None,
        anchor: str = "",
        status: int = 200,
    ) -> Response:
        visit, person, _ = await console.admit(request, Verb.READ_AUDIT)
        async with database.read() as connection:
            found = await read_entries(
                connection, person.tenant, before=before, subject=subject or None, limit=PAGE + 1
            )
        return console.renderer.page(
            visit,
            "audit.html",
            status=status,
            entries=[(entry, tell_detail(entry.detail)) for entry in found[:PAGE]],
            following=found[PAGE - 1].position if len(found) > PAGE else None,
            first_page=before is None,
            subject=subject,
            verdict=verdict,
            anchor=anchor,
            faults={"anchor": "not_this"} if status == 422 else {},
        )

    @router.get("/audit")
    async def read(
        request: Request,
        subject: Annotated[str, Query(max_length=200, pattern=r"^[^\x00]*$")] = "",
        before: Annotated[int | None, Query(ge=1, le=2**63 - 1)] = None,
    ) -> Response:
        return await show(request, subject=subject.strip().lower(), before=before)

    @router.post("/audit")
    async def verify_all(request: Request) -> Response:
        _, person, _ = await console.admit(request, Verb.READ_AUDIT)
        given = read_filled(await request.form())["anchor"]
        named = _ANCHOR.fullmatch(given)
        if given and named is None:
            return await show(request, anchor=given, status=422)
        anchor = None if named is None else Link(int(named[1]), named[2])
        async with verifying:
            verdict = await verify(database, person.tenant, anchor=anchor)
        return await show(request, verdict=verdict, anchor=given)

    return router


def tell_detail(detail: Detail) -> list[tuple[str, str]]:
    """Each name of a detail with what it says; of a change both."""
    return [(name, _tell(value)) for name, value in detail.items()]


def _tell(value: object) -> str:
    match value:
        case {"before": before, "after": after}:
            return f"{_tell(before)} → {_tell(after)}"
        case str():
            return value
        case list():
            return ", ".join(map(_tell, value)) or "\N{EN DASH}"
        case None:
            return "\N{EN DASH}"
        case _:
            return json.dumps(value, ensure_ascii=False)
