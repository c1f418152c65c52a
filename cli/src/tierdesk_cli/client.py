"""The desk's HTTP endpoints, as the commands use them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Self

import httpx2

from tierdesk_cli.errors import CommandError
from tierdesk_cli.home import Home
from tierdesk_runtime.secrets import Secrets, SecretsError


class DeskClient:
    """One desk, one key. Use as an async context manager."""

    def __init__(self, url: str, key: str) -> None:
        """`url` is the desk's origin. Raises `CommandError` for an address or a key that can be none."""
        self.url = url.rstrip("/")
        if not (key.isascii() and key.isprintable()):
            raise CommandError("the API key holds characters that no key has; copy it again", exit_code=2)
        try:
            self._http = httpx2.AsyncClient(
                base_url=self.url, headers={"Authorization": f"Bearer {key}"}, timeout=30.0, trust_env=False
            )
        except httpx2.InvalidURL as error:
            raise CommandError(f"{url!r} is no address of a desk: {error}", exit_code=2) from error

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()

    async def request(self, method: str, path: str, **options: Any) -> httpx2.Response:
        """One request. Raises `CommandError` for a refusal, with what the desk says of it."""
        try:
            response = await self._http.request(method, path, **options)
        except (httpx2.TransportError, httpx2.InvalidURL) as error:
            reason = str(error) or type(error).__name__
            raise CommandError(f"no desk answers at {self.url} ({reason}); start one with `tierdesk up`") from error
        if response.status_code >= 400:
            raise CommandError(f"{method} {path}: {_describe(response)}")
        return response

    async def get(self, path: str, **parameters: Any) -> Any:
        """The JSON of a GET."""
        given = {name: value for name, value in parameters.items() if value is not None}
        response = await self.request("GET", path, params=given)
        try:
            return response.json()
        except ValueError as error:
            raise CommandError(f"what answers at {self.url} is no desk: GET {path} gave no JSON") from error


def _describe(response: httpx2.Response) -> str:
    try:
        problem = response.json()
        parts = [str(problem["title"]), str(problem.get("detail", ""))]
        parts += [f"{fault['field']}: {fault['message']}" for fault in problem.get("errors", [])]
    except (ValueError, KeyError, TypeError):
        return f"HTTP {response.status_code}"
    return "; ".join(part for part in parts if part)


def connect(data: Path, url: str | None, key: str | None) -> DeskClient:
    """The desk named by arguments or environment, else the one that runs on `data`. Raises `CommandError`."""
    home = Home(data)
    url = url or os.environ.get("TIERDESK_URL") or home.address()
    key = key or os.environ.get("TIERDESK_API_KEY")
    if key is None and home.secrets_file.exists():
        try:
            key = Secrets.load(home.secrets_file).local_key()
        except SecretsError as error:
            raise CommandError(str(error)) from error
    if url is None or key is None:
        raise CommandError("no desk has run here yet: start one with `tierdesk up`, or give --url and TIERDESK_API_KEY")
    return DeskClient(url, key)
