"""Reads YAML, or JSON as a subset of it, into plain values and remembers the line of each.

Scalars mean what they mean in JSON and YAML 1.2: `no` and `17:00` and `2026-12-25` are text. A hostile document is
refused: by size, by depth, by what its aliases expand to, by tags, by a key that is told twice.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import yaml

from tierdesk_policy.faults import Fault, PolicyError
from tierdesk_policy.view import Path

MAX_BYTES: Final = 1_048_576
MAX_DEPTH: Final = 20
MAX_VALUES: Final = 100_000
"""How many values a document may have with all its aliases written out."""

_LOADER: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_WORDS: Final = {"": None, "~": None, "null": None, "true": True, "false": False}
_INT: Final = re.compile(r"[-+]?(0|[1-9][0-9]{0,17})", re.ASCII)
_FLOAT: Final = re.compile(r"[-+]?[0-9]{1,18}(\.[0-9]{0,18})?([eE][-+]?[0-9]{1,2})?", re.ASCII)
_PAIR: Final = re.compile(r"(?<!\\)((?:\\\\)*)\\u(d[89ab][0-9a-f]{2})\\u(d[c-f][0-9a-f]{2})", re.ASCII | re.IGNORECASE)


@dataclass(slots=True)
class Branch:
    """A mapping or a sequence: its values, and the lines of what is in it."""

    values: Any
    line: int
    path: Path
    lines: dict[str | int, int] = field(default_factory=dict)
    branches: dict[str | int, Branch] = field(default_factory=dict)
    key: str | None = None
    """The key of a mapping that still waits for its value."""
    size: int = 1
    """How many values it holds, itself and those behind aliases counted."""


@dataclass(slots=True)
class Source:
    """A document: its values, and where each stands."""

    name: str
    root: Branch
    faults: list[Fault] = field(default_factory=list)

    def line_of(self, path: Path) -> int:
        """The line of a value, or of the nearest thing around it that is there."""
        branch, line = self.root, self.root.line
        for part in path:
            if part not in branch.lines:
                break
            line = branch.lines[part]
            if part not in branch.branches:
                break
            branch = branch.branches[part]
        return line


def read_source(text: str | bytes, name: str) -> Source:
    """The values of a document. Raises PolicyError when it cannot be read; repeated keys are among its `faults`."""
    try:
        return _Reader(name).read(_join_pairs(_decode(text, name)))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise _refusal(name, mark.line + 1 if mark else 1, f"not YAML: {error.problem or error.context}") from None
    except yaml.YAMLError as error:
        position = getattr(error, "position", 0) or 0
        line = text[:position].count("\n" if isinstance(text, str) else b"\n") + 1  # type: ignore[arg-type]  # one pair
        raise _refusal(name, line, f"not YAML: {getattr(error, 'reason', None) or error}") from None


def _decode(text: str | bytes, name: str) -> str:
    if len(text) > MAX_BYTES:
        raise _refusal(name, 1, f"longer than {MAX_BYTES} bytes")
    try:
        decoded = text.decode("utf-8-sig") if isinstance(text, bytes) else text
        decoded.encode()
    except UnicodeError as error:
        raise _refusal(name, 1, f"not text in UTF-8: {error}") from None
    return decoded


def _join_pairs(text: str) -> str:
    """JSON may write a character beyond 16 bits as two escapes (RFC 8259 §7), which YAML takes for no characters."""
    if not text.lstrip().startswith("{"):
        return text
    return _PAIR.sub(lambda pair: pair[1] + bytes.fromhex(pair[2] + pair[3]).decode("utf-16-be"), text)


def _refusal(name: str, line: int, message: str) -> PolicyError:
    return PolicyError((Fault(name, line, "", message),))


class _Reader:
    """Folds the parser's events into values, without recursion."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._open: list[Branch] = []
        self._root: Branch | None = None
        self._anchors: dict[str, tuple[Any, Branch | None, int]] = {}
        self._unfinished: dict[int, str] = {}
        self._faults: list[Fault] = []

    def read(self, text: str) -> Source:
        documents = 0
        for event in _events(text):
            line = event.start_mark.line + 1
            match event:
                case yaml.DocumentStartEvent():
                    documents += 1
                    if documents > 1:
                        raise _refusal(self._name, line, "a second document; one file holds one policy")
                case yaml.MappingStartEvent() | yaml.SequenceStartEvent():
                    self._enter(event, line)
                case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                    self._leave()
                case yaml.ScalarEvent():
                    self._scalar(event, line)
                case yaml.AliasEvent():
                    self._alias(event, line)
        if self._root is None or not isinstance(self._root.values, dict):
            raise _refusal(self._name, 1, "not a policy: the document must be a mapping of fields")
        return Source(self._name, self._root, self._faults)

    def _enter(self, event: yaml.CollectionStartEvent, line: int) -> None:
        if len(self._open) >= MAX_DEPTH:
            raise _refusal(self._name, line, f"nested deeper than {MAX_DEPTH} levels")
        self._refuse_tag(event, line)
        branch = Branch({} if isinstance(event, yaml.MappingStartEvent) else [], line, self._next_path())
        self._place(branch.values, branch, line, size=0)
        self._open.append(branch)
        if event.anchor:
            self._unfinished[id(branch)] = event.anchor
            self._anchors.pop(event.anchor, None)

    def _next_path(self) -> Path:
        if not self._open:
            return ()
        parent = self._open[-1]
        return (*parent.path, len(parent.values) if isinstance(parent.values, list) else parent.key or "")

    def _leave(self) -> None:
        branch = self._open.pop()
        if self._open:
            self._grow(self._open[-1], branch.size, branch.line)
        anchor = self._unfinished.pop(id(branch), None)
        if anchor:
            self._anchors[anchor] = (branch.values, branch, branch.size)

    def _scalar(self, event: yaml.ScalarEvent, line: int) -> None:
        if event.tag not in (None, "!"):
            self._refuse_tag(event, line)
        parent = self._open[-1] if self._open else None
        if parent is not None and isinstance(parent.values, dict) and parent.key is None:
            self._key(parent, event.value, line)
            return
        value = _plain(event.value) if event.implicit[0] and event.style in (None, "") else event.value
        self._place(value, None, line, size=1)
        if event.anchor:
            self._anchors[event.anchor] = (value, None, 1)

    def _key(self, parent: Branch, key: str, line: int) -> None:
        parent.key = key
        if key in parent.values:
            field_name = ".".join(map(str, (*parent.path, key)))
            self._faults.append(Fault(self._name, line, field_name, f"told twice, first in line {parent.lines[key]}"))

    def _alias(self, event: yaml.AliasEvent, line: int) -> None:
        if event.anchor not in self._anchors:
            raise _refusal(self._name, line, f"the alias *{event.anchor} stands for nothing that is complete above it")
        value, branch, size = self._anchors[event.anchor]
        self._place(value, branch, line, size=size)

    def _place(self, value: Any, branch: Branch | None, line: int, *, size: int) -> None:
        if not self._open:
            if branch is None:
                raise _refusal(self._name, line, "not a policy: the document must be a mapping of fields")
            self._root = branch
            return
        parent = self._open[-1]
        at: str | int
        if isinstance(parent.values, list):
            at = len(parent.values)
            parent.values.append(value)
        elif parent.key is None:
            raise _refusal(self._name, line, "a key must be plain text")
        else:
            at, parent.key = parent.key, None
            parent.values[at] = value
        parent.lines[at] = line
        if branch is not None:
            parent.branches[at] = branch
        self._grow(parent, size, line)

    def _grow(self, parent: Branch, size: int, line: int) -> None:
        parent.size += size
        if parent.size > MAX_VALUES:
            raise _refusal(self._name, line, f"more than {MAX_VALUES} values, aliases written out")

    def _refuse_tag(self, event: yaml.NodeEvent, line: int) -> None:
        tag = getattr(event, "tag", None)
        if tag is not None and tag != "!":
            raise _refusal(self._name, line, f"the tag {tag} has no meaning here")


def _events(text: str) -> Iterator[Any]:
    return iter(yaml.parse(text, Loader=_LOADER))


def _plain(text: str) -> Any:
    if text in _WORDS:
        return _WORDS[text]
    if _INT.fullmatch(text):
        return int(text)
    return float(text) if _FLOAT.fullmatch(text) else text
