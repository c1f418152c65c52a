"""Depot repairs: what is sent away under which return number, and whether it came back. Pure.

A repair is announced, then the device is sent, received and back, or lost; before it is sent, it can be called off. `token` is
as that of a visit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Final
from uuid import UUID

from tierdesk_desk.domain.visits import ChangedError, EndedError
from tierdesk_desk.domain.work import ForbiddenStepError

_LETTERS: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32: none of them is taken for another, on paper or by telephone."""
_READ_AS: Final = str.maketrans({"O": "0", "I": "1", "L": "1", "-": None, " ": None})
_PREFIX: Final = "DR"
_DIGITS: Final = 8


class Stage(StrEnum):
    """Where a repair stands."""

    ANNOUNCED = "announced"
    SENT = "sent"
    RECEIVED = "received"
    """The depot has it."""
    BACK = "back"
    LOST = "lost"
    CALLED_OFF = "called_off"


NEXT: Final[Mapping[Stage, tuple[Stage, ...]]] = MappingProxyType(
    {
        Stage.ANNOUNCED: (Stage.SENT, Stage.CALLED_OFF),
        Stage.SENT: (Stage.RECEIVED, Stage.BACK, Stage.LOST),
        Stage.RECEIVED: (Stage.BACK, Stage.LOST),
        Stage.BACK: (),
        Stage.LOST: (),
        Stage.CALLED_OFF: (),
    }
)
"""What may follow. Not every depot says that it has received something."""
AWAY: Final = frozenset({Stage.SENT, Stage.RECEIVED})
"""The device is with the carrier or the depot: the work waits for them, and for nobody before."""


@dataclass(frozen=True, slots=True)
class Repair:
    """A device of a ticket that goes to a depot and comes back. `carrier_reference` is whatever the carrier calls the parcel."""

    tenant: str
    id: UUID
    ticket: str
    reference: str
    tier: str
    group_id: str
    number: str
    device: str
    depot: str
    announced_by: str
    announced_at: datetime
    changed_by: str
    changed_at: datetime
    token: int = 1
    stage: Stage = Stage.ANNOUNCED
    carrier_reference: str = ""
    sent_at: datetime | None = None
    received_at: datetime | None = None
    ended_at: datetime | None = None
    note: str = ""
    report: str = ""

    @property
    def is_open(self) -> bool:
        """Whether it is not known yet what became of the device."""
        return bool(NEXT[self.stage])


def number_of(chance: UUID) -> str:
    """A return number like `DR-7K3M-Q9XP`, from the last 40 bits of an identifier that nobody can guess.

    Two of a million may meet: whoever stores one needs a unique index, and asks again.
    """
    letters = "".join(_LETTERS[chance.int >> shift & 31] for shift in range(5 * (_DIGITS - 1), -1, -5))
    return f"{_PREFIX}-{letters[:4]}-{letters[4:]}"


def read_number(text: str) -> str:
    """A return number as it is stored, however somebody wrote it; the text itself if it can be none."""
    letters = text.upper().translate(_READ_AS)
    if len(letters) > _DIGITS:  # a number without it may begin with these letters too
        letters = letters.removeprefix(_PREFIX)
    if len(letters) != _DIGITS or not set(letters) <= set(_LETTERS):
        return text
    return f"{_PREFIX}-{letters[:4]}-{letters[4:]}"


def step(
    repair: Repair,
    stage: Stage,
    report: str,
    *,
    worker: str,
    token: int,
    at: datetime,
    carrier_reference: str = "",
) -> Repair:
    """Say where the device is now. Raises `EndedError`, `ChangedError`, and `ForbiddenStepError` for what cannot follow."""
    if not repair.is_open:
        raise EndedError(repair.stage.value)
    if token != repair.token:
        raise ChangedError(repair.changed_by)
    if stage not in NEXT[repair.stage]:
        words = " or ".join(one.value.replace("_", " ") for one in NEXT[repair.stage])
        raise ForbiddenStepError(f"it is {repair.stage.value}: it can be {words} next")
    return replace(
        repair,
        stage=stage,
        sent_at=at if stage is Stage.SENT else repair.sent_at,
        received_at=at if stage is Stage.RECEIVED else repair.received_at,
        ended_at=None if NEXT[stage] else at,
        carrier_reference=carrier_reference or repair.carrier_reference,
        report=report or repair.report,
        token=repair.token + 1,
        changed_by=worker,
        changed_at=at,
    )
