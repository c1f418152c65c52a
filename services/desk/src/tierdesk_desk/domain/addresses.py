"""Mail addresses: what can be written to, in the one form in which it is kept."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Final

import idna

LONGEST: Final = 254
"""Of an address, in bytes (RFC 5321, with erratum 1690)."""
_LONGEST_LOCAL: Final = 64
_ATOM: Final = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_MACHINES: Final = re.compile(
    r"(mailer-daemon|postmaster|no-?reply|do-?not-?reply|bounces?|listserv|majordomo)([+-].*)?"
    r"|owner-.*|.*-(request|owner|bounces?|noreply|no-reply)",
    re.IGNORECASE,
)
"""Programs that answer, or whose mail is read by nobody: RFC 3834, section 2, and what is common."""


class AddressError(ValueError):
    """A text that is not one mail address that can be written to. The message says why, and not the address."""


@dataclass(frozen=True, slots=True)
class Mailbox:
    """One address, in small letters: nobody tells mailboxes apart by them. `domain` is in the form for the wire, ASCII."""

    local: str
    domain: str

    def __str__(self) -> str:
        return f"{self.local}@{self.domain}"

    @property
    def needs_utf8(self) -> bool:
        """Whether only servers that know SMTPUTF8 (RFC 6531) can take mail for it."""
        return not self.local.isascii()

    @property
    def is_machine(self) -> bool:
        """Whether a program reads it, or nobody: to answer that would be to talk to oneself."""
        return _MACHINES.fullmatch(self.local) is not None


def read_address(text: str) -> Mailbox:
    """The address that this text is, and nothing beside: no name, no second address, no comment, no quotation.

    Raises `AddressError`.
    """
    local, at, domain = text.strip(" ").rpartition("@")
    if not at or not local or not domain:
        raise AddressError("an address is a name, one @ and a domain")
    if len(text) > LONGEST or len(text.encode(errors="replace")) > LONGEST:
        raise AddressError(f"an address has at most {LONGEST} bytes")
    local = unicodedata.normalize("NFC", local.lower())
    if len(local.encode(errors="replace")) > _LONGEST_LOCAL:
        raise AddressError(f"what stands before the @ has at most {_LONGEST_LOCAL} bytes")
    if not _ATOM.fullmatch("".join(one if one.isascii() else _stand_in(one) for one in local)):
        raise AddressError("what stands before the @ is no name of a mailbox")
    try:
        wire = idna.encode(domain, uts46=True, transitional=False).decode()
    except (idna.IDNAError, UnicodeError):
        raise AddressError("what stands behind the @ is no domain") from None
    if "." not in wire.strip(".") and wire != "localhost":
        raise AddressError("what stands behind the @ is no whole domain")
    if wire.endswith(".") or wire.rpartition(".")[2].isdigit():
        raise AddressError("what stands behind the @ is no domain")
    mailbox = Mailbox(local, wire)
    if len(str(mailbox).encode()) > LONGEST:
        raise AddressError(f"an address has at most {LONGEST} bytes")
    return mailbox


def _stand_in(letter: str) -> str:
    """A letter, mark or digit of any script counts as one; whatever else is beyond ASCII as what no name has."""
    return "x" if unicodedata.category(letter)[0] in "LMN" else " "
