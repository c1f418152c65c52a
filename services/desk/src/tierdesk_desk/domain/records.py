"""What each person has solved and escalated, and what follows from it: a simple rule, told with its figures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from tierdesk_desk.domain.people import Place

MONTHS: Final = 3
"""So many months are looked at, the present one included."""
LEAST_CASES: Final = 10
"""With fewer, nothing is proposed."""
SOLVES_WELL: Final = 0.8
REOPENED_AT_MOST: Final = 0.1
ESCALATES_OFTEN: Final = 0.3
TIMES_COLLEAGUES: Final = 2.0
REOPENED: Final = "reopened"
"""Beside the words by which work ends: what was solved and came back."""


@dataclass(frozen=True, slots=True)
class Tally:
    """How the work of one category ended."""

    solved: int = 0
    escalated: int = 0
    reopened: int = 0

    @property
    def cases(self) -> int:
        """What was solved or escalated."""
        return self.solved + self.escalated

    @property
    def solved_share(self) -> float | None:
        """How much of it was solved here."""
        return self.solved / self.cases if self.cases else None

    @property
    def escalated_share(self) -> float | None:
        """How much of it was escalated."""
        return self.escalated / self.cases if self.cases else None

    @property
    def reopened_share(self) -> float | None:
        """How much of what was solved came back."""
        return self.reopened / self.solved if self.solved else None

    def __add__(self, other: Tally) -> Tally:
        return Tally(self.solved + other.solved, self.escalated + other.escalated, self.reopened + other.reopened)


@dataclass(frozen=True, slots=True)
class Line:
    """How work of a category ended, of one person in one group; `colleagues` is how it ended with all others there."""

    name: str
    place: Place
    category: str
    tally: Tally
    colleagues: Tally = Tally()


@dataclass(frozen=True, slots=True)
class Proposal:
    """Skills that somebody shows and is not known to have (`skill`), or a category in which they could be trained (`training`)."""

    kind: str
    name: str
    place: Place
    category: str
    skills: tuple[str, ...]
    tally: Tally
    colleagues: Tally


def compare(counted: Mapping[tuple[str, Place, str], Tally]) -> list[Line]:
    """The lines of each person, in the order of names, groups and categories, with what their colleagues did beside."""
    together: dict[tuple[Place, str], Tally] = {}
    for (_, place, category), tally in counted.items():
        together[place, category] = together.get((place, category), Tally()) + tally
    lines = []
    for (name, place, category), own in sorted(counted.items()):
        whole = together[place, category]
        others = Tally(whole.solved - own.solved, whole.escalated - own.escalated, whole.reopened - own.reopened)
        lines.append(Line(name, place, category, own, others))
    return lines


def propose(
    lines: Iterable[Line], skills_of: Mapping[str, Sequence[str]], needed: Mapping[str, Sequence[str]]
) -> list[Proposal]:
    """What these lines propose. `skills_of` is by person, `needed` by category.

    A skill: of at least `LEAST_CASES` four in five were solved here, at most one in ten of these came back, and the person lacks
    skills of the category. Training: of at least `LEAST_CASES` three in ten were escalated, twice as many as of the colleagues',
    who had at least `LEAST_CASES` too.
    """
    proposals = []
    for line in lines:
        lacking = tuple(skill for skill in needed.get(line.category, ()) if skill not in skills_of.get(line.name, ()))
        if lacking and _solves_well(line.tally):
            proposals.append(
                Proposal("skill", line.name, line.place, line.category, lacking, line.tally, line.colleagues)
            )
        elif _needs_training(line):
            proposals.append(
                Proposal("training", line.name, line.place, line.category, (), line.tally, line.colleagues)
            )
    return proposals


def _solves_well(tally: Tally) -> bool:
    solved, reopened = tally.solved_share, tally.reopened_share
    if tally.cases < LEAST_CASES or solved is None or reopened is None:
        return False
    return solved >= SOLVES_WELL and reopened <= REOPENED_AT_MOST


def _needs_training(line: Line) -> bool:
    own, others = line.tally.escalated_share, line.colleagues.escalated_share
    if min(line.tally.cases, line.colleagues.cases) < LEAST_CASES or own is None or others is None:
        return False
    return own >= ESCALATES_OFTEN and own >= TIMES_COLLEAGUES * others
