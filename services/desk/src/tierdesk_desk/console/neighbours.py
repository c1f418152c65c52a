"""What other services know, asked by their public endpoints in the name of whoever looks; a page does without it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import quote

import httpx2
import structlog

from tierdesk_desk.console.rendering import Visit
from tierdesk_desk.domain.people import Person
from tierdesk_runtime.secrets import Secrets
from tierdesk_runtime.user_tokens import mint

READ_SECONDS: Final = 1.0
"""A page waits no longer for what it can do without."""
WRITE_SECONDS: Final = 10.0
TOKEN_SECONDS: Final = 60.0
SCOPES: Final = ("tickets:read", "clocks:read", "events:write")
_LONGEST_BYTES: Final = 4_000_000

log = structlog.get_logger(__name__)

Mint = Callable[[Person], str]
"""Makes a short token by which the other services know this person."""


class RefusedError(Exception):
    """Another service refused what was told: `faults` by its field."""

    def __init__(self, faults: Mapping[str, str]) -> None:
        super().__init__(", ".join(faults))
        self.faults = dict(faults)


class UnavailableError(Exception):
    """Another service did not answer, so it is not known whether it did what it was asked."""


@dataclass(frozen=True, slots=True)
class Answers:
    """What could be had, by name; `missed` names what could not."""

    found: Mapping[str, Any] = field(default_factory=dict)
    missed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Opened:
    """A ticket that was opened."""

    ticket: str
    reference: str


class Neighbours:
    """The other services, behind one address: `url`, or where the request came that a page answers."""

    def __init__(self, http: httpx2.AsyncClient, mint: Mint, *, url: str | None = None) -> None:
        self._http = http
        self._mint = mint
        self._url = None if url is None else url.rstrip("/")

    async def ask(self, visit: Visit, paths: Mapping[str, str]) -> Answers:
        """GET all of these at the same time. What fails, or takes longer than `READ_SECONDS`, is missed; never raises."""
        answers = await asyncio.gather(*(self._get(visit, path) for path in paths.values()))
        found = {name: answer for name, answer in zip(paths, answers, strict=True) if answer is not None}
        return Answers(found, tuple(name for name in paths if name not in found))

    async def picture(self, visit: Visit, ticket: str) -> bytes | None:
        """The clocks of a ticket as SVG, if it can be had."""
        answer = await self._fetch(visit, path_of_picture(ticket))
        return None if answer is None else answer.content

    async def open_ticket(self, visit: Visit, event: Mapping[str, Any], key: str) -> Opened:
        """Tell intake of a problem. The same key opens one ticket, however often it is asked.

        Raises `RefusedError` with what intake finds wrong, and `UnavailableError`.
        """
        headers = {**self._headers(visit), "Idempotency-Key": key}
        try:
            async with asyncio.timeout(WRITE_SECONDS):
                response = await self._http.post(self._address(visit, "/v1/events"), json=event, headers=headers)
        except (TimeoutError, httpx2.HTTPError) as error:
            raise UnavailableError(str(error)) from error
        if response.status_code == httpx2.codes.ACCEPTED:
            answer = response.json()
            return Opened(str(answer["ticket"]), str(answer["reference"]))
        if response.status_code == httpx2.codes.UNPROCESSABLE_CONTENT:
            raise RefusedError({fault["field"]: fault["message"] for fault in response.json().get("errors", [])})
        log.warning("ticket_not_opened", status=response.status_code)
        raise UnavailableError(f"intake answered {response.status_code}")

    def _headers(self, visit: Visit) -> dict[str, str]:
        assert visit.person is not None
        return {"Authorization": f"Bearer {self._mint(visit.person)}"}

    def _address(self, visit: Visit, path: str) -> str:
        """Without an address all services are one process, which answers where it was asked: a socket, not a header."""
        if self._url is not None:
            return self._url + path
        host, port = visit.request.scope["server"]
        return f"http://{f'[{host}]' if ':' in host else host}:{port}{path}"

    async def _get(self, visit: Visit, path: str) -> Any:
        answer = await self._fetch(visit, path)
        if answer is None:
            return None
        try:
            return answer.json()
        except ValueError:
            log.warning("neighbour_unreadable", path=path.partition("?")[0])
            return None

    async def _fetch(self, visit: Visit, path: str) -> httpx2.Response | None:
        return await _within(self._http.get(self._address(visit, path), headers=self._headers(visit)), path)


def open_client() -> httpx2.AsyncClient:
    """A client for the other services: no proxy of the environment, no redirect, connections kept."""
    return httpx2.AsyncClient(timeout=WRITE_SECONDS, trust_env=False, follow_redirects=False)


def minting(secrets: Secrets) -> Mint:
    """Tokens that live for a minute of real time and may no more than pages ask for."""

    def make(person: Person) -> str:
        expires_at = datetime.now(UTC) + timedelta(seconds=TOKEN_SECONDS)
        return mint(secrets, person.tenant, person.name, SCOPES, expires_at)

    return make


def path_of_story(ticket: str) -> str:
    """The ticket and its log."""
    return f"/v1/tickets/{quote(ticket, safe='')}"


def path_of_clocks(ticket: str) -> str:
    """The clocks of a ticket."""
    return f"/v1/clocks/{quote(ticket, safe='')}"


def path_of_picture(ticket: str) -> str:
    """The clocks of a ticket, drawn."""
    return f"{path_of_clocks(ticket)}/timeline.svg"


async def _within(asked: Awaitable[httpx2.Response], path: str) -> httpx2.Response | None:
    try:
        async with asyncio.timeout(READ_SECONDS):
            response = await asked
    except (TimeoutError, httpx2.HTTPError) as error:
        log.warning("neighbour_away", path=path.partition("?")[0], error=type(error).__name__)
        return None
    if response.status_code != httpx2.codes.OK or len(response.content) > _LONGEST_BYTES:
        log.warning("neighbour_refused", path=path.partition("?")[0], status=response.status_code)
        return None
    return response
