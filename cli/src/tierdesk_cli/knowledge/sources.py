"""Where articles are imported from: a folder of Markdown files, or JSON Lines."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from tierdesk_cli.errors import CommandError
from tierdesk_kb.domain.markdown_file import MarkdownFileError, read_markdown
from tierdesk_kb.http.importing import IMPORT_KEY
from tierdesk_kb.http.views import NewArticle

MOST_BYTES: Final = 2 * 1024 * 1024
"""A file, or a line, beyond this is no article; it is not read."""
_SUFFIXES: Final = frozenset({".md", ".markdown"})
_OTHER_NAMES: Final = {"text": "body", "_id": "id"}
"""What collections of documents call these fields."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands. `line` counts from 1; 0 is the file as a whole."""

    file: str
    line: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file


@dataclass(frozen=True, slots=True)
class Found:
    """An article under its own key, as the desk takes it."""

    key: str
    document: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Fault:
    """Why something is no article."""

    place: Place
    field: str
    why: str

    def __str__(self) -> str:
        return ": ".join(part for part in (str(self.place), self.field, self.why) if part)


@dataclass(frozen=True, slots=True)
class Source:
    """What is to be imported, in parts that are read one by one: files, or lines."""

    path: Path
    parts: list[Path] | int

    @property
    def size(self) -> int:
        """How many parts there are."""
        return self.parts if isinstance(self.parts, int) else len(self.parts)

    def read(self) -> Iterator[Found | list[Fault]]:
        """Each part, in order: an article, or what is wrong with it. Raises `CommandError` when the file cannot be read."""
        if isinstance(self.parts, int):
            yield from _read_lines(self.path)
        else:
            yield from (_read_file(self.path, file) for file in self.parts)


def open_source(path: Path) -> Source:
    """Look what there is. Raises `CommandError` where there is nothing to be imported."""
    try:
        if path.is_dir():
            files = [
                file
                for file in sorted(path.rglob("*"))
                if file.suffix.lower() in _SUFFIXES and file.is_file() and not _is_hidden(file.relative_to(path))
            ]
            if not files:
                raise CommandError(f"{path}: no Markdown file in it", exit_code=2)
            return Source(path, files)
        with path.open("rb") as file:
            lines = sum(1 for line in file if line.strip())
    except OSError as error:
        raise CommandError(f"{path}: {error.strerror}", exit_code=2) from error
    if path.suffix.lower() not in {".jsonl", ".ndjson"}:
        raise CommandError(f"{path}: neither a folder of Markdown files nor JSON Lines (.jsonl)", exit_code=2)
    return Source(path, lines)


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def _read_file(folder: Path, file: Path) -> Found | list[Fault]:
    key = file.relative_to(folder).as_posix()
    place = Place(key)
    try:
        key.encode()
        if file.stat().st_size > MOST_BYTES:
            return [Fault(place, "body", f"longer than {MOST_BYTES} bytes")]
        read = read_markdown(file.read_bytes().decode())
    except UnicodeError as error:
        return [_not_text(place, error)]
    except OSError as error:
        return [Fault(place, "", error.strerror or "cannot be read")]
    except MarkdownFileError as error:
        return [Fault(Place(key, error.line), "", error.reason)]
    faults = _faults_of(key, read.fields)
    if not faults:
        return Found(key, dict(read.fields))
    return [Fault(Place(key, read.lines.get(field.split(".")[0], 0)), field, why) for field, why in faults]


def _read_lines(path: Path) -> Iterator[Found | list[Fault]]:
    known: dict[str, int] = {}
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    yield _read_line(Place(path.name, number), line, known)
    except OSError as error:
        raise CommandError(f"{path}: {error.strerror}", exit_code=2) from error


def _read_line(place: Place, line: bytes, known: dict[str, int]) -> Found | list[Fault]:
    try:
        value = _object_of(line)
    except UnicodeError as error:
        return [_not_text(place, error)]
    except ValueError as error:
        return [Fault(place, "", str(error))]
    document = {_OTHER_NAMES.get(name, name): one for name, one in value.items()}
    key = document.pop("id", None)
    if not isinstance(key, str | int) or isinstance(key, bool):
        return [Fault(place, "id", "a text or a number is expected: the key of the article")]
    key = str(key)
    if key in known:
        return [Fault(place, "id", f"{key!r} stands in line {known[key]} already")]
    known[key] = place.line
    faults = _faults_of(key, document)
    return [Fault(place, field, why) for field, why in faults] if faults else Found(key, document)


def _object_of(line: bytes) -> dict[str, Any]:
    """The JSON object of a line. Raises `ValueError`, and of these `UnicodeError` for what is not UTF-8."""
    if len(line) > MOST_BYTES:
        raise ValueError(f"longer than {MOST_BYTES} bytes")
    text = line.decode("utf-8-sig")
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"not JSON: {error}") from error
    if not isinstance(value, dict):
        raise ValueError("not a JSON object")  # noqa: TRY004 - the line is at fault, not the caller
    return value


def _faults_of(key: str, document: Any) -> list[tuple[str, str]]:
    """What the desk would say of this article, by field."""
    faults: list[tuple[str, str]] = []
    try:
        IMPORT_KEY.validate_python(key)
    except ValidationError as error:
        faults += [("id", one["msg"]) for one in error.errors(include_url=False)]
    try:
        NewArticle.model_validate_json(json.dumps(document))
    except ValidationError as error:
        faults += [(".".join(map(str, one["loc"])), one["msg"]) for one in error.errors(include_url=False)]
    return faults


def _not_text(place: Place, error: UnicodeError) -> Fault:
    where = f", byte {error.start + 1}" if isinstance(error, UnicodeDecodeError) else ""
    return Fault(place, "", f"not UTF-8{where}")
