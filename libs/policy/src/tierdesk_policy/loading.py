"""From a policy file to a `Policy`."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from tierdesk_policy.faults import Fault, PolicyError
from tierdesk_policy.model import Policy
from tierdesk_policy.reading import read_document
from tierdesk_policy.remarks import find_remarks
from tierdesk_policy.source import MAX_BYTES, Source, read_source


def load_policy(text: str | bytes, *, source: str = "<policy>") -> Policy:
    """The policy of a YAML or JSON text of at most 1 MiB. Raises PolicyError with every fault, line and field named."""
    return _read_new(read_source(text, source))


def review_policy(
    text: str | bytes, *, source: str = "<policy>", today: date | None = None
) -> tuple[Policy, tuple[Fault, ...]]:
    """The policy, as `load_policy` has it, and what is lawful in it and yet deserves a second look.

    With `today`, vendors whose contract is not in force then are told, too.
    """
    read = read_source(text, source)
    policy = _read_new(read)
    remarks = [
        Fault(source, read.line_of(path), ".".join(map(str, path)), message)
        for path, message in find_remarks(policy.document(), today)
    ]
    return policy, tuple(sorted(remarks, key=lambda remark: remark.line))


def load_policy_file(path: str | Path) -> Policy:
    """The policy in a file. Raises PolicyError for a file that cannot be read, as for one that has faults."""
    return load_policy(_read(path), source=str(path))


def review_policy_file(path: str | Path, *, today: date | None = None) -> tuple[Policy, tuple[Fault, ...]]:
    """As `review_policy`, of a file. Raises PolicyError for one that cannot be read, too."""
    return review_policy(_read(path), source=str(path), today=today)


def _read_new(read: Source) -> Policy:
    return read_document(
        Policy, read.root.values, source=read.name, line_of=read.line_of, faults=read.faults, is_new=True
    )


def _read(path: str | Path) -> bytes:
    try:
        with Path(path).open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        raise PolicyError((Fault(str(path), 0, "", f"cannot be read: {error.strerror or error}"),)) from None
