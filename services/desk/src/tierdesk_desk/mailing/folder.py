"""Mails laid into a folder (a maildir), for a desk without a mail server: to be looked at on this machine."""

from __future__ import annotations

import asyncio
import mailbox
from pathlib import Path
from typing import Final

from tierdesk_desk.domain.addresses import Mailbox
from tierdesk_desk.mailing.transports import AwayError

MOST_KEPT: Final = 2_000
"""So many mails are kept; the oldest go."""
_LOOK_EACH: Final = 100


class FolderTransport:
    """One file for each mail, as mail programs read it (`mutt -f FOLDER`). For one machine: nobody is told of anything."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._count = 0

    async def send(self, message: bytes, recipient: Mailbox) -> None:
        """Write it, to the disk. Raises `AwayError` while the folder cannot be written."""
        del recipient  # the mail names it
        try:
            await asyncio.to_thread(self._write, message)
        except OSError as error:
            raise AwayError(f"the folder cannot be written: {error.strerror or error}") from error

    async def close(self) -> None:
        """Nothing is open."""

    def _write(self, message: bytes) -> None:
        self._folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        box = mailbox.Maildir(self._folder, create=True)
        box.add(message)
        self._count += 1
        if self._count % _LOOK_EACH == 1:
            for key in sorted(box.keys())[:-MOST_KEPT]:  # a name begins with the second in which it was written
                box.discard(key)
