"""Presence: whether somebody is at the desk and can be given work, by what they say and by whether their pages are open."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from tierdesk_desk.domain.people import Place


class State(StrEnum):
    """What somebody says of themselves."""

    AVAILABLE = "available"
    BUSY = "busy"
    """Takes work as before, and is given none."""
    AWAY = "away"


@dataclass(frozen=True, slots=True)
class Presence:
    """What somebody says of themselves, since when. Who has said nothing yet is away: nobody is given work unasked."""

    state: State = State.AWAY
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """How somebody stands at the desk.

    `is_seen` says whether a page of theirs was open lately. `on_shift` are the groups of the shifts that run now, `ends_at` is
    when the first of these ends, and `begins_at` when the next one begins; who is on no rota has none of them.
    """

    name: str
    display_name: str
    presence: Presence
    is_seen: bool
    held: int
    skills: tuple[str, ...] = ()
    capacity: int | None = None
    quiet_since: datetime | None = None
    """Since when nothing has moved in what they hold and could work on: of the one where that is longest."""
    on_rota: bool = False
    on_shift: tuple[Place, ...] = ()
    ends_at: datetime | None = None
    begins_at: datetime | None = None

    @property
    def is_there(self) -> bool:
        """Whether work may be given to them, as far as they are concerned."""
        return self.presence.state is State.AVAILABLE and self.is_seen

    @property
    def leaves_work_alone(self) -> bool:
        """Whether they hold work and nobody is at it: they said that they are away, or their pages are closed."""
        is_away = self.presence.state is State.AWAY and self.presence.since is not None
        return self.held > 0 and (is_away or not self.is_seen)


def say(before: Presence, state: State, at: datetime) -> Presence:
    """What somebody says of themselves now. The same again changes nothing: `since` stays."""
    return before if before.state is state and before.since is not None else Presence(state, at)


def in_order_of_need(people: list[Standing]) -> list[Standing]:
    """Those who leave work alone first, the longest silence before the others; then who is there, then all others."""

    def need(one: Standing) -> tuple[int, float, str]:
        if one.leaves_work_alone:
            return 0, one.quiet_since.timestamp() if one.quiet_since else float("inf"), one.name
        if one.is_there:
            return 1, 0.0, one.name
        return (2 if one.is_seen else 3), 0.0, one.name

    return sorted(people, key=need)
