"""The decision table: what rules match, which decides, and what is said of those that do not."""

import time
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tierdesk_contracts.vocabulary import Channel
from tierdesk_policy import Facts, Policy, PolicyError, Rule, RuleTable, load_policy, review_policy
from tierdesk_policy.expressions import SAMPLE, UndecidableError, compile_condition, context_of
from tierdesk_policy.rules import COLUMNS, MOST_RULES, ChannelName, values_of

DESK = """\
name: Desk
tiers: [{id: l1}, {id: l2}, {id: l4}]
edges: [[l1, l2], [l2, l1], [l1, l4]]
groups:
  - {id: help, tier: l1}
  - {id: unix, tier: l2, skills: [linux, oracle]}
  - {id: experts, tier: l2, skills: [windows]}
  - {id: printers, tier: l4, vendor: acme}
vendors: [{id: acme, group: printers, covers: [print]}]
categories:
  - {id: usage, tier: l1, group: help}
  - {id: database, tier: l2, skills: [oracle]}
  - {id: print, tier: l4, group: printers}
departments: [{id: finance, group: help}]
vips: [Boss@example.org, "@board.example.org", "+44 20 7946 0018"]
"""
FACTS = Facts(category="usage", priority=3, impact=2, urgency=2, channel="portal", title="Month-end report is late")


def desk_with(*rules: str) -> str:
    return DESK + "rules:\n" + "".join(f"  - {rule}\n" for rule in rules)


def faults_of(*rules: str) -> list[str]:
    with pytest.raises(PolicyError) as caught:
        load_policy(desk_with(*rules), source="desk.yaml")
    return [str(fault) for fault in caught.value.faults]


def decided(policy: Policy, facts: Facts = FACTS) -> tuple[str | None, str | None]:
    group, priority = policy.rule_table.decide(facts)
    return group.id if group else None, priority.id if priority else None


def test_the_first_rule_that_matches_decides_the_group_and_the_first_that_names_one_the_priority():
    policy = load_policy(
        desk_with(
            "{id: boss, vip: true, priority: 1}",
            "{id: finance, departments: [finance], group: unix}",
            "{id: late, when: title.contains('late'), group: experts}",
            "{id: any, group: help, priority: 4}",
        )
    )
    assert decided(policy) == ("late", "any")
    assert decided(policy, FACTS._replace(vip=True)) == ("late", "boss")
    assert decided(policy, FACTS._replace(department="finance", vip=True)) == ("finance", "boss")
    assert decided(policy, FACTS._replace(title="early")) == ("any", "any")


def test_a_tier_with_skills_means_its_first_group_that_has_them_all():
    policy = load_policy(
        desk_with(
            "{id: a, categories: [usage], tier: l2}", "{id: b, categories: [database], tier: l2, skills: [windows]}"
        )
    )
    assert [rule.group for rule in policy.rules] == ["unix", "experts"]
    assert policy.category("database").group == "unix"


def test_each_rule_is_told_why_it_does_not_decide():
    policy = load_policy(
        desk_with(
            "{id: boss, vip: true, priority: 1}",
            "{id: phone, channels: [phone, chat], group: unix}",
            "{id: early, when: title.contains('early'), group: unix}",
            "{id: first-step, when: \"steps_tried[0] == 'x'\", group: unix}",
            "{id: late, categories: [usage, print], when: title.contains('late'), group: experts}",
            "{id: any, group: help}",
        )
    )
    told = [(judged.rule.id, judged.decides, judged.why) for judged in policy.rule_table.judge(FACTS)]
    assert told[0] == ("boss", (), "the requester is no VIP")
    assert told[1] == ("phone", (), "channel is portal, not phone or chat")
    assert told[2] == ("early", (), "the condition does not hold: title.contains('early')")
    assert told[3][2].startswith("the condition cannot be decided (")
    assert told[4] == ("late", ("group",), "category is usage or print; the condition holds: title.contains('late')")
    assert told[5] == ("any", (), "matches too, but late comes before it")


VALUES = {
    "categories": st.sampled_from(["usage", "database", "print"]),
    "departments": st.sampled_from(["finance", "works"]),
    "channels": st.sampled_from(["portal", "phone"]),
    "impacts": st.integers(1, 3),
    "urgencies": st.integers(1, 3),
    "priorities": st.integers(1, 4),
}
CONDITIONS = [None, "impact == urgency", "vip && channel == 'phone'", "size(title) > 3", "steps_tried[0] == 'a'"]


