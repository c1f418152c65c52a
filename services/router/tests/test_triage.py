"""Triage: by rules, department, category and matrix, each decision explained."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from uuid import UUID

import pytest

from tierdesk_contracts import intake
from tierdesk_contracts import outcome as outcomes
from tierdesk_contracts import ticket as events
from tierdesk_policy import Policy
from tierdesk_router.domain.outcomes import decide_outcome
from tierdesk_router.domain.requests import apply_match, open_by

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
DEFAULT = "2 (medium, the default, as none was told)"
RULES = [
    {"id": "flood", "when": "text.contains('water')", "group": "duty", "priority": 1, "because": "Water first."},
    {"id": "boss", "vip": True, "priority": 2},
    {"id": "by-phone", "channels": ["phone"], "group": "duty"},
    {"id": "alarms", "channels": ["alert"], "tier": "l2"},
]


@pytest.fixture
def ruled(policy) -> Policy:
    return Policy.from_document(policy.document() | {"rules": RULES, "vips": ["@board.example.org", "+442079460018"]})


def opened(policy: Policy, message) -> tuple[events.Opened, events.Triaged, events.Offered]:
    numbers = itertools.count(100)
    draft = open_by(
        message,
        tenant="main",
        ticket_id=UUID(int=1),
        requester_id=UUID(int=2),
        at=START,
        policy=policy,
        new_id=lambda: UUID(int=next(numbers)),
    )
    by_kind = {event.kind: event for event in draft.events}
    return by_kind["opened"], by_kind["triaged"], by_kind["offered"]


def problem(party="ann", **told) -> intake.ProblemReported:
    return intake.ProblemReported(
        reference="TD-1",
        requester=intake.Requester(party=party),
        **{"title": "It is broken", "category": "laptop"} | told,
    )


def test_without_a_rule_the_category_decides(ruled):
    _, triaged, offered = opened(ruled, problem())
    assert (triaged.group, triaged.priority, triaged.explanation.rule) == ("workplace", 3, "category laptop")
    assert triaged.explanation.because == (
        "The category is laptop, which enters at tier l2, group workplace.",
        f"Impact {DEFAULT} and urgency {DEFAULT} make priority 3 (moderate).",
    )
    assert offered.group == "workplace"


def test_a_rule_decides_before_the_department_and_the_category_and_says_why(ruled):
    _, triaged, offered = opened(
        ruled, problem(text="There is water in it", department="networks", impact=2, urgency=3)
    )
    assert (triaged.tier, triaged.group, triaged.priority) == ("l1", "duty", 1)
    assert triaged.explanation.rule == "rule flood"
    assert triaged.explanation.because[1:] == (
        "Impact 2 (medium) and urgency 3 (low) make priority 4 (low).",
        "The department networks has group network, but a rule goes before it.",
        "The rule flood sends it to group duty of tier l1 and makes it priority 1: Water first.",
    )
    assert offered.group == "duty"


def test_a_department_that_decides_nothing_is_told_with_the_reason(policy):
    later = Policy.from_document(policy.document() | {"departments": [{"id": "networks", "group": "network"}]})
    _, triaged, _ = opened(later, problem(department="networks"))
    assert triaged.explanation.because[2:] == (
        "The best-suited department is networks, which does not go before the category.",
    )
    _, triaged, _ = opened(later, problem(department="canteen"))
    assert triaged.explanation.because[2:] == ("The department canteen is not known.",)
    assert (triaged.group, triaged.explanation.rule) == ("workplace", "category laptop")


def test_a_rule_that_names_a_priority_alone_leaves_the_way_to_department_and_category(ruled):
    told, triaged, _ = opened(ruled, problem("Eve@Board.example.org", department="networks"))
    assert told.vip
    assert (triaged.group, triaged.priority, triaged.explanation.rule) == ("network", 2, "department networks")
    assert triaged.explanation.because[2:] == (
        "The requester is a VIP.",
        "The best-suited department is networks, which goes before the category: network of tier l2 gets it.",
        "The rule boss makes it priority 2.",
    )


def test_the_priority_that_a_rule_gave_outlasts_a_match_and_a_worker_who_finds_it_more_urgent(ruled):
    numbers = itertools.count(100)
    new_id = lambda: UUID(int=next(numbers))  # noqa: E731 - a source of identifiers
    told = problem("eve@board.example.org", impact=3, urgency=3)
    draft = open_by(
        told, tenant="main", ticket_id=UUID(int=1), requester_id=UUID(int=2), at=START, policy=ruled, new_id=new_id
    )
    ticket = draft.ticket
    assert (ticket.group, ticket.priority) == ("workplace", 2)
    matched = apply_match(ticket, "a", "Mop", 0.9, documented=True, at=START, policy=ruled, new_id=new_id).ticket
    assert (matched.group, matched.priority) == ("service-desk", 2)
    noted = outcomes.WorkProgressed(
        assignment_id=ticket.assignment.id, token=ticket.assignment.token, worker="bob", ordinal=1, urgency=2
    )
    decided = decide_outcome(ticket, noted, at=START, policy=ruled, new_id=new_id)
    assert (decided.draft.ticket.urgency, decided.draft.ticket.priority) == (2, 2)


def test_callers_are_vips_by_their_number_and_machines_are_none(ruled):
    call = intake.Called(
        reference="TD-1", provider="pbx", call_id="1", direction="in", caller="+442079460018", outcome="answered"
    )
    told, triaged, _ = opened(ruled, call)
    assert told.vip
    assert (triaged.group, triaged.priority) == ("duty", 2)
    told, triaged, _ = opened(ruled, intake.Alerted(reference="TD-1", source="boss", fingerprint="f", title="Hot"))
    assert not told.vip
    assert (triaged.group, triaged.explanation.rule) == ("workplace", "rule alarms")


def test_a_category_nobody_knows_is_taken_as_the_default_by_rules_too(policy):
    rules = [{"id": "usage", "categories": ["usage"], "group": "duty"}]
    ruled = Policy.from_document(policy.document() | {"rules": rules})
    for category in (None, "tea"):
        _, triaged, _ = opened(ruled, problem(category=category))
        assert (triaged.category, triaged.group) == ("usage", "duty")
