"""A mail server (aiosmtpd) that takes mail, or fails as it is told."""

from __future__ import annotations

import asyncio
import email
import email.policy
import socket
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller

PATIENCE_SECONDS = 15.0


@dataclass
class Taken:
    """A mail that the server answered with 250 to, or took and then lost the connection."""

    sender: str
    recipients: list[str]
    message: EmailMessage
    raw: bytes
    login: object = None

    @property
    def text(self) -> str:
        return str(self.message.get_content())

    @property
    def to(self) -> str:
        return self.recipients[0]

    @property
    def id(self) -> str:
        return str(self.message["Message-ID"])


@dataclass
class Script:
    """What the server answers next. To `rcpt` and `data` a text is said; `drop`, `stall` and `slow` happen behind the mail."""

    mail: deque[str] = field(default_factory=deque)
    rcpt: deque[str] = field(default_factory=deque)
    data: deque[str] = field(default_factory=deque)


class MailServer:
    """Takes mail at `port`. `script` says what it answers first; then it takes all."""

    def __init__(self, **options: Any) -> None:
        self.script = Script()
        self.taken: list[Taken] = []
        self.connections = 0
        self._options = options
        self._controller: Controller | None = None
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"

    def start(self) -> None:
        self._controller = Controller(self, port=self.port, **{"hostname": "127.0.0.1"} | self._options)
        self._controller.start()

    def stop(self) -> None:
        if self._controller is not None:
            self._controller.stop(no_assert=True)
            self._controller = None

    def wait_for(self, number: int) -> list[Taken]:
        """So many mails, once they are there."""
        end = time.monotonic() + PATIENCE_SECONDS
        while len(self.taken) < number:
            assert time.monotonic() < end, f"{len(self.taken)} of {number} mails came"
            time.sleep(0.02)
        return self.taken

    async def handle_EHLO(self, server: Any, session: Any, envelope: Any, hostname: Any, responses: Any) -> Any:  # noqa: N802 - aiosmtpd's name
        self.connections += 1
        session.host_name = hostname
        return responses

    async def handle_MAIL(self, server: Any, session: Any, envelope: Any, address: Any, options: Any) -> Any:  # noqa: N802 - aiosmtpd's name
        if self.script.mail:
            return self.script.mail.popleft()
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: Any, options: Any) -> Any:  # noqa: N802 - aiosmtpd's name
        answer = self.script.rcpt.popleft() if self.script.rcpt else "250 OK"
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> Any:  # noqa: N802 - aiosmtpd's name
        answer = self.script.data.popleft() if self.script.data else "250 OK"
        if answer == "slow":
            await asyncio.sleep(0.3)
            answer = "250 OK"
        if answer == "stall":
            await asyncio.sleep(60)
        if answer in {"250 OK", "drop"}:
            raw = envelope.original_content
            message = email.message_from_bytes(raw, policy=email.policy.default)
            assert isinstance(message, EmailMessage)
            self.taken.append(Taken(envelope.mail_from, envelope.rcpt_tos, message, raw, session.auth_data))
        if answer == "drop":
            server.transport.abort()
        return answer


@contextmanager
def mail_server(**options: Any) -> Iterator[MailServer]:
    """A server that runs."""
    server = MailServer(**options)
    server.start()
    try:
        yield server
    finally:
        server.stop()
