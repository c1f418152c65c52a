"""Why a deadline is what it is: intervals, who had it, the words and the picture."""

from datetime import datetime, timedelta
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tierdesk_contracts import ticket as events
from tierdesk_policy import Policy, load_policy
from tierdesk_sla.domain.account import Account
from tierdesk_sla.domain.alarms import Saying
from tierdesk_sla.domain.clocks import elapsed_seconds
from tierdesk_sla.domain.explanation import explain, title_of
from tierdesk_sla.domain.folding import fold
from tierdesk_sla.domain.intervals import MOST_INTERVALS, find_intervals
from tierdesk_sla.domain.picture import draw
from tierdesk_sla.domain.segments import find_segments, used_seconds
from tierdesk_sla.domain.timeline import Timeline

POLICY = """
name: An office in Lisbon with a printer vendor
default_calendar: office
tiers: [{id: l1}, {id: l2}, {id: l4}]
groups:
  - {id: front, tier: l1}
  - {id: engineers, tier: l2}
  - {id: printer-vendor, tier: l4, vendor: printers}
edges: [[l1, l2], [l2, l1], [l2, l4], [l4, l2]]
vendors: [{id: printers, group: printer-vendor}]
categories: [{id: usage, tier: l1, group: front}]
calendars:
  - id: office
    tz: Europe/Lisbon
    weekly: {mon: [09:00-17:00], tue: [09:00-17:00], wed: [09:00-17:00], thu: [09:00-17:00], fri: [09:00-17:00]}
targets:
  - {kind: first_response, within: 6h, calendar: elapsed}
  - {kind: update, within: 8h}
  - {kind: visit, within: 4h, tiers: [l1]}
  - {kind: visit, within: 16h, tiers: [l2]}
  - {kind: contract, within: 8h, calendar: elapsed, vendors: [printers]}
  - {kind: acceptance, within: 1h}
  - {kind: resolution, within: 16h, priorities: [2], warn_at: [0.5, 0.8]}
  - {kind: resolution, within: 40h}
pauses: {requester: [resolution, update, visit], change: [resolution]}
"""


@pytest.fixture(scope="session")
def policy() -> Policy:
    return load_policy(POLICY)


def instant(text: str) -> datetime:
    return datetime.fromisoformat(f"2026-{text}:00+00:00")


@pytest.fixture
def journey(tell) -> Any:
    """Up to the vendor and back, with two pauses, over the weekend on which Lisbon goes to summer time."""
    story = tell(opened_at=instant("03-27T10:00")).opened().triaged(0, priority=2).offered()
    story.tell(events.Accepted, 20, assignment="first", worker="ana")
    story.answered(30).paused(60).resumed(120)
    story.tell(
        events.Escalated, 180, assignment="first", reason="beyond_scope", to_tier="l2", to_group="engineers"
    ).offered(180, tier="l2", group="engineers", reason="escalation", assignment="two", token=2)
    story.tell(events.Accepted, 200, assignment="two", worker="bo & <co>")
    story.tell(
        events.Escalated, 300, assignment="two", reason="needs_vendor", to_tier="l4", to_group="printer-vendor"
    ).offered(
        300, tier="l4", group="printer-vendor", vendor="printers", reason="escalation", assignment="three", token=3
    )
    story.tell(events.Accepted, instant("03-27T15:30"), assignment="three", worker="vera")
    story.paused(instant("03-27T16:00"), assignment="three").resumed(instant("03-30T09:00"), assignment="three")
    story.tell(
        events.Escalated, instant("03-30T11:00"), assignment="three", reason="findings", to_tier="l2",
        to_group="engineers",
    )  # fmt: skip
    story.offered(instant("03-30T11:00"), tier="l2", group="engineers", reason="escalation", assignment="four", token=4)
    return story.tell(events.Accepted, instant("03-30T11:30"), assignment="four", worker="bo & <co>")


@pytest.fixture
def account_of(timeline_of, policy):
    def build(story: Any, at: datetime, **said: Any) -> Account:
        timeline = timeline_of(story)
        return Account(timeline, find_segments(story.events), said.get("said", {}), {policy.version: policy}, at)

    return build


def clock_of_kind(account: Account, kind: str) -> Any:
    return next(clock for clock in account.timeline.clocks if clock.kind == kind)


def test_the_deadline_of_the_journey_leaves_out_pauses_and_the_weekend(journey, account_of, policy):
    """16 hours of the office: Friday 10 to 16 less one hour of waiting, Monday 10 to 17, four more on Tuesday."""
    account = account_of(journey, instant("03-30T12:00"))
    clock = clock_of_kind(account, "resolution")
    assert clock.due_at == instant("03-31T12:00")
    intervals = find_intervals(clock, policy.calendar("office"), account.at)
    told = [(one.cause, one.party, one.since, one.until, one.seconds) for one in intervals]
    assert told == [
        ("open", None, instant("03-27T10:00"), instant("03-27T11:00"), 3_600),
        ("hold", "requester", instant("03-27T11:00"), instant("03-27T12:00"), 0),
        ("open", None, instant("03-27T12:00"), instant("03-27T16:00"), 4 * 3_600),
        ("hold", "requester", instant("03-27T16:00"), instant("03-30T09:00"), 0),
        ("open", None, instant("03-30T09:00"), instant("03-30T16:00"), 7 * 3_600),
        ("closed", None, instant("03-30T16:00"), instant("03-31T08:00"), 0),
        ("open", None, instant("03-31T08:00"), instant("03-31T12:00"), 4 * 3_600),
    ]


