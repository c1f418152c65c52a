"""`tierdesk policy explain`: a decision and a road as a support lead reads them."""

import io
import json

import pytest
from rich.console import Console

from tierdesk_cli.decision import Decision, print_decision
from tierdesk_cli.road import tell_now, tell_road
from tierdesk_cli.together import tell_together
from tierdesk_contracts import intake
from tierdesk_contracts import outcome as outcomes
from tierdesk_contracts.knowledge import ArticleDraft
from tierdesk_router.domain.likeness import Recurrence
from tierdesk_router.domain.triage import facts_of

from .journeys import POLICY, Journey


@pytest.fixture
def journey() -> Journey:
    return Journey()


def read(journey: Journey) -> list[str]:
    """The road, the date left out: all of it happens on the second of March."""
    return [f"{at.removeprefix('2026-03-02 ')} {told}" for at, told in tell_road(journey.log, journey.policy)]


def decision_of(journey: Journey) -> list[str]:
    """The decision as it is printed."""
    opened, triaged = journey.log[0], next(event for event in journey.log if event.kind == "triaged")
    console = Console(file=io.StringIO(), width=140)
    facts = facts_of(journey.ticket.model_copy(update={"category": opened.category}), POLICY, vip=opened.vip)
    print_decision(Decision.recorded(triaged), facts, POLICY, console)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


def test_what_enters_and_is_solved_at_one_group_is_told_in_four_lines(journey):
    journey.open(channel="phone")
    journey.later(minutes=5)
    journey.act("bob", outcomes.WorkAccepted)
    journey.later(hours=1, minutes=10)
    journey.act("bob", outcomes.WorkResolved, how="Restarted it.", root_cause="A full disk")
    journey.later(minutes=30)
    journey.ask(intake.Confirmed())
    assert read(journey) == [
        "09:00 opened by phone",
        "09:00 offered to Networks (l2)",
        "09:05 accepted by bob of Networks (l2), after 5 min",
        "10:15 resolved by bob of Networks (l2), after 1 h 10 min: “Restarted it.”; cause: “A full disk”",
        "10:45 confirmed by the requester, and closed",
    ]
    assert tell_now(journey.ticket, POLICY) == [
        "closed: nobody works on it; Networks (l2) had it last.",
        "Hand-offs: 0.",
    ]


def test_what_a_resolution_leaves_behind_is_told(journey):
    journey.open()
    journey.act("bob", outcomes.WorkResolved, how="Restarted it.", draft=ArticleDraft(title="Restart it", body="Do."))
    journey.ask(intake.Reopened(reason="It is back."))
    journey.act("bob", outcomes.WorkResolved, how="Replaced it.", waiver="The last of its kind.")
    told = [line for line in read(journey) if "resolved by" in line]
    assert told[0].endswith("“Restarted it.”; drafted an article: “Restart it”")
    assert told[1].endswith("“Replaced it.”; no article is needed: “The last of its kind.”")


def test_each_hand_off_has_who_how_long_and_why(journey):
    journey.open(category="laptop")
    journey.act("cleo", outcomes.WorkTransferred, to_group="networks", findings="No fault of the laptop.")
    journey.later(minutes=20)
    journey.act("dan", outcomes.WorkAccepted)
    journey.later(hours=2)
    journey.act("dan", outcomes.WorkEscalated, reason="cause_unclear", findings="The switch is well.")
    journey.act("eva", outcomes.WorkReturned, reason="incomplete_description")
    journey.later(hours=26)
    journey.act("dan", outcomes.WorkEscalated, reason="findings", to_tier="l1")
    assert read(journey)[2:] == [
        "09:00 accepted by cleo of PCs and laptops (l2), at once",
        "09:00 transferred to Networks (l2) by cleo, at once; “No fault of the laptop.”",
        "09:20 accepted by dan of Networks (l2), after 20 min",
        "11:20 escalated to Platform (l3) by dan, after 2 h: the cause is unclear; “The switch is well.”",
        "11:20 accepted by eva of Platform (l3), at once",
        "11:20 given back to Networks (l2) by eva, at once: the description is incomplete",
        "2026-03-03 13:20 accepted by dan of Networks (l2), after 1 d 2 h",
        "2026-03-03 13:20 handed down to Front desk (l1) by dan, at once: with what was found there",
    ]
    assert tell_now(journey.ticket, POLICY) == [
        "Front desk (l1) is asked until 2026-03-03 13:50; nobody has accepted it yet.",
        "dan handed it up first and stays the requester's contact.",
        "Hand-offs: 4.",
    ]


