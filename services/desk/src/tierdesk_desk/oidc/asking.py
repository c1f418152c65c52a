"""Requests to a provider: no redirect, no proxy of the environment, bounded in time and in size."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import httpx2

SECONDS: Final = 5.0
"""From the connection to the last byte."""
LONGEST_BYTES: Final = 512 * 1024
MOST_AT_ONCE: Final = 32
"""Beyond that, whoever comes is told that the provider is not there: those who wait hold a connection of their own."""


class AwayError(Exception):
    """The provider did not answer, or with something that is no answer; the text says what."""


class RefusedError(Exception):
    """The provider says no: `code` is its word for it, such as `invalid_grant`."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Asker:
    """Asks one provider. `ca_file` vouches for its certificate where the public authorities do not."""

    def __init__(self, ca_file: Path | None = None, *, seconds: float = SECONDS) -> None:
        verify: ssl.SSLContext | bool = True if ca_file is None else ssl.create_default_context(cafile=str(ca_file))
        headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
        self._http = httpx2.AsyncClient(
            verify=verify, timeout=seconds, trust_env=False, follow_redirects=False, headers=headers
        )
        self._seconds = seconds
        self._at_once = 0

    async def get(self, url: str, *, bearer: str | None = None) -> dict[str, Any]:
        """The object that stands there. Raises `AwayError`."""
        headers = {} if bearer is None else {"Authorization": f"Bearer {bearer}"}
        status, body = await self._fetch("GET", url, headers)
        if status != httpx2.codes.OK:
            raise AwayError(f"status {status}")
        return _read(body)

    async def post(self, url: str, form: Mapping[str, str], *, authorization: str | None = None) -> dict[str, Any]:
        """What the provider answers to a form. Raises `AwayError`, and `RefusedError` for 400 and 401."""
        headers = {} if authorization is None else {"Authorization": authorization}
        status, body = await self._fetch("POST", url, headers, form)
        if status in {httpx2.codes.BAD_REQUEST, httpx2.codes.UNAUTHORIZED}:
            code = _read(body).get("error")
            raise RefusedError(code if isinstance(code, str) else "")
        if status != httpx2.codes.OK:
            raise AwayError(f"status {status}")
        return _read(body)

    async def close(self) -> None:
        """Let go of all connections."""
        await self._http.aclose()

    async def _fetch(
        self, method: str, url: str, headers: Mapping[str, str], form: Mapping[str, str] | None = None
    ) -> tuple[int, bytes]:
        try:
            request = self._http.build_request(method, url, headers=headers, data=None if form is None else dict(form))
            async with self._turn(), asyncio.timeout(self._seconds):
                response = await self._http.send(request, stream=True)
                try:
                    return response.status_code, await _read_body(response)
                finally:
                    await response.aclose()
        except (TimeoutError, httpx2.HTTPError, httpx2.InvalidURL, OSError, UnicodeError) as error:
            raise AwayError(type(error).__name__) from error

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        if self._at_once >= MOST_AT_ONCE:
            raise AwayError("too many ask at once")
        self._at_once += 1
        try:
            yield
        finally:
            self._at_once -= 1


async def _read_body(response: httpx2.Response) -> bytes:
    """Raw, as no encoding was asked for: what is packed may be far larger than it came."""
    if response.headers.get("content-encoding", "identity").lower() != "identity":
        raise AwayError("a packed answer")
    body = bytearray()
    async for piece in response.aiter_raw():
        body += piece
        if len(body) > LONGEST_BYTES:
            raise AwayError(f"more than {LONGEST_BYTES} bytes")
    return bytes(body)


def _read(body: bytes) -> dict[str, Any]:
    try:
        return read_object(body)
    except ValueError as error:
        raise AwayError("no JSON object") from error


def read_object(body: bytes) -> dict[str, Any]:
    """The JSON object of these bytes. Raises `ValueError` for all else, NaN and nesting without end among it."""
    try:
        document = json.loads(body, parse_constant=_refuse)
    except RecursionError:
        raise ValueError("nested too deep") from None
    if not isinstance(document, dict):
        raise ValueError("no object")  # noqa: TRY004 - a fault of what was sent
    return document


def _refuse(name: str) -> object:
    raise ValueError(f"{name} is no number of JSON")