def test_who_had_the_ticket_is_one_line_without_gaps(journey):
    segments = find_segments(journey.events)
    assert [(one.tier, one.vendor, one.worker, one.ended_by) for one in segments] == [
        ("l1", None, "ana", "escalated"),
        ("l2", None, "bo & <co>", "escalated"),
        ("l4", "printers", "vera", "escalated"),
        ("l2", None, "bo & <co>", None),
    ]
    assert [one.until for one in segments[:-1]] == [one.since for one in segments[1:]]
    assert [(wait.party, wait.since) for one in segments for wait in one.waits] == [
        ("requester", instant("03-27T11:00")),
        ("requester", instant("03-27T16:00")),
    ]


def test_the_blame_is_by_segment_in_the_clocks_own_time(journey, account_of, policy):
    account = account_of(journey, instant("03-30T12:00"))
    clock = clock_of_kind(account, "resolution")
    used = [used_seconds(one, clock, account.at, policy) / 3_600 for one in account.segments]
    assert used == [2, 2, 3, 1]
    assert sum(used) * 3_600 == elapsed_seconds(clock, account.at, policy)


def test_the_words_tell_each_stretch_with_its_rule_and_the_policy(journey, account_of, policy):
    text = explain(account_of(journey, instant("03-30T12:00")))
    assert "Resolution: running, due Tue 31 Mar 2026 13:00 (Europe/Lisbon)" in text
    assert "promised: 16 h of the calendar office, by target 7 (priority 2) of the policy\n" in text
    assert f"\npolicy {policy.version}\n" in text
    assert "used 8 h, left 8 h" in text
    (weekend,) = [
        line
        for line in text.splitlines()
        if "Fri 27 Mar 2026 16:00 - Mon 30 Mar 2026 10:00" in line and "pauses.requester stops resolution" in line
    ]
    assert weekend.endswith(
        "it waits for the requester (pauses.requester stops resolution); the wall clock goes forward by 1 h"
    )
    assert "does not count: office is closed" in text
    assert "vendor printers, vera" in text
    assert "Vendor's contract (printers): missed" in text


def test_what_is_too_late_is_a_stretch_of_its_own(journey, account_of):
    lines = explain(account_of(journey, instant("03-30T12:00"))).splitlines()
    (late,) = [line.split() for line in lines if line.endswith("too late") and "Fri 27 Mar 2026 23:00" in line]
    assert " ".join(late) == "x Fri 27 Mar 2026 23:00 - Mon 30 Mar 2026 12:00 60 h too late"


def test_what_is_too_late_ends_where_a_pause_began_as_its_span_does(tell, account_of):
    story = tell(opened_at=instant("03-02T09:00")).opened().triaged(0, priority=2).offered()
    story.tell(events.Accepted, 30, assignment="first", worker="ana").paused(instant("03-02T14:00"))
    (late,) = [
        line.split()
        for line in explain(account_of(story, instant("03-02T18:00"))).splitlines()
        if "too late" in line and "13:00" in line
    ]
    assert " ".join(late) == "x Mon 2 Mar 2026 13:00 - Mon 2 Mar 2026 14:00 1 h too late"


def test_a_closed_weekend_tells_of_the_change_to_summer_time(tell, account_of):
    story = tell(opened_at=instant("03-27T16:00")).begun(priority=2)
    text = explain(account_of(story, instant("03-30T12:00")))
    assert "office is closed; the wall clock goes forward by 1 h" in text


def test_what_was_said_is_told_with_its_time(journey, account_of):
    account = account_of(journey, instant("03-30T12:00"))
    contract = clock_of_kind(account, "contract")
    saying = Saying(1, "breached", 1.0, contract.due_at, contract.due_at + timedelta(seconds=2))
    account = account._replace(said={contract.id: (saying,)})
    assert "! Fri 27 Mar 2026 23:00:02: breached" in explain(account)
    assert "breached, said" in draw(account)


