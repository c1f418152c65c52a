"""The policy's part about the telephone: read, checked with file and line, and left out when it says nothing."""

import pytest

from tierdesk_policy import Overflow, Policy, PolicyError, load_policy

DESK = """\
name: Desk
tiers: [{id: l1}, {id: l4}]
edges: [[l1, l4]]
groups: [{id: help, tier: l1}, {id: printers, tier: l4, vendor: acme}]
vendors: [{id: acme, group: printers}]
categories: [{id: usage, tier: l1, group: help}, {id: print, tier: l4, group: printers}]
"""
WHOLE = """\
phone:
  country: GB
  overflow:
    - {to: l2, waiting: 2m, queues: [service-desk]}
    - {to: callback, callers: 5}
    - {to: voicemail, talking: 3, waiting: 1m}
  callbacks: {group: help, attempts: 2, spacing: 1h, claim: 10m, after: [voicemail]}
  guard: {remind: 10m, offer: 20m}
"""


def faults_of(part: str) -> list[str]:
    with pytest.raises(PolicyError) as caught:
        load_policy(DESK + part, source="desk.yaml")
    return [str(fault) for fault in caught.value.faults]


def test_it_is_read_and_comes_back_from_its_document():
    policy = load_policy(DESK + WHOLE)
    phone = policy.telephone
    assert [(rule.to, rule.waiting_seconds, rule.callers, rule.talking) for rule in phone.overflow] == [
        (Overflow.L2, 120, None, None),
        (Overflow.CALLBACK, None, 5, None),
        (Overflow.VOICEMAIL, 60, None, 3),
    ]
    assert (phone.callbacks.group, phone.callbacks.attempts, phone.callbacks.spacing_seconds) == ("help", 2, 3_600)
    assert (phone.guard.remind_seconds, phone.guard.offer_seconds) == (600, 1_200)
    assert Policy.from_document(policy.document()) == policy


def test_a_policy_without_it_keeps_its_version_and_has_the_defaults():
    policy = load_policy(DESK)
    assert "phone" not in policy.document()
    assert (policy.telephone.callbacks.attempts, policy.telephone.callbacks.spacing_seconds) == (3, 1_800)
    assert policy.telephone.overflow == ()
    assert policy.telephone.guard is None


@pytest.mark.parametrize(
    ("waited", "callers", "talking", "queue", "matches"),
    [
        (60, 1, 3, None, True),
        (59, 1, 3, None, False),
        (60, 1, 2, None, False),
        (600, 9, 9, "any", True),
    ],
)
def test_a_rule_asks_for_all_that_it_names(waited, callers, talking, queue, matches):
    rule = load_policy(DESK + WHOLE).telephone.overflow[2]
    assert rule.matches(queue=queue, waited_seconds=waited, callers=callers, talking=talking) is matches


@pytest.mark.parametrize(
    ("part", "fault"),
    [
        ("{overflow: [{to: l2}]}", "phone.overflow.0: asks for nothing: say `waiting`, `callers` or `talking`"),
        ("{overflow: [{to: l2, queues: [a]}]}", "phone.overflow.0: asks for nothing"),
        ("{overflow: [{to: l9, callers: 2}]}", "phone.overflow.0.to: "),
        ("{overflow: [{to: l2, callers: 0}]}", "phone.overflow.0.callers: "),
        ("{callbacks: {group: nobody}}", "phone.callbacks.group: there is no group 'nobody'"),
        ("{callbacks: {group: printers}}", "phone.callbacks.group: the group 'printers' is a vendor's"),
        ("{callbacks: {attempts: 0}}", "phone.callbacks.attempts: "),
        ("{guard: {remind: 30m, offer: 10m}}", "phone.guard.offer: comes before the reminder"),
        ("{country: gb}", "phone.country: "),
        ("{ring: loud}", "phone.ring: unknown field"),
        ("7", "phone: "),
    ],
)
def test_faults_are_told_with_their_place(part, fault):
    (told,) = faults_of(f"phone: {part}\n")
    assert told.startswith(f"desk.yaml:7: {fault}")
