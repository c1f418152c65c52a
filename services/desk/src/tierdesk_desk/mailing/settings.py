"""What an operator may set for outgoing mail."""

from __future__ import annotations

from email.headerregistry import Address
from email.utils import getaddresses, parseaddr
from pathlib import Path
from typing import Annotated, Final, Self

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from tierdesk_desk.domain.addresses import Mailbox, read_address
from tierdesk_runtime.settings import SettingsError

_PREFIX: Final = "TIERDESK_DESK_MAIL_"
_HERE: Final = "Service desk <desk@localhost>"
"""Who writes what is laid into a folder of this machine."""


class MailSettings(BaseSettings):
    """Environment variables `TIERDESK_DESK_MAIL_<NAME>`."""

    model_config = SettingsConfigDict(env_prefix=_PREFIX, env_ignore_empty=True, frozen=True, extra="ignore")

    url: Annotated[
        str | None,
        Field(
            pattern=r"^(smtps?://([^\s/?#@]+@)?([A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?/?|maildir:/[^\x00]+)$",
            description="Where mail goes: `smtp://USER@HOST:587` (STARTTLS), `smtps://USER@HOST:465`, or `maildir:/FOLDER`.",
        ),
    ] = None
    password_file: Annotated[Path | None, Field(description="The password of USER, in a file.")] = None
    unencrypted: Annotated[
        bool, Field(description="Whether `smtp://` goes without STARTTLS: in a network that nobody else reads.")
    ] = False
    sender: Annotated[
        str | None,
        Field(
            max_length=300, description="Who writes, as `Service desk <desk@example.org>`; with SMTP it must be set."
        ),
    ] = None
    reply_to: Annotated[
        str | None, Field(max_length=254, description="Where answers go; without it they go nowhere.")
    ] = None
    envelope_sender: Annotated[
        str,
        Field(
            max_length=254,
            description="Where the server sends what cannot be delivered. Empty, the null sender, nothing comes back.",
        ),
    ] = ""
    per_minute: Annotated[int, Field(ge=1, le=6_000, description="So many mails a replica sends at most.")] = 120
    timeout_seconds: Annotated[float, Field(gt=0, le=60, description="For each step of talking to the server.")] = 20.0

    @field_validator("sender")
    @classmethod
    def _check_sender(cls, value: str | None) -> str | None:
        if value is not None:
            told = getaddresses([value])
            if len(told) != 1:
                raise ValueError("one sender is expected")
            _read_own(told[0][1])
        return value

    @field_validator("reply_to", "envelope_sender")
    @classmethod
    def _check_address(cls, value: str | None) -> str | None:
        return str(_read_own(value)) if value else value

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        is_smtp = self.url is not None and self.url.startswith("smtp")
        if is_smtp and self.sender is None:
            raise ValueError("sender must be set where mail goes to a server")
        if is_smtp and "@" in (self.url or "") and self.password_file is None:
            raise ValueError("password_file must be set where the server wants a user")
        if is_smtp and "@" in (self.url or "") and self.unencrypted:
            raise ValueError("unencrypted: a password goes over encrypted connections alone")
        return self

    @classmethod
    def read(cls, *, folder: Path | None = None) -> Self:
        """The settings of the environment; where it says nothing of a server, mail goes into `folder`.

        Raises `SettingsError` with the variable that is at fault.
        """
        try:
            settings = cls()
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            name = f"{_PREFIX}{first['loc'][0]}".upper() if first["loc"] else _PREFIX.rstrip("_")
            raise SettingsError(f"{name}: {first['msg']}") from error
        if settings.url is None and folder is not None:
            return settings.model_copy(update={"url": f"maildir:{folder}"})
        return settings

    @property
    def folder(self) -> Path | None:
        """Where mail is laid, if it does not go to a server."""
        scheme, _, rest = (self.url or "").partition(":")
        return Path(rest) if scheme == "maildir" else None

    @property
    def written_by(self) -> Address:
        """Who writes, for the header."""
        name, address = parseaddr(self.sender or _HERE)
        mailbox = read_address(address)
        return Address(name or "Service desk", mailbox.local, mailbox.domain)

    @property
    def own(self) -> frozenset[str]:
        """The desk's addresses: nothing is sent to them."""
        told = (parseaddr(self.sender or _HERE)[1], self.reply_to, self.envelope_sender)
        return frozenset(str(read_address(one)) for one in told if one)

    @property
    def domain(self) -> str:
        """In which message identifiers stand."""
        return self.written_by.domain


def _read_own(text: str) -> Mailbox:
    """An address of the desk's. Raises `ValueError` for one that only some servers take: else each mail would fail."""
    mailbox = read_address(text)
    if mailbox.needs_utf8:
        raise ValueError("what stands before the @ is ASCII")
    return mailbox
