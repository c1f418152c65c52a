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
    at = draw.randrange(len(word))
    letter = draw.choice([one for one in string.ascii_lowercase if one != word[at].lower()])
    neighbours = [place for place in range(1, len(word)) if word[place] != word[place - 1]]
    match draw.randrange(4 if neighbours else 3):
        case 0:
            return word[:at] + word[at + 1 :]
        case 1:
            return word[:at] + letter + word[at:]
        case 2:
            return word[:at] + letter + word[at + 1 :]
        case _:
            at = draw.choice(neighbours)
            return word[: at - 1] + word[at] + word[at - 1] + word[at + 1 :]
