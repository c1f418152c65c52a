"""The ranks of an article by its words and by its meaning, made one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

LIKENESS_SHARE: Final = 0.3
"""What full likeness counts beside the weight of the best hit by words. Chosen on the judged questions: docs/knowledge.md has them."""


def fuse(weights: Mapping[str, float], likeness: Mapping[str, float]) -> dict[str, float]:
    """The weight of each article that has one by its words or is like the question, the largest first.

    They stay on the scale of the weights by words, so that they compare with those of indexes without likeness.
    """
    share = LIKENESS_SHARE * max(weights.values(), default=1.0)
    names = dict.fromkeys([*weights, *likeness])
    fused = {name: weights.get(name, 0.0) + share * max(0.0, likeness.get(name, 0.0)) for name in names}
    return dict(sorted(fused.items(), key=lambda one: one[1], reverse=True))
