"""Logistic regression by Newton's method, small enough to be read: a few features, a few hundred examples."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

_ROUNDS: Final = 50
_CLOSE: Final = 1e-9
_MOST_ODDS: Final = 500.0


def fit(
    rows: Sequence[Sequence[float]], rights: Sequence[bool], counts: Sequence[float], *, penalty: float
) -> tuple[float, ...]:
    """The intercept and a weight for each feature that make `rights` likeliest, each row counting as often as it says.

    `penalty` (L2, not on the intercept) pulls the weights of features of one standard deviation to 0. A weight that comes
    out negative is held at 0: more of a feature never speaks against.
    """
    width = len(rows[0]) if rows else 0
    spreads = [_spread([row[place] for row in rows], counts) for place in range(width)]
    pulls = [penalty * spread * spread for spread in spreads]
    held: set[int] = set()
    while True:
        weights = _climb(rows, rights, counts, pulls, [place for place in range(width) if place not in held], width)
        negative = {place for place in range(width) if weights[place + 1] < 0}
        if not negative:
            return tuple(weights)
        held |= negative


def _climb(
    rows: Sequence[Sequence[float]],
    rights: Sequence[bool],
    counts: Sequence[float],
    pulls: Sequence[float],
    free: Sequence[int],
    width: int,
) -> list[float]:
    """Newton's steps over the free weights alone."""
    taken = [[1.0, *(row[place] for place in free)] for row in rows]
    size = len(free) + 1
    pull = [0.0, *(pulls[place] for place in free)]
    weights = [0.0] * size
    for _ in range(_ROUNDS):
        slope = [-by * weight for by, weight in zip(pull, weights, strict=True)]
        curve = [[pull[row] if row == column else 0.0 for column in range(size)] for row in range(size)]
        for row, right, count in zip(taken, rights, counts, strict=True):
            odds = sum(weight * value for weight, value in zip(weights, row, strict=True))
            chance = 1 / (1 + math.exp(-max(-_MOST_ODDS, min(_MOST_ODDS, odds))))
            spread = count * max(chance * (1 - chance), 1e-12)
            for place, value in enumerate(row):
                slope[place] += count * (right - chance) * value
                for other in range(size):
                    curve[place][other] += spread * value * row[other]
        step = _solve(curve, slope)
        weights = [weight + by for weight, by in zip(weights, step, strict=True)]
        if max(map(abs, step)) < _CLOSE:
            break
    whole = [0.0] * (width + 1)
    whole[0] = weights[0]
    for place, weight in zip(free, weights[1:], strict=True):
        whole[place + 1] = weight
    return whole


def _solve(matrix: Sequence[Sequence[float]], right: Sequence[float]) -> list[float]:
    """Gauss's elimination, with the greatest pivot."""
    size = len(right)
    rows = [[*line, value] for line, value in zip(matrix, right, strict=True)]
    for place in range(size):
        pivot = max(range(place, size), key=lambda line: abs(rows[line][place]))
        rows[place], rows[pivot] = rows[pivot], rows[place]
        for line in range(place + 1, size):
            share = rows[line][place] / rows[place][place]
            for column in range(place, size + 1):
                rows[line][column] -= share * rows[place][column]
    found = [0.0] * size
    for place in reversed(range(size)):
        known = sum(rows[place][column] * found[column] for column in range(place + 1, size))
        found[place] = (rows[place][size] - known) / rows[place][place]
    return found


def _spread(values: Sequence[float], counts: Sequence[float]) -> float:
    """The standard deviation; 1 where there is none."""
    whole = sum(counts)
    mean = sum(count * value for count, value in zip(counts, values, strict=True)) / whole
    found = sum(count * (value - mean) ** 2 for count, value in zip(counts, values, strict=True)) / whole
    return math.sqrt(found) or 1.0
