"""Updates, callbacks, the time of a tier and the contract of a vendor; and what other desks get wrong."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tierdesk_contracts import ticket as events
from tierdesk_policy import Policy, load_policy
from tierdesk_sla.domain.alarms import Alarm, is_refuted, next_moment
from tierdesk_sla.domain.folding import fold
from tierdesk_sla.domain.timeline import Timeline

POLICY = """
name: Promises of every kind
tiers: [{id: l1}, {id: l2}, {id: l4}]
groups:
  - {id: front, tier: l1}
  - {id: second, tier: l1}
  - {id: engineers, tier: l2}
  - {id: printer-vendor, tier: l4, vendor: printers}
edges: [[l1, l2], [l2, l1], [l2, l4], [l4, l2]]
vendors: [{id: printers, group: printer-vendor}]
categories: [{id: usage, tier: l1, group: front}]
targets:
  - {kind: first_response, within: 1h}
  - {kind: update, within: 30m}
  - {kind: callback, within: 4h}
  - {kind: visit, within: 2h, tiers: [l1]}
  - {kind: visit, within: 8h}
  - {kind: contract, within: 4h, vendors: [printers]}
  - {kind: resolution, within: 4h, priorities: [1]}
  - {kind: resolution, within: 1d}
pauses:
  requester: [resolution, update]
  change: [contract]
