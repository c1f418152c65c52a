"""A form with files, read as it comes: its fields first, then each file, of which no more than a piece is in memory."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, Final

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import Request

from tierdesk_runtime.problems import ProblemError

MOST_FILES: Final = 5
"""So many files may come with one form."""
_LONGEST_FIELD: Final = 300_000
"""Bytes: four of each of the letters of the longest text."""
_MOST_FIELDS: Final = 50


@dataclass(slots=True)
class _Part:
    name: str
    file_name: str | None
    data: bytearray = field(default_factory=bytearray)


class FormWithFiles:
    """Read `fields` first, then `files`, in the order of the form. Raises `ProblemError` 400 for what is no such form."""

    def __init__(self, request: Request) -> None:
        kind, options = parse_options_header(request.headers.get("content-type", ""))
        boundary = options.get(b"boundary")
        if kind != b"multipart/form-data" or not boundary:
            raise _broken()
        self._events: deque[tuple[str, Any]] = deque()
        self._headers: dict[bytes, bytes] = {}
        self._name = self._value = b""
        self._part: _Part | None = None
        self._parts = 0
        self._stream = request.stream()
        self._ended = False
        try:
            self._parser = MultipartParser(
                boundary,
                {
                    "on_part_begin": self._headers.clear,
                    "on_header_field": self._hear_name,
                    "on_header_value": self._hear_value,
                    "on_header_end": self._end_header,
                    "on_headers_finished": self._begin_part,
                    "on_part_data": self._hear_data,
                    "on_part_end": self._end_part,
                },
            )
        except FormParserError:
            raise _broken() from None

    async def fields(self) -> dict[str, str]:
        """The fields before the first file; the first of each name."""
        found: dict[str, str] = {}
        while (event := await self._peek()) is not None and event[0] == "field":
            self._events.popleft()
            name, value = event[1]
            found.setdefault(name, value)
        return found

    async def files(self) -> AsyncIterator[tuple[str, AsyncIterator[bytes]]]:
        """Each file by the name that its sender gave it. What is not read of one is passed over before the next."""
        while (event := await self._peek()) is not None:
            self._events.popleft()
            if event[0] != "file":
                continue  # a field behind a file, or what was left of one
            async with aclosing(self._content()) as content:
                yield event[1], content
                async for _ in content:
                    pass

    async def _content(self) -> AsyncGenerator[bytes, None]:
        while (event := await self._peek()) is not None and event[0] == "data":
            self._events.popleft()
            yield event[1]

    async def _peek(self) -> tuple[str, Any] | None:
        while not self._events and not self._ended:
            try:
                data = await anext(self._stream)
            except StopAsyncIteration:
                self._ended = True
                break
            try:
                self._parser.write(data)
            except FormParserError:
                raise _broken() from None
        return self._events[0] if self._events else None

    def _hear_name(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def _hear_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _end_header(self) -> None:
        self._headers[self._name.lower()] = self._value
        self._name = self._value = b""

    def _begin_part(self) -> None:
        self._parts += 1
        _, options = parse_options_header(self._headers.get(b"content-disposition", b""))
        file_name = options.get(b"filename")
        name = options.get(b"name", b"").decode(errors="replace")
        self._part = _Part(name, None if file_name is None else file_name.decode(errors="replace"))
        if self._parts > _MOST_FIELDS:
            raise _broken()
        if self._part.file_name:  # without a name nothing was chosen
            self._events.append(("file", self._part.file_name))

    def _hear_data(self, data: bytes, start: int, end: int) -> None:
        part = self._part
        if part is None or part.file_name == "":
            return
        if part.file_name is not None:
            self._events.append(("data", data[start:end]))
        elif len(part.data) + end - start > _LONGEST_FIELD:
            raise ProblemError(413, "Too large", "A field of the form is longer than any text may be.")
        else:
            part.data += data[start:end]

    def _end_part(self) -> None:
        if self._part is not None and self._part.file_name is None:
            self._events.append(("field", (self._part.name, self._part.data.decode(errors="replace"))))
        self._part = None


def _broken() -> ProblemError:
    return ProblemError(400, "Malformed body", "The form could not be read.")