def test_the_picture_is_sound_xml_and_shows_every_clock_and_holder(journey, account_of):
    account = account_of(journey, instant("03-30T12:00"))
    root = ET.fromstring(draw(account))
    texts = ["".join(text.itertext()) for text in root.iter("{http://www.w3.org/2000/svg}text")]
    assert {title_of(clock) for clock in account.timeline.clocks if clock.promise} <= set(texts)
    assert "vendor printers, vera" in texts
    assert "running, due Tue 31 Mar 2026 13:00" in texts
    assert {element.get("href") for element in root.iter()} == {None}


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", "a & b", "]]>", "\x01\x1b[31m", "\ufffe", '" onload="x'])
def test_no_text_of_a_ticket_breaks_out_of_the_picture(tell, account_of, name):
    story = tell().opened().triaged().offered().tell(events.Accepted, 200, assignment="first", worker=name)
    root = ET.fromstring(draw(account_of(story, story.at(300))))
    assert not list(root.iter("{http://www.w3.org/2000/svg}script"))
    assert not any(attribute.startswith("on") for element in root.iter() for attribute in element.attrib)


def test_no_name_begins_a_line_of_the_explanation(tell, account_of):
    name = "ana\nResolution: met\u2028x\x85y"
    story = tell().opened().triaged().offered().tell(events.Accepted, 200, assignment="first", worker=name)
    told = explain(account_of(story, story.at(300)))
    assert "front, ana Resolution: met x y" in told
    assert told.splitlines() == told.removesuffix("\n").split("\n")


def test_a_ticket_that_was_just_opened_can_be_drawn_and_explained(story, account_of):
    account = account_of(story.opened(), story.opened_at)
    assert "nothing is promised" in explain(account)
    assert ET.fromstring(draw(account)) is not None


def test_a_clock_of_years_is_told_in_a_bounded_number_of_stretches(tell, account_of, policy):
    document = policy.document()
    document["targets"][-2] |= {"within": "3000d"}
    long = Policy.from_document(document)
    story = tell().begun(priority=2)
    account = account_of(story, story.opened_at)
    clock = clock_of_kind(account, "resolution")
    promise = clock.promise._replace(within_seconds=3_000 * 86_400)
    due_at = long.calendar("office").add(clock.started_at, promise.within_seconds)
    intervals = find_intervals(clock._replace(promise=promise, due_at=due_at), long.calendar("office"), story.opened_at)
    assert len(intervals) == MOST_INTERVALS + 1
    assert sum(one.seconds for one in intervals) == promise.within_seconds
    assert (intervals[-1].cause, intervals[-1].until) == ("further", due_at)


STEPS = ("answer", "offer", "two", "vendor", "pause", "change", "resume", "resolve", "reopen", "leave", "carry")


@example([("offer", 30), ("two", -20), ("resolve", 5)], 0)
@given(st.lists(st.tuples(st.sampled_from(STEPS), st.integers(-60, 4_000)), max_size=20), st.integers(0, 9_000))
def test_intervals_and_segments_say_the_same_as_the_clock(tell, policy, steps, later):
    """Of any history: the stretches add up to what is used up, and so do the parts of those who had the ticket.

    Also when the wall clocks of those who act differ, so that an event is earlier than the one before it.
    """
    story, minute = tell().opened().triaged(priority=2), 0
    latest = "first"
    for step, minutes in steps:
        minute = max(0, minute + minutes)
        latest = _take(story, step, minute, latest)

    timeline = Timeline("main", story.ticket_id, "TD-TEST-0001", policy.version)
    for event in story.events:
        timeline = fold(timeline, event, policy)
    at = max(event.at for event in story.events) + timedelta(minutes=later)
    segments = find_segments(story.events)
    assert [one.until for one in segments[:-1]] == [one.since for one in segments[1:]]
    account = Account(timeline, segments, {}, {policy.version: policy}, at)
    for clock in timeline.clocks:
        if clock.promise is None:
            continue
        calendar = policy.calendar(clock.promise.calendar)
        intervals = find_intervals(clock, calendar, at)
        assert [one.until for one in intervals[:-1]] == [one.since for one in intervals[1:]]
        if clock.due_at is not None and (clock.ended_at is None or clock.ended_at >= clock.due_at):
            assert sum(one.seconds for one in intervals) == clock.promise.within_seconds
        else:
            assert sum(one.seconds for one in intervals) == elapsed_seconds(clock, at, policy)
        used = sum(used_seconds(one, clock, at, policy) for one in segments)
        assert used == elapsed_seconds(clock, at, policy)
    assert explain(account)
    assert ET.fromstring(draw(account)) is not None


def _take(story, step, minute, latest):
    name = f"a{len(story.events)}"
    match step:
        case "answer":
            story.answered(minute, assignment=latest)
        case "offer" | "two" | "vendor":
            tier, group, vendor = {
                "offer": ("l1", "front", None),
                "two": ("l2", "engineers", None),
                "vendor": ("l4", "printer-vendor", "printers"),
            }[step]
            story.offered(minute, tier=tier, group=group, vendor=vendor, assignment=name, reason="escalation")
            return name
        case "pause" | "change":
            story.paused(minute, "requester" if step == "pause" else "change", assignment=latest)
        case "resume":
            story.resumed(minute, assignment=latest)
        case "resolve":
            story.resolved(minute, assignment=latest)
        case "reopen":
            story.tell(events.ReopenedAgain, minute)
        case "leave":
            story.tell(events.Transferred, minute, assignment=latest, to_group="front")
        case "carry":
            story.tell(events.Carried, minute, assignment=latest, reason="cause_unclear", to_tier="l2")
    return latest
