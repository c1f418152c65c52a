"""The columns of a decision table, as sets of bits with one bit for each rule: what matches is found for all rules at once."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any, NamedTuple


class Relation(NamedTuple):
    """How a rule's columns stand to those of the rules before it, each a bit: they may match the same ticket; they match all
    that it does; it matches all that they do.
    """

    meeting: int
    covering: int
    covered: int


class Column:
    """One column of all rules: by rule the values that match, None where everything does."""

    def __init__(self, values: Sequence[Collection[Any] | None]) -> None:
        self._values = values
        self._everything = (1 << len(values)) - 1
        self._open = sum(1 << place for place, each in enumerate(values) if each is None)
        self._naming: dict[Any, int] = {}
        for place, each in enumerate(values):
            for value in each or ():
                self._naming[value] = self._naming.get(value, 0) | 1 << place

    @property
    def is_open(self) -> bool:
        """Whether no rule asks for anything here."""
        return not self._naming

    def matching(self, value: Any) -> int:
        """The rules that this value matches."""
        return self._naming.get(value, 0) | self._open

    def relation(self, place: int) -> Relation:
        """Of one rule to all."""
        values = self._values[place]
        if values is None:
            return Relation(self._everything, self._open, self._everything)
        meeting, covering, beyond = self._open, self._everything, self._open
        for value in values:
            meeting |= self._naming[value]
            covering &= self.matching(value)
        for value, naming in self._naming.items():
            if value not in values:
                beyond |= naming
        return Relation(meeting, covering, self._everything & ~beyond)


def bits_of(bits: int) -> Iterator[int]:
    """The places of the bits that are set, the lowest first."""
    while bits:
        lowest = bits & -bits
        yield lowest.bit_length() - 1
        bits ^= lowest
