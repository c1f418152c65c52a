"""Level 0 by the protocol of the tiers."""

from uuid import UUID

import pytest

from tierdesk_contracts import outcome as outcomes
from tierdesk_contracts.vocabulary import StepTried
from tierdesk_contracts.work import Case, WorkOffered
from tierdesk_kb.domain.self_service import JobState, Solution, answer, drop, hear, is_confirmation, take

OFFER = WorkOffered(
    assignment_id=UUID(int=7),
    token=3,
    tier="l0",
    group="self-service",
    reason="triage",
    case=Case(reference="TD-TEST-0001", title="Forgot my password", text="", category="how-to", priority=3),
)
SOLUTION = Solution("article-1", "Reset a forgotten password", "Choose *Forgotten password*.")


def begin(solution=SOLUTION):
    return take(OFFER, solution, tenant="main", ticket="ticket-1")


def test_a_documented_problem_is_answered_and_waits_for_the_requester():
    job, said = begin()
    assert [type(one) for one in said] == [outcomes.WorkAccepted, outcomes.WorkProgressed, outcomes.WorkPaused]
    assert said[1].answer == answer(SOLUTION)
    assert said[2].party == "requester"
    assert (job.state, job.article_id) == (JobState.WAITING, "article-1")


def test_without_an_article_it_is_handed_on_at_once_with_what_was_tried():
    job, said = begin(None)
    assert [type(one) for one in said] == [outcomes.WorkAccepted, outcomes.WorkEscalated]
    assert said[1].reason == "beyond_scope"
    assert said[1].steps_tried == (StepTried(step="Searched the knowledge base", result="Nothing that fits."),)
    assert (said[1].to_tier, job.state) == (None, JobState.DONE)


def test_a_reply_that_confirms_resolves_with_the_article():
    job, said = hear(begin()[0], "Yes, that worked, thank you!")
    (resolved,) = said
    assert (type(resolved), resolved.article_id, job.state) == (outcomes.WorkResolved, "article-1", JobState.DONE)
    assert resolved.steps_tried[0].article_id == "article-1"


def test_any_other_reply_hands_it_on_with_the_article_as_a_step_tried():
    job, said = hear(begin()[0], "It says that my account does not exist.")
    (escalated,) = said
    assert (type(escalated), escalated.reason) == (outcomes.WorkEscalated, "first_fix_failed")
    (step,) = escalated.steps_tried
    assert (step.step, step.article_id) == ("Article: Reset a forgotten password", "article-1")
    assert "my account does not exist" in step.result
    assert job.state is JobState.DONE


def test_ordinals_count_without_gaps_under_one_token_and_worker():
    job, first = begin()
    _, then = hear(job, "no")
    said = [*first, *then]
    assert [one.ordinal for one in said] == [1, 2, 3, 4]
    assert {(one.assignment_id, one.token, one.worker) for one in said} == {(UUID(int=7), 3, "knowledge-base")}


def test_nothing_is_said_about_work_that_is_done():
    job, _ = begin()
    for done in (drop(job), hear(job, "yes")[0]):
        assert hear(done, "yes") == (done, ())


def test_a_reply_and_an_article_of_the_greatest_length_fit_the_contract():
    job, said = take(OFFER, Solution("a", "T" * 300, "b" * 65_536), tenant="main", ticket="ticket-1")
    assert len(said[1].answer) <= 65_536
    (escalated,) = hear(job, "x" * 65_536)[1]
    assert len(escalated.steps_tried[0].step) <= 300


@pytest.mark.parametrize(
    "reply", ["yes", "Yes!", "It works now.", "solved", "Thanks, all good", "That helped", "perfect"]
)
def test_a_plain_confirmation_is_understood(reply):
    assert is_confirmation(reply)


@pytest.mark.parametrize(
    "reply",
    [
        "no",
        "It still does not work",
        "yes but now it asks for a code",
        "that didn't help",
        "that didn\u2019t work",
        "Thanks, but no",
        "does it work on a Mac?",
        "",
        "I am in the office on Monday",
        "yes " * 200,
        "Fixed it for an hour, then it failed again",
    ],
)
def test_in_doubt_a_person_looks_at_it(reply):
    assert not is_confirmation(reply)
