"""Identifiers that no one can guess."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable
from typing import Final
from uuid import UUID

_CROCKFORD: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_VERSION_7: Final = 0x7 << 76
_VARIANT: Final = 0b10 << 62


class Identifiers:
    """Mints identifiers. `random_bytes` and `now_ms` are handed in by tests alone."""

    def __init__(
        self,
        random_bytes: Callable[[int], bytes] = os.urandom,
        now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        self._random_bytes = random_bytes
        self._now_ms = now_ms

    @classmethod
    def seeded(cls, seed: int) -> Identifiers:
        """The same identifiers in the same order for the same seed: for tests and golden files."""
        chance = random.Random(seed)  # noqa: S311 - repeatable on purpose, never used by a service
        moment = 1_700_000_000_000

        def tick() -> int:
            nonlocal moment
            moment += 1
            return moment

        return cls(chance.randbytes, tick)

    def new(self) -> UUID:
        """A UUIDv7 (RFC 9562): the millisecond, then 74 random bits.

        No counter, unlike most generators: within one millisecond a neighbour's identifier would tell the next.
        """
        chance = int.from_bytes(self._random_bytes(10), "big")
        high = (self._now_ms() & 0xFFFF_FFFF_FFFF) << 80
        return UUID(int=high | _VERSION_7 | (chance >> 68) << 64 | _VARIANT | chance & 0x3FFF_FFFF_FFFF_FFFF)

    def secret(self) -> UUID:
        """128 random bits, written as a UUID: for what is found by its identifier alone."""
        return UUID(bytes=self._random_bytes(16))

    def reference(self) -> str:
        """A ticket's name for people, like `TD-7K3M-Q9XP`: 40 random bits in Crockford's base 32.

        Two in a million tickets may meet: whoever stores one needs a unique index, and asks again.
        """
        return f"TD-{self._letters()}"

    def problem_reference(self) -> str:
        """A problem's name for people, like `PR-7K3M-Q9XP`."""
        return f"PR-{self._letters()}"

    def _letters(self) -> str:
        chance = int.from_bytes(self._random_bytes(5), "big")
        letters = "".join(_CROCKFORD[chance >> shift & 31] for shift in range(35, -1, -5))
        return f"{letters[:4]}-{letters[4:]}"
