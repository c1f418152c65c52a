"""What requesters, telephone systems and monitors ask for, decided.

A requester's wish that the ticket's status does not allow is not lost: it is noted as a reply that says so.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from tierdesk_contracts import intake
from tierdesk_contracts import ticket as events
from tierdesk_contracts.vocabulary import MAX_TEXT, Actor, ActorKind, Channel, OfferReason, Status, WithdrawReason
from tierdesk_policy import Policy
from tierdesk_router.domain.description import describe_by, facts_told, request_facts, score_description
from tierdesk_router.domain.lifecycle import OPEN, Draft, open_ticket
from tierdesk_router.domain.likeness import RECURRING, Recurrence, Subject
from tierdesk_router.domain.offers import DESK, NewId, offer, withdraw
from tierdesk_router.domain.priority import reweigh
from tierdesk_router.domain.ticket import Ticket
from tierdesk_router.domain.triage import explain, knowledge_group, raise_to, triage

Opening = intake.ProblemReported | intake.Alerted | intake.Called


@dataclass(frozen=True, slots=True)
class Origin:
    """Which ticket a new one was part of, and who split it off, and why."""

    ticket: UUID
    reference: str
    by: Actor
    reason: str


_CALL_TITLES: Final = {
    intake.CallOutcome.ANSWERED: "Phone call",
    intake.CallOutcome.ENDED: "Phone call",
    intake.CallOutcome.MISSED: "Missed phone call",
    intake.CallOutcome.VOICEMAIL: "Voicemail",
    intake.CallOutcome.PROMISED: "Callback promised",
}


def open_by(
    message: Opening, *, tenant: str, ticket_id: UUID, requester_id: UUID, at: datetime, policy: Policy, new_id: NewId,
    recurrence: Recurrence | None = None, origin: Origin | None = None,
) -> Draft:  # fmt: skip
    """Open, triage and offer a new ticket; one that is not the first of its kind goes to a tier at least as high as that.

    One that has an `origin` is opened by whoever split it off, not by its requester.
    """
    actor = Actor(kind=ActorKind.REQUESTER, id=str(requester_id)) if origin is None else origin.by
    vip = policy.is_vip(*_names(message))
    opened = events.Opened(sequence=1, at=at, actor=actor, requester_id=requester_id, vip=vip, **_description(message))
    ticket = open_ticket(
        opened, tenant=tenant, ticket_id=ticket_id, reference=message.reference, policy_version=policy.version
    )
    draft = Draft(ticket, at=at, actor=actor)
    draft.events.append(opened)
    if isinstance(message, intake.Called):
        _note_call(draft, message)
    if origin is not None:
        draft.record(events.SplitOff, ticket=origin.ticket, reference=origin.reference, reason=origin.reason)
    verdict = triage(draft.ticket, policy, vip=vip)
    if recurrence is not None:
        verdict = raise_to(verdict, recurrence.tier, policy, RECURRING, recurrence.because)
    complete = score_description(verdict.category, facts_told(message))
    draft.record(
        events.Triaged,
        actor=DESK,
        category=verdict.category.id,
        impact=verdict.impact,
        urgency=verdict.urgency,
        priority=verdict.priority,
        tier=verdict.group.tier,
        group=verdict.group.id,
        completeness=complete.share,
        missing_facts=complete.missing,
        explanation=explain(verdict, policy),
    )
    if not isinstance(message, intake.Alerted):  # a machine has told all it knows
        request_facts(draft, DESK)
    offer(draft, verdict.group, policy, reason=OfferReason.TRIAGE, at=at, new_id=new_id)
    return draft


def _names(message: Opening) -> tuple[str | None, ...]:
    """What the requester is known by."""
    if isinstance(message, intake.ProblemReported):
        return message.requester.party, message.requester.email, message.requester.phone
    return (message.caller,) if isinstance(message, intake.Called) else ()


def _description(message: Opening) -> dict[str, Any]:
    if isinstance(message, intake.Called):
        title = _CALL_TITLES.get(message.outcome, "Phone call")
        return {"channel": Channel.PHONE, "title": title, "text": f"Call {message.call_id}"}
    if isinstance(message, intake.Alerted):
        shared = message.model_dump(include={"title", "text", "category", "asset", "impact", "urgency"})
        return {"channel": Channel.ALERT, "location": message.asset, **shared}
    return {
        name: getattr(message, name)
        for name in (
            "channel", "title", "text", "category", "location", "affected", "department", "asset", "impact", "urgency",
            "steps_tried",
        )
    }  # fmt: skip


def subject_of(message: Opening, *, ticket_id: UUID, requester_id: UUID, at: datetime, policy: Policy) -> Subject:
    """What a new ticket is about, as others can be like it."""
    told = _description(message)
    category = policy.find_category(told.get("category"))
    return Subject(
        ticket_id=ticket_id,
        reference=message.reference,
        at=at,
        requester_id=requester_id,
        title=told["title"],
        category=policy.default_category if category is None else category.id,
        names_category=category is not None,
        department=told.get("department"),
        location=told.get("location"),
        asset=told.get("asset"),
        names_matter=not isinstance(message, intake.Called),
    )


def answer_request(ticket: Ticket, message: Any, *, at: datetime, policy: Policy, new_id: NewId) -> Draft:
    """Decide a follow-up of an existing ticket. Raises `KeyError` for a message that is none."""
    draft = Draft(ticket, at=at, actor=Actor(kind=ActorKind.REQUESTER, id=str(ticket.requester_id)))
    _FOLLOW_UPS[type(message)](draft, message, policy, new_id)
    return draft


def _reply(draft: Draft, message: intake.RequesterReplied, policy: Policy, new_id: NewId) -> None:
    del policy, new_id
    draft.record(events.Replied, text=message.text, attachments=message.attachments)
    if draft.ticket.status is Status.PAUSED and draft.ticket.paused_for == "requester":
        assert draft.ticket.assignment is not None
        draft.record(
            events.Resumed, actor=DESK, assignment_id=draft.ticket.assignment.id, note="The requester replied."
        )


def _tell_facts(draft: Draft, message: intake.FactsTold, policy: Policy, new_id: NewId) -> None:
    del new_id
    if draft.ticket.status not in OPEN:
        remark = f"Facts were told, though the ticket is {draft.ticket.status.value}."
        _note_reply(draft, remark, _in_words(message))
        return
    describe_by(draft, policy, message, steps=message.steps_tried)
    reweigh(draft, policy, impact=message.impact, urgency=message.urgency)


def _in_words(message: intake.FactsTold) -> str:
    """All that is told but how to reach the requester, which is kept apart."""
    told = message.model_dump(exclude={"contact", "steps_tried"}, exclude_none=True)
    facts = [f"{name} {value}" for name, value in told.items()]
    return "; ".join([*facts, *(f"tried: {tried.step} {tried.result}".strip() for tried in message.steps_tried)])


def _confirm(draft: Draft, message: intake.Confirmed, policy: Policy, new_id: NewId) -> None:
    del policy, new_id
    if draft.ticket.status in {Status.CLOSED, Status.CANCELLED, Status.MERGED}:
        _note_reply(draft, "Confirmed, though the ticket was over already.", message.comment)
        return
    withdraw(draft, WithdrawReason.CLOSED)
    draft.record(events.Closed, comment=message.comment)


def _reopen(draft: Draft, message: intake.Reopened, policy: Policy, new_id: NewId) -> None:
    ticket = draft.ticket
    if ticket.status not in {Status.RESOLVED, Status.CLOSED}:
        _note_reply(draft, f"Reopening was refused, the ticket is {ticket.status.value}.", message.reason)
        return
    ended_at = ticket.resolved_at or ticket.closed_at or ticket.last_at
    if draft.at > ended_at + timedelta(seconds=policy.reopen_within_seconds):
        _note_reply(draft, "Reopening was refused, the time for it has passed.", message.reason)
        return
    draft.record(events.ReopenedAgain, reason=message.reason)
    assert ticket.group is not None
    offer(draft, policy.group(ticket.group), policy, reason=OfferReason.REOPENED, at=draft.at, new_id=new_id)


def _cancel(draft: Draft, message: intake.Cancelled, policy: Policy, new_id: NewId) -> None:
    del policy, new_id
    if draft.ticket.status in {Status.RESOLVED, Status.CLOSED, Status.CANCELLED, Status.MERGED}:
        _note_reply(draft, f"Cancelling was refused, the ticket is {draft.ticket.status.value}.", message.reason)
        return
    withdraw(draft, WithdrawReason.CANCELLED)
    draft.record(events.CancelledByRequester, reason=message.reason)


def _note_reply(draft: Draft, remark: str, words: str) -> None:
    """Note a wish that is not granted: as one reply, or as two when the requester's words leave no room for the remark."""
    together = f"{remark} {words}".strip()
    for text in (together,) if len(together) <= MAX_TEXT else (remark, words):
        draft.record(events.Replied, text=text)


