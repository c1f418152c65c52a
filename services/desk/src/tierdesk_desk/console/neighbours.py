"""What other services know, asked by their public endpoints in the name of whoever looks; a page does without it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import quote

import httpx2
import structlog

from tierdesk_desk.console.rendering import Visit
from tierdesk_desk.domain.people import Person
from tierdesk_desk.domain.roles import Verb, allows
from tierdesk_runtime.secrets import Secrets
from tierdesk_runtime.user_tokens import mint

READ_SECONDS: Final = 1.0
"""A page waits no longer for what it can do without."""
WRITE_SECONDS: Final = 10.0
FILE_SECONDS: Final = 130.0
"""As long as intake gives one file to come."""
FILES: Final = "/v1/events/attachments"
TOKEN_SECONDS: Final = 60.0
SCOPES: Final[Mapping[Verb, tuple[str, ...]]] = {
    Verb.READ_BOARD: ("tickets:read", "clocks:read", "articles:read"),
    Verb.WORK: ("events:write",),
    Verb.OPEN_TICKET: ("events:write", "articles:read"),
    Verb.WRITE_ARTICLES: ("articles:read", "articles:write"),
    Verb.PUBLISH_ARTICLES: ("articles:read", "articles:write"),
    Verb.READ_VENDORS: ("tickets:read",),
    Verb.READ_PARKED: ("parked:read",),
    Verb.RESOLVE_PARKED: ("parked:write",),
}
"""What pages ask the other services for on behalf of whoever may do this. Where it is granted is the page's to look at."""
_KEPT_HEADERS: Final = ("content-type", "content-length", "content-disposition")
FILE_GUARDS: Final[Mapping[str, str]] = {
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "private, no-store",
}
"""As intake has them: whoever's service answers, a browser only stores these bytes."""
KEY_REUSED: Final = "urn:tierdesk:problem:idempotency-key-reused"
_LONGEST_BYTES: Final = 4_000_000
_LONGEST_NAME: Final = 1_000

log = structlog.get_logger(__name__)

Mint = Callable[[Person], str]
"""Makes a short token by which the other services know this person."""


class RefusedError(Exception):
    """Another service refused what was told: `faults` by its field."""

    def __init__(self, faults: Mapping[str, str]) -> None:
        super().__init__(", ".join(faults))
        self.faults = dict(faults)


class KeyReusedError(Exception):
    """The key was used before for something else: that may have been done, by a request whose answer was lost."""


class UnavailableError(Exception):
    """Another service did not answer, so it is not known whether it did what it was asked."""


