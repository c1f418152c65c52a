"""Who gets which work, where it is handed out instead of taken."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final
from uuid import UUID

from tierdesk_desk.domain.people import Place
from tierdesk_desk.domain.roles import Grant, Verb, allows_in

USUAL_CAPACITY: Final = 5
"""Whoever has no capacity set is given work while holding less than this. They may take as much more as they like."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """Somebody who is there. `held` is how much they have; `waits_since` is when they came, or were last given something.

    Who is on the rota is given only what is of the groups of the shifts that run now.
    """

    account_id: UUID
    name: str
    grants: tuple[Grant, ...]
    skills: frozenset[str]
    held: int
    waits_since: datetime
    capacity: int | None = None
    on_rota: bool = False
    on_shift: frozenset[Place] = frozenset()

    @property
    def room(self) -> int:
        """How much more may be given to them."""
        limit = USUAL_CAPACITY if self.capacity is None else self.capacity
        return max(0, limit - self.held)

    def serves(self, place: Place) -> bool:
        """Whether they may be given work of this group now."""
        tier, group = place
        if self.on_rota and place not in self.on_shift:
            return False
        return allows_in(self.grants, Verb.WORK, tier=tier, group=group)


@dataclass(frozen=True, slots=True)
class Free:
    """Work that nobody has. `given_up_by` are the logins of those who gave its ticket back, or from whom it was taken for silence."""

    assignment_id: UUID
    place: Place
    skills: frozenset[str]
    given_up_by: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Choice:
    """Work, and who gets it."""

    assignment_id: UUID
    account_id: UUID


def choose(free: Iterable[Free], candidates: Iterable[Candidate], at: datetime) -> list[Choice]:
    """For each piece of work, in the order given, who gets it; what nobody can do waits.

    Of those who serve its group, have all its skills and have room: who has not given it up before, unless all have; of these who
    has the least; then who has waited the longest; then the first by login. The same question has the same answer, whatever
    the order of the candidates.
    """
    people = {one.account_id: one for one in candidates}
    choices = []
    for work in free:
        able = [one for one in people.values() if can_take(one, work)]
        if not able:
            continue
        chosen = min(able, key=lambda one: (one.name in work.given_up_by, one.held, one.waits_since, one.name))
        people[chosen.account_id] = replace(chosen, held=chosen.held + 1, waits_since=at)
        choices.append(Choice(work.assignment_id, chosen.account_id))
    return choices


def can_take(candidate: Candidate, work: Free) -> bool:
    """Whether this work may be given to them."""
    return candidate.room > 0 and work.skills <= candidate.skills and candidate.serves(work.place)


def needs_of(candidates: Iterable[Candidate], places: Sequence[Place]) -> list[tuple[Place, tuple[str, ...], int]]:
    """What is worth looking for: by group, each set of skills of those who serve it and have room, and how much room they have.

    A set of skills that another contains is left out: whatever fits the smaller fits the larger.
    """
    wanted: list[tuple[Place, tuple[str, ...], int]] = []
    held = tuple(candidates)
    for place in places:
        able = [one for one in held if one.room > 0 and one.serves(place)]
        room = sum(one.room for one in able)
        sets = {one.skills for one in able}
        wanted += [
            (place, tuple(sorted(skills)), room)
            for skills in sorted(sets, key=sorted)
            if not any(skills < other for other in sets)
        ]
    return wanted
