"""From a policy file to a `Policy`."""

from __future__ import annotations

from pathlib import Path

from tierdesk_policy.faults import Fault, PolicyError
from tierdesk_policy.model import Policy
from tierdesk_policy.reading import read_document
from tierdesk_policy.source import MAX_BYTES, read_source


def load_policy(text: str | bytes, *, source: str = "<policy>") -> Policy:
    """The policy of a YAML or JSON text of at most 1 MiB. Raises PolicyError with every fault, line and field named."""
    read = read_source(text, source)
    return read_document(Policy, read.root.values, source=source, line_of=read.line_of, faults=read.faults)


def load_policy_file(path: str | Path) -> Policy:
    """The policy in a file. Raises PolicyError for a file that cannot be read, as for one that has faults."""
    try:
        with Path(path).open("rb") as file:
            text = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise PolicyError((Fault(str(path), 0, "", f"cannot be read: {error.strerror or error}"),)) from None
    return load_policy(text, source=str(path))