def test_what_nobody_accepts_is_offered_again_then_to_who_stands_in_and_its_escalation_is_told(journey):
    journey.open(category="laptop")
    journey.let_expire()
    journey.let_expire()
    assert read(journey)[1:] == [
        "09:00 offered to PCs and laptops (l2)",
        "09:30 not accepted by PCs and laptops (l2), after 30 min: offered to them again, for the second time",
        "10:00 not accepted by PCs and laptops (l2), after 30 min: offered to Front desk (l1), who stand in for them",
        "10:00 escalation unheard begun by the desk: 2 offers in a row were not accepted.",
        "10:00 team-lead told that it takes too long",
        "10:00 made priority 2 (high) by the desk, since it took too long",
        "10:00 escalated to PCs and laptops (l2) by the desk, at once: it took too long",
    ]


def test_what_is_reopened_goes_back_with_the_reason(journey):
    journey.open()
    journey.act("bob", outcomes.WorkResolved, how="Restarted it.")
    journey.later(hours=3)
    journey.ask(intake.Reopened(reason="It fails again."))
    assert read(journey)[-2:] == [
        "12:00 reopened by the requester; “It fails again.”",
        "12:00 offered to Front desk (l1) again",
    ]


def test_a_documented_problem_is_sent_down_with_its_article(journey):
    journey.open(category="laptop")
    journey.match("Dock shows no picture", 0.83)
    assert read(journey)[1:] == [
        "09:00 offered to PCs and laptops (l2)",
        (
            "09:00 sent to Front desk (l1): The article 'Dock shows no picture' documents it (score 0.83), so that group front "
            "can solve it."
        ),
    ]


def test_a_swarm_tells_who_was_invited_and_what_they_found_and_the_owner_stays(journey):
    journey.open(category="outage")
    journey.act("bob", outcomes.WorkInvited, to_group="networks", question="Is it the net?")
    (part,) = journey.ticket.contributions
    journey.later(minutes=4)
    journey.act("mia", outcomes.WorkAccepted, live=part)
    assert tell_now(journey.ticket, POLICY) == [
        "bob of Front desk (l1) has it.",
        "Networks (l2) is invited, mia takes part.",
        "Hand-offs: 0.",
    ]
    journey.act("mia", outcomes.WorkContributed, live=part, findings="A loop\nin the switch.")
    journey.act("bob", outcomes.WorkInvited, to_group="acme", question="And you?")
    (part,) = journey.ticket.contributions
    journey.act("technician-1", outcomes.WorkReturned, live=part, reason="not_ours")
    assert read(journey)[3:] == [
        "09:00 Networks (l2) invited to contribute: “Is it the net?”",
        "09:04 invitation accepted by mia of Networks (l2)",
        "09:04 mia of Networks (l2) contributed: “A loop in the switch.”",
        "09:04 Acme printers (l4) invited to contribute: “And you?”",
        "09:04 invitation accepted by technician-1 of Acme printers (l4)",
        "09:04 Acme printers (l4) declined to contribute: not theirs to do",
    ]


def test_what_is_carried_stays_with_its_owner_and_tells_where_it_stands(journey):
    journey.open(category="software")
    journey.act("bob", outcomes.WorkCarried, reason="complex_configuration", to_tier="l2", findings="Two versions.")
    journey.act("bob", outcomes.WorkPaused, party="change")
    assert read(journey)[3:] == [
        "09:00 carried to tier l2 by bob, who stays its owner: a complex configuration; “Two versions.”",
        "09:00 paused by bob: waits for a change",
    ]
    assert tell_now(journey.ticket, POLICY) == [
        "bob of Front desk (l1) has it, and waits for a change.",
        "It is carried through, and stands at tier l2.",
        "Hand-offs: 0.",
    ]


def test_a_supplier_has_it_and_a_pause_is_told_with_its_length(journey):
    journey.open(category="printer")
    journey.act("technician-1", outcomes.WorkPaused, party="visit")
    journey.later(hours=2)
    journey.act("technician-1", outcomes.WorkResumed)
    assert read(journey)[1:] == [
        "09:00 offered to Acme printers (l4)",
        "09:00 accepted by technician-1 of Acme printers (l4), at once",
        "09:00 paused by technician-1: waits for a visit",
        "11:00 resumed by technician-1 after 2 h",
    ]


