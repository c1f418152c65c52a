"""The lifecycle as a table, and any story a ticket can go through."""

from __future__ import annotations

import itertools
import re
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tierdesk_contracts import intake
from tierdesk_contracts import outcome as outcomes
from tierdesk_contracts import ticket as events
from tierdesk_contracts.vocabulary import MAX_TEXT, Actor, ActorKind, Status, StepTried
from tierdesk_router import lifecycle_document
from tierdesk_router.domain.announcements import announce
from tierdesk_router.domain.contributions import expire_invitations
from tierdesk_router.domain.effects import STEPS_KEPT
from tierdesk_router.domain.lifecycle import MOVES, TERMINAL, Draft, evolve, open_ticket
from tierdesk_router.domain.offers import close_resolved, expire_offer
from tierdesk_router.domain.outcomes import decide_outcome
from tierdesk_router.domain.refusal import Refusal
from tierdesk_router.domain.requests import answer_request, apply_match, open_by
from tierdesk_router.domain.splitting import SplitError, split
from tierdesk_router.domain.ticket import Ticket

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
ANN = Actor(kind=ActorKind.WORKER, id="ann")
KINDS = {
    model.model_fields["kind"].default
    for model in vars(events).values()
    if isinstance(model, type) and issubclass(model, events.TicketEvent) and "kind" in model.model_fields
} - {None}
REAL = [status for status in Status if status is not Status.UNKNOWN]


def open_one(policy, *, category="usage", department=None, new_id) -> Draft:
    report = intake.ProblemReported(
        reference="TD-TEST-0001",
        requester=intake.Requester(party="ann"),
        title="It is broken",
        category=category,
        department=department,
        steps_tried=(StepTried(step="turned it off and on"),),
    )
    return open_by(
        report, tenant="main", ticket_id=UUID(int=1), requester_id=UUID(int=2), at=START, policy=policy, new_id=new_id
    )


@pytest.fixture
def new_id():
    numbers = itertools.count(100)
    return lambda: UUID(int=next(numbers))


def test_every_event_kind_has_a_place_in_the_table():
    assert {kind for _, kind in MOVES} | {"opened"} == {kind for kind in KINDS if isinstance(kind, str)}


def test_every_status_can_be_reached_from_new():
    reached = {Status.NEW}
    for _ in REAL:
        reached |= {after for (before, _kind), after in MOVES.items() if before in reached}
    assert reached == set(REAL)


def test_the_document_tells_every_move_and_a_changed_table_is_found(tmp_path, monkeypatch, capsys):
    text = lifecycle_document.render()
    for (before, kind), after in MOVES.items():
        if before is not after:
            assert re.search(rf"^    {before} --> {after}: .*\b{kind}\b", text, re.MULTILINE)
        (row,) = [line for line in text.splitlines() if line.startswith(f"| {kind} | ") and line.count("|") == 4]
        assert (f"{before} → {after}" if before is not after else before.value) in row
    (tmp_path / "docs").mkdir()
    check = ["--check", "--root", str(tmp_path)]
    assert lifecycle_document.main(check) == 1
    assert lifecycle_document.main(["--write", "--root", str(tmp_path)]) == 0
    assert lifecycle_document.main(check) == 0
    monkeypatch.setattr(lifecycle_document, "MOVES", {**MOVES, (Status.NEW, "closed"): Status.CLOSED})
    assert lifecycle_document.main(check) == 1
    assert "docs/lifecycle.md: tells another table" in capsys.readouterr().out


def test_nothing_leads_out_of_a_terminal_status():
    assert all(MOVES[status, kind] is status for status, kind in MOVES if status in TERMINAL)


def test_every_open_status_can_still_come_to_an_end():
    for status in set(REAL) - TERMINAL:
        reached = {status}
        for _ in REAL:
            reached |= {after for (before, _kind), after in MOVES.items() if before in reached}
        assert Status.CLOSED in reached


