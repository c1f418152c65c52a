"""A batch of tickets of which one cannot be decided: the others must not wait for it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from tierdesk_router.store.tickets import Key
from tierdesk_store import is_redo


async def apply_apart(
    keys: Sequence[Key],
    apply: Callable[[Sequence[Key]], Awaitable[None]],
    set_aside: Callable[[Key, Exception], Awaitable[None]],
) -> None:
    """Apply to all keys; when that fails, to ever smaller parts, until each one at fault is alone and set aside.

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
