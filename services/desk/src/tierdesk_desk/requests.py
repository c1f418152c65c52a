"""What requesters see of their own requests, and how they rate them. Whoever asks for another's is told that there is none."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from tierdesk_contracts.notice import RequestRated
from tierdesk_contracts.vocabulary import Status
from tierdesk_desk.board import NotFoundError
from tierdesk_desk.domain.people import Person
from tierdesk_desk.domain.ratings import Rating, may_rate, rate, resolution_of
from tierdesk_desk.domain.requests import Entry, Request, Requester
from tierdesk_desk.store import ratings as rating_store
from tierdesk_desk.store import requests as store
from tierdesk_desk.store.accounts import find_display_names
from tierdesk_desk.store.requests import Cursor
from tierdesk_runtime.publishing import Publisher
from tierdesk_store import Database

PAGE: Final = 20


@dataclass(frozen=True, slots=True)
class Story:
    """A request with what was said, and how its resolution was rated, if it can be."""

    request: Request
    entries: tuple[Entry, ...]
    resolution: Entry | None
    rating: Rating | None
    may_rate: bool
    goes_on_in: str | None = None
    """The ticket that it was merged into, where that is of the same requester."""

    def file(self, file_id: str) -> Mapping[str, Any] | None:
        """A file that was told of in public; None for any other, of this ticket or not."""
        return next((file for entry in self.entries for file in entry.files if file.get("id") == file_id), None)


class Requests:
    """Own requests of each person."""

    def __init__(self, database: Database, publisher: Publisher) -> None:
        self._database = database
        self._publisher = publisher

    def now(self) -> datetime:
        """The business time."""
        return self._publisher.now()

    async def page(
        self, person: Person, *, over: bool = False, after: Cursor | None = None, limit: int = PAGE
    ) -> tuple[list[Request], Cursor | None]:
        """Somebody's requests that are open, or over: the newest first, and where the next page begins."""
        async with self._database.read() as connection:
            found = await store.list_requests(
                connection,
                person.tenant,
                person.party,
                limit=limit + 1,
                after=after,
                only_open=not over,
                only_over=over,
            )
        following = (found[limit - 1].opened_at, found[limit - 1].ticket) if len(found) > limit else None
        return found[:limit], following

    async def find(self, tenant: str, ticket: str, *, party: str | None) -> Request:
        """The request, if this party made it; of whoever made it without `party`. Raises `NotFoundError`."""
        async with self._database.read() as connection:
            found = await store.read_request(connection, tenant, ticket)
        return _own(found, party)

    async def tell(self, request: Request) -> Story:
        """All that its requester may know of it."""
        async with self._database.read() as connection:
            entries = await store.read_entries(connection, request.tenant, request.ticket)
            resolution = resolution_of(request, entries)
            rating = None
            if resolution is not None:
                rating = await rating_store.read_rating(connection, request.tenant, request.ticket, resolution.sequence)
            whole = None
            if request.merged_into is not None:
                whole = await store.read_request(connection, request.tenant, request.merged_into)
        goes_on_in = whole.ticket if whole is not None and whole.party == request.party else None
        can = may_rate(resolution, rating, self.now())
        return Story(request, tuple(entries), resolution, rating, can, goes_on_in)

    async def requester(self, person: Person) -> Requester | None:
        """What is known of this person, so that nobody has to tell it again."""
        async with self._database.read() as connection:
            return await store.read_requester(connection, person.tenant, person.party)

    async def names(self, tenant: str, logins: Collection[str]) -> Mapping[str, str]:
        """What people with these logins are called by others; who has no account here is left out."""
        async with self._database.read() as connection:
            return await find_display_names(connection, tenant, logins)

    async def note(self, person: Person, ticket: str, *, reference: str, title: str, text: str = "") -> None:
        """Have a request that this person just made be there at once; its events tell the rest."""
        now = self.now()
        made = Request(
            person.tenant,
            ticket,
            now,
            now,
            party=person.party,
            reference=reference,
            channel="portal",
            title=title,
            text=text,
        )
        async with self._database.transaction() as tx:
            await store.note_request(tx.connection, made)

    async def rate(self, request: Request, *, score: int, comment: str) -> Rating:
        """Rate what was done, once for each resolution, or otherwise than before. Tells it to whoever counts ratings.

        Raises `NotRatedError` and `NotFoundError`.
        """
        async with self._database.transaction() as tx:
            current = await store.lock_request(tx.connection, request.tenant, request.ticket)
            found = _own(current, request.party)
            entries = await store.read_entries(tx.connection, found.tenant, found.ticket)
            resolution = resolution_of(found, entries)
            before = None
            if resolution is not None:
                before = await rating_store.read_rating(tx.connection, found.tenant, found.ticket, resolution.sequence)
            rated = rate(found, resolution, before, score=score, comment=comment, now=self.now())
            if rated != before:
                assert resolution is not None
                await rating_store.save_rating(tx.connection, rated)
                told = RequestRated(
                    reference=found.reference,
                    resolution=rated.resolution,
                    resolved_at=resolution.at,
                    score=rated.score,
                    comment=rated.comment,
                    revision=rated.revision,
                )
                self._publisher.send(tx, told, tenant=found.tenant, subject=found.ticket)
        return rated


def may_reopen(request: Request, resolution: Entry | None, now: datetime, within_seconds: float) -> bool:
    """Whether its requester can say that it is not solved, as the router will see it."""
    if request.status not in {Status.RESOLVED.value, Status.CLOSED.value}:
        return False
    ended_at = request.changed_at if resolution is None else resolution.at
    return (now - ended_at).total_seconds() <= within_seconds


def _own(found: Request | None, party: str | None) -> Request:
    if found is None or found.party is None or (party is not None and found.party != party):
        raise NotFoundError
    return found
