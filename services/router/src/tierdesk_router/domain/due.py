"""What happens to a ticket by itself, once it is due."""

from __future__ import annotations

from datetime import datetime

from tierdesk_policy import Policy
from tierdesk_router.domain.chains import catch_up, heed_unaccepted
from tierdesk_router.domain.contributions import expire_invitations
from tierdesk_router.domain.lifecycle import Draft
from tierdesk_router.domain.offers import DESK, NewId, close_resolved, expire_offer
from tierdesk_router.domain.ticket import Ticket


def fire_due(ticket: Ticket, policy: Policy, *, now: datetime, new_id: NewId) -> Draft | None:
    """Make an unaccepted offer or invitation anew, or close a resolved ticket, then let chains go on; None when nothing is due."""
    draft = expire_offer(ticket, policy, now=now, new_id=new_id)
    draft = draft or expire_invitations(ticket, policy, now=now, new_id=new_id)
    draft = draft or close_resolved(ticket, policy, now=now) or Draft(ticket, at=now, actor=DESK)
    heed_unaccepted(draft, policy, new_id=new_id)
    catch_up(draft, policy, new_id=new_id)
    return draft if draft.events else None