OUTCOMES = st.sampled_from(
    [
        (outcomes.WorkAccepted, {}),
        (outcomes.WorkProgressed, {"note": "looked", "answer": "we are on it"}),
        (outcomes.WorkProgressed, {"impact": 1, "steps_tried": (StepTried(step="pinged it"),)}),
        (outcomes.WorkPaused, {"party": "requester"}),
        (outcomes.WorkPaused, {"party": "vendor"}),
        (outcomes.WorkResumed, {}),
        (outcomes.WorkResolved, {"how": "replaced it"}),
        (outcomes.WorkEscalated, {"reason": "beyond_scope", "findings": "not the cable"}),
        (outcomes.WorkEscalated, {"reason": "needs_vendor", "to_tier": "l4"}),
        (outcomes.WorkEscalated, {"reason": "findings", "to_tier": "l1"}),
        (outcomes.WorkEscalated, {"reason": "beyond_scope", "override": "she is on a flight"}),
        (outcomes.WorkProgressed, {"contact": "4711", "location": "B3", "affected": "all", "urgency": 1}),
        (outcomes.WorkCarried, {"reason": "cause_unclear", "override": "she is on a flight"}),
        (outcomes.WorkCarried, {"reason": "needs_vendor", "to_tier": "l4"}),
        (outcomes.WorkInvited, {"to_group": "network", "question": "is it the net?"}),
        (outcomes.WorkInvited, {"to_group": "printer-vendor", "question": "is it the drum?"}),
        (outcomes.WorkInvited, {"to_group": "nobody", "question": "is it?"}),
        (outcomes.WorkContributed, {"findings": "it is"}),
        (outcomes.WorkTransferred, {"to_group": "network"}),
        (outcomes.WorkTransferred, {"to_group": "nowhere"}),
        (outcomes.WorkReturned, {"reason": "wrong_group"}),
    ]
)
REQUESTS = st.sampled_from(
    [
        intake.RequesterReplied(text="any news?"),
        intake.RequesterReplied(
            text="",
            attachments=(
                intake.AttachedFile(id=UUID(int=7), file_name="a", name="b", media_type="image/png", size_bytes=9),
            ),
        ),
        intake.FactsTold(location="B3", contact="4711", impact=1, steps_tried=(StepTried(step="looked"),)),
        intake.Confirmed(),
        intake.Reopened(reason="it is back"),
        intake.Cancelled(reason="found it"),
    ]
)
CATEGORIES = ["usage", "laptop", "printer", "how-to", "crisis", "trusted"]
STEPS = st.one_of(
    st.tuples(st.just("outcome"), OUTCOMES, st.sampled_from(["ann", "bob"])),
    st.tuples(st.just("contribution"), OUTCOMES, st.integers(0, 3)),
    st.tuples(st.just("request"), REQUESTS),
    st.tuples(st.just("wait"), st.integers(1, 20 * 86_400)),
    st.tuples(st.just("match"), st.booleans(), st.booleans()),
    st.tuples(st.just("split"), st.integers(200, 202)),
)


@given(steps=st.lists(STEPS, max_size=25), category=st.sampled_from([*CATEGORIES, None]))
def test_in_any_story_the_row_equals_its_log_and_one_party_at_most_has_the_ticket(policy, steps, category):
    numbers = itertools.count(100)
    new_id = lambda: UUID(int=next(numbers))  # noqa: E731 - a source of identifiers
    now = START
    draft = open_one(policy, category=category, new_id=new_id)
    log, ticket = list(draft.events), draft.ticket
    tokens = tokens_of(log)
    for step in steps:
        draft = play(step, ticket, policy, now, new_id)
        if step[0] == "wait":
            now += timedelta(seconds=step[1])
        if draft is None:
            continue
        announce(draft, policy, None)
        log += draft.events
        ticket = draft.ticket
        tokens += tokens_of(draft.events)
        assert (ticket.assignment is not None) == (ticket.status in {Status.OFFERED, Status.ACCEPTED, Status.PAUSED})
        assert not ticket.contributions or ticket.status in {Status.ACCEPTED, Status.PAUSED}
        assert len({part.group for part in ticket.contributions}) == len(ticket.contributions)
        assert ticket.completeness == 1.0 or ticket.missing_facts
        assert (ticket.status is Status.OFFERED) == (ticket.assignment is not None and ticket.assignment.worker is None)
    assert [event.sequence for event in log] == list(range(1, len(log) + 1))
    assert tokens == list(range(1, len(tokens) + 1))
    assert fold(log, ticket, policy) == ticket


def tokens_of(log) -> list[int]:
    return [event.token for event in log if isinstance(event, events.Offered | events.Invited)]


def play(step, ticket, policy, now, new_id) -> Draft | None:
    given = {"policy": policy, "new_id": new_id}
    draft = None
    match step:
        case ("outcome", (kind, fields), worker) if ticket.assignment is not None:
            draft = say(kind, fields, worker, ticket.assignment, ticket, now, given)
        case ("contribution", (kind, fields), place) if place < len(ticket.contributions):
            draft = say(kind, fields, "eve", ticket.contributions[place], ticket, now, given)
            assert draft.ticket.assignment == ticket.assignment
            assert (draft.ticket.status, draft.ticket.tier) == (ticket.status, ticket.tier)
        case ("request", message):
            draft = answer_request(ticket, message, at=now, **given)
        case ("wait", seconds):
            later = now + timedelta(seconds=seconds)
            fired = expire_offer(ticket, now=later, **given) or expire_invitations(ticket, now=later, **given)
            draft = fired or close_resolved(ticket, policy, now=later)
        case ("match", documented, new):
            draft = apply_match(ticket, "kb-1", "Fix it", 0.9, documented=documented, new_article=new, at=now, **given)
        case ("split", number):
            draft = split_off(ticket, UUID(int=number), now)
    return draft


