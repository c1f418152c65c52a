"""What is said of a clock, and when."""

import pytest

from tierdesk_contracts import ticket as events
from tierdesk_sla.domain.alarms import Alarm, is_refuted, next_moment, notice, retract, say


def test_warnings_come_before_the_breach_in_due_order(story, clock_of):
    clock, alarm, said = clock_of(story.begun(), "first_response"), Alarm(), []
    while moment := next_moment(clock, alarm):
        said.append((moment.word, moment.share, moment.at))
        alarm = say(alarm, moment)
    assert said == [
        ("warned", 0.5, story.at(30)),
        ("warned", 0.75, story.at(45)),
        ("breached", 1, story.at(60)),
    ]


def test_a_paused_clock_is_silent(story, clock_of):
    assert next_moment(clock_of(story.begun().paused(10), "first_response"), Alarm()) is None


def test_a_clock_paused_after_its_due_instant_is_still_breached(story, clock_of):
    moment = next_moment(clock_of(story.begun().paused(61), "first_response"), Alarm(warned=(0.5, 0.75)))
    assert (moment.word, moment.at) == ("breached", story.at(60))


def test_a_clock_that_ended_in_time_is_silent(story, clock_of):
    assert next_moment(clock_of(story.begun().answered(59), "first_response"), Alarm()) is None


def test_a_clock_that_ended_too_late_is_breached_but_no_longer_warned_of(story, clock_of):
    moment = next_moment(clock_of(story.begun().answered(61), "first_response"), Alarm())
    assert (moment.word, moment.at) == ("breached", story.at(60))


def test_a_breach_is_refuted_when_the_target_turns_out_met(story, clock_of):
    alarm = Alarm(breach_due_at=story.at(60))
    assert not is_refuted(clock_of(story.begun(), "first_response"), alarm)
    story.tell(events.CallNoted, 65, call_id="c", outcome="ended", answered_at=story.at(55))
    assert is_refuted(clock_of(story, "first_response"), alarm)


@pytest.mark.parametrize("minute", [59, 60, 61])
def test_a_breach_is_refuted_by_a_pause_that_began_before_it_and_by_no_later_one(story, clock_of, minute):
    clock = clock_of(story.begun().paused(minute), "first_response")
    assert is_refuted(clock, Alarm(breach_due_at=story.at(60))) == (minute < 60)


def test_a_breach_stands_when_the_clock_ended_after_it(story, clock_of):
    assert not is_refuted(clock_of(story.begun().answered(61), "first_response"), Alarm(breach_due_at=story.at(60)))


def test_after_a_retraction_the_next_cycle_may_breach_again(story, clock_of):
    clock = clock_of(story.begun().paused(50).resumed(100), "first_response")
    alarm = retract(Alarm(warned=(0.5, 0.75), breach_due_at=story.at(60)))
    moment = next_moment(clock, alarm)
    assert (alarm.cycle, moment.word, moment.at) == (2, "breached", story.at(110))


def test_a_notice_names_the_clock_the_cycle_and_the_due_instant(story, clock_of):
    clock, alarm = clock_of(story.begun(), "first_response"), Alarm()
    message = notice(clock, alarm, next_moment(clock, alarm), reference="TD-TEST-0001")
    assert (message.clock_id, message.cycle, message.share) == (clock.id, 1, 0.5)
    assert (message.started_at, message.due_at) == (story.at(0), story.at(60))
