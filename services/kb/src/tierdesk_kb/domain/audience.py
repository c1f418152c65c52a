"""Who may read an article: requesters, or a tier and all that stand above it."""

from __future__ import annotations

from typing import Final

from tierdesk_policy import Policy, UnknownNameError

REQUESTER: Final = "requester"
"""The audience of articles that requesters read, and so everybody."""


def is_readable_at(tier: str, audience: str, policy: Policy) -> bool:
    """Whether people of `tier` may read what is written for `audience`. Of tiers that the policy lacks, none may."""
    if audience == REQUESTER:
        return True
    try:
        return policy.height(audience) <= policy.height(tier)
    except UnknownNameError:
        return False


def is_readable_below(tier: str, audience: str, policy: Policy) -> bool:
    """Whether people of a tier lower than this one may read what is written for `audience`.

    What requesters read can be solved at the lowest tier, so that there nothing is below.
    """
    try:
        height = policy.height(tier)
        return height > 0 and (audience == REQUESTER or policy.height(audience) < height)
    except UnknownNameError:
        return False
