"""What a requester's reply says to the password reset bot."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from tierdesk_bots.codes import CODE_DIGITS

_LONGEST_READ: Final = 4_000
_QUOTED: Final = re.compile(r"^\s*>.*$", re.MULTILINE)
_NUMBER: Final = re.compile(rf"(?<!\d)(?<!\d[\s-])\d(?:[\s-]?\d){{{CODE_DIGITS - 1}}}(?![\s-]?\d)")
_WORDS: Final = re.compile(r"[a-z]+")
_AGAIN: Final = re.compile(
    r"\b(again|resend|new code|another code|no (code|mail|e mail|email)|not (arrived|received|arrive|come)"
    r"|(did not|didn t|have not|haven t) (get|got|receive|received|arrive|come)|nothing (came|arrived))\b"
)
_REFUSAL: Final = re.compile(
    r"^(no|nope|stop|cancel|never|refuse)\b|\b(not me|did not ask|didn t ask|do not want|don t want|refuse|human|a person"
    r"|call me|no thanks|no thank you|stop (it|this))\b"
)


class Meaning(Enum):
    """What the requester wants."""

    CODE = auto()
    """To give the code."""
    AGAIN = auto()
    """Another mail."""
    REFUSAL = auto()
    """No reset by a machine."""
    UNCLEAR = auto()


@dataclass(frozen=True, slots=True)
class Reading:
    """A reply, read. `code` holds what was given as the code: digits alone."""

    meaning: Meaning
    code: str = ""


def read_reply(text: str) -> Reading:
    """Read a reply; what it quotes of an earlier mail does not count.

    Only the first number of eight digits is taken for the code, so that one reply is one try. Digits may be set apart
    by spaces and hyphens, and be those of any script.
    """
    said = _QUOTED.sub("", text[:_LONGEST_READ])
    number = _NUMBER.search(said)
    if number is not None:
        return Reading(Meaning.CODE, "".join(str(int(letter)) for letter in number.group() if letter.isdecimal()))
    words = " ".join(_WORDS.findall(said.lower()))
    if _AGAIN.search(words):
        return Reading(Meaning.AGAIN)
    if _REFUSAL.search(words):
        return Reading(Meaning.REFUSAL)
    return Reading(Meaning.UNCLEAR)
