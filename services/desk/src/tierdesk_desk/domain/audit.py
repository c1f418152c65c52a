"""The audit: who did what, each entry bound to the one before by a hash, so that none can be changed unseen."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

FIRST_HASH: Final = "0" * 64
"""What the first entry of a tenant stands on."""
Detail = Mapping[str, object]
"""Texts, whole numbers, truth values, and lists and objects of them: what reads the same however it was stored."""


@dataclass(frozen=True, slots=True)
class Link:
    """Where a chain stands: the position of an entry and its hash. Before the first entry it is 0."""

    position: int = 0
    hash: str = FIRST_HASH


@dataclass(frozen=True, slots=True)
class Entry:
    """Something that was done. `actor` is `person:<login>`, `command-line:<user>`, `provider:<id>`, `desk`, or `stranger`."""

    tenant: str
    position: int
    at: datetime
    actor: str
    action: str
    subject: str
    detail: Detail
    previous_hash: str
    hash: str

    @property
    def link(self) -> Link:
        """Where the chain stands with it."""
        return Link(self.position, self.hash)


@dataclass(frozen=True, slots=True)
class Fault:
    """The first entry that is not as it was written, and what is wrong with it."""

    position: int
    what: str


def write_entry(
    last: Link, *, tenant: str, at: datetime, actor: str, action: str, subject: str, detail: Detail
) -> Entry:
    """The next entry after `last`. Raises `ValueError` for a detail that does not read the same everywhere."""
    _check(detail)
    entry = Entry(tenant, last.position + 1, at, actor, action, subject, detail, last.hash, "")
    return Entry(tenant, entry.position, at, actor, action, subject, detail, last.hash, hash_of(entry))


def hash_of(entry: Entry) -> str:
    """SHA-256 over the canonical form of all its fields but the hash itself.

    The canonical form is JSON in ASCII without spaces, names in order, the time in UTC with six digits of the second.
    """
    document = {
        "tenant": entry.tenant,
        "position": entry.position,
        "at": entry.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "actor": entry.actor,
        "action": entry.action,
        "subject": entry.subject,
        "detail": entry.detail,
        "previous_hash": entry.previous_hash,
    }
    canonical = json.dumps(document, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def follow(last: Link, entries: Iterable[Entry]) -> tuple[Link, Fault | None]:
    """Where the chain stands after these entries, which go on after `last`; or the first fault, and where it stood before."""
    for entry in entries:
        if entry.position != last.position + 1:
            return last, Fault(last.position + 1, "it is missing")
        if entry.previous_hash != last.hash:
            return last, Fault(entry.position, "it does not stand on the entry before it")
        if entry.hash != hash_of(entry):
            return last, Fault(entry.position, "it is not as it was written")
        last = entry.link
    return last, None


def _check(value: object) -> None:
    if value is None or isinstance(value, str | int):
        if isinstance(value, str) and "\x00" in value:
            raise ValueError("the character NUL is not text")
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            if not isinstance(name, str):
                raise ValueError(f"{name!r} is no name of a detail")  # noqa: TRY004 - of a nested value, as the others
            _check(name)
            _check(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            _check(inner)
    else:
        raise ValueError(f"{value!r} cannot stand in a detail")
