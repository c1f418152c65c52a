"""What changed from one revision of an article to another."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields
from difflib import SequenceMatcher
from typing import Final

from tierdesk_kb.domain.articles import Content

_MOST_LINES: Final = 1_000
"""Beyond so many, what lies between the lines that are the same at both ends is told as replaced.

Comparing takes up to the cube of their number, and 65,536 lines fit into an article.
"""
_AROUND: Final = 3
_NO_END: Final = "\n\\ No newline at end of file\n"

Opcode = tuple[str, int, int, int, int]


def changed_fields(old: Content, new: Content) -> tuple[str, ...]:
    """The names of the fields that differ, in the order of `Content`."""
    return tuple(one.name for one in fields(Content) if getattr(old, one.name) != getattr(new, one.name))


def compare_bodies(old: Content, new: Content, *, names: tuple[str, str]) -> str:
    """The unified difference of the Markdown, as `patch` reads it; empty when it is the same.

    `names`, without line ends, stand in its head.
    """
    before, after = _lines(old.body), _lines(new.body)
    if before == after:
        return ""
    start, end = _same_ends(before, after)
    most = max(len(before), len(after)) - start - end
    # The lines around belong to what is told.
    start, end = max(0, start - _AROUND), max(0, end - _AROUND)
    before, after = before[start : len(before) - end], after[start : len(after) - end]
    hunks = _compare(before, after) if most <= _MOST_LINES else [_replace(before, after)]
    told = [f"--- {names[0]}\n+++ {names[1]}\n"]
    for hunk in hunks:
        told += _tell(hunk, before, after, start)
    return "".join(told)


def _lines(body: str) -> list[str]:
    *whole, last = body.split("\n")
    return [f"{line}\n" for line in whole] + [last] * bool(last)


def _same_ends(before: Sequence[str], after: Sequence[str]) -> tuple[int, int]:
    """How many lines are the same at the start, and of the rest at the end."""
    shorter = min(len(before), len(after))
    start = next((n for n in range(shorter) if before[n] != after[n]), shorter)
    rest = shorter - start
    end = next((n for n in range(rest) if before[-1 - n] != after[-1 - n]), rest)
    return start, end


def _compare(before: Sequence[str], after: Sequence[str]) -> Iterable[Sequence[Opcode]]:
    return SequenceMatcher(None, before, after).get_grouped_opcodes(_AROUND)


def _replace(before: Sequence[str], after: Sequence[str]) -> Sequence[Opcode]:
    start, end = _same_ends(before, after)
    whole: list[Opcode] = [
        ("equal", 0, start, 0, start),
        ("replace", start, len(before) - end, start, len(after) - end),
        ("equal", len(before) - end, len(before), len(after) - end, len(after)),
    ]
    return whole


def _tell(hunk: Sequence[Opcode], before: Sequence[str], after: Sequence[str], skipped: int) -> Iterator[str]:
    first, last = hunk[0], hunk[-1]
    yield f"@@ -{_range(first[1], last[2], skipped)} +{_range(first[3], last[4], skipped)} @@\n"
    for word, old_start, old_end, new_start, new_end in hunk:
        if word == "equal":
            yield from (_line(" ", line) for line in before[old_start:old_end])
        else:
            yield from (_line("-", line) for line in before[old_start:old_end])
            yield from (_line("+", line) for line in after[new_start:new_end])


def _range(start: int, end: int, skipped: int) -> str:
    """Lines count from 1; a range without lines begins before its place."""
    length = end - start
    return f"{start + skipped + (1 if length else 0)},{length}"


def _line(sign: str, line: str) -> str:
    return f"{sign}{line}" if line.endswith("\n") else f"{sign}{line}{_NO_END}"
