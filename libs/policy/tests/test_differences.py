"""What differs between two policies."""

from tierdesk_policy import find_differences, find_moved_entries, load_policy

DESK = """\
name: Desk
tiers: [{id: l1}, {id: l2}]
edges: [[l1, l2]]
groups:
  - {id: help, tier: l1}
  - {id: experts, tier: l2, skills: [oracle]}
  - {id: unix, tier: l2}
categories: [{id: usage, tier: l1, group: help}, {id: database, tier: l2, group: experts}]
rules: [{id: a, vip: true, priority: 1}, {id: b, impacts: [1], group: experts}]
"""


def told(before: str, after: str) -> list[str]:
    return [str(difference) for difference in find_differences(load_policy(before), load_policy(after))]


def test_equal_policies_differ_in_nothing_however_they_are_written():
    assert told(DESK, DESK + "# a remark\nreopen_within: 14d\n") == []


def test_parts_are_compared_by_name_wherever_they_stand():
    changed = DESK.replace("{id: help, tier: l1}", "{id: help, tier: l1, calendar: elapsed, name: Help}").replace(
        "  - {id: unix, tier: l2}\n", "  - {id: phones, tier: l1}\n"
    )
    assert told(DESK, changed) == [
        "~ groups.help.name: help → Help",
        '- groups.unix: {"id": "unix", "tier": "l2", "name": "unix", "calendar": "elapsed"}',
        '+ groups.phones: {"id": "phones", "tier": "l1", "name": "phones", "calendar": "elapsed"}',
    ]


def test_values_lists_and_optional_parts_are_told_where_they_are():
    assert told(DESK, DESK.replace("edges: [[l1, l2]]", "edges: [[l1, l2], [l2, l1]]")) == [
        '~ edges: [["l1", "l2"]] → [["l1", "l2"], ["l2", "l1"]]'
    ]
    assert told(DESK, DESK + "knowledge: {group: help}\n") == ['+ knowledge: {"group": "help", "threshold": 0.7}']
    assert told(DESK + "vips: [boss]\n", DESK) == ['- vips: ["boss"]']
    assert told(DESK, DESK.split("rules:", maxsplit=1)[0]) == [
        (
            '- rules: [{"id": "a", "vip": true, "skills": [], "priority": 1, "because": ""}, '
            '{"id": "b", "impacts": [1], "skills": [], "group": "experts", "because": ""}]'
        )
    ]


def test_the_order_of_parts_is_a_difference_with_what_it_means():
    rules = "[{id: b, impacts: [1], group: experts}, {id: a, vip: true, priority: 1}]"
    assert told(DESK, DESK.split("rules:", maxsplit=1)[0] + f"rules: {rules}\n") == [
        "~ order of rules (which decides first): a, b → b, a"
    ]
    assert told(DESK, DESK.replace("[{id: l1}, {id: l2}]", "[{id: l2}, {id: l1}]")) == [
        "~ order of tiers (which stands higher): l1, l2 → l2, l1"
    ]
    swapped = DESK.replace("  - {id: unix, tier: l2}\n", "").replace("groups:\n", "groups:\n  - {id: unix, tier: l2}\n")
    assert told(DESK, swapped) == [
        "~ order of groups (which is meant first by a tier or skills): help, experts, unix → unix, help, experts"
    ]


def test_categories_that_enter_elsewhere_are_named():
    moved = load_policy(
        DESK.replace("{id: database, tier: l2, group: experts}", "{id: database, tier: l2, group: unix}")
    )
    assert [str(one) for one in find_moved_entries(load_policy(DESK), moved)] == [
        "~ category database enters at: l2/experts → l2/unix"
    ]
