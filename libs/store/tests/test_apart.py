"""A batch is taken apart until each key at fault is alone; the others are applied, in order."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tierdesk_store import DatabaseUnavailableError, apply_apart


@given(st.integers(1, 40), st.sets(st.integers(0, 39)))
def test_all_but_those_at_fault_are_applied_once_and_in_order(number, ill):
    applied: list[int] = []
    aside: list[int] = []

    async def apply(keys):
        if ill & set(keys):
            raise ValueError("ill")
        applied.extend(keys)

    async def set_aside(key, error):
        assert isinstance(error, ValueError)
        aside.append(key)

    asyncio.run(apply_apart(range(number), apply, set_aside))
    assert applied == [key for key in range(number) if key not in ill]
    assert aside == [key for key in range(number) if key in ill]


async def test_when_the_database_is_at_fault_nothing_is_set_aside():
    async def apply(keys):
        raise DatabaseUnavailableError("gone")

    async def set_aside(key, error):
        raise AssertionError("nobody is at fault")

    with pytest.raises(DatabaseUnavailableError):
        await apply_apart([1, 2], apply, set_aside)
