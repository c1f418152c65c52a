"""Logs: one JSON object a line on stderr, in UTC.

Bind what a line is about with `structlog.contextvars`: `tenant`, `ticket`, `message_id`. Log facts and identifiers, never
what people wrote. As a second line of defence, keys, webhook secrets and passwords in addresses are blotted out of every
line, and of an exception only its types, the first line of its text and its places are kept: the further lines are where
drivers and validators repeat the values they were given.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import traceback
from collections.abc import Mapping, MutableMapping
from enum import Enum
from pathlib import PurePath
from typing import Any, BinaryIO, Final

import orjson
import structlog

_SECRETS: Final = re.compile(
    rb"(tierdesk_[a-z0-9]{1,16}_[0-9A-Za-z]{12}_)[0-9A-Za-z]+|(whsec_)[0-9A-Za-z+/=]+|(://[^:/@\s\"]*:)[^@/\s\"]+(?=@)"
)
_LONGEST_TEXT: Final = 300
_MOST_FRAMES: Final = 30


def configure_logging(level: str = "info", *, stream: BinaryIO | None = None) -> None:
    """Send the logs of this process, those of libraries too, to `stream` (stderr). Calling it again replaces it."""
    number = logging.getLevelNamesMapping()[level.upper()]
    target = stream if stream is not None else sys.stderr.buffer
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        _describe_exception,
    ]
    structlog.configure(
        processors=[*shared, render],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.BytesLoggerFactory(target),
        cache_logger_on_first_use=False,
    )
    handler = _StreamHandler(target)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.ExtraAdder()],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _render_text],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(number)
    for noisy in ("aio_pika", "aiormq", "uvicorn.error", "asyncio", "httpx2"):
        logging.getLogger(noisy).setLevel(max(number, logging.WARNING))


def render(_logger: object, _method: str, event: MutableMapping[str, Any]) -> bytes:
    """The line. Beyond ASCII, all is escaped: a terminal obeys some of those characters, and some change places."""
    try:
        line = orjson.dumps(event, default=_name, option=orjson.OPT_NON_STR_KEYS)
    except (TypeError, ValueError):  # a lone surrogate, or a number too big
        line = b""
    if not line.isascii() or not line:
        line = json.dumps(event, default=_name, skipkeys=True).encode()
    return _SECRETS.sub(_blot, line)


def _render_text(logger: object, method: str, event: MutableMapping[str, Any]) -> str:
    return render(logger, method, event).decode()


def _blot(found: re.Match[bytes]) -> bytes:
    return next(part for part in found.groups() if part) + b"***"


def _name(value: object) -> object:
    # Not repr: an object's may hold what it was given.
    if isinstance(value, (PurePath, Enum)):
        return str(value)
    if isinstance(value, (frozenset, set)):
        return sorted(map(str, value))
    return f"<{type(value).__name__}>"


def _describe_exception(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    given = event.pop("exc_info", None)
    if not given:
        return event
    error = given if isinstance(given, BaseException) else given[1] if isinstance(given, tuple) else sys.exc_info()[1]
    if error is not None:
        event["error"] = describe(error)
    return event


def describe(error: BaseException) -> Mapping[str, Any]:
    """An exception without the values that it was raised over."""
    text = str(error).partition("\n")[0]
    frames = traceback.extract_tb(error.__traceback__)[-_MOST_FRAMES:]
    described: dict[str, Any] = {
        "type": f"{type(error).__module__}.{type(error).__qualname__}",
        "text": text[:_LONGEST_TEXT],
        "frames": [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames],
    }
    if error.__cause__ is not None and error.__cause__ is not error:
        described["cause"] = describe(error.__cause__)
    return described


class _StreamHandler(logging.Handler):
    """Writes lines of the standard library's loggers as bytes, as structlog does its own."""

    def __init__(self, stream: BinaryIO) -> None:
        super().__init__()
        self._stream = stream

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line."""
        try:
            self._stream.write(self.format(record).encode() + b"\n")
            self._stream.flush()
        except (OSError, ValueError):
            self.handleError(record)
