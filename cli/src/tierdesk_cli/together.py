"""What a demonstration points at in a ticket's log: who was invited, what was carried, which tiers were passed over."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from tierdesk_cli.wording import quote, tell_actor, tell_group
from tierdesk_contracts import ticket as events
from tierdesk_contracts.event import TicketEvent
from tierdesk_policy import Policy


def tell_together(log: Iterable[TicketEvent], policy: Policy) -> list[str]:
    """A sentence for each of these, and whether the owner changed."""
    told: list[str] = []
    owners: list[str] = []
    invited: dict[UUID, events.Invited] = {}
    shared, tier = False, ""
    for event in log:
        match event:
            case events.Accepted() if event.worker not in owners:
                owners.append(event.worker)
            case events.Offered():
                tier = event.tier
            case events.Invited():
                shared, invited[event.assignment_id] = True, event
                told.append(
                    f"Swarmed: {tell_actor(event.actor)} invited {tell_group(event.group, policy)} to contribute."
                )
            case events.Contributed() if event.assignment_id in invited:
                group = tell_group(invited[event.assignment_id].group, policy)
                told.append(f"{tell_actor(event.actor)} of {group} answered: {quote(event.findings)}")
            case events.Carried():
                shared = True
                told.append(f"Carried through: {tell_actor(event.actor)} carried it to tier {event.to_tier}.")
            case events.Escalated() if policy.height(event.to_tier) - policy.height(tier) > 1:
                told.append(
                    f"Straight from tier {tier} to tier {event.to_tier}: handed on by {tell_actor(event.actor)}."
                )
    if shared:
        told.append(
            f"Its owner did not change: {owners[0]}." if len(owners) == 1 else f"Its owners: {', '.join(owners)}."
        )
    return told
