"""What senders call their files: kept as a text that harms nobody, and never used as the name of anything.

Reliability §2.5 group 7 (paths, right-to-left overrides, 255 characters, NUL) and ASVS 5.3.2.
"""

from __future__ import annotations

import unicodedata
from email.message import Message
from email.utils import collapse_rfc2231_value
from typing import Final

from tierdesk_intake.domain.refusals import Fault, RefusalKind, RefusedError

NAME_LENGTH: Final = 200
HEADER_LENGTH: Final = 2_000
"""Beyond that no header is read for a name: the time to read one grows with the square of its length."""
UNNAMED: Final = "attachment"
_EXTENSION_LENGTH: Final = 12
_SPACES: Final = frozenset({"Zs", "Zl", "Zp"})
_INVISIBLE: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
"""Control characters, overrides of the writing direction, halves of characters, and what is none yet."""


def clean_name(given: str) -> str:
    """The name without folders, invisible characters and ends of line, in one form, at most 200 characters long.

    What is too long loses its middle, so that the ending stays. A name of which nothing is left is `attachment`.
    """
    shown = "".join(_shown(letter) for letter in unicodedata.normalize("NFC", given[: 10 * NAME_LENGTH]))
    last = shown.replace("\\", "/").rpartition("/")[2]
    name = " ".join(last.split()).strip(". ")
    if len(name) <= NAME_LENGTH:
        return name or UNNAMED
    stem, dot, ending = name.rpartition(".")
    if not dot or len(ending) >= _EXTENSION_LENGTH:
        return name[:NAME_LENGTH].rstrip(". ")
    return f"{stem[: NAME_LENGTH - len(ending) - 1].rstrip('. ')}.{ending}"


def name_in_headers(content_disposition: str | None, content_type: str | None) -> str:
    """The file's name in the one header (`filename`, `filename*`), else in the other (`name`), else nothing.

    Raises `RefusedError` for a header of more than 2,000 characters.
    """
    message = Message()
    for field, value in (("Content-Disposition", content_disposition), ("Content-Type", content_type)):
        if value is None:
            continue
        if len(value) > HEADER_LENGTH:
            text = f"longer than {HEADER_LENGTH} characters"
            raise RefusedError(RefusalKind.INVALID_ATTACHMENT, f"{field}: {text}", [Fault(field, text)])
        message[field] = value
    try:
        found = message.get_filename()
        return "" if found is None else collapse_rfc2231_value(found)
    except (LookupError, ValueError):  # a character set that there is not, or that cannot be read as such
        return ""


def _shown(letter: str) -> str:
    category = unicodedata.category(letter)
    if category in _SPACES or letter in "\t\r\n":
        return " "
    return "" if category in _INVISIBLE else letter
