"""Pauses that events cut short."""

from __future__ import annotations

import asyncio


async def pause(seconds: float, *, unless: asyncio.Event) -> bool:
    """Wait `seconds`, or until `unless` is set; answers whether it is set."""
    try:
        async with asyncio.timeout(seconds):
            await unless.wait()
    except TimeoutError:
        return False
    return True


async def wait_for_any(*events: asyncio.Event, timeout_seconds: float | None = None) -> None:
    """Return when one of these is set, or the time is over."""
    waiters = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        await asyncio.wait(waiters, timeout=timeout_seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for waiter in waiters:
            waiter.cancel()
