"""Waiting for events leaves nothing behind."""

import asyncio

from tierdesk_store.pausing import wait_for_any


async def test_waiting_for_any_event_leaves_no_task_behind() -> None:
    first, second = asyncio.Event(), asyncio.Event()
    await wait_for_any(first, second, timeout_seconds=0.01)
    second.set()
    await wait_for_any(first, second)
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == {asyncio.current_task()}