@st.composite
def rules(draw):
    columns = {
        name: draw(st.none() | st.lists(values, min_size=1, max_size=2, unique=True)) for name, values in VALUES.items()
    }
    return Rule.model_validate(
        {
            "id": "r",
            **{name: tuple(values) for name, values in columns.items() if values},
            "vip": draw(st.none() | st.booleans()),
            "when": draw(st.sampled_from(CONDITIONS)),
            "group": draw(st.none() | st.just("help")),
            "priority": draw(st.none() | st.integers(1, 4)),
        }
    )


facts = st.builds(
    Facts,
    category=VALUES["categories"],
    department=st.none() | VALUES["departments"],
    channel=VALUES["channels"],
    impact=VALUES["impacts"],
    urgency=VALUES["urgencies"],
    priority=VALUES["priorities"],
    vip=st.booleans(),
    title=st.sampled_from(["", "late", "a"]),
    steps_tried=st.sampled_from([(), ("a",), ("b",)]),
)


def matches(rule: Rule, given_facts: Facts) -> bool:
    for column, fact in COLUMNS.items():
        values = rule.values(column)
        if values is not None and getattr(given_facts, fact) not in values:
            return False
    try:
        return rule.condition is None or rule.condition.holds(context_of(values_of(given_facts)))
    except UndecidableError:
        return False


@given(st.lists(rules(), max_size=12), facts)
def test_the_table_decides_as_one_who_reads_it_line_by_line(table, given_facts):
    decision = RuleTable(table).decide(given_facts)
    for what in ("group", "priority"):
        expected = next(
            (rule for rule in table if getattr(rule, what) is not None and matches(rule, given_facts)), None
        )
        assert getattr(decision, what) is expected


@given(st.lists(rules(), max_size=8), facts)
def test_a_judgement_says_of_every_rule_what_it_decides_and_agrees_with_the_decision(table, given_facts):
    decision = RuleTable(table).decide(given_facts)
    judged = list(RuleTable(table).judge(given_facts))
    assert [one.rule for one in judged] == table
    assert all(one.why for one in judged)
    for what in ("group", "priority"):
        assert [one.rule for one in judged if what in one.decides] == [
            rule for rule in [getattr(decision, what)] if rule is not None
        ]


def test_requesters_are_vips_by_name_address_number_or_domain():
    policy = load_policy(DESK)
    assert policy.is_vip("boss@EXAMPLE.org")
    assert policy.is_vip("ann", None, "+44 20 7946 0018")
    assert policy.is_vip("ann", "Ann@Board.Example.org")
    assert not policy.is_vip("ann@example.org", None)
    assert not policy.is_vip("ann@other.board.example.org")
    assert not policy.is_vip("@", "", "boss")


def test_a_policy_without_rules_has_the_version_that_it_had_before_there_were_any():
    plain = "name: A\ntiers: [{id: l1}]\ngroups: [{id: g, tier: l1}]\ncategories: [{id: c, tier: l1, group: g}]\n"
    assert load_policy(plain).version == "sha256:52bc39f4b27e2aeb0fcfd35119ab777c3dc1f2bc821f63cc0f0563fc5eb9198d"


