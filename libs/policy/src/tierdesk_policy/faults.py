"""What is wrong with a policy document, and where."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that the author of a document has to mend.

    `line` counts from 1, and is 0 for a document that came without lines, as one out of a message. `field` is the
    dotted way to the value, list positions counted from 0; it is empty when the fault is the document itself.
    """

    source: str
    line: int
    field: str
    message: str

    def __str__(self) -> str:
        place = f"{self.source}:{self.line}" if self.line else self.source
        told = f"{place}: {self.field}: {self.message}" if self.field else f"{place}: {self.message}"
        return " ".join(told.splitlines())  # a key may hold line ends, and a fault is one line


class PolicyError(ValueError):
    """A policy document that cannot be used, with all of its faults in the order of their lines."""

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        self.faults = faults
        super().__init__("\n".join(str(fault) for fault in faults))


class UnknownNameError(LookupError):
    """The policy has no tier, group, category, department, vendor or calendar of this name."""

    def __init__(self, kind: str, name: str) -> None:
        self.kind = kind
        self.name = name
        super().__init__(f"the policy has no {kind} {name!r}")
