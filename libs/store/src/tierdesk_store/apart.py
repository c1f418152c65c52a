"""A batch of which one part cannot be decided or saved: the others must not wait for it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from tierdesk_store.errors import is_redo

KeyT = TypeVar("KeyT")


async def apply_apart(
    keys: Sequence[KeyT],
    apply: Callable[[Sequence[KeyT]], Awaitable[None]],
    set_aside: Callable[[KeyT, Exception], Awaitable[None]],
) -> None:
    """Apply to all keys; when that fails, to ever smaller parts, in order, until each one at fault is alone and set aside.

    `apply` does all or nothing. Raises what `is_redo` knows: nobody is at fault then.
    """
    try:
        await apply(keys)
    except Exception as error:
        if is_redo(error):
            raise
        if len(keys) == 1:
            await set_aside(keys[0], error)
            return
        middle = len(keys) // 2
        await apply_apart(keys[:middle], apply, set_aside)
        await apply_apart(keys[middle:], apply, set_aside)
