"""What a resolution leaves behind for those below: the article that says how, the draft of one, or why none is needed."""

from __future__ import annotations

from typing import Any, Final

from tierdesk_contracts.knowledge import Dossier
from tierdesk_contracts.outcome import WorkResolved
from tierdesk_contracts.vocabulary import RejectReason
from tierdesk_policy import Policy
from tierdesk_router.domain.refusal import Refusal
from tierdesk_router.domain.ticket import Ticket

STEPS_TOLD: Final = 30
"""So many steps tried, the newest, are told with a resolution; the log keeps all."""


def check_documented(ticket: Ticket, resolved: WorkResolved, policy: Policy) -> None:
    """Raise `Refusal` for a resolution that leaves nothing behind where something is owed, or says two things of it.

    Vendors owe nothing: they know nothing of the desk's knowledge.
    """
    assert ticket.assignment is not None
    if ticket.assignment.vendor is not None:
        return
    if resolved.waiver and (resolved.draft is not None or resolved.article_id is not None):
        raise Refusal(RejectReason.FORBIDDEN, "it waives the article that it names or drafts: leave out one of the two")
    if _owes(ticket, policy) and not (resolved.article_id or resolved.draft or resolved.waiver):
        raise Refusal(
            RejectReason.UNDOCUMENTED,
            f"what tier {ticket.tier} resolves is left behind for those below: send `article_id`, the article that says "
            "how; or `draft`, with `title` and `body`, of one that should; or `waiver`, the reason why nobody needs one",
        )


def documentation(ticket: Ticket, resolved: WorkResolved, policy: Policy) -> dict[str, Any]:
    """What the event tells of it. A vendor's draft or waiver is none of the desk's, and is left out.

    A dossier goes with what is resolved above the tier that takes documented problems, unless it has a draft or a waiver.
    """
    assert ticket.assignment is not None
    outside = ticket.assignment.vendor is not None
    draft, waiver = (None, "") if outside else (resolved.draft, resolved.waiver)
    wanted = draft is None and not waiver and _is_above_knowledge(ticket, policy)
    return {
        "article_id": resolved.article_id,
        "draft": draft,
        "waiver": waiver,
        "tier": ticket.tier,
        "dossier": _dossier(ticket) if wanted else None,
    }


def _owes(ticket: Ticket, policy: Policy) -> bool:
    if policy.knowledge is None or policy.knowledge.owed_from is None or ticket.tier is None:
        return False
    return policy.height(ticket.tier) >= policy.height(policy.knowledge.owed_from)


def _is_above_knowledge(ticket: Ticket, policy: Policy) -> bool:
    if policy.knowledge is None or ticket.tier is None:
        return False
    return policy.height(ticket.tier) > policy.height(policy.group(policy.knowledge.group).tier)


def _dossier(ticket: Ticket) -> Dossier:
    return Dossier(
        title=ticket.title,
        text=ticket.text,
        asset=ticket.asset,
        affected=ticket.affected,
        steps_tried=ticket.steps_tried[-STEPS_TOLD:],
    )
