"""`/v1/desk/audit`: what was done by whom, and whether it stands as it was written."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import StringConstraints

from tierdesk_desk.domain.audit import Link
from tierdesk_desk.domain.people import Person
from tierdesk_desk.domain.roles import Verb
from tierdesk_desk.http.access import signed_in
from tierdesk_desk.http.account_views import EntryPage, FaultView, VerdictView, view_entry
from tierdesk_desk.store.audit import read_entries, verify
from tierdesk_store import Database

Reader = Annotated[Person, Depends(signed_in(Verb.READ_AUDIT))]
Position = Annotated[int, Query(ge=1, le=2**63 - 1)]


def audit_routes(database: Database) -> APIRouter:
    """The endpoints. All of them see the own tenant alone."""
    router = APIRouter(prefix="/v1/desk/audit", tags=["audit"])
    verifying = asyncio.Semaphore(1)

    @router.get("")
    async def read(
        person: Reader,
        before: Annotated[Position | None, Query(description="`next` of the page before.")] = None,
        subject: Annotated[
            str | None, Query(max_length=200, pattern=r"^[^\x00]*$", description="Only entries about this login.")
        ] = None,
        limit: Annotated[int, Query(ge=1, le=500)] = 50,
    ) -> EntryPage:
        """What was done, the newest first."""
        async with database.read() as connection:
            found = await read_entries(connection, person.tenant, before=before, subject=subject, limit=limit + 1)
        shown = found[:limit]
        following = shown[-1].position if len(found) > limit else None
        return EntryPage(entries=tuple(view_entry(entry) for entry in shown), next=following)

    @router.get("/verification")
    async def verify_all(
        person: Reader,
        position: Annotated[Position | None, Query(description="Of an entry whose hash was kept elsewhere.")] = None,
        hash_: Annotated[
            str | None, StringConstraints(pattern=r"^[0-9a-f]{64}$"), Query(alias="hash", description="That hash.")
        ] = None,
    ) -> VerdictView:
        """Follow the chain through all entries, some 10,000 in a second; one verification at a time.

        Keep position and hash of the answer elsewhere and give them the next time: then nobody can have written all of it anew.
        """
        anchor = None if position is None or hash_ is None else Link(position, hash_)
        async with verifying:
            verdict = await verify(database, person.tenant, anchor=anchor)
        fault = verdict.fault and FaultView(position=verdict.fault.position, what=verdict.fault.what)
        return VerdictView(position=verdict.last.position, hash=verdict.last.hash, fault=fault)

    return router
