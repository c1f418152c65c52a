"""Where an escalation or a transfer leads, along the edges of the policy."""

from __future__ import annotations

from typing import Final

from tierdesk_contracts.vocabulary import RejectReason
from tierdesk_policy import Group, Mode, Policy, UnknownNameError
from tierdesk_router.domain.refusal import Refusal
from tierdesk_router.domain.ticket import Ticket


def find_target(ticket: Ticket, policy: Policy, *, to_tier: str | None, to_group: str | None) -> Group:
    """The group that an escalation goes to. Raises `Refusal(FORBIDDEN)` where the policy has no such way.

    Without a tier, the next higher one that an edge leads to. Without a group, the tier's group for the ticket's
    category: its entry group, else the vendor that covers it, else the tier's first group that no vendor works.
    """
    assert ticket.tier is not None
    try:
        if to_group is not None:
            group = policy.group(to_group)
            if to_tier not in {None, group.tier}:
                raise Refusal(RejectReason.FORBIDDEN, f"group {to_group} is of tier {group.tier}, not {to_tier}")
        else:
            tier = to_tier or _next_tier(ticket.tier, policy)
            found = _group_for(ticket, policy, tier)
            if found is None:
                why = f"no contract of tier {tier} covers the category {ticket.category}: name the group"
                raise Refusal(RejectReason.FORBIDDEN, why)
            group = found
    except UnknownNameError as error:
        raise Refusal(RejectReason.FORBIDDEN, str(error)) from error
    if group.tier == ticket.tier:
        raise Refusal(RejectReason.FORBIDDEN, f"{group.id} is of the same tier: transfer it instead")
    if not policy.allows(ticket.tier, group.tier):
        raise Refusal(
            RejectReason.FORBIDDEN,
            f"the policy has no edge from {ticket.tier} to {group.tier}; there are edges to {_ways(ticket.tier, policy)}",
        )
    return group


def find_way_up(ticket: Ticket, policy: Policy) -> Group:
    """The group of the next higher tier that an edge leads to, past suppliers whose contract does not cover the ticket.

    Raises `Refusal(FORBIDDEN)` where the policy has no such way.
    """
    assert ticket.tier is not None
    assert ticket.category is not None
    for higher in policy.tiers[policy.height(ticket.tier) + 1 :]:
        if policy.allows(ticket.tier, higher.id):
            group = _group_for(ticket, policy, higher.id)
            if group is not None:
                return group
    raise Refusal(
        RejectReason.FORBIDDEN,
        f"no edge leads up from {ticket.tier} to a group for it; there are edges to {_ways(ticket.tier, policy)}",
    )


def find_way_back(ticket: Ticket, policy: Policy) -> Group:
    """The group in house that handed the ticket on to where it is; without one, that of the nearest lower tier in house.

    Both along an edge. Raises `Refusal(FORBIDDEN)` where the policy has no such way.
    """
    assert ticket.tier is not None
    height = policy.height(ticket.tier)
    for sender in reversed(ticket.senders):
        group = policy.group(sender)
        if group.vendor is None and policy.height(group.tier) < height and policy.allows(ticket.tier, group.tier):
            return group
    for lower in reversed(policy.tiers[:height]):
        if policy.allows(ticket.tier, lower.id):
            found = _group_for(ticket, policy, lower.id)
            if found is not None and found.vendor is None:
                return found
    raise Refusal(
        RejectReason.FORBIDDEN,
        f"no edge leads down from {ticket.tier} to people in house; there are edges to {_ways(ticket.tier, policy)}",
    )


_INSTEAD: Final = {
    Mode.TIERED: "is handed from tier to tier: escalate it instead",
    Mode.SWARM: "is swarmed, the ticket does not move: invite the group instead",
    Mode.CARRY_THROUGH: "is carried through by its owner: carry it instead, or invite the group",
}


def check_mode(ticket: Ticket, policy: Policy, wanted: Mode) -> None:
    """Raise `Refusal(FORBIDDEN)` when work of the ticket's category is passed on in another way."""
    assert ticket.category is not None
    category = policy.category(ticket.category)
    if category.mode is not wanted:
        raise Refusal(RejectReason.FORBIDDEN, f"the category {category.id} {_INSTEAD[category.mode]}")


def find_transfer(ticket: Ticket, policy: Policy, to_group: str) -> Group:
    """A group of the same tier: in house also the own one, whose other people go on when somebody goes home.

    Raises `Refusal(FORBIDDEN)`.
    """
    try:
        group = policy.group(to_group)
    except UnknownNameError as error:
        raise Refusal(RejectReason.FORBIDDEN, str(error)) from error
    assert ticket.assignment is not None
    if group.tier != ticket.assignment.tier:  # its owner's: a ticket that is carried may stand at another
        raise Refusal(RejectReason.FORBIDDEN, f"{to_group} is of tier {group.tier}: escalate it instead")
    if group.id == ticket.assignment.group and group.vendor is not None:
        raise Refusal(RejectReason.FORBIDDEN, f"{to_group} has it already")
    return group


def _next_tier(tier: str, policy: Policy) -> str:
    height = policy.height(tier)
    for higher in policy.tiers[height + 1 :]:
        if policy.allows(tier, higher.id):
            return higher.id
    raise Refusal(RejectReason.FORBIDDEN, f"no edge leads up from {tier}; there are edges to {_ways(tier, policy)}")


def _ways(tier: str, policy: Policy) -> str:
    return ", ".join(to for source, to in policy.edges if source == tier) or "no other tier"


def _group_for(ticket: Ticket, policy: Policy, tier: str) -> Group | None:
    """The tier's group for the ticket's category; None where there are only suppliers whose contract does not cover it."""
    groups = policy.groups_of(tier)
    entry = policy.entry_group(ticket.category) if ticket.category else None
    if entry in groups:
        assert entry is not None
        return entry
    vendors = [group for group in groups if group.vendor is not None and _covers(policy, group.vendor, ticket)]
    named = [group for group in vendors if policy.vendor(group.vendor or "").covers]
    people = [group for group in groups if group.vendor is None]
    return next(iter((*named, *people, *vendors)), None)


def _covers(policy: Policy, vendor: str, ticket: Ticket) -> bool:
    return ticket.category is not None and policy.vendor(vendor).covers_category(ticket.category)
