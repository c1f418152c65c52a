"""Pauses that an event cuts short."""

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
