"""How a vendor did with the work that it was offered: figures, from the rows of its assignments."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median
from typing import Annotated, Final

from pydantic import BaseModel, Field

from tierdesk_contracts.vocabulary import WithdrawReason

_HANDED_BACK: Final = frozenset({"returned", "escalated", "transferred", "declined"})
_DONE: Final = frozenset({"resolved", "contributed"})
"""A contribution is resolved by what was contributed."""


@dataclass(frozen=True, slots=True)
class VendorVisit:
    """One assignment of a vendor. `ended_by` is the kind of the event that ended it, `ended_why` the reason in it.

    `by_desk` says that it was the desk that ended it, and not the vendor.
    """

    offered_at: datetime
    accepted_at: datetime | None = None
    ended_at: datetime | None = None
    ended_by: str | None = None
    ended_why: str | None = None
    by_desk: bool = False
    reopened: bool = False


class Spans(BaseModel):
    """How long something took, in seconds of elapsed time, each from the offer. Without any, there are no figures."""

    count: int
    median_seconds: float | None = None
    p90_seconds: Annotated[float | None, Field(description="The shortest span that nine of ten did not exceed.")] = None
    worst_seconds: float | None = None


class Scorecard(BaseModel):
    """What became of the assignments that were offered in a window, as it is known now."""

    offered: int
    accepted: int
    not_accepted_in_time: Annotated[int, Field(description="Withdrawn, since nobody had accepted in time.")]
    handed_back: Annotated[int, Field(description="Returned, escalated or transferred by the vendor.")]
    taken_back: Annotated[
        int, Field(description="Accepted, and then ended by the desk, as when the requester cancels.")
    ]
    resolved: int
    reopened: Annotated[int, Field(description="Of those resolved, how many the requester reopened.")]
    time_to_accept: Spans
    time_to_resolve: Spans


def score(visits: Sequence[VendorVisit]) -> Scorecard:
    """The figures of these assignments."""
    resolved = [visit for visit in visits if visit.ended_by in _DONE]
    return Scorecard(
        offered=len(visits),
        accepted=sum(visit.accepted_at is not None for visit in visits),
        not_accepted_in_time=sum(_was_missed(visit) for visit in visits),
        handed_back=sum(visit.ended_by in _HANDED_BACK and not visit.by_desk for visit in visits),
        taken_back=sum(visit.by_desk and visit.accepted_at is not None and not _was_spared(visit) for visit in visits),
        resolved=len(resolved),
        reopened=sum(visit.reopened for visit in resolved),
        time_to_accept=measure([(visit.offered_at, visit.accepted_at) for visit in visits]),
        time_to_resolve=measure([(visit.offered_at, visit.ended_at) for visit in resolved]),
    )


def measure(pairs: Sequence[tuple[datetime, datetime | None]]) -> Spans:
    """The figures of these spans, from one moment to another; a span without an end counts for nothing."""
    spans = sorted((end - start).total_seconds() for start, end in pairs if end is not None)
    if not spans:
        return Spans(count=0)
    return Spans(
        count=len(spans),
        median_seconds=median(spans),
        p90_seconds=spans[math.ceil(0.9 * len(spans)) - 1],
        worst_seconds=spans[-1],
    )


def _was_missed(visit: VendorVisit) -> bool:
    withdrawn = visit.ended_by in {"withdrawn", "released"} and visit.ended_why == WithdrawReason.NOT_ACCEPTED
    return withdrawn and visit.accepted_at is None


def _was_spared(visit: VendorVisit) -> bool:
    """A contribution that ended with its owner's work: nothing was taken from anybody."""
    return visit.ended_by == "released" and visit.ended_why == WithdrawReason.OWNER_DONE
