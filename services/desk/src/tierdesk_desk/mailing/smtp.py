"""Mails handed to a server by SMTP, over one connection that is kept while there is something to send."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from aiosmtplib import (
    SMTP,
    SMTPDataError,
    SMTPException,
    SMTPRecipientRefused,
    SMTPResponseException,
)

from tierdesk_desk.domain.addresses import Mailbox
from tierdesk_desk.mailing.settings import MailSettings
from tierdesk_desk.mailing.transports import AwayError, LostError, NotNowError, RefusedError

LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
LONGEST_SEND_SECONDS: Final = 60.0
"""For one mail, and for connecting, however slowly a server answers each step."""
IDLE_SECONDS: Final = 30.0
"""A connection that was not used for so long is made anew: servers close theirs, and some without a word."""
_CLOSING: Final = 421
_GOODBYE_SECONDS: Final = 2.0


class SmtpTransport:
    """Talks to one server. The certificate is checked; without encryption only to this machine, or where that is set."""

    def __init__(self, settings: MailSettings, *, tls: ssl.SSLContext | None = None) -> None:
        """`settings.url` is that of a server. Raises `OSError` when the password cannot be read."""
        parts = urlsplit(settings.url or "")
        self._host = parts.hostname or ""
        self._is_tls = parts.scheme == "smtps"
        self._port = parts.port or (465 if self._is_tls else 587)
        self._user = unquote(parts.username) if parts.username else None
        self._password = _read(settings.password_file) if self._user else None
        self._starts_tls = not (self._is_tls or settings.unencrypted or self._host in LOOPBACK)
        self._sender = settings.envelope_sender
        self._timeout_seconds = settings.timeout_seconds
        self._tls = tls or ssl.create_default_context()
        self._client: SMTP | None = None
        self._used_at = 0.0

    async def send(self, message: bytes, recipient: Mailbox) -> None:
        """Hand it over; returns when the server has said 250 to all of it. Raises `TransportError`.

        A connection that is lost in between is made anew the next time. Where it is lost behind the mail, the server may have it.
        """
        try:
            client = await self._connected()
            async with asyncio.timeout(LONGEST_SEND_SECONDS):
                await self._hand_over(client, message, recipient)
        except TimeoutError:
            self._drop()
            raise LostError(f"it took longer than {LONGEST_SEND_SECONDS:.0f} s") from None
        except (RefusedError, NotNowError):
            raise
        except BaseException:
            self._drop()
            raise
        self._used_at = asyncio.get_running_loop().time()

    async def close(self) -> None:
        """Say goodbye."""
        client, self._client = self._client, None
        if client is not None:
            with contextlib.suppress(SMTPException, OSError, TimeoutError):
                async with asyncio.timeout(_GOODBYE_SECONDS):
                    await client.quit()
            client.close()

    async def _connected(self) -> SMTP:
        is_stale = asyncio.get_running_loop().time() - self._used_at > IDLE_SECONDS
        if self._client is not None and self._client.is_connected and not is_stale:
            return self._client
        await self.close()
        client = SMTP(
            hostname=self._host,
            port=self._port,
            username=self._user,
            password=self._password,
            local_hostname=_host_name(),
            timeout=self._timeout_seconds,
            use_tls=self._is_tls,
            start_tls=self._starts_tls,
            tls_context=self._tls,
        )
        try:
            async with asyncio.timeout(LONGEST_SEND_SECONDS):
                await client.connect()
                if client.is_ehlo_or_helo_needed:
                    await client.ehlo()
        except (SMTPException, OSError, TimeoutError, ValueError) as error:
            client.close()
            raise AwayError(f"no connection: {_told(error)}") from error
        except BaseException:
            client.close()
            raise
        self._client = client
        return client

    async def _hand_over(self, client: SMTP, message: bytes, recipient: Mailbox) -> None:
        """What the server says of the sender is about all mails; of the recipient, or of what it read, about this one."""
        options = []
        if recipient.needs_utf8:
            if not client.supports_extension("smtputf8"):
                raise RefusedError("the server takes no addresses beyond ASCII (SMTPUTF8)")
            options = ["SMTPUTF8", "BODY=8BITMIME"]
        encoding = "utf-8" if recipient.needs_utf8 else "ascii"
        try:
            await client.mail(self._sender, options=options, encoding=encoding)
            await client.rcpt(str(recipient), encoding=encoding)
            await client.data(message)
        except (SMTPRecipientRefused, SMTPDataError) as error:
            if error.code == _CLOSING:  # because of this mail, maybe: it must not be the first again each time
                raise LostError(_told(error)) from error
            await self._reset(client)
            raise (RefusedError if error.code >= 500 else NotNowError)(_told(error)) from error
        except SMTPResponseException as error:
            raise AwayError(_told(error)) from error
        except (SMTPException, OSError) as error:
            raise LostError(_told(error)) from error

    async def _reset(self, client: SMTP) -> None:
        """Make ready for the next mail, or for another connection."""
        try:
            await client.rset()
        except (SMTPException, OSError):
            self._drop()

    def _drop(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            client.close()


def _told(error: BaseException) -> str:
    """What is kept of it: what the server said, or what kind of fault it was; of what is no text in UTF-8, question marks."""
    if isinstance(error, SMTPResponseException):
        text = f"{error.code} {error.message}"
    else:
        text = f"{type(error).__name__}: {error}"
    return text.replace("\0", "?").encode(errors="replace").decode()


def _read(path: Path | None) -> str | None:
    return None if path is None else path.read_text(encoding="utf-8").rstrip("\r\n")


def _host_name() -> str:
    """How this machine introduces itself."""
    name = socket.gethostname()
    return name if name and name.isascii() and " " not in name else "localhost"
