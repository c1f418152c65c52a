"""Articles as Markdown files: perhaps a head, `name: value` lines between two lines of three hyphens; then the body."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

_EDGE: Final = "---"
_FIELD: Final = re.compile(r"([A-Za-z_-]+)\s*:(?:\s+(.*))?")
_ITEM: Final = re.compile(r"\s*-\s+(.*)")
_HEADING: Final = re.compile(r" {0,3}#{1,6}[ \t]+(.+?)(?:[ \t]+#*)?[ \t]*")
_FENCE: Final = re.compile(r" {0,3}(```+|~~~+)")
_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d")


class MarkdownFileError(Exception):
    """The head cannot be read. `line` counts from 1."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(f"line {line}: {reason}")
        self.line = line
        self.reason = reason


@dataclass(frozen=True, slots=True)
class MarkdownFile:
    """The fields of an article, as JSON would have them, and the line on which each begins."""

    fields: Mapping[str, Any]
    lines: Mapping[str, int]


def read_markdown(text: str) -> MarkdownFile:
    """The article of a file. Names in its head that no article has are left out, as other programs write their own there.

    `title` is else that of the first heading. Lists are written `a, b`, `[a, b]`, or as lines that begin with a hyphen;
    the items of `steps` alone are never separated by commas. Raises `MarkdownFileError`.
    """
    lines = text.removeprefix("\ufeff").replace("\r\n", "\n").split("\n")
    head: dict[str, list[str]] = {}
    places: dict[str, int] = {}
    begun = 0
    if lines[0].rstrip() == _EDGE:
        end = next((n for n, line in enumerate(lines[1:], start=1) if line.rstrip() == _EDGE), None)
        if end is None:
            raise MarkdownFileError(1, "the head has no end, a line of three hyphens")
        head, places = _read_head(lines[1:end])
        begun = end + 1
    fields = {name: read(head[name]) for name, read in _READ.items() if name in head}
    if "tags" in head and "keywords" not in head:
        fields["keywords"], places["keywords"] = _list(head["tags"]), places["tags"]
    body = lines[begun:]
    found = None if fields.get("title") else _heading(body)
    if found is not None:
        fields["title"], places["title"] = found[1], begun + found[0]
    fields["body"] = "\n".join(body).strip()
    places["body"] = begun + 1
    return MarkdownFile(fields, places)


def _read_head(lines: list[str]) -> tuple[dict[str, list[str]], dict[str, int]]:
    """What stands behind each name, its own line and the items below, and where the name stands."""
    head: dict[str, list[str]] = {}
    places: dict[str, int] = {}
    name = ""
    for number, line in enumerate(lines, start=2):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if name and (item := _ITEM.fullmatch(line)):
            head[name].append(_plain(item[1]))
        elif field := _FIELD.fullmatch(line):
            name = field[1].lower().replace("-", "_")
            head[name] = [_plain(field[2] or "")]
            places[name] = number
        elif not (name and line[0] in " \t"):  # what belongs to a name that another program wrote
            raise MarkdownFileError(number, "no `name: value`")
    return head, places


def _plain(value: str) -> str:
    value = value.strip()
    quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "\"'"
    return value[1:-1] if quoted else value


def _text(values: list[str]) -> str | None:
    return values[0] or None


def _name(values: list[str]) -> str | None:
    return re.sub(r"[\s_]+", "-", values[0].lower()) or None


def _language(values: list[str]) -> str | None:
    """Without the country, as in `en-US`."""
    return re.split(r"[-_]", values[0].lower())[0] or None


def _day(values: list[str]) -> str | None:
    return f"{values[0]}T00:00:00Z" if _DAY.fullmatch(values[0]) else _text(values)


def _list(values: list[str]) -> list[str]:
    first = values[0].removeprefix("[").removesuffix("]")
    parts = [*first.split(","), *values[1:]]
    return [plain for part in parts if (plain := _plain(part))]


def _lines(values: list[str]) -> list[str]:
    return [value for value in values if value]


_READ: Final[Mapping[str, Callable[[list[str]], Any]]] = {
    "title": _text,
    "audience": _name,
    "kind": _name,
    "keywords": _list,
    "steps": _lines,
    "video": _text,
    "language": _language,
    "owner": _text,
    "review_at": _day,
}


def _heading(body: list[str]) -> tuple[int, str] | None:
    """The first heading that stands in no fence: its line, from 1, and its words."""
    fence = ""
    for number, line in enumerate(body, start=1):
        if mark := _FENCE.match(line):
            fence = "" if fence and mark[1].startswith(fence) else fence or mark[1]
        elif not fence and (heading := _HEADING.fullmatch(line)):
            return number, heading[1]
    return None
