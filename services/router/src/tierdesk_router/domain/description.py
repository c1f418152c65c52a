"""The incident description: which of the seven facts are told, what is asked for, and whether work may be handed up."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

from tierdesk_contracts import outcome as outcomes
from tierdesk_contracts import ticket as events
from tierdesk_contracts.intake import AlertReport, Called, ProblemReport
from tierdesk_contracts.vocabulary import Actor, RejectReason, StepTried
from tierdesk_policy import Category, Fact, Policy
from tierdesk_router.domain.lifecycle import Draft
from tierdesk_router.domain.refusal import Refusal
from tierdesk_router.domain.ticket import Ticket

_TOLD: Final[dict[Fact, Callable[[ProblemReport], bool]]] = {
    Fact.REQUESTER: lambda _: True,
    Fact.LOCATION: lambda report: report.location is not None,
    Fact.CONTACT: lambda report: bool(report.contact or report.requester.email or report.requester.phone),
    Fact.STEPS_TRIED: lambda report: bool(report.steps_tried),
    Fact.IMPACT: lambda report: report.impact is not None or bool(report.affected),
    Fact.DEPARTMENT: lambda report: report.department is not None,
    Fact.URGENCY: lambda report: report.urgency is not None,
}


def facts_told(report: ProblemReport | AlertReport | Called) -> frozenset[Fact]:
    """Which of the seven facts a report tells. A machine or a caller is always somebody who can be asked."""
    if isinstance(report, ProblemReport):
        return frozenset(fact for fact, told in _TOLD.items() if told(report))
    told = {Fact.REQUESTER, Fact.CONTACT}
    if isinstance(report, AlertReport):
        told |= {fact for fact, value in ((Fact.IMPACT, report.impact), (Fact.URGENCY, report.urgency)) if value}
        told |= {Fact.LOCATION} if report.asset else set()
    return frozenset(told)


@dataclass(frozen=True, slots=True)
class Completeness:
    """How much of what its category asks for a description tells."""

    share: float
    missing: tuple[str, ...]


def score_description(category: Category, told: frozenset[Fact]) -> Completeness:
    """The weighted share of the facts that `category` asks for, and those that lack."""
    asked = category.description_facts
    total = sum(category.weight(fact) for fact in asked)
    share = sum(category.weight(fact) for fact in asked if fact in told) / total if total else 1.0
    return Completeness(round(share, 4), tuple(fact.value for fact in asked if fact not in told))


_QUESTIONS: Final = {
    Fact.REQUESTER: "who needs help",
    Fact.LOCATION: "where you are",
    Fact.CONTACT: "how we can reach you",
    Fact.STEPS_TRIED: "what you have tried already",
    Fact.IMPACT: "whom it affects, and what it stops",
    Fact.DEPARTMENT: "which department suits best",
    Fact.URGENCY: "how soon you need it",
}


def request_facts(draft: Draft, desk: Actor) -> None:
    """Ask the requester for what the description lacks. Called when the ticket is opened, and so once."""
    missing = draft.ticket.missing_facts
    if missing:
        wanted = [_QUESTIONS[Fact(name)] for name in missing]
        listed = wanted[0] if len(wanted) == 1 else f"{', '.join(wanted[:-1])} and {wanted[-1]}"
        draft.record(events.FactsRequested, actor=desk, missing_facts=missing, question=f"Please tell us {listed}.")


def describe(draft: Draft, policy: Policy, told: Iterable[Fact], **facts: Any) -> None:
    """Note facts that are told now. `facts` are the values that the ticket keeps; nothing is noted when none is news."""
    ticket = draft.ticket
    known = {name: value for name, value in facts.items() if value not in {None, getattr(ticket, name)}}
    filled = [fact for fact in told if fact.value in ticket.missing_facts]
    if not known and not filled:
        return
    assert ticket.category is not None
    category = policy.category(ticket.category)
    missing = set(ticket.missing_facts) - {fact.value for fact in filled}
    scored = score_description(category, frozenset(fact for fact in Fact if fact.value not in missing))
    named = {*(fact.value for fact in filled), *(_FACT_OF.get(name, name) for name in known)}
    draft.record(
        events.Described,
        told=tuple(fact.value for fact in Fact if fact.value in named),
        completeness=scored.share,
        missing_facts=scored.missing,
        **known,
    )


_FACT_OF: Final = {"affected": Fact.IMPACT.value}


def describe_by_progress(draft: Draft, policy: Policy, outcome: outcomes.WorkProgressed) -> None:
    """Note the facts that a worker tells. How to reach the requester is kept apart, by who handles the message."""
    told = {
        Fact.LOCATION: outcome.location,
        Fact.CONTACT: outcome.contact,
        Fact.STEPS_TRIED: outcome.steps_tried,
        Fact.IMPACT: outcome.impact or outcome.affected,
        Fact.DEPARTMENT: outcome.department,
        Fact.URGENCY: outcome.urgency,
    }
    describe(
        draft,
        policy,
        [fact for fact, value in told.items() if value],
        location=outcome.location,
        affected=outcome.affected,
        department=outcome.department,
    )


def describe_by_steps(draft: Draft, policy: Policy, steps: tuple[StepTried, ...]) -> None:
    """Note that the steps tried are told."""
    describe(draft, policy, [Fact.STEPS_TRIED] if steps else [])


def check_description(ticket: Ticket, policy: Policy, *, to_tier: str, override: str) -> None:
    """Raise `Refusal(INCOMPLETE)` when the ticket may not be handed up as it is described.

    Free are: the way down, vendors, who are not told these facts, tiers that the policy lets hand on incomplete, and
    whoever gives a reason in `override`.
    """
    live = ticket.assignment
    assert live is not None
    assert ticket.tier is not None
    if not ticket.missing_facts or override or live.vendor is not None or policy.tier(ticket.tier).hands_on_incomplete:
        return
    if policy.height(to_tier) < policy.height(ticket.tier):
        return
    raise Refusal(
        RejectReason.INCOMPLETE,
        f"the incident description lacks {', '.join(ticket.missing_facts)}: tell it by progress first, or give the reason "
        "to hand it on all the same as `override`",
    )
