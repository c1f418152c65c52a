"""What the vendor commands print."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tierdesk_bus.inspection import QueueState
from tierdesk_cli.errors import CommandError
from tierdesk_cli.tickets import clean
from tierdesk_cli.vendors.wanted import Access, Difference, Wanted


@dataclass(frozen=True, slots=True)
class Row:
    """A vendor in the list; its queues are None where they do not exist or cannot be looked at."""

    vendor: str
    group: str | None
    access: Access
    work: int | None
    inbound: int | None
    consumers: int | None

    @classmethod
    def of(cls, one: Wanted, access: Access, states: Sequence[QueueState]) -> Row:
        """Of a vendor and its two queues, `work` first."""
        work, inbound = (None if state.fault else state for state in states)
        return cls(
            one.vendor,
            one.group or None,
            access,
            None if work is None else work.messages,
            None if inbound is None else inbound.messages,
            None if work is None else work.consumers,
        )

    def document(self) -> dict[str, object]:
        """For programs."""
        return {
            "vendor": self.vendor,
            "group": self.group,
            "access": self.access.value,
            "work": self.work,
            "inbound": self.inbound,
            "consumers": self.consumers,
        }


def print_rows(rows: Sequence[Row], console: Console, *, as_json: bool) -> None:
    """A table, or JSON."""
    if as_json:
        # Not through the console, which would wrap it.
        console.file.write(json.dumps([row.document() for row in rows], indent=2) + "\n")
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("vendor", "group", "access"):
        table.add_column(heading)
    for heading in ("work waiting", "inbound waiting", "consumers"):
        table.add_column(heading, justify="right")
    for row in rows:
        counts = ("-" if count is None else str(count) for count in (row.work, row.inbound, row.consumers))
        table.add_row(clean(row.vendor), clean(row.group or "not in the policy"), row.access.value, *counts)
    console.print(table, highlight=False)


def print_differences(differences: Sequence[Difference], console: Console) -> None:
    """A line each."""
    for difference in differences:
        console.print(clean(str(difference)), highlight=False, soft_wrap=True)


@contextlib.contextmanager
def revealing(out: Path | None, console: Console) -> Iterator[Callable[[str], None]]:
    """Where a new password goes: one line to the terminal, or the file `out`, readable by its owner alone.

    The file is made before anything else is done, so that no password is made and then has no place. It is removed again
    when nothing was written. Raises `CommandError` for a file that is there already or cannot be made.
    """
    if out is None:
        # Not through the console, which could wrap it.
        yield lambda url: _write_line(console, url)
        return
    try:
        descriptor = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise CommandError(
            f"{out} exists already, and is not overwritten; name another with --out", exit_code=2
        ) from error
    except OSError as error:
        raise CommandError(f"{out}: {error.strerror}; name another file with --out", exit_code=2) from error
    written = False

    def write(url: str) -> None:
        nonlocal written
        stream.write(f"{url}\n")
        written = True

    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        try:
            yield write
        finally:
            if not written:
                out.unlink(missing_ok=True)
    if written:
        console.print(f"The address with its password is in {clean(str(out))}.", highlight=False, soft_wrap=True)


def _write_line(console: Console, text: str) -> None:
    console.file.write(f"{text}\n")