"""


@pytest.fixture(scope="session")
def policy() -> Policy:
    return load_policy(POLICY)


@pytest.fixture
def clocks_of(timeline_of):
    """The clocks of a kind after a story: state, start and end, in minutes."""

    def find(story: Any, kind: str) -> list[tuple[str, float | None, float | None]]:
        def minute(at: datetime | None) -> float | None:
            return None if at is None else (at - story.opened_at) / timedelta(minutes=1)

        return [
            (clock.state.value, minute(clock.started_at), minute(clock.ended_at))
            for clock in timeline_of(story).clocks
            if clock.kind == kind
        ]

    return find


def call(story, when, outcome="missed", call_id="c", **fields):
    return story.tell(events.CallNoted, when, call_id=call_id, outcome=outcome, **fields)


def escalated(story, when, *, to_tier="l2", to_group="engineers", assignment="first", reason="cause_unclear"):
    return story.tell(events.Escalated, when, assignment=assignment, reason=reason, to_tier=to_tier, to_group=to_group)


def at_the_vendor(story, when=60):
    """Escalated to the second tier, and from there to the vendor."""
    escalated(story.begun(), 30).offered(30, tier="l2", group="engineers", reason="escalation", assignment="two")
    escalated(story.accepted(31, assignment="two"), when, to_tier="l4", to_group="printer-vendor", assignment="two")
    return story.offered(
        when, tier="l4", group="printer-vendor", vendor="printers", reason="escalation", assignment="vendor"
    )


def test_no_update_is_promised_before_the_first_response(story, clocks_of):
    """An update clock that overrules the first response is what other desks have."""
    story.begun()
    assert (clocks_of(story, "update"), clocks_of(story, "first_response")) == ([], [("running", 0, None)])


def test_each_public_answer_promises_the_next(story, clocks_of):
    story.begun().answered(10).answered(35).answered(70)
    assert clocks_of(story, "update") == [("met", 10, 35), ("missed", 35, 70), ("running", 70, None)]
    assert clocks_of(story, "first_response") == [("met", 0, 10)]


def test_an_answered_call_promises_the_next_update_once_however_often_it_is_told(story, clocks_of):
    story.begun()
    call(story, 5, "answered", answered_at=story.at(5))
    call(story, 9, "ended", answered_at=story.at(5))
    assert clocks_of(story, "update") == [("running", 5, None)]


def test_the_resolution_is_the_last_update_and_a_cancelled_ticket_needs_none(story, tell, clocks_of):
    assert clocks_of(story.begun().answered(10).resolved(39), "update") == [("met", 10, 39)]
    assert clocks_of(tell().begun().answered(10).tell(events.CancelledByRequester, 20), "update") == [("void", 10, 20)]


def test_a_reopened_ticket_promises_an_update_from_then_on(story, clocks_of):
    story.begun().resolved(20).tell(events.ReopenedAgain, 100)
    assert clocks_of(story, "update") == [("running", 100, None)]


def test_a_reply_after_the_resolution_starts_no_clock(story, timeline_of):
    before = timeline_of(story.begun().answered(10).resolved(20))
    call(story.tell(events.Replied, 25, text="Thank you"), 26, "ended", answered_at=story.at(24))
    assert timeline_of(call(story, 27, "missed", "d")).clocks == before.clocks


def test_an_answer_within_a_pause_promises_an_update_that_stands_still_at_once(story, clock_of):
    story.begun().paused(10).answered(20)
    clock = clock_of(story, "update")
    assert (clock.state, clock.due_at, clock.holds[0].since) == ("paused", None, story.at(20))
    assert clock_of(story.resumed(50), "update").due_at == story.at(80)


def test_a_call_that_nobody_answered_wants_to_be_called_back(story, clock_of):
    clock = clock_of(call(story.opened(), 0).triaged(1), "callback")
    assert (clock.state, clock.due_at) == ("running", story.at(240))


def test_the_first_word_after_an_unanswered_call_is_the_callback(story, tell, clocks_of):
    assert clocks_of(call(story.begun(), 5, "voicemail").answered(100), "callback") == [("met", 5, 100)]
    assert clocks_of(call(tell().begun(), 5).resolved(300), "callback") == [("missed", 5, 300)]


def test_each_unanswered_call_is_waited_for_once(story, clocks_of):
    call(call(story.begun(), 5), 6, "voicemail").answered(10)
    assert clocks_of(call(story, 12, "voicemail"), "callback") == [("met", 5, 10)]
    assert clocks_of(call(story, 20, call_id="d"), "callback") == [("met", 5, 10), ("running", 20, None)]


def test_a_promise_is_awaited_until_somebody_is_reached_and_trying_in_vain_changes_nothing(story, clocks_of):
    call(story.begun(), 5, "promised", call_id="callback/1")
    call(story, 20, "unreached", call_id="callback/1")
    assert clocks_of(story, "callback") == [("running", 5, None)]
    call(story, 30, "ended", call_id="callback/1", answered_at=story.at(30))
    assert clocks_of(story, "callback") == [("met", 5, 30)]


def test_a_promise_after_an_unanswered_call_is_the_same_wait_and_giving_up_leaves_it_to_break(story, clocks_of):
    call(story.begun(), 5)
    call(story, 6, "promised", call_id="callback/1")
    call(story, 300, "given_up", call_id="callback/1")
    assert clocks_of(story, "callback") == [("running", 5, None)]


def test_a_call_that_was_answered_after_all_needs_no_callback(story, clocks_of):
    call(story.begun(), 5)
    assert clocks_of(call(story, 6, "ended", answered_at=story.at(4)), "callback") == [("met", 5, 5)]


def test_an_old_call_that_tells_of_itself_again_is_no_callback(story, clocks_of):
    call(story.begun(), 5, "answered", answered_at=story.at(5))
    call(call(story, 20, call_id="d"), 21, "ended", answered_at=story.at(5))
    assert clocks_of(story, "callback") == [("running", 20, None)]


def test_a_tier_has_its_time_from_its_first_offer_until_it_hands_on(story, clocks_of, timeline_of):
    escalated(story.begun(), 30).offered(31, tier="l2", group="engineers", reason="escalation", assignment="two")
    assert clocks_of(story, "visit") == [("met", 0, 30), ("running", 31, None)]
    first, second = [clock for clock in timeline_of(story).clocks if clock.kind == "visit"]
    assert (first.tier, first.due_at, second.tier, second.due_at) == ("l1", story.at(120), "l2", story.at(31 + 480))


def test_a_transfer_within_a_tier_goes_on_with_its_time(story, clocks_of):
    story.begun().tell(events.Transferred, 20, assignment="first", to_group="second")
    story.offered(20, group="second", reason="transfer", assignment="other").resolved(130, assignment="other")
    assert clocks_of(story, "visit") == [("missed", 0, 130)]


def test_a_tier_that_gives_back_what_it_got_has_no_verdict(story, clocks_of):
    escalated(story.begun(), 30).offered(30, tier="l2", group="engineers", reason="escalation", assignment="two")
    story.tell(events.Returned, 50, assignment="two", reason="not_ours", to_tier="l1", to_group="front")
    story.offered(50, reason="return", assignment="three")
    assert clocks_of(story, "visit") == [("met", 0, 30), ("void", 30, 50), ("running", 50, None)]


def test_a_tier_from_which_the_desk_takes_it_has_kept_nothing(story, clocks_of):
    escalated(story.begun(), 30, reason="overdue")
    assert clocks_of(story, "visit") == [("void", 0, 30)]
    story.offered(30, tier="l2", group="engineers", assignment="two")
    escalated(story, 511, to_tier="l4", to_group="printer-vendor", assignment="two", reason="overdue")
    assert clocks_of(story, "visit")[1] == ("missed", 30, 511)


def test_carrying_a_ticket_to_another_tier_begins_the_time_of_that_tier(story, clocks_of, timeline_of):
    story.begun().tell(events.Carried, 40, assignment="first", reason="cause_unclear", to_tier="l2")
    assert clocks_of(story, "visit") == [("met", 0, 40), ("running", 40, None)]
    assert timeline_of(story).clocks[-1].tier == "l2"


def test_a_vendor_has_the_time_of_its_contract_from_the_offer_on(story, clock_of):
    clock = clock_of(at_the_vendor(story), "contract")
    assert (clock.vendor, clock.tier, clock.due_at) == ("printers", "l4", story.at(60 + 240))


def test_waiting_for_the_requester_stops_the_promise_to_the_requester_and_not_the_vendors(story, clock_of):
    at_the_vendor(story).accepted(61, assignment="vendor").paused(70, assignment="vendor")
    assert (clock_of(story, "resolution").state, clock_of(story, "contract").state) == ("paused", "running")
    story.resumed(130, assignment="vendor")
    assert clock_of(story, "resolution").due_at == story.at(240 + 60)
    assert clock_of(story, "contract").due_at == story.at(60 + 240)


def test_what_the_policy_says_stops_a_contract(story, clock_of):
    at_the_vendor(story).paused(70, "change", assignment="vendor").resumed(100, assignment="vendor")
    assert clock_of(story, "contract").due_at == story.at(60 + 240 + 30)
    assert clock_of(story, "resolution").due_at == story.at(240)


def test_a_breach_while_with_the_vendor_is_told_of_the_vendors_contract_too(story, clock_of, timeline_of):
    """Each promise breaks at its own instant; the vendor's delay is its own, and the desk's promise is not mended."""
    at_the_vendor(story).accepted(61, assignment="vendor")
    escalated(story, 301, to_tier="l2", to_group="engineers", assignment="vendor", reason="findings")
    contract, resolution = clock_of(story, "contract"), clock_of(story, "resolution")
    assert (contract.state, contract.due_at) == ("missed", story.at(300))
    assert (resolution.state, resolution.due_at) == ("running", story.at(240))
    assert next_moment(resolution, Alarm(warned=(0.8,))).at == story.at(240)
    assert [clock.state for clock in timeline_of(story).clocks if clock.kind == "visit"] == ["met", "met", "met"]


def test_a_call_that_is_told_after_a_later_word_was_the_first_response_all_the_same(story, timeline_of, clocks_of):
    story.begun().answered(70)
    clock = timeline_of(story).clocks[0]
    assert clock.state == "missed"
    call(story, 90, "ended", answered_at=story.at(50))
    assert clocks_of(story, "first_response") == [("met", 0, 50)]
    assert is_refuted(timeline_of(story).clocks[0], Alarm(breach_due_at=clock.due_at))
    assert clocks_of(call(story, 95, "ended", "other", answered_at=story.at(80)), "first_response") == [("met", 0, 50)]


def test_a_callback_that_is_told_after_a_later_word_is_judged_by_when_it_was(story, clocks_of):
    call(call(story.begun(), 5), 300, "answered", "back", answered_at=story.at(300))
    assert clocks_of(story, "callback") == [("missed", 5, 300)]
    assert clocks_of(call(story, 301, "ended", "first", answered_at=story.at(100)), "callback") == [("met", 5, 100)]


@pytest.mark.parametrize(
    ("event", "fields", "state"),
    [
        (events.Escalated, {"reason": "findings", "to_tier": "l2", "to_group": "engineers"}, "met"),
        (events.Returned, {"reason": "not_ours", "to_tier": "l2", "to_group": "engineers"}, "void"),
        (events.Withdrawn, {"reason": "overdue", "token": 1}, "void"),
        (events.Resolved, {"how": "A new drum."}, "met"),
    ],
)
def test_how_a_vendors_visit_ends_decides_its_contract(story, clocks_of, event, fields, state):
    at_the_vendor(story).tell(event, 100, assignment="vendor", **fields)
    assert clocks_of(story, "contract") == [(state, 60, 100)]


def test_a_vendor_that_lets_an_offer_pass_gains_no_time_by_it(story, clocks_of, clock_of):
    at_the_vendor(story).tell(events.Withdrawn, 90, assignment="vendor", token=1, reason="not_accepted")
    story.offered(90, tier="l4", group="printer-vendor", vendor="printers", reason="not_accepted", assignment="again")
    assert clocks_of(story, "contract") == [("running", 60, None)]
    assert clock_of(story, "contract").due_at == story.at(300)
    assert clocks_of(story.resolved(310, assignment="again"), "contract") == [("missed", 60, 310)]


def test_a_vendor_to_whom_the_work_of_another_group_falls_begins_another_contract(story, clocks_of):
    """What it did before stays met: it let no offer pass, the other group did."""
    at_the_vendor(story).tell(
        events.Escalated, 90, assignment="vendor", reason="expertise", to_tier="l2", to_group="engineers"
    )
    story.offered(90, tier="l2", group="engineers", reason="escalation", assignment="engineers")
    story.tell(events.Withdrawn, 300, assignment="engineers", token=2, reason="not_accepted")
    story.offered(
        300, tier="l4", group="printer-vendor", vendor="printers", reason="not_accepted", assignment="fallback"
    )
    assert [(state, since) for state, since, _ in clocks_of(story, "contract")] == [("met", 60), ("running", 300)]


def test_an_invited_vendor_is_held_to_its_contract(story, clocks_of):
    def invited(when, name, attempt):
        return story.tell(
            events.Invited, when, assignment=name, token=2, tier="l4", group="printer-vendor", vendor="printers",
            question="Is it the drum?", attempt=attempt,
        )  # fmt: skip

    story.begun()
    invited(10, "one", 1).tell(events.Released, 40, assignment="one", token=2, reason="not_accepted")
    invited(40, "two", 2).tell(events.Contributed, 100, assignment="two", findings="It is.")
    assert clocks_of(story, "contract") == [("met", 10, 100)]


def test_a_policy_may_have_the_resolution_start_anew_when_a_ticket_is_reopened(story, policy):
    anew = Policy.from_document(policy.document() | {"reopen": "restart"})
    story.begun().resolved(300).tell(events.ReopenedAgain, 1_000)
    timeline = Timeline("main", story.ticket_id, "TD-TEST-0001", anew.version)
    for event in story.events:
        timeline = fold(timeline, event, anew)
    first, second = [clock for clock in timeline.clocks if clock.kind == "resolution"]
    assert (first.state, first.ended_at) == ("missed", story.at(300))
    assert (second.state, second.started_at, second.due_at) == ("running", story.at(1_000), story.at(1_240))


def test_a_hold_is_never_work(story, clock_of):
    """Half a day in the requester's hands, and no second of it is used up."""
    story.begun().paused(60).resumed(60 + 720)
    assert clock_of(story, "resolution").due_at == story.at(240 + 720)


