"""Facts that the watcher, the knowledge base and the policy's owner publish."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from pydantic import Field, JsonValue

from tierdesk_contracts.intake import ProblemReport
from tierdesk_contracts.vocabulary import Contract, Count, Identifier, Instant, Line, Name, Text


class PolicyApplied(Contract):
    """`policy.applied.v1`: the tenant's policy from now on, whole; `version` is the hash of `document`."""

    version: Name
    name: Name
    document: dict[str, JsonValue]
    applied_at: Instant


class TicketAdded(Contract):
    """`ticket.added.v1`: the desk itself opened a ticket, of which no event told: from now on there may be some."""

    reference: Name


class ServiceOrdered(ProblemReport):
    """`service.ordered.v1`: a service of the catalogue was ordered: the subject names the ticket that is to be opened for it."""

    item: Identifier
    version: Annotated[Count, Field(description="Of the service, as it was ordered.")]


class RequestRated(Contract):
    """`request.rated.v1`: a requester says how well a resolution served them, or says so anew: the last revision counts."""

    reference: Name
    resolution: Annotated[Count, Field(description="The place of the resolution among the ticket's events.")]
    resolved_at: Instant
    score: Annotated[int, Field(ge=1, le=5, description="1 bad to 5 good.")]
    comment: Text = ""
    revision: Annotated[Count, Field(description="Counts how often this resolution was rated.")]


class ClockNotice(Contract):
    """What each word of the watcher says of a clock. `cycle` counts its resets; (clock, cycle) fires once."""

    clock_id: UUID
    cycle: Count
    kind: Name
    reference: Name
    tier: Identifier | None = None
    group: Identifier | None = None
    started_at: Instant
    due_at: Instant


class ClockWarned(ClockNotice):
    """`clock.warned.v1`: this share of the target is used up."""

    share: Annotated[float, Field(gt=0, lt=1)]


class ClockBreached(ClockNotice):
    """`clock.breached.v1`: the target passed unmet."""


class ClockRetracted(ClockNotice):
    """`clock.retracted.v1`: a breach told before did not happen: a late event shows that the target was met."""


class KnowledgeMatched(Contract):
    """`knowledge.matched.v1`: an article that fits a ticket. `documented` when it fits well enough to solve it."""

    article_id: Name
    title: Line
    score: Annotated[float, Field(ge=0, le=1)]
    documented: bool
    new_article: Annotated[bool, Field(description="Whether it was published after the ticket was opened.")] = False


class ArticlePublished(Contract):
    """`article.published.v1`: a revision of an article can be read from now on."""

    article_id: Name
    revision: Count
    title: Line
    audience: Name


class ArticleRetired(Contract):
    """`article.retired.v1`: an article is withdrawn."""

    article_id: Name