def test_the_rule_that_wins_is_told_with_why_and_the_others_with_why_not(journey):
    journey.open(text="There is water in it", department="finance", party="eve@example.org", urgency=1)
    assert decision_of(journey) == [
        "Goes to Platform (platform), tier l3 Engineers, with priority 1 (critical): decided by the rule water.",
        "",
        "Why",
        "  No category was given: taken as other, which enters at tier l1, group front.",
        "  Impact 2 (medium, the default, as none was told) and urgency 1 (high) make priority 2 (high).",
        "  The requester is a VIP.",
        "  The department finance has group platform, but a rule goes before it.",
        "  The rule water sends it to group platform of tier l3.",
        "  The rule boss makes it priority 1: Who decides must be able to work.",
        "",
        "The rules in their order; the first that matches decides",
        "  boss      decides the priority  the requester is a VIP",
        '  water     decides the group     the condition holds: text.contains("water")',
        "  by-phone  no                    channel is portal, not phone",
        "  wet       no                    matches too, but water and boss come before it",
    ]


def test_a_department_that_overrides_and_a_kind_that_recurs_are_what_decided(journey):
    journey.open(category="printer", department="finance", impact=1, urgency=1)
    assert decision_of(journey)[:6] == [
        "Goes to Platform (platform), tier l3 Engineers, with priority 1 (critical): decided by the department finance.",
        "",
        "Why",
        "  The category is printer, which enters at tier l4, group acme.",
        "  Impact 1 (high) and urgency 1 (high) make priority 1 (critical).",
        "  The best-suited department is finance, which goes before the category: platform of tier l3 gets it.",
    ]
    again = Journey()
    again.open(category="laptop", asset="L-1", recurrence=Recurrence("l3", "The third of its kind: TD-1, TD-2."))
    told = decision_of(again)
    assert told[0].endswith("with priority 3 (moderate): decided by its kind, which recurs.")
    assert "  The third of its kind: TD-1, TD-2. So it goes to tier l3." in told


def test_an_event_is_told_what_could_still_send_it_elsewhere(tierdesk, tmp_path):
    policy, event = tmp_path / "policy.json", tmp_path / "event.json"
    policy.write_text(json.dumps(POLICY.document()))
    told = {"type": "problem_reported", "requester": {"party": "ann"}, "title": "No picture", "category": "laptop"}
    event.write_text(json.dumps(told | {"asset": "DOCK-1"}))
    done = tierdesk("policy", "explain", event, "--policy", policy)
    lines = [line.rstrip() for line in done.out.splitlines()]
    place = lines.index("What could still send it elsewhere")
    assert lines[place + 1 : place + 3] == [
        "  If an article fits it with a score of 0.70 or more, it goes down to Front desk (l1) with the article.",
        "  If 2 others of its kind (category laptop, asset DOCK-1) came in the 30 days before it, it goes up to tier l3.",
    ]
    event.write_text(json.dumps(told | {"category": "printer"}))
    assert "could still" not in tierdesk("policy", "explain", event, "--policy", policy).out


def test_a_demonstration_points_at_who_was_invited_and_what_was_carried_and_at_the_owner(journey):
    journey.open(category="outage")
    journey.act("bob", outcomes.WorkInvited, to_group="networks", question="Is it the net?")
    (part,) = journey.ticket.contributions
    journey.act("mia", outcomes.WorkContributed, live=part, findings="A loop.")
    assert tell_together(journey.log, POLICY) == [
        "Swarmed: bob invited Networks (l2) to contribute.",
        "mia of Networks (l2) answered: “A loop.”",
        "Its owner did not change: bob.",
    ]
    carried = Journey()
    carried.open(category="software")
    carried.act("bob", outcomes.WorkCarried, reason="cause_unclear", to_tier="l2")
    assert tell_together(carried.log, POLICY) == [
        "Carried through: bob carried it to tier l2.",
        "Its owner did not change: bob.",
    ]


def test_a_demonstration_points_at_tiers_that_were_passed_over_and_at_nothing_else(journey):
    journey.open(category="printer")
    journey.act("technician-1", outcomes.WorkEscalated, reason="findings", to_tier="l3")
    journey.act("eva", outcomes.WorkEscalated, reason="beyond_scope", to_tier="l2")
    assert tell_together(journey.log, POLICY) == []
    direct = Journey()
    direct.open()
    direct.act("bob", outcomes.WorkEscalated, reason="needs_vendor", to_tier="l4", to_group="acme")
    assert tell_together(direct.log, POLICY) == ["Straight from tier l1 to tier l4: handed on by bob."]