def test_a_pause_survives_a_change_of_priority_in_it_and_after_it(story, clock_of):
    story.begun(priority=3).paused(60).reprioritised(70, 1).resumed(120).reprioritised(130, 2).reprioritised(140, 1)
    clock = clock_of(story, "resolution")
    assert [(hold.since, hold.until) for hold in clock.holds] == [(story.at(60), story.at(120))]
    assert clock.due_at == story.at(240 + 60)


def test_a_policy_that_promises_none_of_these_keeps_no_clocks_for_them(story, policy):
    kinds = {"update", "visit", "contract"}
    plain = [target for target in policy.document()["targets"] if target["kind"] not in kinds]
    before = Policy.from_document(policy.document() | {"targets": plain})
    timeline = Timeline("main", story.ticket_id, "TD-TEST-0001", before.version)
    for event in at_the_vendor(story).answered(65, assignment="vendor").events:
        timeline = fold(timeline, event, before)
    assert {clock.kind.value for clock in timeline.clocks} == {"first_response", "resolution", "acceptance"}


STEPS = (
    "answer",
    "call",
    "miss",
    "offer",
    "two",
    "vendor",
    "pause",
    "resume",
    "resolve",
    "reopen",
    "escalate",
    "lapse",
)


@given(st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, 300)), max_size=25))
def test_whatever_happens_an_update_waits_for_the_first_response_and_each_visit_is_one(tell, policy, steps):
    story, minute, latest = tell().opened().triaged(), 0, "first"
    timeline = Timeline("main", story.ticket_id, "TD-TEST-0001", policy.version)
    for step, minutes in steps:
        minute += minutes
        latest = _take(story, step, minute, latest)
    for event in story.events:
        timeline = fold(timeline, event, policy)
        (response,) = [clock for clock in timeline.clocks if clock.kind == "first_response"]
        updates = [clock for clock in timeline.clocks if clock.kind == "update"]
        assert not (response.is_open and updates)
        for kind in ("update", "callback", "visit", "resolution", "acceptance"):
            assert len([clock for clock in timeline.clocks if clock.kind == kind and clock.is_open]) <= 1
        for clock in timeline.clocks:
            assert not is_refuted(clock, Alarm())
            assert clock.ended_at is None or clock.ended_at >= clock.started_at
            assert timeline.waiting is not None or clock.hold is None
    assert all(fold(timeline, event, policy) is timeline for event in story.events)


def _take(story, step, minute, latest):
    """Tell one step, possible or not; answers the assignment that the ticket is offered under."""
    name = f"a{len(story.events)}"
    groups = {"offer": ("l1", "front", None), "two": ("l2", "engineers", None), "lapse": ("l1", "front", None)}
    match step:
        case "answer":
            story.answered(minute, assignment=latest)
        case "call":
            call(story, minute, "ended", name, answered_at=story.at(max(0, minute - 10)))
        case "miss":
            call(story, minute, "voicemail", name)
        case "offer" | "two" | "lapse" | "vendor":
            tier, group, vendor = groups.get(step, ("l4", "printer-vendor", "printers"))
            reason = "not_accepted" if step == "lapse" else "escalation"
            story.offered(minute, tier=tier, group=group, vendor=vendor, assignment=name, reason=reason)
            return name
        case "pause":
            story.paused(minute, assignment=latest)
        case "resume":
            story.resumed(minute, assignment=latest)
        case "resolve":
            story.resolved(minute, assignment=latest)
        case "reopen":
            story.tell(events.ReopenedAgain, minute)
        case "escalate":
            escalated(story, minute, assignment=latest)
    return latest