@dataclass(frozen=True, slots=True)
class Answers:
    """What could be had, by name; `missed` names what could not."""

    found: Mapping[str, Any] = field(default_factory=dict)
    missed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """What a service answered: its status, and its document, if it is one."""

    status: int
    body: Any

    @property
    def is_done(self) -> bool:
        """Whether it did what it was asked."""
        return self.status < 300

    @property
    def reason(self) -> str:
        """Why it refused."""
        return str(self.body.get("detail") or self.body.get("title") or "") if isinstance(self.body, dict) else ""

    @property
    def faults(self) -> dict[str, str]:
        """What is wrong with which field."""
        errors = self.body.get("errors") or () if isinstance(self.body, dict) else ()
        return {str(fault["field"]): str(fault["message"]) for fault in errors}


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

        Raises `RefusedError` with what intake finds wrong, `KeyReusedError` when the key opened another, and
        `UnavailableError`.
        """
        answer = await self.call(visit, "POST", "/v1/events", body=event, headers={"Idempotency-Key": key})
        if answer.status == httpx2.codes.ACCEPTED:
            return Opened(str(answer.body["ticket"]), str(answer.body["reference"]))
        if answer.status == httpx2.codes.UNPROCESSABLE_CONTENT:
            if answer.body.get("type") == KEY_REUSED:
                raise KeyReusedError
            raise RefusedError(answer.faults)
        log.warning("ticket_not_opened", status=answer.status)
        raise UnavailableError(f"intake answered {answer.status}")

    async def call(
        self,
        visit: Visit,
        method: str,
        path: str,
        *,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        patience_seconds: float = WRITE_SECONDS,
    ) -> Answer:
        """Ask for this, and wait for what becomes of it. Raises `UnavailableError` for no answer, and for 5xx."""
        sent = {**self._headers(visit), **(headers or {})}
        try:
            async with asyncio.timeout(patience_seconds):
                response = await self._http.request(method, self._address(visit, path), json=body, headers=sent)
            document = response.json() if response.content else None
        except (TimeoutError, ValueError, httpx2.HTTPError) as error:
            raise UnavailableError(str(error)) from error
        if response.status_code >= httpx2.codes.INTERNAL_SERVER_ERROR:
            raise UnavailableError(f"{path.partition('?')[0]} answered {response.status_code}")
        return Answer(response.status_code, document)

    async def send_file(self, visit: Visit, ticket: str, name: str, content: AsyncIterable[bytes], key: str) -> Answer:
        """Hang a file on a ticket, as a stream. Raises `UnavailableError`."""
        path = f"{path_of_files(ticket)}&name={quote(name[:_LONGEST_NAME], safe='')}"
        headers = {**self._headers(visit), "Idempotency-Key": key, "Content-Type": "application/octet-stream"}
        try:
            response = await self._http.post(
                self._address(visit, path), content=content, headers=headers, timeout=FILE_SECONDS
            )
            document = response.json()
        except (ValueError, httpx2.HTTPError) as error:
            raise UnavailableError(str(error)) from error
        if response.status_code >= httpx2.codes.INTERNAL_SERVER_ERROR:
            raise UnavailableError(f"intake answered {response.status_code}")
        return Answer(response.status_code, document)

    async def open_file(self, visit: Visit, file: str) -> tuple[Mapping[str, str], AsyncIterator[bytes]] | None:
        """A file's headers, with guards, and its bytes as they come; None when there is none.

        Raises `UnavailableError`. Read the bytes to their end, or close them.
        """
        request = self._http.build_request(
            "GET",
            self._address(visit, f"{FILES}/{quote(file, safe='')}"),
            headers={**self._headers(visit), "Accept-Encoding": "identity"},  # its length is that of the bytes
            timeout=FILE_SECONDS,
        )
        try:
            response = await self._http.send(request, stream=True)
        except httpx2.HTTPError as error:
            raise UnavailableError(str(error)) from error
        if response.status_code != httpx2.codes.OK:
            await response.aclose()
            if response.status_code == httpx2.codes.NOT_FOUND:
                return None
            raise UnavailableError(f"intake answered {response.status_code}")
        kept = {name: response.headers[name] for name in _KEPT_HEADERS if name in response.headers}
        return {**kept, **FILE_GUARDS}, _pieces(response)

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


def scopes_of(person: Person) -> frozenset[str]:
    """What this person's token allows at the console."""
    return frozenset(scope for verb, scopes in SCOPES.items() if allows(person.grants, verb) for scope in scopes)


def minting(secrets: Secrets, scopes_of: Callable[[Person], Iterable[str]] = scopes_of) -> Mint:
    """Tokens that live for a minute of real time and may no more than pages ask for on behalf of such a person."""

    def make(person: Person) -> str:
        expires_at = datetime.now(UTC) + timedelta(seconds=TOKEN_SECONDS)
        return mint(secrets, person.tenant, person.name, scopes_of(person), expires_at)

    return make


def path_of_files(ticket: str) -> str:
    """The files of a ticket."""
    return f"{FILES}?ticket={quote(ticket, safe='')}"


def path_of_story(ticket: str) -> str:
    """The ticket and its log."""
    return f"/v1/tickets/{quote(ticket, safe='')}"


def path_of_clocks(ticket: str) -> str:
    """The clocks of a ticket."""
    return f"/v1/clocks/{quote(ticket, safe='')}"


def path_of_picture(ticket: str) -> str:
    """The clocks of a ticket, drawn."""
    return f"{path_of_clocks(ticket)}/timeline.svg"


async def _pieces(response: httpx2.Response) -> AsyncIterator[bytes]:
    try:
        async for piece in response.aiter_bytes():
            yield piece
    finally:
        await response.aclose()


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
