"""Triage of one event in memory, beside tables of rules: no server takes part."""

from __future__ import annotations

import argparse
import time
import uuid
from datetime import UTC, datetime

from rich.console import Console

from tierdesk_contracts.intake import ProblemReported, Requester
from tierdesk_policy import Policy
from tierdesk_router.domain.requests import open_by
from tierdesk_router.domain.ticket import Ticket
from tierdesk_router.domain.triage import triage

from .client import CATEGORIES, event_of
from .host import median
from .reports import Report

TABLES = (0, 100, 1_000)
EVENTS = 2_000
KINDS = 50


def measure(options: argparse.Namespace, console: Console) -> None:
    """Microseconds for a decision: median and 99th percentile. Every second rule has a condition, and none decides,
    so that all that the columns leave are looked at.
    """
    report = Report("triage: microseconds for one event", console)
    for _ in range(options.rounds):
        for rules in TABLES:
            policy = _policy(rules)
            tickets = [_ticket(number, policy) for number in range(EVENTS)]
            triage(tickets[0], policy)
            spent = sorted(_spent(ticket, policy) for ticket in tickets)
            figures = {"median_us": round(median(spent), 1), "p99_us": round(spent[len(spent) * 99 // 100], 1)}
            report.add(f"{rules} rules", figures)
    report.close()


def _spent(ticket: Ticket, policy: Policy) -> float:
    began = time.perf_counter()
    triage(ticket, policy)
    return (time.perf_counter() - began) * 1e6


def _policy(rules: int) -> Policy:
    """Categories enough that a rule is about one of them, as in a desk with many rules."""
    categories = [*CATEGORIES, *(f"kind-{number}" for number in range(KINDS - len(CATEGORIES)))]
    return Policy.from_document(
        {
            "name": "bench",
            "tiers": [{"id": "l1"}, {"id": "l2"}],
            "edges": [["l1", "l2"]],
            "groups": [{"id": "desk", "tier": "l1"}, {"id": "experts", "tier": "l2"}],
            "categories": [{"id": name, "tier": "l1", "group": "desk"} for name in categories],
            "rules": [
                {
                    "id": f"rule-{number}",
                    "categories": [categories[number % KINDS]],
                    "group": "experts",
                    **(
                        {"when": f"text.contains('{number} nowhere') || asset == 'a-{number}'"}
                        if number % 2
                        else {"departments": [f"none-{number}"], "impacts": [1, 2]}
                    ),
                }
                for number in range(rules)
            ],
        }
    )


def _ticket(number: int, policy: Policy) -> Ticket:
    event = {name: value for name, value in event_of(number).items() if name != "type"}
    report = ProblemReported(reference="TD-0000-0000", **event | {"requester": Requester(**event["requester"])})
    draft = open_by(
        report,
        tenant="main",
        ticket_id=uuid.UUID(int=number),
        requester_id=uuid.UUID(int=1),
        at=datetime.now(UTC),
        policy=policy,
        new_id=uuid.uuid4,
    )
    return draft.before
