"""Slips of the pen, made on purpose: the same ones for the same seed."""

from __future__ import annotations

import random
import re
import string
from typing import Final

SHORTEST: Final = 4
"""Shorter words are left as they are."""
_WORD: Final = re.compile(r"[^\W\d_]+")


def slip(text: str, draw: random.Random) -> str:
    """The text with one letter left out, put in, changed or swapped with its neighbour in each word of four letters or more."""
    return _WORD.sub(lambda found: _slip(found.group(), draw), text)


def _slip(word: str, draw: random.Random) -> str:
    if len(word) < SHORTEST:
        return word
    at, letter = draw.randrange(len(word)), draw.choice(string.ascii_lowercase)
    match draw.randrange(4):
        case 0:
            return word[:at] + word[at + 1 :]
        case 1:
            return word[:at] + letter + word[at:]
        case 2:
            return word[:at] + letter + word[at + 1 :]
        case _:
            at = max(at, 1)
            return word[: at - 1] + word[at] + word[at - 1] + word[at + 1 :]
