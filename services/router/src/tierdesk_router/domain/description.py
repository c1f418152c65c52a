"""The incident description: which of the seven facts are told, what is asked for, and whether work may be handed up."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

from tierdesk_contracts import outcome as outcomes
from tierdesk_contracts import ticket as events
from tierdesk_contracts.intake import AlertReport, Called, FactsTold, ProblemReport
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


FACTS_IN_HOUSE: Final = "facts about the requester are told in house: put them into the note"
"""Why a vendor's are refused."""
Steps = tuple[StepTried, ...]

_FACT_OF: Final = {"location": Fact.LOCATION, "affected": Fact.IMPACT, "department": Fact.DEPARTMENT}
"""Which fact is told by a value that a ticket keeps."""
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


def describe(draft: Draft, policy: Policy, told: Iterable[Fact], *, steps: Steps = (), **facts: str | None) -> None:
    """Note facts that are told now. `facts` and `steps` are what the ticket keeps; nothing is noted when none is news."""
    ticket = draft.ticket
    known: dict[str, Any] = {name: value for name, value in facts.items() if value not in {None, getattr(ticket, name)}}
    told = frozenset(told)
    filled = [fact for fact in told if fact.value in ticket.missing_facts]
    reached = {Fact.CONTACT} & told  # its value stands elsewhere, so that whether it is news is not known here
    if not (known or filled or steps or reached):
        return
    assert ticket.category is not None
    missing = set(ticket.missing_facts) - {fact.value for fact in filled}
    scored = score_description(
        policy.category(ticket.category), frozenset(fact for fact in Fact if fact.value not in missing)
    )
    named = {*filled, *reached, *(_FACT_OF[name] for name in known), *([Fact.STEPS_TRIED] if steps else [])}
    draft.record(
        events.Described,
        told=tuple(fact.value for fact in Fact if fact in named),
        steps_tried=steps,
        completeness=scored.share,
        missing_facts=scored.missing,
        **known,
    )


def describe_by(draft: Draft, policy: Policy, told: outcomes.WorkProgressed | FactsTold, *, steps: Steps = ()) -> None:
    """Note the facts that a worker or the requester tells; `steps` are noted with them.

    How to reach the requester is kept apart, by who handles the message.
    """
    values = {
        Fact.LOCATION: told.location,
        Fact.CONTACT: told.contact,
        Fact.STEPS_TRIED: told.steps_tried,
        Fact.IMPACT: told.impact or told.affected,
        Fact.DEPARTMENT: told.department,
        Fact.URGENCY: told.urgency,
    }
    describe(
        draft,
        policy,
        [fact for fact, value in values.items() if value],
        steps=steps,
        location=told.location,
        affected=told.affected,
        department=told.department,
    )


def describe_by_steps(draft: Draft, policy: Policy, steps: Steps) -> None:
    """Note that steps tried are told, which another event holds."""
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
