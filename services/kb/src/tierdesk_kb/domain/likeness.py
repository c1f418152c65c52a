"""How alike two articles are, by their words."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from typing import Final

DUPLICATE_FROM: Final = 0.5
"""The likeness from which two articles probably say the same: half of all their words stand in both."""


def likeness(words: AbstractSet[str], others: AbstractSet[str]) -> float:
    """The share of the different words of both that stand in both (Jaccard's index), 0 to 1; 0 without any words."""
    together = len(words | others)
    return len(words & others) / together if together else 0.0
