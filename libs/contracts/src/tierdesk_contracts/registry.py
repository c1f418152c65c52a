"""Every message type, once: its model, who sends it, who follows it, and how it is kept in order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from tierdesk_contracts import callback, intake, notice, outcome, ticket, work
from tierdesk_contracts.vocabulary import Contract

Exchange = Literal["events", "work", "outcomes"]


@dataclass(frozen=True, slots=True)
class MessageType:
    """One type of message. `name` carries the major version; `stream` names its gapless per-subject sequence."""

    name: str
    model: type[Contract]
    exchange: Exchange
    sender: str
    followers: tuple[str, ...]
    stream: Literal["intake", "ticket"] | None = None

    @property
    def summary(self) -> str:
        """What it means: the first paragraph of its model's docstring, after the name of the type."""
        _, _, text = (self.model.__doc__ or "").split("\n\n")[0].partition(f"`{self.name}`: ")
        return " ".join((text[:1].upper() + text[1:]).split())


def _intake(stem: str, model: type[Contract]) -> MessageType:
    return MessageType(f"intake.{stem}.v1", model, "events", "intake", ("router",), "intake")


def _work(stem: str, model: type[Contract]) -> MessageType:
    return MessageType(f"work.{stem}.v1", model, "work", "router", ("tier",))


def _outcome(stem: str, model: type[Contract]) -> MessageType:
    return MessageType(f"outcome.{stem}.v1", model, "outcomes", "tier", ("router",))


MESSAGE_TYPES: Final[dict[str, MessageType]] = {
    entry.name: entry
    for entry in (
        _intake("problem_reported", intake.ProblemReported),
        _intake("requester_replied", intake.RequesterReplied),
        _intake("facts_told", intake.FactsTold),
        _intake("confirmed", intake.Confirmed),
        _intake("reopened", intake.Reopened),
        _intake("cancelled", intake.Cancelled),
        _intake("call", intake.Called),
        _intake("alert", intake.Alerted),
        MessageType("ticket.changed.v1", ticket.TicketChanged, "events", "router", ("sla", "kb", "desk"), "ticket"),
        MessageType("policy.applied.v1", notice.PolicyApplied, "events", "router", ("intake", "sla", "kb", "desk")),
        _work("offered", work.WorkOffered),
        _work("assigned", work.WorkAssigned),
        _work("updated", work.WorkUpdated),
        _work("withdrawn", work.WorkWithdrawn),
        _work("rejected", work.OutcomeRejected),
        _outcome("accepted", outcome.WorkAccepted),
        _outcome("progressed", outcome.WorkProgressed),
        _outcome("paused", outcome.WorkPaused),
        _outcome("resumed", outcome.WorkResumed),
        _outcome("resolved", outcome.WorkResolved),
        _outcome("escalated", outcome.WorkEscalated),
        _outcome("carried", outcome.WorkCarried),
        _outcome("invited", outcome.WorkInvited),
        _outcome("contributed", outcome.WorkContributed),
        _outcome("transferred", outcome.WorkTransferred),
        _outcome("returned", outcome.WorkReturned),
        MessageType("clock.warned.v1", notice.ClockWarned, "events", "sla", ("router",)),
        MessageType("clock.breached.v1", notice.ClockBreached, "events", "sla", ("router",)),
        MessageType("clock.retracted.v1", notice.ClockRetracted, "events", "sla", ("router",)),
        MessageType("knowledge.matched.v1", notice.KnowledgeMatched, "events", "kb", ("router",)),
        MessageType("article.published.v1", notice.ArticlePublished, "events", "kb", ("kb",)),
        MessageType("article.retired.v1", notice.ArticleRetired, "events", "kb", ("kb",)),
        MessageType("service.ordered.v1", notice.ServiceOrdered, "events", "kb", ("intake",)),
        MessageType("ticket.added.v1", notice.TicketAdded, "events", "router", ("intake",)),
        MessageType("callback.noted.v1", callback.CallbackNoted, "events", "desk", ("intake",)),
        MessageType("request.rated.v1", notice.RequestRated, "events", "desk", ("desk",)),
    )
}

_BY_MODEL: Final = {entry.model: entry for entry in MESSAGE_TYPES.values()}


def type_of(data: Contract) -> MessageType:
    """The type under which this model is published. Raises `KeyError` for a model that is no message."""
    return _BY_MODEL[type(data)]
