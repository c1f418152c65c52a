"""What both bots take on the command line: flags, the environment in their place, and secrets from files."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from tierdesk_bots.journal import Journals

SHORTEST_SECRET_BYTES: Final = 32
_PREFIX: Final = "TIERDESK_BOT_"


class SettingError(Exception):
    """A setting is missing or wrong; one line that says which, and what to do."""


def add_setting(
    parser: argparse.ArgumentParser | argparse._ArgumentGroup,
    name: str,
    *,
    help: str,  # noqa: A002 - argparse's own word
    variable: str | None = None,
    default: str | None = None,
    kind: Callable[[str], Any] = str,
) -> None:
    """A flag whose place the environment may take: `--code-minutes` is also `TIERDESK_BOT_CODE_MINUTES`."""
    variable = variable or _PREFIX + name.replace("-", "_").upper()
    shown = f" (default: {default})" if default is not None else ""
    parser.add_argument(
        f"--{name}", type=kind, default=os.environ.get(variable) or default, metavar=name.rpartition("-")[2].upper(),
        help=f"{help}{shown} [{variable}]",
    )  # fmt: skip


def add_consumer_settings(parser: argparse.ArgumentParser, *, group: str, worker: str) -> None:
    """Which work, and under which name."""
    desk = parser.add_argument_group("the desk")
    add_setting(
        desk, "bus", variable="TIERDESK_BUS_URL",
        help="the bus of the desk: amqp://USER:PASSWORD@HOST/VHOST, or the PostgreSQL URL of a desk without a broker",
    )  # fmt: skip
    add_setting(desk, "bus-file", help="a file that holds that URL, so that no password stands in a list of processes")
    add_setting(desk, "tenant", default="main", help="whose desk")
    add_setting(desk, "tier", default="l0", help="the tier that it works")
    add_setting(desk, "group", default=group, help="the group of that tier")
    add_setting(desk, "worker", default=worker, help="its name on the tickets")
    add_setting(desk, "workers", default="100", kind=positive, help="how many tickets at once; waiting costs nothing")


def add_memory_settings(parser: argparse.ArgumentParser) -> None:
    """What it keeps over a restart."""
    memory = parser.add_argument_group("what it keeps")
    add_setting(
        memory, "state", kind=Path,
        help="a folder of its own for what it has done: no code, no password, no address. After a crash it goes on there",
    )  # fmt: skip
    add_setting(
        memory, "secret-file", kind=Path,
        help=f"a file of at least {SHORTEST_SECRET_BYTES} random bytes (head -c 32 /dev/urandom > FILE; chmod 600 FILE), from "
        "which all that is used once is derived. Another secret voids what is under way",
    )  # fmt: skip


def positive(text: str) -> int:
    """A count. Raises `argparse.ArgumentTypeError`."""
    if not re.fullmatch(r"[0-9]{1,6}", text) or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 to 999999")
    return int(text)


def minutes(text: str) -> float:
    """A time, in seconds. Raises `argparse.ArgumentTypeError`."""
    if not re.fullmatch(r"[0-9]{1,4}(\.[0-9]+)?", text) or float(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of minutes")
    return float(text) * 60


def words(text: str) -> frozenset[str]:
    """Names, apart by commas. Raises `argparse.ArgumentTypeError`."""
    found = frozenset(word.strip() for word in text.split(",") if word.strip())
    if not found:
        raise argparse.ArgumentTypeError("name at least one")
    return found


def require(arguments: argparse.Namespace, name: str) -> Any:
    """A setting that must be there. Raises `SettingError`."""
    found = getattr(arguments, name.replace("-", "_"))
    if found is None:
        raise SettingError(f"--{name} is needed; --help tells what it is")
    return found


def bus_url(arguments: argparse.Namespace) -> str:
    """The bus. Raises `SettingError`."""
    if arguments.bus_file is None and arguments.bus is None:
        raise SettingError("name the bus with --bus or --bus-file, or TIERDESK_BUS_URL")
    url: str = arguments.bus if arguments.bus_file is None else read_secret(Path(arguments.bus_file), "bus-file")
    if not url.startswith(("amqp://", "amqps://", "postgresql://")):
        raise SettingError("the bus is given as amqp://…, amqps://… or postgresql://…")
    return url


def open_journals(arguments: argparse.Namespace) -> Journals:
    """What it has done so far, without what is older than a month. Raises `SettingError`."""
    folder = require(arguments, "state")
    try:
        journals = Journals(folder)
        journals.sweep()
    except OSError as error:
        raise SettingError(f"--state: cannot use {folder}: {error.strerror}") from error
    return journals


def read_secret(path: Path, name: str) -> str:
    """The first line of a file. Raises `SettingError`."""
    text = _read(path, name).decode(errors="replace").partition("\n")[0].strip()
    if not text:
        raise SettingError(f"--{name}: {path} is empty")
    return text


def read_key(path: Path) -> bytes:
    """The bot's secret. Raises `SettingError`."""
    key = _read(path, "secret-file")
    if len(key) < SHORTEST_SECRET_BYTES:
        raise SettingError(f"--secret-file: {path} holds fewer than {SHORTEST_SECRET_BYTES} bytes")
    return key


def _read(path: Path, name: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise SettingError(f"--{name}: cannot read {path}: {error.strerror}") from error