def _note_call(draft: Draft, message: intake.Called, policy: Policy | None = None, new_id: NewId | None = None) -> None:
    del policy, new_id
    draft.record(
        events.CallNoted,
        call_id=message.call_id,
        outcome=message.outcome,
        answered_at=message.answered_at,
        talking_seconds=message.talking_seconds,
    )


_FOLLOW_UPS: Final[dict[type[Any], Callable[[Draft, Any, Policy, NewId], None]]] = {
    intake.RequesterReplied: _reply,
    intake.FactsTold: _tell_facts,
    intake.Confirmed: _confirm,
    intake.Reopened: _reopen,
    intake.Cancelled: _cancel,
    intake.Called: _note_call,
}


def apply_match(
    ticket: Ticket, article_id: str, title: str, score: float, *, documented: bool, at: datetime, policy: Policy,
    new_id: NewId, new_article: bool = False,
) -> Draft:  # fmt: skip
    """Note a knowledge match; a documented problem that nobody has accepted yet goes down to the knowledge group.

    A `new_article`, published since the ticket was opened, moves none that one owner or group is to keep to its end.
    """
    draft = Draft(ticket, at=at, actor=DESK)
    draft.record(events.Matched, article_id=article_id, title=title, score=score, new_article=new_article)
    group = knowledge_group(ticket, policy, moving=new_article) if documented else None
    if group is None:
        return draft
    assert ticket.category is not None
    assert ticket.impact is not None
    assert ticket.urgency is not None
    assert ticket.priority is not None
    withdraw(draft, WithdrawReason.KNOWLEDGE)
    draft.record(
        events.Triaged,
        category=ticket.category,
        impact=ticket.impact,
        urgency=ticket.urgency,
        priority=ticket.priority,
        tier=group.tier,
        group=group.id,
        completeness=ticket.completeness,
        missing_facts=ticket.missing_facts,
        explanation=events.Explanation(
            rule="documented problem",
            because=(
                *ticket.explanation,
                (
                    f"{'A new' if new_article else 'The'} article {title!r} documents it (score {score:.2f}), "
                    f"so that group {group.id} can solve it."
                ),
            ),
            policy_version=policy.version,
        ),
    )
    offer(draft, group, policy, reason=OfferReason.KNOWLEDGE, at=at, new_id=new_id)
    return draft
