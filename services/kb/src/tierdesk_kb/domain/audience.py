"""Who may read an article: requesters, or a tier and all that stand above it."""

from __future__ import annotations

from typing import Final

from tierdesk_policy import Policy, UnknownNameError

REQUESTER: Final = "requester"
"""The audience of articles that requesters read, and so everybody."""


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


def is_readable_below(tier: str, audience: str, policy: Policy) -> bool:
    """Whether people of a tier lower than this one may read what is written for `audience`.

    What requesters read can be solved at the lowest tier, so that there nothing is below.
    """
    try:
        height = policy.height(tier)
        return height > 0 and (audience == REQUESTER or policy.height(audience) < height)
    except UnknownNameError:
        return False
