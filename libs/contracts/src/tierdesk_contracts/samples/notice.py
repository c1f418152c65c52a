"""Samples of the other facts."""

from __future__ import annotations

from typing import Any

from tierdesk_contracts.intake import Requester
from tierdesk_contracts.notice import (
    ArticlePublished,
    ArticleRetired,
    ClockBreached,
    ClockRetracted,
    ClockWarned,
    KnowledgeMatched,
    PolicyApplied,
    RequestRated,
    ServiceOrdered,
    TicketAdded,
)
from tierdesk_contracts.samples.story import CLOCK, POLICY, REFERENCE, moment
from tierdesk_contracts.vocabulary import Contract


def messages() -> tuple[Contract, ...]:
    """One of each type."""
    clock: dict[str, Any] = {
        "clock_id": CLOCK,
        "cycle": 2,
        "kind": "acceptance",
        "reference": REFERENCE,
        "tier": "l4",
        "group": "printer-vendor",
        "started_at": moment(2),
        "due_at": moment(30),
    }
    return (
        PolicyApplied(
            version=POLICY,
            name="two tiers",
            document={
                "tiers": [{"id": "l1", "groups": [{"id": "service-desk"}]}, {"id": "l2", "groups": []}],
                "acceptance": {"minutes": 30, "warn_at": 0.8, "again": True, "until": None},
            },
            applied_at=moment(0),
        ),
        ClockWarned(**clock, share=0.8),
        ClockBreached(**clock),
        ClockRetracted(**clock),
        KnowledgeMatched(article_id="KB-12", title="Streaks on paper", score=0.91, documented=True, new_article=True),
        ArticlePublished(article_id="KB-12", revision=3, title="Streaks on paper", audience="l1"),
        ArticleRetired(article_id="KB-12"),
        ServiceOrdered(
            item="laptop",
            version=3,
            requester=Requester(party="zmueller", name="Zoë Müller", email="zoe.mueller@example.org"),
            title="Laptop for a new colleague",
            text="To be done:\n1. Order it\n2. Install it\n\nOrdered with:\nScreen: 14 inch",
            category="hardware",
            location="Building B, floor 3",
        ),
        TicketAdded(reference="TD-5HNE-2KQ8"),
        RequestRated(
            reference=REFERENCE,
            resolution=14,
            resolved_at=moment(40),
            score=4,
            comment="Quick, and it still prints.",
            revision=1,
        ),
    )
