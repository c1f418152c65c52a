"""Work as a machine: whatever order messages and people come in, it stands somewhere that makes sense."""

from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tierdesk_contracts import outcome as outcomes
from tierdesk_contracts.vocabulary import RejectReason, WithdrawReason
from tierdesk_contracts.work import Case, OutcomeRejected, WorkAssigned, WorkOffered, WorkUpdated, WorkWithdrawn
from tierdesk_desk.domain.work import (
    HELD,
    ForbiddenStepError,
    OverError,
    Stage,
    TakenError,
    claim,
    on_assigned,
    on_rejected,
    on_updated,
    on_withdrawn,
    open_work,
    say,
)

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
CASE = Case(reference="TD-TEST-0001", title="The printer smokes", text="", category="hardware", priority=3)
STEPS = {
    "progress": (outcomes.WorkProgressed, {"note": "Looked."}),
    "pause": (outcomes.WorkPaused, {"party": "requester"}),
    "resume": (outcomes.WorkResumed, {}),
    "resolve": (outcomes.WorkResolved, {"how": "Done."}),
    "escalate": (outcomes.WorkEscalated, {"reason": "cause_unclear"}),
    "contribute": (outcomes.WorkContributed, {"findings": "A loop."}),
}
people = st.sampled_from(["amy", "bob"])
acts = st.lists(
    st.one_of(
        st.tuples(st.just("claim"), people),
        st.tuples(st.sampled_from(sorted(STEPS)), people),
        st.tuples(st.just("assigned"), people),
        st.tuples(st.just("resumed"), st.none()),
        st.tuples(st.just("withdrawn"), st.sampled_from([one for one in WithdrawReason if one.value != "unknown"])),
        st.tuples(
            st.just("rejected"),
            st.tuples(people, st.sampled_from([one for one in RejectReason if one.value != "unknown"])),
        ),
    ),
    max_size=25,
)


def offer(role="owner"):
    return WorkOffered(
        assignment_id=UUID(int=7), token=3, tier="l1", group="front", reason="triage", role=role, case=CASE
    )


@given(acts, st.sampled_from(["owner", "contributor"]))
def test_ordinals_have_no_gap_and_who_has_it_is_one_person(told, role):
    work = open_work(offer(role), tenant="main", ticket="t", skills=(), at=NOW)
    sent = []
    for act, what in told:
        before = work
        try:
            if act == "claim":
                work, outcome = claim(work, what, NOW)
                sent += [outcome] if outcome else []
            elif act in STEPS:
                work, outcome = say(work, what, *STEPS[act], NOW)
                sent.append(outcome)
        except (TakenError, OverError, ForbiddenStepError):
            assert work == before
        named = {"assignment_id": work.assignment_id, "token": work.token}
        if act == "assigned" and work.stage in HELD:
            work = on_assigned(
                work, WorkAssigned(**named, worker=work.worker, last_ordinal=work.ordinal, case=CASE), NOW
            )
        elif act == "resumed":
            work = on_updated(work, WorkUpdated(**named, resumed=True), NOW)
        elif act == "withdrawn":
            work = on_withdrawn(work, WorkWithdrawn(**named, reason=what), NOW)
        elif act == "rejected" and sent:
            worker, reason = what
            refusal = OutcomeRejected(
                **named, outcome_id=uuid4(), worker=worker, ordinal=work.ordinal, reason=reason, detail="no",
                last_ordinal=work.ordinal,
            )  # fmt: skip
            work = on_rejected(work, refusal, NOW)
        assert (work.worker is not None) == (work.stage is not Stage.OFFERED) or work.stage is Stage.GONE
        assert (work.waits_for is not None) == (work.stage is Stage.PAUSED)
        assert (work.ended is not None) == (work.stage in {Stage.LEFT, Stage.GONE})
        if before.stage in HELD and work.stage in HELD:
            assert work.worker == before.worker
    assert [outcome.ordinal for outcome in sent] == list(range(1, len(sent) + 1))
    assert {(outcome.assignment_id, outcome.token) for outcome in sent} <= {(UUID(int=7), 3)}


def owned_by_amy():
    work, _ = claim(open_work(offer(), tenant="main", ticket="t", skills=(), at=NOW), "amy", NOW)
    named = {"assignment_id": work.assignment_id, "token": work.token}
    return on_assigned(work, WorkAssigned(**named, worker="amy", last_ordinal=1, case=CASE), NOW)


def refuse(work, reason, *, ordinal=None, last_ordinal=None):
    return on_rejected(
        work,
        OutcomeRejected(
            assignment_id=work.assignment_id, token=work.token, outcome_id=uuid4(), worker="amy", reason=reason,
            ordinal=ordinal or work.ordinal, last_ordinal=last_ordinal or work.ordinal, detail="no",
        ),
        NOW,
    )  # fmt: skip


@pytest.mark.parametrize("step", ["resume", "progress", "resolve"])
def test_what_a_reply_has_resumed_waits_no_more_though_what_was_said_meanwhile_is_refused(step):
    work, _ = say(owned_by_amy(), "amy", *STEPS["pause"], NOW)
    work, _ = say(work, "amy", *STEPS[step], NOW)
    named = {"assignment_id": work.assignment_id, "token": work.token}
    work = refuse(on_updated(work, WorkUpdated(**named, reply="Here.", resumed=True), NOW), RejectReason.FORBIDDEN)
    assert (work.stage, work.waits_for, work.worker) == (Stage.OWNED, None, "amy")


def test_a_pause_that_was_refused_behind_a_note_is_left_by_going_on():
    work, _ = say(owned_by_amy(), "amy", *STEPS["pause"], NOW)
    work, _ = say(work, "amy", *STEPS["progress"], NOW)
    work = refuse(work, RejectReason.FORBIDDEN, ordinal=2, last_ordinal=3)
    work, _ = say(work, "amy", *STEPS["resume"], NOW)
    assert refuse(work, RejectReason.FORBIDDEN).stage is Stage.OWNED


def test_what_could_not_go_on_for_another_reason_waits_for_whom_it_waited():
    work, _ = say(owned_by_amy(), "amy", *STEPS["pause"], NOW)
    work, _ = say(work, "amy", *STEPS["resume"], NOW)
    work = refuse(work, RejectReason.REPEATED)
    assert (work.stage, work.waits_for) == (Stage.PAUSED, "requester")


def test_after_a_gap_the_next_is_what_the_router_misses():
    work, _ = say(owned_by_amy(), "amy", *STEPS["progress"], NOW)  # lost on its way
    work, _ = say(work, "amy", *STEPS["progress"], NOW)
    _, outcome = say(refuse(work, RejectReason.GAP, last_ordinal=1), "amy", *STEPS["progress"], NOW)
    assert outcome.ordinal == 2
