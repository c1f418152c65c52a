"""Outgoing mail: the port, a relay by SMTP, and a folder for demonstrations."""

from __future__ import annotations

import os
import smtplib
import ssl
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import formatdate
from pathlib import Path
from typing import Final, Protocol
from urllib.parse import unquote, urlsplit

_TIMEOUT_SECONDS: Final = 20.0
LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})


class MailError(Exception):
    """The mail could not be handed over. The text names no address."""


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail to one address."""

    id: str
    """The same for the same letter, so that one that goes out twice can be known as such."""
    to: str
    subject: str
    text: str


class Outbox(Protocol):
    """Where letters go."""

    def send(self, letter: Letter) -> None:
        """Hand a letter over; returns when somebody else is in charge of it. Blocks. Raises `MailError`."""
        ...


class FolderOutbox:
    """Writes each letter to a file, `<id>.eml`."""

    def __init__(self, folder: Path, *, sender: str) -> None:
        """Makes the folder, for this user alone. Raises `OSError`."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder = folder
        self._sender = sender

    def send(self, letter: Letter) -> None:
        """Write it; the same letter again replaces the file."""
        message = _message(letter, self._sender)
        path = self._folder / f"{letter.id}.eml"
        draft = path.with_suffix(".new")
        try:
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as stream:
                stream.write(message.as_bytes())
            draft.replace(path)
        except OSError as error:
            raise MailError(f"the outbox cannot be written: {error.strerror}") from error


class SmtpOutbox:
    """Hands letters to a relay: `smtps://USER@HOST:465`, or `smtp://USER@HOST:587` with STARTTLS.

    The relay's certificate is checked. Without encryption only on this machine: a code that others can read is none.
    """

    def __init__(self, url: str, *, sender: str, password: str | None = None) -> None:
        """Raises `ValueError` for a URL that is none."""
        parts = urlsplit(url)
        if parts.scheme not in {"smtp", "smtps"} or not parts.hostname:
            raise ValueError("a mail relay is given as smtp://HOST:PORT or smtps://HOST:PORT")
        if parts.username and password is None:
            raise ValueError("a relay that wants a user wants a password: name its file")
        self._host = parts.hostname
        self._is_tls = parts.scheme == "smtps"
        self._port = parts.port or (465 if self._is_tls else 587)
        self._user = unquote(parts.username) if parts.username else None
        self._password = password
        self._sender = sender

    def send(self, letter: Letter) -> None:
        """One connection for one letter."""
        message = _message(letter, self._sender)
        try:
            with self._connect() as relay:
                if not self._is_tls and self._host not in LOOPBACK:
                    relay.starttls(context=ssl.create_default_context())
                if self._user is not None and self._password is not None:
                    relay.login(self._user, self._password)
                relay.send_message(message)
        except (smtplib.SMTPException, OSError) as error:
            # Not the text: it quotes the address.
            raise MailError(f"the mail relay did not take it: {type(error).__name__}") from None

    def _connect(self) -> smtplib.SMTP:
        if self._is_tls:
            tls = ssl.create_default_context()
            return smtplib.SMTP_SSL(self._host, self._port, timeout=_TIMEOUT_SECONDS, context=tls)
        return smtplib.SMTP(self._host, self._port, timeout=_TIMEOUT_SECONDS)


def _message(letter: Letter, sender: str) -> EmailMessage:
    message = EmailMessage()
    try:
        message["From"] = sender
        message["To"] = letter.to
        message["Subject"] = letter.subject
    except ValueError:
        raise MailError("the registered address is none") from None
    message["Message-ID"] = f"<{letter.id}@{sender.rpartition('@')[2].strip('<> ')}>"
    message["Date"] = formatdate()
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(letter.text)
    return message
