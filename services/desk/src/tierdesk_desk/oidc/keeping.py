"""What a provider publishes, kept for a while: asked for once however many wait, and good for longer while it is away."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final, Generic, TypeVar

import structlog

from tierdesk_desk.oidc.asking import AwayError

FRESH_SECONDS: Final = 3_600.0
"""So long nobody asks again."""
STALE_SECONDS: Final = 86_400.0
"""So long what was had last is good when nothing newer can be had."""
PAUSE_SECONDS: Final = 5.0
"""So long nobody asks again after a failure: those who come meanwhile are told at once."""
RENEW_SECONDS: Final = 10.0
"""So often at most it is asked for anew before its time: whoever sends tokens cannot make the desk ask without end."""

log = structlog.get_logger(__name__)
ValueT = TypeVar("ValueT")


class Kept(Generic[ValueT]):
    """One thing of one provider. `fetch` raises `AwayError`."""

    def __init__(
        self, name: str, fetch: Callable[[], Awaitable[ValueT]], *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._name = name
        self._fetch = fetch
        self._monotonic = monotonic
        self._turn = asyncio.Lock()
        self._had: tuple[ValueT, float] | None = None
        self._asked_at = float("-inf")
        self._failure: tuple[str, float] | None = None

    async def get(self) -> ValueT:
        """What it is, as of the last hour; while the provider is away, of the last day. Raises `AwayError`."""
        if (value := self._within(FRESH_SECONDS)) is not None:
            return value
        async with self._turn:
            value = self._within(FRESH_SECONDS)
            return await self._ask() if value is None else value

    async def renew(self) -> ValueT:
        """What it is now, unless it was asked for a moment ago. Raises `AwayError`."""
        async with self._turn:
            value = self._within(STALE_SECONDS)
            if value is not None and self._monotonic() - self._asked_at < RENEW_SECONDS:
                return value
            return await self._ask()

    async def _ask(self) -> ValueT:
        now = self._monotonic()
        old = self._within(STALE_SECONDS)
        if self._failure is not None and now - self._failure[1] < PAUSE_SECONDS:
            if old is None:
                raise AwayError(self._failure[0])
            return old
        self._asked_at = now
        try:
            value = await self._fetch()
        except AwayError as error:
            log.warning("provider_away", what=self._name, error=str(error), kept=old is not None)
            self._failure = str(error), self._monotonic()
            if old is None:
                raise
            return old
        self._failure, self._had = None, (value, self._monotonic())
        return value

    def _within(self, seconds: float) -> ValueT | None:
        if self._had is None or self._monotonic() - self._had[1] >= seconds:
            return None
        return self._had[0]
