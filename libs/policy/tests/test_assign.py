"""How the work of a group comes to its people."""

import pytest

from tierdesk_policy import Assign, Policy, PolicyError, load_policy

POLICY = """
name: Desk
tiers: [{id: l1}, {id: l4}]
groups:
  - {id: front, tier: l1}
  - {id: makers, tier: l4, vendor: acme}
vendors: [{id: acme, group: makers}]
edges: [[l1, l4]]
categories: [{id: other, tier: l1, group: front}]
"""


def test_a_group_pulls_unless_it_says_otherwise_and_a_policy_that_says_nothing_keeps_its_version():
    plain = load_policy(POLICY)
    assert plain.group("front").assign is Assign.PULL
    assert "assign" not in str(plain.document())
    told = load_policy(POLICY.replace("tier: l1}\n  -", "tier: l1, assign: pull}\n  -"))
    assert told.version == plain.version


def test_a_group_whose_work_is_pushed_is_another_policy_and_reads_back_as_it_was():
    pushed = load_policy(POLICY.replace("tier: l1}\n  -", "tier: l1, assign: push}\n  -"))
    assert pushed.group("front").assign is Assign.PUSH
    assert pushed.version != load_policy(POLICY).version
    assert Policy.from_document(pushed.document(), source="again").version == pushed.version


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("vendor: acme}", "vendor: acme, assign: push}", "a vendor takes what it is offered"),
        ("{id: front, tier: l1}", "{id: front, tier: l1, assign: shove}", "groups.0.assign"),
    ],
)
def test_what_cannot_be_assigned_so_is_refused_with_its_line(before, after, told):
    with pytest.raises(PolicyError, match=told):
        load_policy(POLICY.replace(before, after))
