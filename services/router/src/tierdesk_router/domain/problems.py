"""Problems: what is behind several tickets, from the suspicion to the fix. A pure record; `MOVES` is its whole life."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Final, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from tierdesk_contracts.vocabulary import Line, Name, Text

DESK_LABEL: Final = "router"
"""Who acts where the policy decides."""


class ProblemKind(StrEnum):
    """What a problem is."""

    PROBLEM = "problem"
    """Something that recurs, and has one cause."""
    OUTAGE = "outage"
    """Something that is down now."""


class ProblemStatus(StrEnum):
    """Where a problem stands."""

    CANDIDATE = "candidate"
    """The desk suspects it; nobody has confirmed it."""
    OPEN = "open"
    KNOWN_ERROR = "known_error"
    """The cause is known, and a workaround or an article tells how to live with it."""
    FIX_DECIDED = "fix_decided"
    """It is decided whether it is fixed, lived with, or put off."""
    RESOLVED = "resolved"
    DISMISSED = "dismissed"
    """It was none."""


MOVES: Final[Mapping[ProblemStatus, frozenset[ProblemStatus]]] = {
    before: frozenset(after)
    for before, after in {
        ProblemStatus.CANDIDATE: (ProblemStatus.OPEN, ProblemStatus.RESOLVED, ProblemStatus.DISMISSED),
        ProblemStatus.OPEN: (
            ProblemStatus.KNOWN_ERROR, ProblemStatus.FIX_DECIDED, ProblemStatus.RESOLVED, ProblemStatus.DISMISSED,
        ),
        ProblemStatus.KNOWN_ERROR: (
            ProblemStatus.OPEN, ProblemStatus.FIX_DECIDED, ProblemStatus.RESOLVED, ProblemStatus.DISMISSED,
        ),
        ProblemStatus.FIX_DECIDED: (ProblemStatus.OPEN, ProblemStatus.KNOWN_ERROR, ProblemStatus.RESOLVED),
        ProblemStatus.RESOLVED: (ProblemStatus.OPEN,),
        ProblemStatus.DISMISSED: (ProblemStatus.OPEN,),
    }.items()
}  # fmt: skip
"""From where to where. What is not here is refused."""
LIVE: Final = frozenset(ProblemStatus) - {ProblemStatus.RESOLVED, ProblemStatus.DISMISSED}
"""A problem that stands here gathers like tickets."""


class FixChoice(StrEnum):
    """What is done about the cause."""

    FIX = "fix"
    ACCEPT = "accept"
    DEFER = "defer"


class FixDecision(BaseModel):
    """What was decided about the cause, and why."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    choice: FixChoice
    reason: Annotated[Text, Field(min_length=1)]


class Announcement(BaseModel):
    """What was told of a major incident, to whom, by whom."""

    model_config = ConfigDict(frozen=True)

    text: Text
    audience: Name
    at: datetime
    by: Name
    withdrawn_at: datetime | None = None

    @property
    def stands(self) -> bool:
        """Whether it was not withdrawn."""
        return self.withdrawn_at is None


class Resolution(BaseModel):
    """How a problem was solved, by whom."""

    model_config = ConfigDict(frozen=True)

    how: Text
    at: datetime
    by: Name


@dataclass(frozen=True, slots=True)
class Link:
    """A ticket of a problem: linked unless it was released. `announced_at` is of the announcement that it had last."""

    ticket_id: UUID
    linked_at: datetime
    released_at: datetime | None = None
    announced_at: datetime | None = None


class ProblemNote(BaseModel):
    """One entry of a problem's log: who did what when, and why. `detail` is what changed, or the tickets concerned."""

    model_config = ConfigDict(frozen=True)

    sequence: int
    at: datetime
    by: Name
    kind: str
    why: Text
    detail: dict[str, Any] = Field(default_factory=dict)


class ProblemRecord(BaseModel):
    """A problem. `version` counts changes of what stands in it, `sequence` the entries of its log.

    Tickets that are linked or released change its log and not its version, so that an outage which still gathers can
    be edited.
    """

    model_config = ConfigDict(frozen=True)

    tenant: str
    id: UUID
    reference: str
    kind: ProblemKind
    status: ProblemStatus
    title: Line
    version: int = 1
    sequence: int = 0
    opened_at: datetime
    changed_at: datetime
    reproduction: Text = ""
    environment: Text = ""
    root_cause: Text = ""
    workaround: Text = ""
    known_error: Name | None = None
    recommendation: Text = ""
    fix: FixDecision | None = None
    hotfix: Name | None = None
    major: bool = False
    announcement: Announcement | None = None
    resolution: Resolution | None = None

    @property
    def is_live(self) -> bool:
        """Whether it gathers like tickets."""
        return self.status in LIVE

    @property
    def standing(self) -> Announcement | None:
        """The announcement, unless it was withdrawn."""
        return self.announcement if self.announcement is not None and self.announcement.stands else None


