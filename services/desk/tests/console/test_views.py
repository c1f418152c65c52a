"""What pages show of work, people and tickets."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from tierdesk_desk.console.stories import view_log
from tierdesk_desk.console.views import clock_of, groups_beside, targets_of, view_left, view_queues, view_row
from tierdesk_desk.console.work_view import view_clocks, view_work
from tierdesk_desk.domain.people import Person
from tierdesk_desk.domain.roles import Grant, Role
from tierdesk_desk.domain.work import Stage, Work
from tierdesk_desk.store.tickets import Standing

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
ANN = Person("main", uuid4(), "ann", "Ann", (Grant(Role.AGENT, "l1"), Grant(Role.LEAD, "l2")))
INTERNAL = {
    "requester_name": "Rita",
    "requester": "Rita",
    "contact": "4711",
    "completeness": 0.5,
    "missing_facts": ["location", "urgency"],
}


def work(**fields: object) -> Work:
    given = {
        "stage": Stage.OWNED, "worker": "ann", "view": {"case": {}, "internal": INTERNAL, "deadlines": []},
    } | fields  # fmt: skip
    return Work(
        "main", UUID(int=1), "t", 1, str(given.pop("role", "owner")), "l1", "front", str(given.pop("mode", "tiered")),
        "TD-1", "It smokes", "hardware", 3, NOW, NOW, **given,
    )  # fmt: skip


def shown(one: Work, person: Person = ANN, ticket: dict[str, object] | None = None, *, policy):
    return view_work(one, person, policy, NOW, ticket)


def test_a_fact_is_shown_as_missing_though_the_router_has_a_default_for_it(policy):
    facts = {fact.name: fact for fact in shown(work(), ticket={"urgency": 2, "impact": 1}, policy=policy).facts}
    assert list(facts) == ["requester", "location", "contact", "steps_tried", "impact", "department", "urgency"]
    assert [name for name, fact in facts.items() if fact.missing] == ["location", "urgency"]
    assert facts["urgency"].level is None
    assert facts["impact"].level == "1"
    assert facts["requester"].lines == ("Rita",)


@pytest.mark.parametrize(
    ("fields", "actions"),
    [
        ({}, {"note", "facts", "tried", "pause", "resolve", "escalate", "transfer", "return", "invite"}),
        ({"stage": Stage.PAUSED}, {"note", "facts", "tried", "resume", "resolve", "escalate", "transfer", "return", "invite"}),
        ({"mode": "swarm"}, {"note", "facts", "tried", "pause", "resolve", "transfer", "return", "invite"}),
        ({"mode": "carry_through"}, {"note", "facts", "tried", "pause", "resolve", "carry", "transfer", "return", "invite"}),
        ({"role": "contributor"}, {"note", "contribute", "return"}),
        ({"worker": "ben"}, set()),
        ({"stage": Stage.OFFERED, "worker": None}, set()),
        ({"stage": Stage.LEFT, "ended": "resolved"}, set()),
    ],
)  # fmt: skip
def test_only_who_has_it_may_act_and_only_as_it_may_be_passed_on(fields, actions, policy):
    assert set(shown(work(**fields), policy=policy).actions) == actions


def test_who_may_look_and_not_work_cannot_claim(policy):
    waiting = work(stage=Stage.OFFERED, worker=None)
    assert shown(waiting, policy=policy).claimable
    assert not shown(replace(waiting, tier="l2", group_id="networks"), policy=policy).claimable


def test_a_deadline_is_near_before_it_is_over():
    minutes = {-1: "overdue", 0: "overdue", 1: "soon", 30: "soon", 31: "running"}
    assert {at: clock_of(NOW + timedelta(minutes=at), NOW).state for at in minutes} == minutes


def test_work_of_a_policy_that_is_no_more_is_shown_by_its_names(policy):
    row = view_row(replace(work(), group_id="gone", category="old", priority=5), policy, NOW)
    assert (row.place, row.category, row.priority_name) == ("gone", "old", "5")


def test_a_queue_counts_what_waits_what_is_in_work_and_what_is_on_hold(policy):
    counts = {("l2", "networks"): {Stage.OFFERED: 2, Stage.OWNED: 1, Stage.CLAIMING: 1, Stage.PAUSED: 3}}
    led = view_queues([("l2", "networks"), ("l2", "clients")], policy, counts)
    assert [(queue.group, queue.waiting, queue.working, queue.paused) for queue in led] == [
        ("networks", 2, 2, 3), ("clients", 0, 0, 0),
    ]  # fmt: skip
    assert [(queue.name, queue.tier_name) for queue in led] == [("networks", "l2"), ("clients", "l2")]


def test_what_is_handed_on_goes_only_where_the_policy_allows(policy):
    assert [tier.value for tier, _ in targets_of(work(), policy)] == ["l2"]
    clients = replace(work(), tier="l2", group_id="clients")
    assert [choice.value for choice in groups_beside(clients, policy)] == ["clients", "networks"]


def test_what_was_resolved_is_nothing_to_follow_up(policy):
    standing = Standing("main", "t", "TD-1", "accepted", "l2", "networks", "ben", 3, "hardware", 9, NOW)
    left = [(work(stage=Stage.LEFT, ended=ended), standing) for ended in ("escalated", "resolved", "returned")]
    views = view_left([*left, (work(stage=Stage.LEFT, ended="transferred"), None)], policy, NOW)
    assert [(view.status, view.owner) for view in views] == [("accepted", "ben"), ("accepted", "ben"), (None, "")]


def test_clocks_that_run_stand_before_those_that_ended_and_void_ones_nowhere():
    def clock(kind: str, state: str, **fields: object) -> dict[str, object]:
        return {"kind": kind, "state": state, "overdue": False, "due_at": NOW.isoformat(), "target": None} | fields

    target = {"target": {"within_seconds": 100}}
    views = view_clocks([
        clock("acceptance", "met"), clock("visit", "void"), clock("resolution", "running", remaining_seconds=21, **target),
        clock("first_response", "running", remaining_seconds=20, **target), clock("update", "running", overdue=True),
        clock("contract", "paused", due_at=None),
    ])  # fmt: skip
    assert [(view.kind, view.state) for view in views] == [
        ("update", "overdue"), ("first_response", "soon"), ("resolution", "running"), ("contract", "paused"),
        ("acceptance", "met"),
    ]  # fmt: skip


def test_the_log_names_who_did_what_the_newest_first(policy):
    at = NOW.isoformat()
    desk, worker = {"kind": "desk", "id": "router"}, {"kind": "worker", "id": "l1"}
    log = view_log(
        [
            {"kind": "offered", "at": at, "actor": desk, "group": "front"},
            {"kind": "accepted", "at": at, "actor": worker, "assignment_id": "a", "worker": "ann"},
            {"kind": "progressed", "at": at, "actor": worker, "assignment_id": "a", "answer": "Soon", "note": ""},
            {"kind": "something-new", "at": at, "actor": {"kind": "requester", "id": "r"}},
        ],
        policy,
    )
    assert [(entry.kind, entry.who, entry.actor, entry.texts) for entry in log] == [
        ("something-new", "", "requester", ()), ("answered", "ann", "worker", ("Soon",)),
        ("accepted", "ann", "worker", ()), ("offered", "", "desk", ()),
    ]  # fmt: skip
