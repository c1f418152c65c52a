"""What an export says, as acts: played on the router's own rules, every one of them is legal and comes out right."""

import csv
import functools
import gzip
import itertools
import sys
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tierdesk_cli.replay.export import Incident, Update, read_export
from tierdesk_cli.replay.script import PARTIES, Act, Request, count_hand_offs, ending, write_script
from tierdesk_cli.replay.tiers import group_name, map_groups, replay_policy
from tierdesk_contracts import intake
from tierdesk_contracts import outcome as outcomes
from tierdesk_policy import Policy
from tierdesk_router.domain.outcomes import decide_outcome
from tierdesk_router.domain.requests import answer_request, open_by

from .exports import PRIORITIES, START, invent, write

REFERENCE = Path(__file__).parents[3] / "shared" / "data" / "uci_incident_log" / "incidents.csv.gz"
STATES = ("New", "Active", "Resolved", "Closed", "-100", *(state.title() for state in PARTIES))
GROUPS = (None, "Group 1", "Group-1", "Group 2", "Group 3")
TIERS = {group_name(group): tier for group, tier in zip(GROUPS, ("l1", "l1", "l1", "l2", "l3"), strict=True)}


@st.composite
def incidents(draw) -> Incident:
    """Any rows at all, in any order that time allows."""
    at, updates = START, []
    for _ in range(draw(st.integers(1, 12))):
        at += timedelta(minutes=draw(st.integers(0, 600)))
        impact, urgency = draw(st.sampled_from(list(PRIORITIES)))
        updates.append(
            Update(
                at=at,
                state=draw(st.sampled_from(STATES)),
                impact=impact,
                urgency=urgency,
                priority=PRIORITIES[impact, urgency],
                group=draw(st.sampled_from(GROUPS)),
                worker=draw(st.sampled_from((None, "Resolver 1", "Resolver 2"))),
            )
        )
    return Incident("INC1", START, "Caller 1", True, "Category 1", "none", "none", None, tuple(updates))


@functools.cache
def policy_of(tiers: tuple[tuple[str, str], ...]) -> Policy:
    return replay_policy(dict(tiers))


class Desk:
    """The router's own decisions on one ticket, without database and bus."""

    def __init__(self, incident: Incident, tiers: dict[str, str]) -> None:
        self.policy = policy_of(tuple(tiers.items()))
        self._numbers = itertools.count(100)
        first = incident.updates[0]
        report = intake.ProblemReported(
            reference="TD-TEST-0001",
            requester=intake.Requester(party="ann"),
            title="As the export says",
            category="incident",
            department=group_name(first.group),
            impact=first.impact,
            urgency=first.urgency,
        )
        draft = open_by(
            report,
            tenant="main",
            ticket_id=UUID(int=1),
            requester_id=UUID(int=2),
            at=incident.opened_at,
            policy=self.policy,
            new_id=self._new_id,
        )
        self.ticket = draft.ticket

    def act(self, act: Act) -> None:
        live = self.ticket.assignment
        assert live is not None, f"nobody has it: {act}"
        fence = {"assignment_id": live.id, "token": live.token, "worker": act.worker, "ordinal": 1}
        outcome = act.outcome.model_validate(fence | act.fields)
        decided = decide_outcome(self.ticket, outcome, at=act.at, policy=self.policy, new_id=self._new_id)
        assert decided.refusal is None, f"{act}: {decided.refusal}"
        self.ticket = decided.draft.ticket

    def request(self, request: Request) -> None:
        before = self.ticket.status.value
        assert before == "resolved" or (request.type, before) == ("reopened", "closed"), f"{request} while {before}"
        message = intake.Confirmed() if request.type == "confirmed" else intake.Reopened(reason="again")
        draft = answer_request(self.ticket, message, at=request.at, policy=self.policy, new_id=self._new_id)
        self.ticket = draft.ticket
        assert self.ticket.status.value in {"closed", "offered"}

    def _new_id(self) -> UUID:
        return UUID(int=next(self._numbers))


def play(incident: Incident, tiers: dict[str, str]) -> Desk:
    """Play the whole script."""
    desk = Desk(incident, tiers)
    for step in write_script(incident, tiers):
        if isinstance(step, Act):
            desk.act(step)
        else:
            desk.request(step)
    return desk


@given(incidents())
@settings(max_examples=200, deadline=None)
def test_every_act_is_legal_and_the_ticket_ends_as_the_export_says(incident):
    ticket, last = play(incident, TIERS).ticket, incident.updates[-1]
    assert ticket.hand_offs == count_hand_offs(incident)
    assert ticket.group == group_name(last.group)
    assert ticket.status == ending(write_script(incident, TIERS))
    state = last.state.lower()
    wanted = {"resolved": {"resolved"}, "closed": {"closed"}, "new": {"offered", "accepted", "paused"}}
    wanted |= {party: {"paused"} for party in PARTIES} | {"active": {"accepted"}, "-100": {"accepted"}}
    assert ticket.status.value in wanted[state]
    if state not in {"resolved", "closed"}:  # a desk cannot change the levels of what is over
        assert (ticket.impact, ticket.urgency, ticket.priority) == (last.impact, last.urgency, last.priority)