class ProblemRefusal(Exception):  # noqa: N818 - a refusal, as of the tiers
    """The problem does not allow this now; the message says what to do."""


class ProblemDraft:
    """Changes of one problem in the making, each with its entry in the log."""

    def __init__(self, problem: ProblemRecord, *, at: datetime, by: str) -> None:
        """`at` and `by` hold for every change."""
        self.before = problem
        self.problem = problem
        self.notes: list[ProblemNote] = []
        self._at = max(at, problem.changed_at)
        self._by = by

    @classmethod
    def open(cls, problem: ProblemRecord, *, by: str, why: str, request: str | None = None) -> Self:
        """A problem that is new; `request` is a digest of what asked for it."""
        draft = cls(problem, at=problem.opened_at, by=by)
        told = {"kind": problem.kind.value, "status": problem.status.value, "title": problem.title}
        draft.note("opened", why, told if request is None else told | {"request": request})
        return draft

    @property
    def is_changed(self) -> bool:
        """Whether there is anything to save."""
        return bool(self.notes)

    def note(self, kind: str, why: str, detail: Mapping[str, Any]) -> None:
        """An entry in the log, which changes nothing of what stands in the problem."""
        sequence = self.problem.sequence + 1
        self.notes.append(
            ProblemNote(sequence=sequence, at=self._at, by=self._by, kind=kind, why=why, detail=dict(detail))
        )
        self.problem = self.problem.model_copy(update={"sequence": sequence, "changed_at": self._at})

    def change(self, fields: Mapping[str, Any], why: str) -> None:
        """Set these fields; what is the same already is left out, and nothing at all changes nothing.

        Raises `ProblemRefusal` for a move that the table does not have, and for a status whose ground is not told.
        """
        news = {name: value for name, value in fields.items() if getattr(self.problem, name) != value}
        if not news:
            return
        after = self.problem.model_copy(update=news)
        if "status" in news:
            if after.status is ProblemStatus.RESOLVED:
                raise ProblemRefusal("a problem is resolved by telling how: POST its resolution")
            _check_move(self.problem.status, after)
            if self.problem.status is ProblemStatus.RESOLVED:
                after = after.model_copy(update={"resolution": None})
        self._write(after, "changed", why, {name: _plain(value) for name, value in news.items()})

    def announce(self, text: str, audience: str) -> None:
        """Announce it, which makes it a major one; the same again changes nothing. Raises `ProblemRefusal` for another."""
        standing = self.problem.standing
        if standing is not None:
            if (standing.text, standing.audience) == (text, audience):
                return
            raise ProblemRefusal(
                f"{self.problem.reference} was announced already by {standing.by}; withdraw that first"
            )
        made = Announcement(text=text, audience=audience, at=self._at, by=self._by)
        after = self.problem.model_copy(update={"announcement": made, "major": True})
        self._write(after, "announced", text, {"audience": audience})

    def withdraw_announcement(self, why: str) -> None:
        """Withdraw it; without one that stands nothing changes."""
        standing = self.problem.standing
        if standing is not None:
            withdrawn = standing.model_copy(update={"withdrawn_at": self._at})
            self._write(self.problem.model_copy(update={"announcement": withdrawn}), "announcement_withdrawn", why, {})

    def resolve(self, how: str) -> bool:
        """It is solved; answer whether that is news. Raises `ProblemRefusal` where it is solved otherwise, or was none."""
        solved = self.problem.resolution
        if self.problem.status is ProblemStatus.RESOLVED and solved is not None:
            if solved.how == how:
                return False
            raise ProblemRefusal(f"{self.problem.reference} is resolved already; set its status to open first")
        resolution = Resolution(how=how, at=self._at, by=self._by)
        after = self.problem.model_copy(update={"status": ProblemStatus.RESOLVED, "resolution": resolution})
        _check_move(self.problem.status, after)
        self._write(after, "resolved", how, {})
        return True

    def _write(self, after: ProblemRecord, kind: str, why: str, detail: Mapping[str, Any]) -> None:
        self.problem = after.model_copy(update={"version": self.problem.version + 1})
        self.note(kind, why, detail)


def _check_move(before: ProblemStatus, after: ProblemRecord) -> None:
    if after.status not in MOVES[before]:
        allowed = ", ".join(sorted(status.value for status in MOVES[before]))
        raise ProblemRefusal(
            f"a problem that is {before.value} cannot become {after.status.value}; it may become {allowed}"
        )
    if after.status is ProblemStatus.KNOWN_ERROR and not (after.workaround or after.known_error):
        raise ProblemRefusal("a known error needs a workaround or the article that tells of it")
    if after.status is ProblemStatus.FIX_DECIDED and after.fix is None:
        raise ProblemRefusal("say in `fix` what was decided, and why")


def _plain(value: Any) -> Any:
    """A value as JSON has it."""
    return value.model_dump(mode="json") if isinstance(value, BaseModel) else value
