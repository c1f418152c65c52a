"""Clocks of tickets that were moved to a policy which does not have the calendar that they were promised by."""

import pytest

from tierdesk_contracts import ticket as events
from tierdesk_policy import load_policy
from tierdesk_sla.domain.folding import fold
from tierdesk_sla.domain.replaying import move
from tierdesk_sla.domain.timeline import Timeline

POLICY = """
name: Office hours
tiers: [{id: l1}, {id: l4}]
groups: [{id: front, tier: l1}, {id: printer-vendor, tier: l4, vendor: printers}]
edges: [[l1, l4]]
vendors: [{id: printers, group: printer-vendor}]
categories: [{id: usage, tier: l1, group: front}]
calendars: [{id: office, tz: Europe/Lisbon, weekly: {mon: ["09:00-17:00"], tue: ["09:00-17:00"]}}]
targets:
  - {kind: resolution, within: 4h, calendar: office}
  - {kind: contract, within: 2h, calendar: office}
pauses: {requester: [resolution], vendor: [resolution]}
"""
OLD = load_policy(POLICY)
NEW = load_policy(POLICY.replace("office", "plant").replace("17:00", "12:00"))
POLICIES = {"old": OLD, "new": NEW}


class Follower:
    """Folds a story as it goes on, and is moved in between."""

    def __init__(self, story):
        self.timeline = Timeline("main", story.ticket_id, "TD-TEST-0001", "old")

    def follow(self, story):
        for event in story.events:
            self.timeline = fold(self.timeline, event, POLICIES[self.timeline.policy_version])
        return self.clock("resolution")

    def move(self, at):
        self.timeline = move(self.timeline, "new", at, NEW)

    def clock(self, kind):
        return next(clock for clock in self.timeline.clocks if clock.kind == kind)


@pytest.fixture
def follower(story):
    return Follower(story)


@pytest.mark.parametrize("go_on", [
    lambda story: story.resolved(400),
    lambda story: story.paused(310).resumed(330).resolved(400),
    lambda story: story.paused(310, "vendor").paused(330).tell(events.CancelledByRequester, 400),
    lambda story: story.resolved(310).tell(events.ReopenedAgain, 330).resolved(400),
])  # fmt: skip
def test_what_was_overdue_before_the_move_keeps_its_due_instant_and_ends_missed(story, follower, go_on):
    follower.follow(story.begun())
    follower.move(story.at(300))
    clock = follower.follow(go_on(story))
    assert (clock.due_at, clock.state, clock.promise.policy_version) == (story.at(240), "missed", "old")


def test_what_had_ended_in_time_before_the_move_goes_on_under_the_new_policy(story, follower):
    follower.follow(story.begun().resolved(60))
    follower.move(story.at(90))
    clock = follower.follow(story.tell(events.ReopenedAgain, 120))
    # Two of the three hours until noon were left after the hour in which it was resolved; two hours are for tomorrow.
    assert (clock.due_at, clock.promise.policy_version) == (story.at(24 * 60 + 120), "new")


def test_a_pause_before_the_due_instant_that_is_told_after_the_move_moves_the_clock_too(story, follower):
    follower.follow(story.begun())
    follower.move(story.at(300))
    assert follower.follow(story.paused(200)).due_at is None
    clock = follower.follow(story.resumed(220))
    assert (clock.due_at, clock.promise.policy_version) == (story.at(24 * 60 + 60), "new")


def test_a_vendor_that_is_asked_again_after_the_move_goes_on_under_the_new_policy(story, follower):
    vendor = {"tier": "l4", "group": "printer-vendor", "vendor": "printers"}
    follower.follow(story.begun().offered(10, **vendor, assignment="asked", reason="escalation"))
    follower.follow(story.tell(events.Withdrawn, 40, assignment="asked", token=2, reason="not_accepted"))
    follower.move(story.at(40))
    follower.follow(story.offered(40, **vendor, assignment="again", reason="not_accepted", attempt=2))
    assert follower.clock("contract").promise.calendar == "plant"
