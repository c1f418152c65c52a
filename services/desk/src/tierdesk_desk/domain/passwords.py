"""What a password may be, and the ones that the desk makes itself.

Long and of the owner's choice, as NIST SP 800-63B has it: no rule about digits or signs, no change by the calendar.
"""

from __future__ import annotations

import unicodedata
from typing import Final

SHORTEST: Final = 12
LONGEST: Final = 128
"""A bound for what is hashed; in characters, as `SHORTEST` is."""
ONE_TIME_BYTES: Final = 20
"""So much chance makes a one-time password, five bits of each byte: 100 bits."""
_LETTERS: Final = "0123456789abcdefghjkmnpqrstvwxyz"


class PasswordError(Exception):
    """A password that nobody may choose; the text says why."""


def read_password(text: str, *, login: str) -> str:
    """The password that is hashed for what somebody chose. Raises `PasswordError`."""
    password = normal_form(text)
    if not SHORTEST <= len(password) <= LONGEST:
        raise PasswordError(f"a password has {SHORTEST} to {LONGEST} characters")
    if password.casefold() == login:
        raise PasswordError("the login is no password")
    return password


def normal_form(text: str) -> str:
    """One form (NFKC) of what keyboards write in several, so that a password fits from each of them.

    Of what is far too long, only so much that it fits nobody.
    """
    return unicodedata.normalize("NFKC", text[: 8 * LONGEST])


def one_time_password(chance: bytes) -> str:
    """A password to be read aloud or typed off, such as `k3m9q-7v2xa-0f8tz-c4wny`, from `ONE_TIME_BYTES` of chance."""
    if len(chance) != ONE_TIME_BYTES:
        raise ValueError(f"{ONE_TIME_BYTES} bytes of chance are expected")
    letters = "".join(_LETTERS[byte & 31] for byte in chance)
    return "-".join(letters[start : start + 5] for start in range(0, ONE_TIME_BYTES, 5))
