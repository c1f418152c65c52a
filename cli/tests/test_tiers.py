"""Groups of an export, mapped to tiers by one rule, and the desk that replays them."""

import re
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from tierdesk_cli.replay.export import Incident, Update
from tierdesk_cli.replay.tiers import UNASSIGNED, group_name, map_groups, replay_policy, title

from .exports import PRIORITIES, START

IDENTIFIER = re.compile(r"[a-z][a-z0-9-]{0,39}")


def incident(*groups: str | None) -> Incident:
    """An incident that lay with these groups, one after the other."""
    updates = tuple(
        Update(START + timedelta(hours=hour), "Active", 2, 2, 3, group, None) for hour, group in enumerate(groups)
    )
    return Incident("INC1", START, "Ann", True, "none", "none", "none", None, updates)


def test_a_group_that_is_mostly_first_is_l1_one_that_is_mostly_second_l2_and_later_ones_l3():
    found = map_groups([incident("A", "B", "C"), incident(None, "A", "A", "B"), incident("B", "A", "C", "D")])
    assert {name: found[group_name(name)] for name in "ABCD"} == {"A": "l1", "B": "l1", "C": "l3", "D": "l3"}
    assert map_groups([incident("A", "B")])[group_name("B")] == "l2"
    assert found[UNASSIGNED] == "l1"


def test_the_bounds_of_the_rule_belong_to_the_higher_tier():
    first, second = [incident("A", "X")] * 9 + [incident("X")], [incident("A", "X")] * 6 + [incident("A", "B", "X")] * 4
    assert map_groups(first)[group_name("X")] == "l2"  # a mean of 0.9
    assert map_groups(second)[group_name("X")] == "l3"  # a mean of 1.4


def test_rows_without_a_group_and_rows_that_repeat_it_do_not_count_as_places():
    assert map_groups([incident(None, None, "A", "A", None, "A", "B")])[group_name("B")] == "l2"


def test_names_that_are_plain_stay_readable():
    assert group_name(None) == UNASSIGNED
    assert group_name("Group 24") == "group-group-24"
    assert group_name("56") == "group-56"


def test_groups_are_told_as_the_export_calls_them():
    assert title(UNASSIGNED) == "No group yet"
    assert [title(group_name(name)) for name in ("56", "Group 24", "Network services")] == [
        "Group 56",
        "Group 24",
        "Network services",
    ]


def test_names_that_differ_in_a_sign_or_a_case_alone_are_two_groups():
    names = [
        "Group 24",
        "Group-24",
        "Group_24",
        "group 24",
        "GROUP 24",
        "Group 24 ",
        "Gr\u00fcppe 24",
        "Gr\u00f6ppe 24",
    ]
    names += ["x" * 90 + "1", "x" * 90 + "2", "unassigned", "", "-", "--"]
    assert len({group_name(name) for name in names} | {UNASSIGNED}) == len(names) + 1


@given(st.lists(st.text(max_size=60), unique=True, max_size=40))
def test_every_name_gets_an_identifier_of_its_own(names):
    found = [group_name(name) for name in names]
    assert len(set(found)) == len(names)
    assert UNASSIGNED not in found
    assert all(IDENTIFIER.fullmatch(name) for name in found), found


def test_the_policy_of_any_groups_loads_and_lets_each_tier_hand_on_to_each_other():
    tiers = map_groups([incident("A", "B", "C", "D"), incident(None, "Group-1"), incident("Group 1")])
    policy = replay_policy(tiers)
    assert {group.id: group.tier for group in policy.groups} == tiers
    assert len(policy.edges) == len(set(tiers.values())) * (len(set(tiers.values())) - 1)
    assert {pair: policy.priority(*pair) for pair in PRIORITIES} == PRIORITIES


def test_the_policy_of_no_group_at_all_loads():
    assert [group.id for group in replay_policy(map_groups([incident(None)])).groups] == [UNASSIGNED]
