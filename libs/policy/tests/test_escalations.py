"""Chains of escalation in a policy: what they say, and what the check finds."""

import pytest

from tierdesk_policy import Policy, PolicyError, find_differences, load_policy, review_policy

DESK = """\
name: Desk
tiers: [{id: l1}, {id: l2}, {id: l4}]
edges: [[l1, l2], [l2, l1]]
groups: [{id: help, tier: l1}, {id: experts, tier: l2}, {id: printers, tier: l4, vendor: acme}]
vendors: [{id: acme, group: printers}]
categories: [{id: usage, tier: l1, group: help}, {id: print, tier: l4, group: printers}]
"""
CHAIN = """\
escalations:
  - id: breach
    on: {clock: [resolution, first_response], word: breached}
    priorities: [1, 2]
    steps:
      - notify: team-lead
      - wait: 30m
      - raise_priority: 1
      - re_offer: true
      - repeat: 3
      - next_tier: true
  - id: quiet
    on: {silent: 4h}
    vendors: [acme]
    steps: [{notify: contact-owner}]
"""


def faults(chain: str) -> list[str]:
    with pytest.raises(PolicyError) as refused:
        load_policy(DESK + chain, source="desk.yaml")
    return [str(fault) for fault in refused.value.faults]


def remarks(chain: str) -> list[str]:
    return [str(remark) for remark in review_policy(DESK + chain, source="desk.yaml")[1]]


def one(on: str = "{unaccepted: 2}", steps: str = "[{notify: lead}]", more: str = "") -> str:
    return f"escalations:\n  - id: late\n    on: {on}\n    steps: {steps}\n{more}"


def test_a_chain_says_what_begins_it_and_what_is_done():
    policy = load_policy(DESK + CHAIN)
    breach, quiet = policy.escalations
    assert policy.escalation("breach") is breach
    assert (breach.calendar, breach.priorities) == ("elapsed", (1, 2))
    assert [step.wait_seconds for step in breach.steps] == [None, 1_800, None, None, None, None]
    assert policy.silences == (quiet,)
    assert quiet.on.silent_seconds == 4 * 3_600
    assert Policy.from_document(policy.document()) == policy


@pytest.mark.parametrize(
    ("on", "kind", "word", "heeded"),
    [
        ("{clock: [resolution]}", "resolution", "breached", True),
        ("{clock: [resolution]}", "resolution", "warned", False),
        ("{clock: [resolution], word: warned}", "resolution", "warned", True),
        ("{clock: [resolution]}", "acceptance", "breached", False),
        ("{unaccepted: 1}", "resolution", "breached", False),
    ],
)
def test_a_chain_begins_on_its_word_of_its_clocks_alone(on, kind, word, heeded):
    (escalation,) = load_policy(DESK + one(on)).escalations
    assert escalation.on.heeds(kind, word) is heeded


def test_a_list_that_is_left_out_matches_everything():
    breach, quiet = load_policy(DESK + CHAIN).escalations
    ticket = {"priority": 3, "category": "usage", "tier": "l1", "vendor": None}
    assert not breach.matches(**ticket)
    assert breach.matches(**ticket | {"priority": 2})
    assert not quiet.matches(**ticket)
    assert quiet.matches(**ticket | {"vendor": "acme"})


def test_a_policy_without_chains_keeps_its_version():
    assert "escalations" not in load_policy(DESK).document()


def test_a_difference_names_the_chain_and_its_part():
    changed = load_policy(DESK + CHAIN.replace("priorities: [1, 2]", "priorities: [1]"))
    told = [str(difference) for difference in find_differences(load_policy(DESK + CHAIN), changed)]
    assert told == ["~ escalations.breach.priorities: [1, 2] → [1]"]


@pytest.mark.parametrize(
    ("chain", "told"),
    [
        (one("{}"), "desk.yaml:9: escalations.0.on: names nothing: exactly one of clock, unaccepted, silent is expected"),
        (
            one("{silent: 4h, unaccepted: 2}"),
            "desk.yaml:9: escalations.0.on: names unaccepted and silent: exactly one of clock, unaccepted, silent is expected",
        ),
        (one("{silent: 4h, word: warned}"), "desk.yaml:9: escalations.0.on.word: only clocks say words"),
        (one("{clock: [resolution], word: retracted}"), "desk.yaml:9: escalations.0.on.word: should be 'warned' or 'breached'"),
        (one("{silent: 0}"), "desk.yaml:9: escalations.0.on.silent: a duration must be longer than zero"),
        (one(steps="[{notify: lead}, {repeat: 2}]"), "desk.yaml:10: escalations.0.steps.1: repeats without any wait before it"),
        (
            one(steps="[{notify: lead}, {repeat: 2}, {wait: 1h}]"),
            "desk.yaml:10: escalations.0.steps.1: repeats without any wait before it",
        ),
        (
            one(steps="[{wait: 1h}, {repeat: 2}, {repeat: 2}, {notify: lead}]"),
            "desk.yaml:10: escalations.0.steps.2: a chain repeats once at most",
        ),
        (
            one(steps="[{notify: lead, wait: 1h}]"),
            (
                "desk.yaml:10: escalations.0.steps.0: is notify and wait at once: each step is exactly one of notify, wait, "
                "raise_priority, re_offer, next_tier, send_back, repeat"
            ),
        ),
        (one(steps="[{re_offer: false}]"), "desk.yaml:10: escalations.0.steps.0.re_offer: should be True"),
        (one(steps="[{raise_priority: 4}]"), "desk.yaml:10: escalations.0.steps.0.raise_priority: there are only 4 priorities"),
        (one(more="    priorities: [5]\n"), "desk.yaml:11: escalations.0.priorities.0: there are only 4 priorities"),
        (one(more="    vendors: [other]\n"), "desk.yaml:11: escalations.0.vendors.0: there is no vendor 'other'"),
        (one(more="    calendar: office\n"), "desk.yaml:11: escalations.0.calendar: there is no calendar 'office'"),
        (one(more="    color: red\n"), "desk.yaml:11: escalations.0.color: unknown field"),
    ],
)  # fmt: skip
def test_a_fault_is_told_with_its_line(chain, told):
    assert told in faults(chain)


def test_two_chains_of_one_name_are_a_fault():
    twice = one() + "  - {id: late, on: {unaccepted: 1}, steps: [{notify: lead}]}\n"
    assert faults(twice) == ["desk.yaml:11: escalations.1.id: there is an escalation 'late' already: escalations.0"]


@pytest.mark.parametrize("steps", ["[]", "[{}]", "nothing", "[7, {notify: lead}]", "{notify: lead}"])
def test_steps_that_are_none_are_a_fault(steps):
    assert any("escalations.0.steps" in fault for fault in faults(one(steps=steps)))


def test_a_step_without_effect_is_remarked():
    assert remarks(CHAIN) == []
    assert remarks(one(steps="[{notify: lead}, {wait: 1h}]")) == [
        "desk.yaml:10: escalations.0.steps.1: waits for nothing: no step comes after it"
    ]
    assert remarks(one(steps="[{next_tier: true}, {send_back: true}]", more="    tiers: [l2]\n")) == [
        "desk.yaml:10: escalations.0.steps.0: has no effect: no edge leads up from these tiers"
    ]
    assert remarks(one(steps="[{send_back: true}]", more="    tiers: [l4, l1]\n")) == [
        "desk.yaml:10: escalations.0.steps.0: has no effect: no edge leads down from these tiers"
    ]
