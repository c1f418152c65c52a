"""Whose articles a ticket may be matched with: those that the group to which a match sends it may read."""

from __future__ import annotations

from typing import Final

from tierdesk_policy import Policy

REQUESTER: Final = "requester"
"""The audience of what everybody may read."""


def audiences_of(policy: Policy) -> frozenset[str] | None:
    """What the policy's knowledge group may read: what requesters may, and what is written for its tier or a lower one.

    None, for all of them, where a match moves nothing.
    """
    if policy.knowledge is None:
        return None
    height = policy.height(policy.group(policy.knowledge.group).tier)
    return frozenset((REQUESTER, *(tier.id for tier in policy.tiers[: height + 1])))


def may_be_matched(audience: str, policy: Policy) -> bool:
    """Whether an article that is written for this audience may be matched with tickets under the policy."""
    audiences = audiences_of(policy)
    return audiences is None or audience in audiences
