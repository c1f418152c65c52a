"""A task of the AMQP adapter ends when it is cancelled, also in the very moment in which its answer comes."""

import asyncio

import pytest

from tierdesk_bus.amqp.link import translate_loss


async def wait_for_answer(answer, *, then):
    with translate_loss():
        await asyncio.wait_for(answer, timeout=30)
    then.append("went on")


@pytest.mark.parametrize(
    "comes", [lambda answer: answer.set_result(None), lambda answer: answer.set_exception(OSError("refused"))]
)
async def test_a_cancellation_is_not_lost_to_an_answer_of_the_same_moment(comes):
    """`asyncio.wait_for` of Python 3.11 drops the cancellation: a link that was closed while it connected tried on for ever."""
    answer = asyncio.get_running_loop().create_future()
    then = []
    task = asyncio.create_task(wait_for_answer(answer, then=then))
    await asyncio.sleep(0)
    comes(answer)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert then == []


async def test_a_loss_that_looks_like_a_cancellation_is_told_as_a_loss():
    answer = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(wait_for_answer(answer, then=[]))
    await asyncio.sleep(0)
    answer.cancel()
    with pytest.raises(ConnectionResetError):
        await task


async def test_a_loss_is_told_as_such_also_while_a_cancelled_task_cleans_up():
    told = []

    async def clean_up_after_cancellation():
        try:
            await asyncio.Event().wait()
        finally:
            try:
                with translate_loss():
                    raise asyncio.CancelledError  # as aiormq does for a call whose connection went away
            except ConnectionResetError:
                told.append("loss")

    task = asyncio.create_task(clean_up_after_cancellation())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert told == ["loss"]
