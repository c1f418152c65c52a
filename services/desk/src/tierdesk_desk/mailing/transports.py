"""What hands mails over, and how it fails."""

from __future__ import annotations

from typing import Protocol

from tierdesk_desk.domain.addresses import Mailbox


class TransportError(Exception):
    """A mail was not handed over, as far as is known. The text is for operators; it may quote what the server said."""


class RefusedError(TransportError):
    """This mail will never be taken."""


class NotNowError(TransportError):
    """This mail is not taken now; another may be."""


class LostError(TransportError):
    """The connection was lost, or the server hung up or said nothing, on the way: it may have taken the mail."""


class AwayError(TransportError):
    """Nothing can be handed over now, whatever it is: the server is away, or does not let the desk in."""


class Transport(Protocol):
    """Hands over one mail at a time."""

    async def send(self, message: bytes, recipient: Mailbox) -> None:
        """Return when somebody else is in charge of it. Raises `TransportError`."""
        ...

    async def close(self) -> None:
        """Say goodbye, within a second or two."""
        ...
