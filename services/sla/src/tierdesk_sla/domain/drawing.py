"""A drawing as SVG 1.1: rectangles, lines, texts and patterns. It needs no font, no script and nothing from elsewhere."""

from __future__ import annotations

import re
from typing import Final
from xml.sax.saxutils import escape, quoteattr

_NOT_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
FONT: Final = "system-ui, 'Segoe UI', 'DejaVu Sans', Helvetica, Arial, sans-serif"
LETTER_SHARE: Final = 0.56
"""How wide a letter is on average, of its height."""


class Drawing:
    """Shapes in the order in which they are drawn. Lengths are pixels; every text is escaped."""

    def __init__(self, width: float, *, title: str) -> None:
        self.width = width
        self.height: float = 0
        self._title = title
        self._shapes: list[str] = []

    def rectangle(self, x: float, y: float, width: float, height: float, fill: str, *, told: str = "") -> None:
        """A filled rectangle; `told` is what a pointer over it is told."""
        self._add(f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" fill="{fill}"', told)

    def line(
        self, x1: float, y1: float, x2: float, y2: float, stroke: str, *, width: float = 1, told: str = ""
    ) -> None:
        """A straight line."""
        shape = (
            f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{stroke}" stroke-width="{width}"'
        )
        self._add(shape, told)

    def polygon(self, points: list[tuple[float, float]], fill: str, *, told: str = "") -> None:
        """A filled shape with these corners."""
        corners = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        self._add(f'<polygon points="{corners}" fill="{fill}"', told)

    def text(
        self,
        x: float,
        y: float,
        text: str,
        *,
        size: float = 12,
        fill: str = "#1f2933",
        bold: bool = False,
        anchor: str = "start",
    ) -> None:
        """A line of text whose base line is at `y`."""
        weight = ' font-weight="600"' if bold else ""
        self._shapes.append(
            f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" fill="{fill}" text-anchor="{anchor}"{weight}>'
            f"{escape(_legible(text))}</text>"
        )

    def fitted_text(self, x: float, y: float, text: str, room: float, **options: float | str | bool) -> None:
        """As `text`, shortened to the room; nothing where not even three letters fit."""
        size = float(options.get("size", 12))
        letters = int(room / (size * LETTER_SHARE))
        if letters >= 3:
            shown = text if len(text) <= letters else text[: letters - 1] + "…"
            self.text(x, y, shown, **options)  # type: ignore[arg-type]  # the options of `text`

    def render(self, patterns: str = "") -> str:
        """The document. `patterns` are definitions that fills may name."""
        size = f'width="{self.width:.0f}" height="{self.height:.0f}" viewBox="0 0 {self.width:.0f} {self.height:.0f}"'
        return "\n".join(
            [
                '<?xml version="1.0" encoding="UTF-8"?>',
                f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" font-family={quoteattr(FONT)}>',
                f"<title>{escape(_legible(self._title))}</title>",
                f"<defs>{patterns}</defs>",
                f'<rect width="{self.width:.0f}" height="{self.height:.0f}" fill="#ffffff"/>',
                *self._shapes,
                "</svg>\n",
            ]
        )

    def _add(self, shape: str, told: str) -> None:
        self._shapes.append(
            f"{shape}><title>{escape(_legible(told))}</title></{shape[1:].split(maxsplit=1)[0]}>"
            if told
            else f"{shape}/>"
        )


def _legible(text: str) -> str:
    """Without the characters that no XML may hold."""
    return _NOT_XML.sub("\ufffd", text)
