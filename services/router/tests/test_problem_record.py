"""The record of a problem: its table, and what holds whatever people do in whatever order."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tierdesk_contracts import ticket as events
from tierdesk_router.domain.gathering import gather, release
from tierdesk_router.domain.lifecycle import evolve, open_ticket
from tierdesk_router.domain.offers import DESK
from tierdesk_router.domain.problems import (
    LIVE,
    MOVES,
    FixDecision,
    ProblemDraft,
    ProblemKind,
    ProblemRecord,
    ProblemRefusal,
    ProblemStatus,
)

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
DOCUMENT = Path(__file__).parents[3] / "docs" / "problems.md"
TEXTS = st.sampled_from(["", "a cable", "a disk"])


def record(status: ProblemStatus = ProblemStatus.OPEN) -> ProblemRecord:
    return ProblemRecord(
        tenant="main", id=UUID(int=1), reference="PR-TEST-0001", kind=ProblemKind.PROBLEM, status=status,
        title="Mail is slow", opened_at=START, changed_at=START,
    )  # fmt: skip


def test_every_status_has_a_way_to_resolved_and_every_live_one_a_direct_one():
    for status in ProblemStatus:
        assert ProblemStatus.RESOLVED in MOVES[status] or ProblemStatus.OPEN in MOVES[status]
        assert status not in MOVES[status]
    assert all(ProblemStatus.RESOLVED in MOVES[status] for status in LIVE)


def test_the_document_draws_the_table():
    drawn = set(re.findall(r"^    (\w+) --> (\w+)", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE))
    assert drawn == {(before.value, after.value) for before, afters in MOVES.items() for after in afters}


@pytest.mark.parametrize("before", ProblemStatus)
@pytest.mark.parametrize("after", ProblemStatus)
def test_every_pair_of_statuses_is_a_move_or_a_refusal_that_says_what_may_be(before, after):
    draft = ProblemDraft(record(before), at=START, by="ann")
    told = {"workaround": "the web", "fix": FixDecision(choice="fix", reason="weekly")}

    def move() -> None:
        if after is ProblemStatus.RESOLVED:
            draft.resolve("so")
        else:
            draft.change({"status": after} | told, "so")

    if after in MOVES[before] or after is before is not ProblemStatus.RESOLVED:
        move()
        assert draft.problem.status is after
    else:
        with pytest.raises(ProblemRefusal, match="it may become"):
            move()
        assert not draft.is_changed


COMMANDS = st.one_of(
    st.tuples(
        st.just("change"),
        st.fixed_dictionaries(
            {}, optional={"root_cause": TEXTS, "workaround": TEXTS, "status": st.sampled_from(ProblemStatus)}
        ),
    ),
    st.tuples(st.just("announce"), TEXTS.filter(bool)),
    st.tuples(st.just("withdraw"), TEXTS),
    st.tuples(st.just("resolve"), TEXTS.filter(bool)),
    st.tuples(st.just("note"), TEXTS),
)


def act(draft: ProblemDraft, command: str, told) -> None:
    match command:
        case "change":
            draft.change(told, "because")
        case "announce":
            draft.announce(told, "everybody")
        case "withdraw":
            draft.withdraw_announcement(told)
        case "resolve":
            draft.resolve(told)
        case "note":
            draft.note("linked", told, {})


@given(st.lists(COMMANDS, max_size=12))
def test_whatever_is_done_the_log_has_no_gap_a_repeat_changes_nothing_and_the_version_counts_changes(commands):
    problem, notes = record(), []
    for minute, (command, told) in enumerate(commands):
        draft = ProblemDraft(problem, at=START + timedelta(minutes=minute), by="ann")
        try:
            act(draft, command, told)
        except ProblemRefusal:
            assert draft.problem == problem
            continue
        written = [note for note in draft.notes if note.kind != "linked"]
        assert draft.problem.version == problem.version + len(written)
        again = ProblemDraft(draft.problem, at=START + timedelta(days=1), by="bob")
        if command != "note":
            act(again, command, told)
            assert not again.is_changed
        problem, notes = draft.problem, notes + draft.notes
        assert (problem.resolution is not None) is (problem.status is ProblemStatus.RESOLVED)
    assert [note.sequence for note in notes] == list(range(1, len(notes) + 1))
    assert [note.at for note in notes] == sorted(note.at for note in notes)
    assert all(note.by == "ann" for note in notes)


def test_a_ticket_names_the_problems_that_it_is_linked_to_and_its_log_folds_to_that(policy):
    opened = events.Opened(
        sequence=1, at=START, actor=DESK, channel="portal", requester_id=UUID(int=2), title="No mail", text=""
    )
    ticket = open_ticket(opened, tenant="main", ticket_id=UUID(int=3), reference="TD-1", policy_version=policy.version)
    one, other = record(), record().model_copy(update={"id": UUID(int=9), "reference": "PR-TEST-0002"})
    steps, linked = [], ticket
    for problem in (one, other, one):
        draft, link = gather(linked, problem, None, because="alike", by=None, at=START)
        steps, linked = steps + draft.events, draft.ticket
    assert linked.problems == ("PR-TEST-0002", "PR-TEST-0001")
    draft, link = release(linked, other, link, because="not it", by="ann", at=START)
    assert draft.ticket.problems == ("PR-TEST-0001",)
    assert link.released_at == START
    folded = ticket
    for event in steps + draft.events:
        folded = evolve(folded, event)
    assert folded == draft.ticket
