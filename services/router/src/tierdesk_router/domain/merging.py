"""Merging: a ticket that tells of the same matter as another goes on in it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from tierdesk_contracts import ticket as events
from tierdesk_contracts.ticket import TicketEvent
from tierdesk_contracts.vocabulary import Actor, ActorKind, Status, WithdrawReason
from tierdesk_router.domain.lifecycle import MOVES, OPEN, Draft
from tierdesk_router.domain.offers import DESK, withdraw
from tierdesk_router.domain.ticket import Ticket


class MergeError(Exception):
    """The two cannot be merged; the text says why, and what would be possible."""


def merge(source: Ticket, target: Ticket, *, reason: str, by: Actor, at: datetime) -> tuple[Draft, Draft] | None:
    """What happens to `source`, which ends, and to `target`, in which it goes on; None when that has been done before.

    The source's work is withdrawn. Its log and its requester stay its own. Raises `MergeError`.
    """
    if source.id == target.id:
        raise MergeError(f"{source.reference} cannot go on in itself")
    if source.merged_into == target.id:
        return None
    if source.status not in OPEN:
        raise MergeError(f"{source.reference} is {source.status.value}: only open tickets are merged")
    if (target.status, "absorbed") not in MOVES:
        raise MergeError(f"{target.reference} is {target.status.value}: name an open or resolved ticket to go on in")
    ending = Draft(source, at=max(at, source.last_at), actor=by)
    withdraw(ending, WithdrawReason.MERGED)
    ending.record(events.Merged, into=target.id, reference=target.reference, reason=reason)
    going_on = Draft(target, at=max(at, target.last_at), actor=by)
    going_on.record(events.Absorbed, ticket=source.id, reference=source.reference, reason=reason)
    return ending, going_on


def pass_on(source: Ticket, target: Ticket, said: Sequence[TicketEvent], *, at: datetime) -> Draft:
    """What was said of a merged ticket, told on the ticket in which it goes on; a reply resumes work that waits for one."""
    draft = Draft(target, at=at, actor=Actor(kind=ActorKind.REQUESTER, id=str(source.requester_id)))
    for event in said:
        if isinstance(event, events.Replied):
            draft.record(events.Replied, text=event.text, attachments=event.attachments)
        elif isinstance(event, events.CallNoted):
            told = event.model_dump(include={"call_id", "outcome", "answered_at", "talking_seconds"})
            draft.record(events.CallNoted, **told)
    live = target.assignment
    waits = target.status is Status.PAUSED and target.paused_for == "requester"
    if draft.events and waits and live is not None:
        draft.record(events.Resumed, actor=DESK, assignment_id=live.id, note=f"Said of {source.reference}, merged.")
    return draft
