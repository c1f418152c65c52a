"""The policy's part about tickets that are alike: read, checked with file and line, remarked, and left out when empty."""

import pytest

from tierdesk_policy import Policy, PolicyError, load_policy, review_policy

DESK = """\
name: Desk
tiers: [{id: l1}, {id: l2}, {id: l4}]
edges: [[l1, l2], [l2, l1], [l1, l4]]
groups: [{id: help, tier: l1}, {id: unix, tier: l2}, {id: printers, tier: l4, vendor: acme}]
vendors: [{id: acme, group: printers}]
categories: [{id: usage, tier: l1, group: help}, {id: print, tier: l4, group: printers}]
"""
WHOLE = """\
likeness:
  repeat: {within: 24h}
  outage:
    - {count: 5, within: 15m, by: [category, location]}
  recurring:
    - {count: 3, within: 30d, by: [category, asset], tier: l2}
"""


def faults_of(part: str) -> list[str]:
    with pytest.raises(PolicyError) as caught:
        load_policy(DESK + part, source="desk.yaml")
    return [str(fault) for fault in caught.value.faults]


def test_it_is_read_and_comes_back_from_its_document():
    policy = load_policy(DESK + WHOLE)
    likeness = policy.likeness
    assert likeness.repeat.within_seconds == 86_400
    assert [(rule.count, rule.within_seconds, *rule.by) for rule in likeness.outage] == [
        (5, 900, "category", "location")
    ]
    assert [(rule.count, rule.tier) for rule in likeness.recurring] == [(3, "l2")]
    assert Policy.from_document(policy.document()) == policy


def test_a_policy_without_it_keeps_its_version():
    assert "likeness" not in load_policy(DESK).document()
    assert load_policy(DESK + WHOLE).version != load_policy(DESK).version


@pytest.mark.parametrize(
    ("part", "fault"),
    [
        ("{count: 1, within: 15m, by: [category]}", "likeness.outage.0.count: should be greater than or equal to 2"),
        ("{count: 101, within: 15m, by: [category]}", "likeness.outage.0.count: should be less than or equal to 100"),
        ("{count: 5, within: 0s, by: [category]}", "likeness.outage.0.within: "),
        ("{count: 5, within: 15m, by: []}", "likeness.outage.0.by: "),
        ("{count: 5, within: 15m, by: [colour]}", "likeness.outage.0.by.0: "),
        ("{count: 5, within: 15m, by: [asset, asset]}", "likeness.outage.0.by.1: 'asset' is told twice"),
        ("{count: 5, by: [asset]}", "likeness.outage.0.within: is required"),
        ("{count: 5, within: 15m, by: [asset], tier: l2}", "likeness.outage.0.tier: unknown field"),
    ],
)
def test_a_fault_of_a_rule_is_told_with_file_and_line(part, fault):
    (told,) = faults_of(f"likeness:\n  outage:\n    - {part}\n")
    assert told.startswith(f"desk.yaml:9: {fault}"), told


def test_tiers_that_are_not_there_or_have_nobody_in_house_are_faults():
    rule = "likeness:\n  recurring: [{{count: 3, within: 30d, by: [asset], tier: {}}}]\n"
    assert faults_of(rule.format("l9")) == ["desk.yaml:8: likeness.recurring.0.tier: there is no tier 'l9'"]
    (told,) = faults_of(rule.format("l4"))
    assert told.endswith("the tier 'l4' has no group in house")


def test_two_rules_that_look_at_the_same_fields_are_a_fault():
    rules = "likeness:\n  outage:\n    - {count: 5, within: 15m, by: [asset, category]}\n    - {count: 9, within: 1h, by: [category, asset]}\n"
    (told,) = faults_of(rules)
    assert told == "desk.yaml:10: likeness.outage.1.by: likeness.outage.0 looks at the same fields already"


@pytest.mark.parametrize(
    "part",
    [
        "likeness: 7\n",
        "likeness: [1]\n",
        "likeness: {outage: 7}\n",
        "likeness: {outage: [7]}\n",
        "likeness: {recurring: [{by: 7, tier: [l2]}]}\n",
    ],
)
def test_what_is_no_such_part_is_refused(part):
    assert all("likeness" in fault for fault in faults_of(part))


def test_a_tier_below_which_nothing_enters_is_remarked():
    part = "likeness:\n  recurring: [{count: 3, within: 30d, by: [asset], tier: l1}]\n"
    (told,) = [str(remark) for remark in review_policy(DESK + part, source="desk.yaml")[1]]
    assert told == (
        "desk.yaml:8: likeness.recurring.0.tier: no category enters below tier 'l1', so that nothing goes up by it"
    )
    assert review_policy(DESK + WHOLE, source="desk.yaml")[1] == ()
