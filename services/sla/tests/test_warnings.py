"""Targets that warn at several shares: each share once, in due order, none after the end, whatever happens meanwhile."""

from datetime import timedelta
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tierdesk_policy import load_policy
from tierdesk_sla.domain.alarms import Alarm, is_refuted, next_moment, retract, say_until
from tierdesk_sla.domain.folding import fold
from tierdesk_sla.domain.timeline import Timeline

WITHIN_MINUTES = {1: 40, 2: 100}
FIRST = [("warned", 0.5, 20.0), ("warned", 0.75, 30.0), ("warned", 0.9, 36.0), ("breached", 1, 40.0)]


def policy_with(shares, other_shares=None):
    """Priority 1: forty minutes, warned of at these shares. Priority 2: a hundred, at these or the others."""
    return load_policy(f"""
name: Several warnings
tiers: [{{id: l1}}]
groups: [{{id: front, tier: l1}}]
categories: [{{id: usage, tier: l1, group: front}}]
targets:
  - {{kind: resolution, within: 40m, priorities: [1], warn_at: {list(shares)}}}
  - {{kind: resolution, within: 100m, warn_at: {list(shares if other_shares is None else other_shares)}}}
pauses: {{requester: [resolution]}}
""")


class Watched:
    """The resolution of one ticket, and all that was said of it: word, share, the minute it was due to be said, cycle."""

    def __init__(self, story, policy):
        self.story = story
        self.policy = policy
        self.timeline = Timeline("main", story.ticket_id, "TD-TEST-0001", policy.version)
        self.alarm = Alarm()
        self.said = []
        self.looks = []

    @property
    def clock(self):
        return next(clock for clock in self.timeline.clocks if clock.kind == "resolution")

    def follow(self):
        """Fold what was told since, and take back what it refutes."""
        for event in self.story.events[self.timeline.sequence :]:
            self.timeline = fold(self.timeline, event, self.policy)
        if is_refuted(self.clock, self.alarm):
            self.alarm = retract(self.alarm)
        return self

    def look(self, minute):
        """What is said at this minute."""
        said = []
        for moment, alarm in say_until(self.clock, self.alarm, self.story.at(minute)):
            self.alarm = alarm
            said.append((moment.word, moment.share, (moment.at - self.story.opened_at) / timedelta(minutes=1)))
        self.said += [(*one, self.alarm.cycle) for one in said]
        self.looks.append([at for _, _, at in said])
        return said


@pytest.fixture
def watched(story):
    """A ticket that was offered at once, with priority 1, whose resolution warns three times."""
    return Watched(story.begun(), policy_with([0.5, 0.75, 0.9])).follow()


def test_each_share_is_said_when_it_is_used_up_and_once(watched):
    said = [watched.look(minute) for minute in (19.9, 20, 29, 30, 35, 36, 39, 40, 100)]
    assert said == [[], FIRST[:1], [], FIRST[1:2], [], FIRST[2:3], [], FIRST[3:], []]


def test_shares_that_were_passed_in_one_outage_are_said_in_due_order(watched):
    assert watched.look(37) == FIRST[:3]
    assert watched.look(500) == FIRST[3:]


def test_shares_are_said_in_due_order_however_the_policy_lists_them(story):
    watched = Watched(story.begun(), policy_with([0.9, 0.5, 0.75])).follow()
    assert watched.look(500) == FIRST


def test_a_share_that_is_listed_twice_is_said_once(story):
    watched = Watched(story.begun(), policy_with([0.5, 0.5])).follow()
    assert [share for _, share, _ in watched.look(39)] == [0.5]


@pytest.mark.parametrize("minute", [21, 39, 41])
def test_after_the_end_no_share_is_said(watched, minute):
    watched.look(20)
    watched.story.resolved(minute)
    watched.follow()
    assert watched.look(500) == ([] if minute <= 40 else FIRST[3:])


