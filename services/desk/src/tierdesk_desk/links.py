"""Links with which somebody without an account follows one request: used once, within two days, for eight hours.

The token is chance and stands in the link alone; its digest is kept. Asking for a new link is answered alike whether there is
such a request or not, and paced, so that nobody learns references by asking, and nobody is flooded with mail.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from tierdesk_desk.board import NotFoundError
from tierdesk_desk.domain.people import Person
from tierdesk_desk.domain.requests import Request
from tierdesk_desk.store import links as store
from tierdesk_desk.store.audit import open_trail
from tierdesk_desk.store.links import Guest
from tierdesk_desk.store.mails import verify_by_link
from tierdesk_desk.store.paces import Pace, forget_paid, pay
from tierdesk_desk.store.requests import find_by_reference, read_request, read_requester
from tierdesk_runtime.clock import Clock
from tierdesk_runtime.identifiers import Identifiers
from tierdesk_store import Database, Transaction

PATH: Final = "/portal/link"
_TOKEN_BYTES: Final = 32
_LONGEST_TOKEN: Final = 100
_TOTAL: Final = Pace("links", 300, timedelta(seconds=1))
_EACH: Final = (3, timedelta(minutes=20))
"""For one reference, and for one address: three at once, then one each 20 minutes."""
RandomBytes = Callable[[int], bytes]


@dataclass(frozen=True, slots=True)
class WantedLink:
    """A link that somebody asked for, and to whom it goes: the address that is known of the requester, never the one that was typed."""

    request: Request
    email: str
    name: str
    path: str
    digest: str


Deliver = Callable[[Transaction, WantedLink], Awaitable[None]]
"""Sends a link on its way, in the transaction that makes it."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """Somebody came by a link: what their browser gets, this once."""

    token: str
    ticket: str


class Links:
    """Makes links and lets people in by them. Without `deliver` nobody can have one sent."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        identifiers: Identifiers,
        *,
        deliver: Deliver | None = None,
        random_bytes: RandomBytes = secrets.token_bytes,
    ) -> None:
        self._database = database
        self._clock = clock
        self._identifiers = identifiers
        self._deliver = deliver
        self._random_bytes = random_bytes

    @property
    def are_sent(self) -> bool:
        """Whether people can have a link sent to them."""
        return self._deliver is not None

    async def make(self, person: Person, ticket: str) -> str:
        """The path of a new link, for an agent to hand over. Raises `NotFoundError` for a ticket that nobody asked for."""
        async with self._database.transaction() as tx:
            request = await read_request(tx.connection, person.tenant, ticket)
            if request is None or request.party is None:
                raise NotFoundError
            made_by = f"person:{person.name}"
            path = await make_link(
                tx.connection, person.tenant, ticket, made_by=made_by, random_bytes=self._random_bytes
            )
            trail = await open_trail(tx, person.tenant)
            await trail.note(
                at=self._clock.now(), actor=made_by, action="link.made", subject=request.reference, detail={}
            )
        return path

    async def is_good(self, token: str) -> bool:
        """Whether this link can be used still. Looking at it uses nothing up: scanners of mail look at each."""
        async with self._database.read() as connection:
            return await store.is_link(connection, _digest(token))

    async def arrive(self, token: str) -> Arrival | None:
        """Use a link up, and let whoever has it see its ticket. None for one that is used, over, or never was."""
        async with self._database.transaction() as tx:
            taken = await store.take_link(tx.connection, _digest(token))
            if taken is None:
                return None
            tenant, ticket = taken
            await verify_by_link(tx.connection, tenant, _digest(token))  # whoever has it reads where it was sent
            own, csrf = (self._random_bytes(_TOKEN_BYTES).hex() for _ in range(2))
            await store.add_guest(
                tx.connection, tenant, ticket, guest_id=self._identifiers.new(), digest=_digest(own), csrf=csrf
            )
        return Arrival(own, ticket)

    async def find_guest(self, token: str) -> Guest | None:
        """Who came by a link with this browser, unless their time is over."""
        if not token or len(token) > _LONGEST_TOKEN:
            return None
        async with self._database.read() as connection:
            return await store.find_guest(connection, _digest(token))

    async def is_still_here(self, guest: Guest) -> bool:
        """Whether their time goes on."""
        async with self._database.read() as connection:
            return await store.find_guest(connection, guest.digest) is not None

    async def leave(self, guest: Guest) -> None:
        """They have seen enough."""
        async with self._database.transaction() as tx:
            await store.end_guest(tx.connection, guest.digest)

    async def request_link(self, tenant: str, reference: str, address: str) -> None:
        """Send a new link to the requester of this reference, if this is their address. Nothing tells whether it was.

        What is asked for too often is asked for in vain, and not told either.
        """
        assert self._deliver is not None
        reference, address = reference.strip().upper()[:100], address.strip().casefold()[:200]
        async with self._database.transaction() as tx:
            await forget_paid(tx.connection)
            keys = (f"link-of:{_digest(f'{tenant}:{reference}')}", f"link-to:{_digest(f'{tenant}:{address}')}")
            waits = [await pay(tx.connection, pace) for pace in (_TOTAL, *(Pace(key, *_EACH) for key in keys))]
            request = await find_by_reference(tx.connection, tenant, reference)
            if request is None or request.party is None or any(wait is not None for wait in waits):
                return
            asked = await read_requester(tx.connection, tenant, request.party)
            if asked is None or not asked.email or asked.email.strip().casefold() != address:
                return
            path = await make_link(
                tx.connection, tenant, request.ticket, made_by="requester", random_bytes=self._random_bytes
            )
            await self._deliver(tx, WantedLink(request, asked.email, asked.name or "", path, digest_of(path)))


async def make_link(
    connection: AsyncConnection,
    tenant: str,
    ticket: str,
    *,
    made_by: str,
    random_bytes: RandomBytes = secrets.token_bytes,
) -> str:
    """The path of a new link to this ticket, to be handed over once: nobody can read it again."""
    token = random_bytes(_TOKEN_BYTES).hex()
    await store.add_link(connection, tenant, ticket, digest=_digest(token), made_by=made_by)
    return f"{PATH}/{token}"


def digest_of(path: str) -> str:
    """What is stored of the link of this path."""
    return _digest(path.rpartition("/")[2])


def _digest(token: str) -> str:
    """256 bits of chance need no slow hash."""
    return hashlib.sha256(token.encode()).hexdigest()
