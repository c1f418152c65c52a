"""From a tier to the router: what became of offered work.

The fence is (assignment, token, worker). `ordinal` counts a worker's outcomes of one assignment from 1 without gaps.
Any outcome of the party to which the work was offered implies acceptance.
"""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from pydantic import Field

from tierdesk_contracts.knowledge import ArticleDraft, Waiver
from tierdesk_contracts.vocabulary import (
    Contract,
    Count,
    EscalationReason,
    Identifier,
    Level,
    Name,
    PauseParty,
    ReturnReason,
    StepTried,
    Text,
)

Steps = Annotated[tuple[StepTried, ...], Field(max_length=100)]


class Outcome(Contract):
    """What every outcome says of itself."""

    assignment_id: UUID
    token: Count
    worker: Name
    ordinal: Count


class WorkAccepted(Outcome):
    """`outcome.accepted.v1`: the worker takes it."""


class WorkProgressed(Outcome):
    """`outcome.progressed.v1`: a note, an answer to the requester, steps tried, or facts told and put right."""

    note: Text = ""
    answer: Annotated[Text, Field(description="Public: goes to the requester.")] = ""
    steps_tried: Steps = ()
    location: Annotated[Name | None, Field(description="Where from.")] = None
    contact: Annotated[Name | None, Field(description="How to reach the requester now.")] = None
    affected: Annotated[Text | None, Field(description="Whom and what it stops.")] = None
    department: Annotated[Identifier | None, Field(description="The best-suited department.")] = None
    impact: Level | None = None
    urgency: Level | None = None


class WorkPaused(Outcome):
    """`outcome.paused.v1`: it waits for somebody."""

    party: PauseParty
    note: Text = ""


class WorkResumed(Outcome):
    """`outcome.resumed.v1`: it goes on."""

    note: Text = ""


class WorkResolved(Outcome):
    """`outcome.resolved.v1`: solved, and how.

    From the tier on that the policy names, it must leave one of these behind: the article that says how, the draft of
    one, or the reason why nobody needs one. Vendors owe none of them.
    """

    how: Annotated[Text, Field(min_length=1)]
    root_cause: Text = ""
    article_id: Annotated[Name | None, Field(description="The article that says how.")] = None
    draft: Annotated[ArticleDraft | None, Field(description="An article that should say how from now on.")] = None
    waiver: Waiver = ""
    steps_tried: Steps = ()


class WorkEscalated(Outcome):
    """`outcome.escalated.v1`: to another tier, up or down, along an edge of the policy.

    Without `to_tier` it goes to the next tier that the policy allows; without `to_group`, to that tier's group for
    the ticket's category. Upwards it is refused while the incident description is incomplete, unless `override` says
    why it must go all the same.
    """

    reason: EscalationReason
    findings: Text = ""
    steps_tried: Steps = ()
    to_tier: Identifier | None = None
    to_group: Identifier | None = None
    override: Annotated[Text, Field(description="Why it goes with an incomplete description; kept in the log.")] = ""


class WorkCarried(Outcome):
    """`outcome.carried.v1`: the owner carries it to another tier and stays its owner.

    For categories of the mode `carry_through`, where nothing is handed on. Targets and `override` are as in `WorkEscalated`;
    where a vendor works the tier, the vendor is invited.
    """

    reason: EscalationReason
    findings: Text = ""
    steps_tried: Steps = ()
    to_tier: Identifier | None = None
    override: Text = ""


class WorkInvited(Outcome):
    """`outcome.invited.v1`: the owner asks another group, of any tier, to contribute; the ticket does not move."""

    to_group: Identifier
    question: Annotated[
        Text, Field(min_length=1, description="What is wanted; all that an invited vendor is told of it.")
    ]


class WorkContributed(Outcome):
    """`outcome.contributed.v1`: an invited worker has done its part; ends the contribution."""

    findings: Annotated[Text, Field(min_length=1)]
    steps_tried: Steps = ()


class WorkTransferred(Outcome):
    """`outcome.transferred.v1`: to another group of the same tier; in house also back to the own one, for its others."""

    to_group: Identifier
    findings: Text = ""
    steps_tried: Steps = ()


class WorkReturned(Outcome):
    """`outcome.returned.v1`: back to the group that sent it."""

    reason: ReturnReason
    findings: Text = ""
    steps_tried: Steps = ()
