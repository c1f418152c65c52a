"""Passwords are hashed by argon2id, in threads of its own: each takes some 0.2 s of a processor and 64 MiB."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from pwdlib import PasswordHash
from pwdlib.exceptions import PwdlibError
from pwdlib.hashers.argon2 import Argon2Hasher

THREADS: Final = 2
"""At once. So the memory is bounded, and requests of other kinds keep the processor."""
MOST_WAITING: Final = 32
_NOBODY: Final = "a password that is nobody's"
ResultT = TypeVar("ResultT")


class HashingBusyError(Exception):
    """More passwords are to be looked at than will be in the time that people wait."""


class PasswordHashing:
    """Hashes and verifies. A process has one."""

    def __init__(self, hasher: Argon2Hasher | None = None) -> None:
        self._hashes = PasswordHash((hasher or Argon2Hasher(),))
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="argon2")
        self._waiting = 0
        self._of_nobody: str | None = None

    async def hash(self, password: str) -> str:
        """What is stored of this password. Raises `HashingBusyError`."""
        return await self._run(lambda: self._hashes.hash(password))

    async def verify(self, password: str, stored: str | None) -> tuple[bool, str | None]:
        """Whether the password is that of `stored`; and if so, a hash to be stored in its place when it is too weak by now.

        Takes the same time without `stored`, and for one that nobody can read. Raises `HashingBusyError`.
        """
        if self._of_nobody is None:
            self._of_nobody = await self.hash(_NOBODY)
        of_nobody = self._of_nobody
        return await self._run(lambda: self._verify(password, stored, of_nobody))

    def close(self) -> None:
        """Begin no more."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _verify(self, password: str, stored: str | None, of_nobody: str) -> tuple[bool, str | None]:
        if stored is not None:
            try:
                return self._hashes.verify_and_update(password, stored)
            except PwdlibError:  # of another program, or broken: no password fits
                pass
        self._hashes.verify(password, of_nobody)
        return False, None

    async def _run(self, work: Callable[[], ResultT]) -> ResultT:
        if self._waiting >= MOST_WAITING:
            raise HashingBusyError("too many sign in at this moment")
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._waiting -= 1
