"""The reliability curve as a picture: what was predicted from left to right, what came about from bottom to top."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Final

from tierdesk_cli.knowledge.reliability import Bin, Judged, bin_up
from tierdesk_sla.domain.drawing import Drawing

_WIDTH: Final = 760
_LEFT: Final = 70
_TOP: Final = 86
_SIDE: Final = 460
_BAR: Final = 60
_BOTTOM: Final = _TOP + _SIDE
_APART: Final = 9
_GREY: Final = "#616e7c"
_GRID: Final = "#e4e7eb"
_FILLS: Final = ("#1f2933", "#3b82c4", "#c77700", "#1f8a4c", "#8452a8", "#d64545")


def draw_curve(sets: Mapping[str, Sequence[Judged]]) -> str:
    """The picture, as an SVG document: a line for each set, with Wilson's 95 % intervals, and below it how many were predicted so."""
    drawing = Drawing(_WIDTH, title="Reliability of the match score")
    drawing.height = _BOTTOM + _BAR + 100
    drawing.text(_LEFT, 30, "Reliability of the match score", size=18, bold=True)
    drawing.text(_LEFT, 48, "On the broken line the score is the share of matches that are right.", fill=_GREY)
    _draw_axes(drawing)
    shown = {name: bins for name, judged in sets.items() if (bins := bin_up(judged))}
    for place, (name, bins) in enumerate(shown.items()):
        fill = _FILLS[place % len(_FILLS)]
        shift = _APART * (place - (len(shown) - 1) / 2)
        _draw_line(drawing, name, bins, fill, shift)
        _draw_key(drawing, name, bins, fill, place)
    first = next(iter(shown.values()), [])
    _draw_counts(drawing, first, next(iter(shown), ""))
    return drawing.render()


def _x(share: float) -> float:
    return _LEFT + _SIDE * share


def _y(share: float) -> float:
    return _BOTTOM - _SIDE * share


def _draw_axes(drawing: Drawing) -> None:
    for tenth in range(0, 11, 2):
        share = tenth / 10
        drawing.line(_x(share), _TOP, _x(share), _BOTTOM, _GRID)
        drawing.line(_LEFT, _y(share), _LEFT + _SIDE, _y(share), _GRID)
        drawing.text(_x(share), _BOTTOM + 18, f"{share:.1f}", size=11, fill=_GREY, anchor="middle")
        drawing.text(_LEFT - 8, _y(share) + 4, f"{share:.0%}", size=11, fill=_GREY, anchor="end")
    for step in range(0, 50, 2):  # broken, as it is what should be
        drawing.line(_x(step / 50), _y(step / 50), _x((step + 1) / 50), _y((step + 1) / 50), "#9aa5b1", width=1.5)
    drawing.text(_LEFT + _SIDE / 2, _BOTTOM + 36, "score: the predicted probability", anchor="middle")
    drawing.text(_LEFT, _TOP - 10, "matches that are right", fill=_GREY, size=11)


def _draw_line(drawing: Drawing, name: str, bins: Sequence[Bin], fill: str, shift: float) -> None:
    """The bins of one set, moved aside so that intervals of several sets can be told apart."""
    points = [(_x(one.predicted) + shift, _y(one.right.value)) for one in bins]
    for (x1, y1), (x2, y2) in pairwise(points):
        drawing.line(x1, y1, x2, y2, fill, width=1.5)
    for one, (x, y) in zip(bins, points, strict=True):
        low, high = one.right.interval
        told = f"{name}: {one.right.part} of {one.right.whole} right, {low:.0%} to {high:.0%}; predicted {one.predicted:.2f}"
        drawing.line(x, _y(low), x, _y(high), fill, told=told)
        for end in (low, high):
            drawing.line(x - 3, _y(end), x + 3, _y(end), fill)
        drawing.polygon([(x - 5, y), (x, y - 5), (x + 5, y), (x, y + 5)], fill, told=told)


def _draw_key(drawing: Drawing, name: str, bins: Sequence[Bin], fill: str, place: int) -> None:
    x, y = _LEFT + _SIDE + 24, _TOP + 12 + 40 * place
    drawing.rectangle(x, y - 9, 14, 10, fill)
    drawing.fitted_text(x + 20, y, name, _WIDTH - x - 26, bold=True)
    right, matched = sum(one.right.part for one in bins), sum(one.right.whole for one in bins)
    drawing.text(x + 20, y + 15, f"{right} of {matched} matches right", size=11, fill=_GREY)


def _draw_counts(drawing: Drawing, bins: Sequence[Bin], name: str) -> None:
    """How many matches each bin has, as bars below the axis."""
    top, most = _BOTTOM + 56, max((one.right.whole for one in bins), default=1)
    for one in bins:
        height = _BAR * one.right.whole / most
        left, width = _x(one.low) + 2, _SIDE * (one.high - one.low) - 4
        drawing.rectangle(left, top + _BAR - height, width, height, "#cbd2d9")
        drawing.text(left + width / 2, top + _BAR + 14, str(one.right.whole), size=11, fill=_GREY, anchor="middle")
    drawing.text(_LEFT + _SIDE + 24, top + _BAR, f"matches ({name})", size=11, fill=_GREY)
