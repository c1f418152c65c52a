"""The policy's part on knowledge: what resolutions owe, and how long self-service waits."""

import pytest

from tierdesk_policy import WAIT_SECONDS, Policy, PolicyError, load_policy, review_policy

DESK = """\
name: Desk
tiers: [{id: l0, hands_on_incomplete: true}, {id: l1}, {id: l2}]
edges: [[l0, l1], [l1, l2], [l2, l1]]
groups: [{id: self-service, tier: l0}, {id: help, tier: l1}, {id: unix, tier: l2}]
categories: [{id: usage, tier: l1, group: help}, {id: how-to, tier: l0, group: self-service}]
"""
PLAIN = "knowledge: {group: help, threshold: 0.6}\n"
WHOLE = "knowledge: {group: help, threshold: 0.6, owed_from: l2, wait: 12h}\n"


def test_it_is_read_and_comes_back_from_its_document():
    policy = load_policy(DESK + WHOLE)
    assert (policy.knowledge.owed_from, policy.knowledge.wait_seconds) == ("l2", 43_200)
    assert Policy.from_document(policy.document()) == policy


def test_a_policy_that_says_nothing_of_it_keeps_its_version():
    policy = load_policy(DESK + PLAIN)
    assert policy.version == "sha256:d2d9d0d34a6b92260b812556816001b68aa8e491513ac2eae0d4919ad6ed8dbc"
    assert policy.document()["knowledge"] == {"group": "help", "threshold": 0.6}
    assert (policy.knowledge.owed_from, policy.knowledge.wait_seconds) == (None, WAIT_SECONDS)
    assert load_policy(DESK + PLAIN.replace("}", ", wait: 3d}")).version == policy.version
    assert load_policy(DESK + WHOLE).version != policy.version


@pytest.mark.parametrize(
    ("part", "fault"),
    [
        ("owed_from: l9", "knowledge.owed_from: there is no tier 'l9'"),
        ("owed_from: 7", "knowledge.owed_from: "),
        ("wait: 0s", "knowledge.wait: a duration must be longer than zero"),
        ("wait: soon", "knowledge.wait: not a duration"),
        ("wait: 4000d", "knowledge.wait: a duration may not be longer"),
    ],
)
def test_a_fault_is_told_with_file_and_line(part, fault):
    with pytest.raises(PolicyError) as caught:
        load_policy(f"{DESK}knowledge: {{group: help, {part}}}\n", source="desk.yaml")
    (told,) = [str(one) for one in caught.value.faults]
    assert told.startswith(f"desk.yaml:6: {fault}"), told


def test_machines_that_would_owe_an_article_are_remarked():
    (told,) = [str(one) for one in review_policy(DESK + WHOLE.replace("l2", "l0"), source="desk.yaml")[1]]
    assert told == (
        "desk.yaml:6: knowledge.owed_from: tier 'l0' is worked by machine and would owe an article too: begin above it"
    )
    assert review_policy(DESK + WHOLE, source="desk.yaml")[1] == ()
