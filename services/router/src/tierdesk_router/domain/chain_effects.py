"""What the events of a chain of escalation change of a ticket, and which events end a chain."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from tierdesk_contracts import ticket as events
from tierdesk_contracts.ticket import TicketEvent
from tierdesk_contracts.vocabulary import ActorKind, ChainCause, ChainEnd, Status
from tierdesk_router.domain.ticket import Acknowledgement, Chain, Ticket

_OVER: Final = frozenset({Status.RESOLVED, Status.CLOSED, Status.CANCELLED, Status.MERGED})
_WORKERS: Final = frozenset({ActorKind.WORKER, ActorKind.VENDOR})


def find_ended_chains(ticket: Ticket, event: TicketEvent) -> list[tuple[Chain, ChainEnd]]:
    """The chains that have nothing more to escalate after this event, which the ticket has folded already."""
    if not ticket.chains or isinstance(event, events.ChainStopped):
        return []
    ended = ((chain, _end_of(chain, ticket, event)) for chain in ticket.chains)
    return [(chain, why) for chain, why in ended if why is not None]


def _end_of(chain: Chain, ticket: Ticket, event: TicketEvent) -> ChainEnd | None:
    if ticket.status in _OVER:
        return ChainEnd(ticket.status.value)
    match event:
        case events.Acknowledged():
            return ChainEnd.ACKNOWLEDGED
        case events.Accepted() if chain.cause is ChainCause.UNACCEPTED:
            return ChainEnd.ACCEPTED
        case _ if chain.cause is ChainCause.SILENT and event.actor.kind in _WORKERS:
            live = ticket.assignment
            # Of a guest, or of somebody beside the work, the owner is as silent as before.
            return ChainEnd.HEARD if live is None or event.actor.id == live.worker else None
    return None


def _chain_started(ticket: Ticket, event: events.ChainStarted) -> dict[str, Any]:
    chain = Chain(
        escalation=event.escalation,
        cause=event.cause,
        reason=event.reason,
        clock_id=event.clock_id,
        cycle=event.cycle,
        due_at=event.at,
    )
    change: dict[str, Any] = {"chains": (*ticket.chains, chain), "acknowledgement": None}
    if event.cause is ChainCause.SILENT and ticket.assignment is not None:
        begun = (*ticket.assignment.chains_of_silence, event.escalation)
        change["assignment"] = ticket.assignment.model_copy(update={"chains_of_silence": begun})
    return change


def _chain_waiting(ticket: Ticket, event: events.ChainWaiting) -> dict[str, Any]:
    moved = {"step": event.step, "round": event.round, "due_at": event.until}
    chains = (
        chain.model_copy(update=moved) if chain.escalation == event.escalation else chain for chain in ticket.chains
    )
    return {"chains": tuple(chains)}


def _acknowledged(ticket: Ticket, event: events.Acknowledged) -> dict[str, Any]:
    escalations = tuple(chain.escalation for chain in ticket.chains)
    taken = Acknowledgement(by=event.actor.id, at=event.at, note=event.note, escalations=escalations)
    return {"acknowledgement": taken}


CHAIN_EFFECTS: Final[Mapping[str, Callable[[Ticket, Any], dict[str, Any]]]] = {
    "chain_started": _chain_started,
    "chain_waiting": _chain_waiting,
    "chain_stopped": lambda ticket, event: {
        "chains": tuple(chain for chain in ticket.chains if chain.escalation != event.escalation)
    },
    "acknowledged": _acknowledged,
}
