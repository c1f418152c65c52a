"""Targets at the edge of what a policy may say: shorter than any look of a watcher, and as long as a working life."""

from datetime import timedelta

import pytest

from tierdesk_policy import Policy, load_policy
from tierdesk_sla.domain.alarms import Alarm, next_moment

POLICY = """
name: Short and long
tiers: [{id: l1}]
groups: [{id: front, tier: l1}]
categories: [{id: usage, tier: l1, group: front}]
calendars:
  - {id: office, tz: Europe/Lisbon, weekly: {mon: ["09:00-17:00"], tue: ["09:00-17:00"], wed: ["09:00-17:00"], thu: ["09:00-17:00"], fri: ["09:00-17:00"]}}
targets:
  - {kind: first_response, within: 1s, warn_at: [0.5]}
  - {kind: resolution, within: 3650d, calendar: office}
"""


@pytest.fixture(scope="session")
def policy() -> Policy:
    return load_policy(POLICY)


@pytest.mark.parametrize(("micros", "state"), [(1, "met"), (1_000_000, "met"), (1_000_001, "missed")])
def test_a_target_shorter_than_a_tick_is_judged_to_the_microsecond(story, clock_of, micros, state):
    """Between two looks of the watcher: the times of the events decide, not when somebody looked."""
    clock = clock_of(story.begun().answered(timedelta(microseconds=micros) / timedelta(minutes=1)), "first_response")
    assert (clock.state, clock.due_at) == (state, story.opened_at + timedelta(seconds=1))


def test_of_a_target_shorter_than_a_tick_warning_and_breach_are_said_with_their_own_instants(story, clock_of):
    clock = clock_of(story.opened().triaged(), "first_response")
    warned, breached = next_moment(clock, Alarm()), next_moment(clock, Alarm(warned=(0.5,)))
    assert (warned.at, breached.at) == tuple(story.opened_at + timedelta(seconds=share) for share in (0.5, 1))


def test_a_target_of_ten_working_years_has_a_due_instant_also_after_a_pause_of_decades(story, clock_of):
    """What its calendar never comes to the end of is refused with the policy."""
    due_at = clock_of(story.begun(), "resolution").due_at
    assert due_at.year == 2068
    story.paused(60).resumed(story.opened_at + timedelta(days=40 * 366))
    assert clock_of(story, "resolution").due_at > due_at
