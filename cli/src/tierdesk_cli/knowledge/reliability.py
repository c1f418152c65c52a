"""How far a probability can be trusted: what was predicted beside what came about, and from where on it may decide."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

Z: Final = 1.959964
"""Standard deviations on either side that hold 95 % of a normal distribution."""
BINS: Final = 5
MOST_WRONG: Final = 0.05
"""The share of wrong ones among those that are routed that is taken."""
STEP: Final = 0.05
"""Thresholds are set in such steps."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A question, the probability that its match answers it, and whether it does. Without a match the probability is 0."""

    predicted: float
    is_right: bool


@dataclass(frozen=True, slots=True)
class Share:
    """So many of so many."""

    part: int
    whole: int

    @property
    def value(self) -> float:
        """From 0 to 1; 0 of nothing."""
        return self.part / self.whole if self.whole else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """Where the true share lies, with 95 % confidence: Wilson's score interval (1927). Anywhere for nothing."""
        if not self.whole:
            return 0.0, 1.0
        square = Z * Z / self.whole
        middle = (self.value + square / 2) / (1 + square)
        reach = Z / (1 + square) * math.sqrt(self.value * (1 - self.value) / self.whole + square / (4 * self.whole))
        return max(0.0, middle - reach), min(1.0, middle + reach)


@dataclass(frozen=True, slots=True)
class Bin:
    """Questions whose predictions are alike: the mean of these, and the share of matches that are right."""

    low: float
    high: float
    predicted: float
    right: Share


@dataclass(frozen=True, slots=True)
class Routed:
    """What a threshold does: which share of all questions is routed, and which share of these wrongly."""

    coverage: Share
    wrong: Share


def bin_up(judged: Iterable[Judged], count: int = BINS) -> list[Bin]:
    """Bins of equal width, without the empty ones. What has no match at all is left out: it predicts nothing."""
    found: list[list[Judged]] = [[] for _ in range(count)]
    for one in judged:
        if one.predicted > 0:
            found[min(count - 1, int(one.predicted * count))].append(one)
    return [
        Bin(
            place / count,
            (place + 1) / count,
            sum(one.predicted for one in ones) / len(ones),
            Share(sum(one.is_right for one in ones), len(ones)),
        )
        for place, ones in enumerate(found)
        if ones
    ]


def measure_gap(judged: Sequence[Judged]) -> float:
    """The expected calibration error: how far the bins' predictions are from what came about, weighed by their size."""
    bins = bin_up(judged)
    count = sum(one.right.whole for one in bins)
    return sum(abs(one.predicted - one.right.value) * one.right.whole for one in bins) / count if count else 0.0


def measure_brier(judged: Sequence[Judged]) -> float:
    """The mean square of what the predictions were off (Brier 1950); 0.25 for always saying one half."""
    return sum((one.predicted - one.is_right) ** 2 for one in judged) / len(judged) if judged else 0.0


def choose_threshold(judged: Iterable[Judged], most_wrong: float = MOST_WRONG) -> float | None:
    """The lowest prediction from which on at most this share is wrong; None where there is none such."""
    ranked = sorted(judged, key=lambda one: -one.predicted)
    wrong, found = 0, None
    for count, one in enumerate(ranked, start=1):
        wrong += not one.is_right
        is_last_of_its_kind = count == len(ranked) or ranked[count].predicted < one.predicted
        if one.predicted > 0 and is_last_of_its_kind and wrong <= most_wrong * count:
            found = one.predicted
    return found


def step_up(threshold: float) -> float:
    """The next twentieth from there on: a threshold that people set, at a distance from the wrong one that is the next below."""
    return math.ceil(round(threshold / STEP, 9)) * STEP


def route(judged: Sequence[Judged], threshold: float | None) -> Routed:
    """What is routed from this threshold on; nothing without one."""
    routed = [one for one in judged if threshold is not None and one.predicted >= threshold]
    return Routed(Share(len(routed), len(judged)), Share(sum(not one.is_right for one in routed), len(routed)))


def merge(parts: Iterable[Routed]) -> Routed:
    """All of them together."""
    found = list(parts)
    return Routed(_sum(one.coverage for one in found), _sum(one.wrong for one in found))


def _sum(shares: Iterable[Share]) -> Share:
    found = list(shares)
    return Share(sum(one.part for one in found), sum(one.whole for one in found))