def test_another_priority_moves_what_is_left_and_says_no_share_again(watched):
    watched.look(20)
    watched.story.reprioritised(21, 2)
    watched.follow()
    assert watched.look(74) == []
    assert watched.look(500) == [("warned", 0.75, 75.0), ("warned", 0.9, 90.0), ("breached", 1, 100.0)]


def test_a_shorter_target_says_at_once_the_shares_that_are_used_up_of_it(story):
    watched = Watched(story.begun(priority=2), policy_with([0.5, 0.75, 0.9])).follow()
    assert watched.look(31) == []
    story.reprioritised(31, 1)
    watched.follow()
    assert watched.look(31) == FIRST[:2]
    assert watched.look(40) == FIRST[2:]


def test_a_target_with_other_shares_says_those(story):
    watched = Watched(story.begun(), policy_with([0.5], [0.2, 0.8])).follow()
    watched.look(20)
    story.reprioritised(21, 2)
    watched.follow()
    assert watched.look(100) == [("warned", 0.2, 20.0), ("warned", 0.8, 80.0), ("breached", 1, 100.0)]


def test_a_pause_moves_what_is_left(watched):
    watched.look(20)
    watched.story.paused(25).resumed(85)
    watched.follow()
    assert watched.look(89) == []
    assert watched.look(500) == [("warned", 0.75, 90.0), ("warned", 0.9, 96.0), ("breached", 1, 100.0)]


def test_in_the_next_cycle_the_shares_of_the_one_before_are_not_said_again(watched):
    watched.look(41)
    watched.story.paused(32).resumed(92)
    watched.follow()
    assert watched.look(500) == [("breached", 1, 100.0)]


Step = st.one_of(
    st.tuples(st.just("paused"), st.floats(0, 30)),
    st.tuples(st.just("resumed"), st.floats(0, 30)),
    st.tuples(st.sampled_from([1, 2]), st.floats(0, 30)),
    st.tuples(st.just("resolved"), st.floats(0, 60)),
)
Shares = st.lists(st.sampled_from([0.1, 0.25, 0.5, 0.75, 0.8, 0.9, 0.99]), max_size=5)


@settings(max_examples=200)
@given(Shares, Shares, st.lists(Step, max_size=8), st.lists(st.floats(0, 40), min_size=9, max_size=9))
def test_whatever_happens_each_share_is_said_once_in_due_order_and_none_after_the_end(
    tell, shares, other_shares, steps, leaps
):
    """Between the events the watcher looks, up to forty minutes ahead of the next one, which then comes late."""
    story = tell(ticket_id=uuid4()).begun()
    watched = Watched(story, policy_with(shares, other_shares)).follow()
    minute = 1.0
    for (what, passed), leap in zip(steps, leaps, strict=False):
        watched.look(minute + leap)
        minute += passed
        if isinstance(what, int):
            story.reprioritised(minute, what)
        else:
            getattr(story, what)(minute)
        was_open = watched.clock.is_open
        watched.follow()
        if not watched.clock.is_open:
            assert was_open or all(word != "warned" for word, _, _ in watched.look(10_000))
    watched.look(10_000)
    warned = [(share, cycle) for word, share, _, cycle in watched.said if word == "warned"]
    assert len({share for share, _ in warned}) == len(warned), "a share is said once, over all cycles"
    assert {share for share, _ in warned} <= {*shares, *other_shares}
    assert watched.looks == [sorted(look) for look in watched.looks], "in due order"
    breached = [cycle for word, _, _, cycle in watched.said if word == "breached"]
    assert len(set(breached)) == len(breached), "one breach in a cycle"
    if watched.clock.is_open and watched.clock.due_at is not None:
        promise = watched.clock.promise
        late = watched.alarm.breach_due_at is not None
        assert late
        assert next_moment(watched.clock, watched.alarm) is None
        unsaid = set(promise.warn_at) - {share for share, _ in warned}
        assert not unsaid or len(breached) > 0
