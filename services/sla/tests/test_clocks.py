"""What starts, stops, moves and ends a clock."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from tierdesk_contracts import ticket as events


def test_nothing_is_promised_before_triage_names_the_priority(story, clock_of):
    clock = clock_of(story.opened(), "resolution")
    assert (clock.state, clock.promise, clock.due_at) == ("running", None, None)


def test_triage_promises_from_the_opening_on(story, clock_of):
    story.opened().triaged(30)
    assert clock_of(story, "resolution").due_at == story.at(240)
    assert [(point.share, point.at) for point in clock_of(story, "first_response").warnings] == [
        (0.5, story.at(30)),
        (0.75, story.at(45)),
    ]


def test_a_click_of_acceptance_does_not_stop_the_first_response(story, clock_of):
    assert clock_of(story.begun(), "first_response").state == "running"


def test_a_note_without_an_answer_does_not_stop_the_first_response(story, clock_of):
    story.begun().tell(events.Progressed, 5, assignment="first", note="asked a colleague")
    assert clock_of(story, "first_response").state == "running"


def test_the_first_public_answer_stops_the_first_response(story, clock_of):
    clock = clock_of(story.begun().answered(60).answered(70), "first_response")
    assert (clock.state, clock.ended_at) == ("met", story.at(60))


def test_an_answer_a_microsecond_after_the_due_instant_is_missed(story, clock_of):
    late = story.opened_at + timedelta(hours=1, microseconds=1)
    assert clock_of(story.begun().answered(late), "first_response").state == "missed"


@pytest.mark.parametrize("outcome", ["answered", "ended"])
def test_an_answered_call_stops_the_first_response_when_it_was_answered(story, clock_of, outcome):
    story.begun().tell(events.CallNoted, 90, call_id="c", outcome=outcome, answered_at=story.at(2))
    clock = clock_of(story, "first_response")
    assert (clock.state, clock.ended_at) == ("met", story.at(2))


@pytest.mark.parametrize("outcome", ["ringing", "missed", "voicemail", "unknown"])
def test_a_call_that_nobody_answered_does_not_stop_the_first_response(story, clock_of, outcome):
    story.begun().tell(events.CallNoted, 3, call_id="c", outcome=outcome)
    assert clock_of(story, "first_response").state == "running"


def test_a_ticket_opened_by_an_answered_call_has_its_response_at_once(story, clock_of):
    story.opened().tell(events.CallNoted, 0, call_id="c", outcome="ended", answered_at=story.at(-4)).triaged(1)
    clock = clock_of(story, "first_response")
    assert (clock.state, clock.ended_at, clock.due_at) == ("met", story.at(0), story.at(60))


def test_a_call_answered_too_late_before_triage_has_missed_what_triage_promises(story, clock_of):
    story.opened().tell(events.CallNoted, 61, call_id="c", outcome="answered").triaged(62)
    assert clock_of(story, "first_response").state == "missed"


def test_a_resolution_without_an_answer_is_the_first_response(story, clock_of):
    assert clock_of(story.begun().resolved(59), "first_response").state == "met"


def test_a_pause_stops_the_clocks_that_the_policy_names_for_its_party(story, clock_of):
    story.begun(priority=3).paused(10, "change")
    assert clock_of(story, "resolution").due_at is None
    assert clock_of(story, "resolution").state == "paused"
    assert clock_of(story, "first_response").state == "running"
    assert clock_of(story, "first_response").due_at == story.at(360)


def test_a_pause_for_a_party_that_the_policy_does_not_name_stops_nothing(story, clock_of):
    clock = clock_of(story.begun().paused(10, "vendor"), "resolution")
    assert (clock.state, clock.due_at) == ("running", story.at(240))


def test_paused_time_does_not_count(story, clock_of):
    clock = clock_of(story.begun().paused(10).resumed(100).paused(120).resumed(130), "resolution")
    assert clock.due_at == story.at(240 + 90 + 10)


def test_a_pause_at_the_due_instant_comes_too_late(story, clock_of):
    clock = clock_of(story.begun().paused(240), "resolution")
    assert (clock.state, clock.due_at) == ("paused", story.at(240))
    assert clock_of(story.resolved(300), "resolution").state == "missed"


def test_a_clock_resolved_in_its_pause_counts_until_the_pause(story, clock_of):
    clock = clock_of(story.begun().paused(239).resolved(10_000), "resolution")
    assert (clock.state, clock.ended_at) == ("met", story.at(10_000))


def test_waiting_for_another_party_goes_on_by_that_partys_rule(story, clock_of):
    clock = clock_of(story.begun().paused(10).paused(20, "vendor"), "resolution")
    assert (clock.state, clock.due_at) == ("running", story.at(250))


def test_a_pause_ends_with_the_assignment_that_waited(story, clock_of):
    story.begun().paused(10).tell(
        events.Escalated, 20, assignment="first", reason="cause_unclear", to_tier="l2", to_group="engineers"
    )
    clock = clock_of(story, "resolution")
    assert (clock.state, clock.due_at) == ("running", story.at(250))


def test_a_priority_change_keeps_pauses_and_counts_from_the_start(story, clock_of):
    story.begun(priority=3).paused(10).resumed(40).reprioritised(60, 1)
    clock = clock_of(story, "resolution")
    assert clock.due_at == story.at(240 + 30)
    assert clock.promise.within_seconds == 4 * 3600


def test_a_priority_change_within_a_pause_leaves_the_clock_paused(story, clock_of):
    story.begun(priority=3).paused(10).reprioritised(60, 1).resumed(100)
    assert clock_of(story, "resolution").due_at == story.at(240 + 90)


def test_a_later_change_of_priority_does_not_mend_a_broken_promise(story, clock_of):
    story.begun(priority=1).reprioritised(241, 3)
    assert clock_of(story, "resolution").due_at == story.at(240)
    assert clock_of(story.resolved(300), "resolution").state == "missed"


def test_a_priority_without_a_target_promises_nothing(story, clock_of):
    story.begun(priority=1).reprioritised(10, 4).resolved(10_000)
    assert clock_of(story, "resolution").state == "void"


def test_reopening_lets_the_resolution_run_on_without_the_time_between(story, clock_of):
    story.begun().resolved(100).tell(events.ReopenedAgain, 1_000)
    clock = clock_of(story, "resolution")
    assert (clock.state, clock.due_at, clock.ended_at) == ("running", story.at(240 + 900), None)
    assert [(hold.party, hold.since) for hold in clock.holds] == [("resolved", story.at(100))]


def test_reopening_does_not_ask_for_another_first_response(story, clock_of):
    story.begun().answered(10).resolved(100).tell(events.ReopenedAgain, 1_000)
    assert clock_of(story, "first_response").ended_at == story.at(10)


def test_cancelling_ends_clocks_without_a_verdict(story, timeline_of):
    story.begun().tell(events.CancelledByRequester, 30)
    assert {clock.kind: clock.state for clock in timeline_of(story).clocks} == {
        "first_response": "void",
        "resolution": "void",
        "acceptance": "met",
    }


def test_cancelling_does_not_hide_a_promise_that_was_broken_before(story, clock_of):
    assert clock_of(story.begun().tell(events.CancelledByRequester, 61), "first_response").state == "missed"


def test_acceptance_runs_from_the_offer_to_the_acceptance(story, clock_of):
    clock = clock_of(story.opened().triaged().offered(5).accepted(24), "acceptance")
    assert (clock.started_at, clock.due_at, clock.state) == (story.at(5), story.at(25), "met")
    assert (clock.tier, clock.group) == ("l1", "front")


def test_any_outcome_of_the_party_is_an_acceptance(story, clock_of):
    story.opened().triaged().offered().answered(19)
    assert clock_of(story, "acceptance").state == "met"


def test_an_offer_made_again_to_the_same_group_goes_on_with_the_visit(story, clock_of, timeline_of):
    story.opened().triaged().offered().tell(
        events.Withdrawn, 15, assignment="first", token=1, reason="not_accepted"
    ).offered(15, reason="not_accepted", assignment="again", token=2).accepted(21, assignment="again")
    assert clock_of(story, "acceptance").state == "missed"
    assert len([clock for clock in timeline_of(story).clocks if clock.kind == "acceptance"]) == 1


def test_an_offer_to_the_fallback_is_another_visit(story, clock_of):
    story.opened().triaged().offered().tell(
        events.Withdrawn, 15, assignment="first", token=1, reason="not_accepted"
    ).offered(15, reason="not_accepted", group="second", assignment="fallback", token=2)
    assert (clock_of(story, "acceptance").state, clock_of(story, "acceptance", 2).state) == ("void", "running")
    assert clock_of(story, "acceptance", 2).due_at == story.at(35)


def test_each_visit_has_its_own_clock_and_the_vendor_its_own_target(story, clock_of):
    story.begun().tell(
        events.Escalated, 30, assignment="first", reason="needs_vendor", to_tier="l4", to_group="printer-vendor"
    ).offered(
        30, tier="l4", group="printer-vendor", vendor="printers", reason="escalation", assignment="vendor", token=2
    )
    clock = clock_of(story, "acceptance", 2)
    assert (clock.vendor, clock.due_at) == ("printers", story.at(150))


def test_a_withdrawn_offer_ends_its_visit_without_a_verdict(story, clock_of):
    story.opened().triaged().offered().tell(events.Withdrawn, 3, assignment="first", token=1, reason="knowledge")
    assert clock_of(story, "acceptance").state == "void"


def test_a_merged_ticket_has_no_running_clock(story, timeline_of):
    story.begun().tell(events.Withdrawn, 3, assignment="first", token=1, reason="merged")
    story.tell(events.Merged, 3, into=UUID(int=7), reference="TD-TEST-0007")
    assert not any(clock.is_open for clock in timeline_of(story).clocks)


def test_a_weekend_over_the_change_to_summer_time_does_not_count(tell, clock_of):
    """Friday 27 March 2026, 15:00 in Lisbon, is UTC; Monday's nine o'clock is 08:00 UTC."""
    story = tell(opened_at=datetime(2026, 3, 27, 15, tzinfo=UTC)).begun(priority=2)
    clock = clock_of(story, "resolution")
    assert clock.due_at == datetime(2026, 3, 30, 14, tzinfo=UTC)
    assert clock.warnings[0].at == datetime(2026, 3, 30, 10, tzinfo=UTC)


def test_a_hold_over_a_weekend_takes_only_its_open_hours(tell, clock_of):
    story = tell(opened_at=datetime(2026, 3, 27, 15, tzinfo=UTC)).begun(priority=2)
    story.paused(datetime(2026, 3, 27, 16, tzinfo=UTC)).resumed(datetime(2026, 3, 30, 9, tzinfo=UTC))
    assert clock_of(story, "resolution").due_at == datetime(2026, 3, 30, 16, tzinfo=UTC)


def test_an_event_of_a_later_release_changes_no_clock(story, timeline_of):
    before = timeline_of(story.begun())
    story.tell(events.UnknownEvent, 5, kind="pondered")
    after = timeline_of(story)
    assert (after.clocks, after.sequence) == (before.clocks, 5)