@pytest.mark.parametrize(
    ("rule", "fault"),
    [
        ("{id: a}", "desk.yaml:17: rules.0: decides nothing: name a group, a tier or a priority"),
        ("{id: a, group: nobody}", "desk.yaml:17: rules.0.group: there is no group 'nobody'"),
        ("{id: a, tier: l9}", "desk.yaml:17: rules.0.tier: there is no tier 'l9'"),
        ("{id: a, tier: l2, skills: [cobol]}", "desk.yaml:17: rules.0.tier: no group of tier 'l2' has the skills cobol"),
        ("{id: a, tier: l2, group: help}", "desk.yaml:17: rules.0.group: the group 'help' is of tier 'l1', not of 'l2'"),
        ("{id: a, group: unix, skills: [windows]}", "desk.yaml:17: rules.0.skills: the group 'unix' does not have all of these skills"),
        ("{id: a, categories: [tea], group: help}", "desk.yaml:17: rules.0.categories.0: there is no category 'tea'"),
        ("{id: a, departments: [hr], group: help}", "desk.yaml:17: rules.0.departments.0: there is no department 'hr'"),
        ("{id: a, group: printers}", "desk.yaml:17: rules.0.categories: the vendor 'acme' does not cover all categories"),
        ("{id: a, categories: [print, usage], group: printers}", "desk.yaml:17: rules.0.categories: the vendor 'acme' does not cover usage"),
        ("{id: a, priority: 5}", "desk.yaml:17: rules.0.priority: there are only 4 priorities"),
        ("{id: a, priorities: [5], group: help}", "desk.yaml:17: rules.0.priorities.0: there are only 4 priorities"),
        ("{id: a, when: title ==, group: help}", "desk.yaml:17: rules.0.when: is no condition: it ends too early, at character 9"),
        ("{id: a, when: '', group: help}", "desk.yaml:17: rules.0.when: string should have at least 1 character"),
        ("{id: a, when: name == 'x', group: help}", "desk.yaml:17: rules.0.when: nothing is called 'name' here; known are category, department, channel, title, text, location, affected, asset, impact, urgency, priority, vip, steps_tried, all, contains, double, endsWith, exists, exists_one, int, matches, size, startsWith, string"),
        ("{id: a, when: impact > '1', group: help}", "desk.yaml:17: rules.0.when: cannot be decided even for a plain ticket: No such overload"),
        ("{id: a, when: title, group: help}", "desk.yaml:17: rules.0.when: cannot be decided even for a plain ticket: it is 'A sample', which is neither true nor false"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_rule_is_told_with_its_line(rule, fault):
    assert fault in faults_of(rule)


def test_channels_are_those_of_the_contracts():
    assert set(get_args(ChannelName)) == {channel.value for channel in Channel} - {"unknown"}
    assert "should be 'portal'" in faults_of("{id: a, channels: [phoen], group: help}")[0]


def test_a_category_whose_skills_nobody_of_its_tier_has_is_a_fault():
    with pytest.raises(PolicyError, match="no group of tier 'l2' has all of these skills"):
        load_policy(DESK.replace("skills: [oracle]}", "skills: [cobol]}"))
    with pytest.raises(PolicyError, match="the group 'help' does not have all of these skills"):
        load_policy(
            DESK.replace("{id: usage, tier: l1, group: help}", "{id: usage, tier: l1, group: help, skills: [tea]}")
        )


@pytest.mark.parametrize(
    "condition",
    [
        "now() == 1",
        "getDate(title) == 1",
        "[1, 2].all(x, [1, 2].all(y, x == y))",
        "[1, 2].all(title, [1, 2].all(text, true))",
        "[1].existsOne(title, [1].existsOne(text, true))",
        "[1].//\nall(title, [1].//\nall(text, true))",
        "[1].exists(x, x > 0) && steps_tried.exists(y, y == 'a')",
        "size(steps_tried.map(s, [text, text])) == 5",
        "size(text + text) == 5",
        "title.matches('(')",
        "title.matches(text)",
        "title.matches('((k{30}){30}){50}')",
        "title.matches('[^a]' ) && title.matches('b') && title.matches('c') && title.matches('d')",
        "steps_tried.exists(s, s.matches('a'))",
        "title.matches('" + "a" * 100 + "')",
        "x" * 501,
        "(" * 40 + "true" + ")" * 40,
        "cel.bind(x, 1, x == 1)",
        "true ? 1 : 2",
        '"\\ud800" == title',
        "title == 'a\0'",
        'title == """a"""',
        "title == r'a'",
        "{'a': 1}.a == 1",
        "title{c: 1} == 1",
        "true || __foo(1)",
        "true || title.contains('.all(zz') && zz",
        "true // because",
        "title",
    ],
)
def test_what_a_condition_may_not_do_is_refused(condition):
    with pytest.raises(PolicyError) as caught:
        Policy.from_document(
            load_policy(DESK).document() | {"rules": [{"id": "a", "when": condition, "group": "help"}]}
        )
    assert [fault.field for fault in caught.value.faults] == ["rules.0.when"]
    assert len(str(caught.value)) < 500


HUGE = values_of(FACTS._replace(title="x" * 300, text="k" * 65_536, steps_tried=("s" * 200,) * 100))


@pytest.mark.parametrize(
    "condition",
    [
        "[" + ", ".join(["text"] * 60) + "].all(x, x.contains('zz') || true)",
        "steps_tried.all(s, " + " && ".join(["text != s"] * 35) + ")",
        "text.matches('(?i)" + "[^a]*" * 18 + "z')",
        "text.matches('" + "(k|kk)*" * 13 + "z')",
        "!" * 490 + "true",
        "true ? true : " * 30 + "true",
    ],
)
def test_what_a_condition_may_do_takes_no_time_to_speak_of(condition):
    """A bound a hundred times above what was measured: it is the growth that is looked for."""
    context = context_of(HUGE)
    began = time.process_time()
    compile_condition(condition).holds(context)
    assert time.process_time() - began < 0.1


def test_conditions_may_walk_a_list_once_and_span_lines():
    condition = compile_condition(
        "steps_tried.exists(s, s.contains('estart'))\n  || title.startsWith('x') && impact - 1 > 2"
    )
    assert condition.holds(context_of(SAMPLE))
    assert condition.names == {"impact", "steps_tried", "title"}


def test_a_rule_that_an_earlier_one_leaves_nothing_to_is_a_fault():
    never = "desk.yaml:18: rules.1: never reached: rules.0 (a) already matches all that this one does"
    assert never in faults_of("{id: a, group: help}", "{id: b, vip: true, group: unix}")
    assert never in faults_of("{id: a, impacts: [1, 2], group: help}", "{id: b, impacts: [2], when: vip, group: unix}")
    load_policy(desk_with("{id: a, group: help}", "{id: b, vip: true, priority: 1}"))
    load_policy(desk_with("{id: a, when: vip, group: help}", "{id: b, group: unix}"))


def remarks_of(*rules: str) -> list[str]:
    return [str(remark) for remark in review_policy(desk_with(*rules), source="desk.yaml")[1]]


def test_rules_that_overlap_and_differ_are_remarked_and_what_a_condition_hides_is_said():
    assert remarks_of("{id: a, impacts: [1], group: help}", "{id: b, urgencies: [1], group: unix}") == [
        "desk.yaml:18: rules.1: overlaps rules.0 (a), which decides where both match"
    ]
    (told,) = remarks_of("{id: a, impacts: [1], when: vip, group: help}", "{id: b, urgencies: [1], group: unix}")
    assert told.endswith("whether both ever do hangs on their conditions and cannot be decided here")
    (told,) = remarks_of("{id: a, when: vip, group: help}", "{id: b, urgencies: [1], group: unix}")
    assert told.endswith("whether anything is left cannot be decided here")


def test_an_exception_before_its_rule_and_rules_that_never_meet_are_not_remarked():
    assert remarks_of("{id: a, impacts: [1], group: help}", "{id: b, group: unix}") == []
    assert remarks_of("{id: a, impacts: [1], group: help}", "{id: b, impacts: [2], urgencies: [1], group: unix}") == []
    assert remarks_of("{id: a, impacts: [1], group: help}", "{id: b, urgencies: [1], group: help}") == []
    assert remarks_of("{id: a, impacts: [1], priority: 1}", "{id: b, urgencies: [1], group: help}") == []


def test_a_matrix_that_contradicts_itself_and_fallbacks_that_go_round_are_remarked():
    text = DESK.replace("{id: help, tier: l1}", "{id: help, tier: l1, fallback: unix}").replace(
        "{id: unix, tier: l2,", "{id: unix, tier: l2, fallback: help,"
    )
    policy, remarks = review_policy(text + "matrix: [[1, 2, 3], [2, 1, 4], [3, 4, 4]]\n", source="desk.yaml")
    assert policy.priority(2, 2) == 1
    assert [str(remark) for remark in remarks] == [
        "desk.yaml:5: groups.0.fallback: goes round when nobody accepts: help → unix → help",
        "desk.yaml:16: matrix.0.1: impact 1 and urgency 2 make priority 2, but less impact makes 1, which is more pressing",
        "desk.yaml:16: matrix.1.0: impact 2 and urgency 1 make priority 2, but less urgency makes 1, which is more pressing",
    ]


def test_a_thousand_rules_are_checked_and_more_are_refused():
    rules = [
        f"{{id: r{number}, categories: [usage], when: title == '{number}', group: unix}}"
        for number in range(MOST_RULES)
    ]
    policy, remarks = review_policy(desk_with(*rules))
    assert decided(policy, FACTS._replace(title="999")) == ("r999", None)
    assert remarks == ()
    assert "rules: tuple should have at most 1000 items" in faults_of(*rules, "{id: one-more, group: help}")[0]


def test_what_a_hostile_document_makes_large_is_told_in_brief_and_soon():
    rules = [f"{{id: a{number}, tier: zz, skills: [{', '.join(['*x'] * 40)}]}}" for number in range(200)]
    with pytest.raises(PolicyError) as caught:
        load_policy(DESK + f'description: &x "{"k" * 300_000}"\n' + desk_with(*rules)[len(DESK) :])
    assert max(len(fault.message) for fault in caught.value.faults) <= 400