def split_off(ticket, part_id, now) -> Draft | None:
    part = ticket.model_copy(update={"id": part_id, "reference": "TD-TEST-0002"})
    try:
        draft = split(ticket, part, reason="two matters", by=ANN, at=now)
    except SplitError:
        assert ticket.status in {Status.CLOSED, *TERMINAL}
        return None
    assert (draft.ticket.status, draft.ticket.assignment) == (ticket.status, ticket.assignment)
    return draft


def say(kind, fields, worker, live, ticket, now, given) -> Draft | None:
    outcome = kind(assignment_id=live.id, token=live.token, worker=worker, ordinal=1, **fields)
    try:
        return decide_outcome(ticket, outcome, at=now, **given).draft
    except Refusal:
        assert live.worker not in {None, worker}
        return None


def fold(log, ticket: Ticket, policy) -> Ticket:
    folded = open_ticket(
        log[0], tenant=ticket.tenant, ticket_id=ticket.id, reference=ticket.reference, policy_version=policy.version
    )
    for event in log[1:]:
        folded = evolve(folded, event)
    return folded


def test_an_offer_that_nobody_accepts_is_made_again_and_then_to_the_fallback(policy, new_id):
    ticket = open_one(policy, new_id=new_id).ticket
    groups = []
    for _ in range(4):
        assert ticket.assignment is not None
        assert expire_offer(ticket, policy, now=ticket.assignment.offered_at, new_id=new_id) is None
        draft = expire_offer(ticket, policy, now=ticket.assignment.accept_by, new_id=new_id)
        assert draft is not None
        ticket = draft.ticket
        groups.append((ticket.group, ticket.assignment.attempt, ticket.assignment.token))
    assert groups == [("service-desk", 2, 2), ("duty", 1, 3), ("duty", 2, 4), ("duty", 3, 5)]


def test_a_documented_problem_goes_down_while_nobody_has_accepted_it(policy, new_id):
    ticket = open_one(policy, category="laptop", new_id=new_id).ticket
    draft = apply_match(ticket, "kb-1", "Dock fix", 0.8, documented=True, at=START, policy=policy, new_id=new_id)
    assert draft.ticket.group == "service-desk"
    assert draft.ticket.rule == "documented problem"
    assert "Dock fix" in draft.ticket.explanation[-1]


@pytest.mark.parametrize("category", ["usage", "printer"])
def test_a_documented_problem_stays_at_l1_and_with_a_vendor(policy, new_id, category):
    ticket = open_one(policy, category=category, new_id=new_id).ticket
    draft = apply_match(ticket, "kb-1", "Fix", 0.8, documented=True, at=START, policy=policy, new_id=new_id)
    assert [event.kind for event in draft.events] == ["matched"]


def test_what_a_requester_may_not_is_noted_and_not_lost(policy, new_id):
    ticket = open_one(policy, new_id=new_id).ticket
    draft = answer_request(ticket, intake.Reopened(reason="still broken"), at=START, policy=policy, new_id=new_id)
    assert draft.ticket.status is Status.OFFERED
    assert "still broken" in draft.events[0].text


def test_the_longest_words_of_a_wish_that_is_not_granted_are_kept_whole(policy, new_id):
    ticket = open_one(policy, new_id=new_id).ticket
    words = "x" * MAX_TEXT
    draft = answer_request(ticket, intake.Reopened(reason=words), at=START, policy=policy, new_id=new_id)
    assert [event.kind for event in draft.events] == ["replied", "replied"]
    assert draft.events[1].text == words


def test_however_many_steps_are_tried_a_ticket_carries_only_the_newest(policy, new_id):
    ticket = open_one(policy, new_id=new_id).ticket
    live = ticket.assignment
    for ordinal in (1, 2):
        steps = tuple(StepTried(step=f"{ordinal}.{number}") for number in range(STEPS_KEPT))
        progress = outcomes.WorkProgressed(
            assignment_id=live.id, token=live.token, worker="ann", ordinal=ordinal, steps_tried=steps
        )
        ticket = decide_outcome(ticket, progress, at=START, policy=policy, new_id=new_id).draft.ticket
    assert ticket.steps_tried == steps