@given(incidents())
@settings(max_examples=200, deadline=None)
def test_acts_come_in_an_order_that_makes_sense(incident):
    steps = write_script(incident, TIERS)
    owner, paused, over = None, None, None
    assert all(one.at <= other.at for one, other in itertools.pairwise(steps))
    assert sum(isinstance(step, Act) and step.hands_on for step in steps) == count_hand_offs(incident)
    for step in steps:
        if isinstance(step, Request):
            assert over == "resolved" or (step.type, over) == ("reopened", "closed")
            over = "closed" if step.type == "confirmed" else None
            continue
        assert over is None, "nobody works a ticket that is over"
        if step.outcome is outcomes.WorkAccepted:
            assert owner is None, "nobody accepts twice without a hand-off"
        assert owner in {None, step.worker}, "nobody acts on another's work"
        owner = step.worker
        if step.outcome is outcomes.WorkResumed:
            assert paused is not None, "only what is paused goes on"
            paused = None
        if step.outcome is outcomes.WorkPaused:
            assert paused != step.fields["party"], "nobody pauses again for the same"
            paused = step.fields["party"]
        if step.hands_on or step.outcome is outcomes.WorkResolved:
            owner = paused = None
        if step.outcome is outcomes.WorkResolved:
            over = "resolved"


def update(minutes: int, state: str, **changes: object) -> Update:
    fields = {"impact": 2, "urgency": 2, "priority": 3, "group": "Group 1", "worker": None} | changes
    return Update(at=START + timedelta(minutes=minutes), state=state, **fields)


def script(*updates: Update) -> list[str]:
    """The steps of these updates, in short."""
    incident = Incident("INC1", updates[0].at, "Caller 1", True, "none", "none", "none", None, updates)
    steps = write_script(incident, TIERS | {group_name("Group 2"): "l1"})
    return [step.outcome.__name__ if isinstance(step, Act) else step.type for step in steps]


def test_a_plain_story():
    story = (
        update(0, "New"),
        update(5, "Active", worker="Ann"),
        update(9, "Awaiting User Info", worker="Ann"),
        update(20, "Active", worker="Ann"),
        update(30, "Resolved", worker="Ann"),
        update(99, "Closed", worker="Ann"),
    )
    assert script(*story) == ["WorkAccepted", "WorkPaused", "WorkResumed", "WorkResolved", "confirmed"]


def test_a_change_of_group_is_a_transfer_within_the_tier_and_an_escalation_beyond_it():
    story = (
        update(0, "New"),
        update(1, "New", group="Group 2"),
        update(2, "New", group="Group 3"),
        update(3, "New", group=None),
    )
    assert script(*story) == ["WorkTransferred", "WorkEscalated", "WorkEscalated"]


def test_a_group_that_changes_while_the_ticket_is_resolved_reopens_it():
    story = (
        update(0, "Active"),
        update(1, "Resolved"),
        update(2, "Resolved", group="Group 2"),
        update(3, "Closed", group="Group 2"),
    )
    assert script(*story) == [
        "WorkAccepted",
        "WorkResolved",
        "reopened",
        "WorkTransferred",
        "WorkResolved",
        "confirmed",
    ]


def test_a_closed_incident_that_is_only_resolved_later_was_reopened_in_between():
    story = (update(0, "Closed"), update(5, "Resolved"))
    assert script(*story) == ["WorkResolved", "confirmed", "reopened", "WorkResolved"]


def test_a_change_of_levels_is_the_first_thing_of_its_row():
    story = (update(0, "New"), update(1, "Active", impact=1, urgency=1, priority=1, group="Group 2"))
    assert script(*story) == ["WorkProgressed", "WorkTransferred", "WorkAccepted"]


def count_changes(file: Path) -> int:
    """Changes of group from row to row of one incident, counted from the cells alone."""
    last: dict[str, str] = {}
    changes = 0
    with gzip.open(file, "rt", encoding="utf-8", newline="") as stream:
        for cells in csv.DictReader(stream):
            changes += last.get(cells["number"], cells["assignment_group"]) != cells["assignment_group"]
            last[cells["number"]] = cells["assignment_group"]
    return changes


@pytest.mark.reference
def test_hand_offs_of_all_incidents_of_an_export(tmp_path, capsys):
    """Of a real company's export where it is beside the checkout, else of one of our own."""
    real = REFERENCE.exists()
    file = REFERENCE if real else write(tmp_path / "export.csv.gz", invent(400))
    found = read_export(file)
    tiers = map_groups(found)
    hand_ons = 0
    for incident in found:
        steps = write_script(incident, tiers)
        hand_ons += sum(isinstance(step, Act) and step.hands_on for step in steps)
        state = incident.updates[-1].state.lower()
        assert ending(steps).value == state or state not in {"resolved", "closed"}
    with capsys.disabled():
        source = "the reference export" if real else "an export of our own"
        sys.stdout.write(f"\n{len(found):,} incidents of {source}: {hand_ons:,} hand-offs\n")
    assert hand_ons == count_changes(file)
    assert not real or (len(found), hand_ons) == (17_442, 17_766)
    for incident in found[:: max(1, len(found) // 500)]:
        ticket, last = play(incident, tiers).ticket, incident.updates[-1]
        assert (ticket.group, ticket.priority) == (group_name(last.group), last.priority), incident.number
        assert ticket.hand_offs == count_hand_offs(incident), incident.number
