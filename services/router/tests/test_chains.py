"""Chains of escalation: each step, each trigger, each end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from chain_story import START, Story

from tierdesk_contracts import intake, work
from tierdesk_contracts import outcome as outcomes
from tierdesk_contracts.vocabulary import ActorKind, Status
from tierdesk_policy import Policy
from tierdesk_router.domain.chains import NothingEscalatesError, chain_due

BREACH = [
    {
        "id": "breach",
        "on": {"clock": ["resolution"]},
        "steps": [
            {"notify": "team-lead"},
            {"wait": 1_800},
            {"raise_priority": 1},
            {"notify": "duty-manager"},
            {"wait": 3_600},
            {"next_tier": True},
        ],
    }
]
SILENT = [
    {
        "id": "silent",
        "on": {"silent": 14_400},
        "vendors": ["printer"],
        "steps": [
            {"notify": "contact-owner"},
            {"wait": 3_600},
            {"repeat": 2},
            {"re_offer": True},
            {"wait": 3_600},
            {"send_back": True},
        ],
    }
]
CHAIN = ("chain_started", "notified", "step_skipped", "chain_waiting", "chain_stopped", "reprioritised", "escalated")


@pytest.fixture
def breach(policy):
    story = Story(policy, BREACH)
    story.act(outcomes.WorkAccepted, "bob")
    story.hear_clock()
    return story


def test_a_breach_is_told_then_made_more_pressing_then_handed_on(breach):
    assert breach.ticket.priority == 3
    breach.wait(30)
    breach.wait(59)
    assert breach.ticket.status is Status.ACCEPTED
    breach.wait(1)
    assert breach.told(*CHAIN) == [
        ("chain_started", "breach", "The clock resolution was breached."),
        ("notified", "team-lead", None),
        ("chain_waiting", 2, 1),
        ("reprioritised", 2),
        ("notified", "duty-manager", None),
        ("chain_waiting", 5, 1),
        ("escalated", "workplace", "overdue"),
        ("chain_stopped", "finished"),
    ]
    assert (breach.ticket.status, breach.ticket.tier) == (Status.OFFERED, "l2")
    assert all(event.actor.kind is ActorKind.DESK for event in breach.log if event.kind in CHAIN)


def test_the_owner_is_told_of_the_priority_and_that_the_work_is_taken_away(breach):
    (assigned,) = (post for post in breach.posts if isinstance(post.data, work.WorkAssigned))
    breach.posts.clear()
    breach.wait(30)
    breach.wait(60)
    updated, withdrawn, offered = [post.data for post in breach.posts]
    assert (type(updated), updated.priority) == (work.WorkUpdated, 2)
    assert (withdrawn.assignment_id, withdrawn.reason) == (assigned.data.assignment_id, "escalated")
    assert (offered.tier, offered.case.priority) == ("l2", 2)
    assert breach.posts[1].destination == assigned.destination


def test_two_offers_of_one_moment_go_each_to_its_own_group(policy):
    chain = [{"id": "late", "on": {"unaccepted": 1}, "steps": [{"re_offer": True}, {"next_tier": True}]}]
    story = Story(policy, chain)
    story.posts.clear()
    story.wait(15)
    told = [(post.destination.key.rpartition(".")[2], type(post.data).__name__) for post in story.posts]
    assert told == [
        ("service-desk", "WorkWithdrawn"), ("service-desk", "WorkOffered"), ("service-desk", "WorkWithdrawn"),
        ("service-desk", "WorkOffered"), ("service-desk", "WorkWithdrawn"), ("workplace", "WorkOffered"),
    ]  # fmt: skip
    tokens = [post.data.token for post in story.posts]
    assert tokens == [1, 2, 2, 3, 3, 4]


def test_the_same_chain_does_not_begin_twice_at_once(breach):
    assert [event.kind for event in breach.hear_clock(cycle=2)] == ["alarm"]
    breach.wait(90)
    assert "chain_started" in [event.kind for event in breach.hear_clock(cycle=3)]


@pytest.mark.parametrize(
    ("end", "why"),
    [
        (lambda story: story.act(outcomes.WorkResolved, how="done"), "resolved"),
        (lambda story: story.ask(intake.Confirmed()), "closed"),
        (lambda story: story.ask(intake.Cancelled()), "cancelled"),
        (lambda story: story.hear_clock(word="retracted"), "retracted"),
        (lambda story: story.acknowledge(), "acknowledged"),
    ],
)
def test_what_ends_a_chain_ends_it_for_good(breach, end, why):
    end(breach)
    assert breach.told("chain_stopped") == [("chain_stopped", why)]
    taken = len(breach.log)
    breach.wait(30)
    breach.wait(600)
    assert not set(CHAIN) & {event.kind for event in breach.log[taken:]}


def test_a_retraction_of_another_breach_stops_nothing(breach):
    breach.hear_clock(kind="first_response", word="retracted")
    breach.hear_clock(word="retracted", cycle=2)
    assert [chain.escalation for chain in breach.ticket.chains] == ["breach"]


def test_work_of_the_owner_does_not_stop_a_breach(breach):
    breach.act(outcomes.WorkProgressed, note="still looking")
    breach.wait(30)
    assert breach.ticket.priority == 2


def test_a_worker_who_corrects_the_impact_leaves_it_as_pressing_as_the_desk_made_it(breach):
    breach.wait(30)
    breach.act(outcomes.WorkProgressed, impact=3)
    assert breach.ticket.priority == 2


def test_an_acknowledgement_repeated_changes_nothing_and_another_is_refused(breach):
    breach.acknowledge("lea", "I call them.")
    taken = breach.ticket.acknowledgement
    assert (taken.by, taken.note, taken.escalations) == ("lea", "I call them.", ("breach",))
    assert breach.acknowledge("lea", "I call them.") == []
    with pytest.raises(NothingEscalatesError, match="lea has acknowledged it"):
        breach.acknowledge("max")
    assert breach.hear_clock(cycle=2)
    assert breach.ticket.acknowledgement is None
    breach.acknowledge("max")


def test_nothing_can_be_acknowledged_where_nothing_escalates(policy):
    with pytest.raises(NothingEscalatesError, match="nothing escalates TD-TEST-0001"):
        Story(policy, BREACH).acknowledge()


def test_a_step_without_effect_says_why_and_the_chain_goes_on(policy):
    ways = [{"raise_priority": 2}, {"raise_priority": 1}, {"next_tier": True}, {"next_tier": True}, {"notify": "lead"}]
    story = Story(policy, [{"id": "late", "on": {"clock": ["resolution"]}, "steps": ways}])
    story.hear_clock()
    assert story.told("step_skipped", "notified", "escalated", "chain_stopped") == [
        ("step_skipped", "its priority is 1 already"),
        ("escalated", "workplace", "overdue"),
        ("step_skipped", "no edge leads up from l2 to a group for it; there are edges to l4, l1"),
        ("notified", "lead", None),
        ("chain_stopped", "finished"),
    ]


def at_the_vendor(policy, chain=SILENT):
    story = Story(policy, chain, category="usage")
    story.act(outcomes.WorkEscalated, "bob", reason="needs_vendor", to_group="printer-vendor")
    story.act(outcomes.WorkAccepted, "acme-1")
    return story


def test_the_owner_of_a_silent_vendors_work_is_reminded_and_the_work_comes_back(policy):
    story = at_the_vendor(policy)
    assert story.ticket.contact_owner == "bob"
    for _ in range(10):
        story.wait(60)
    told = story.told("notified", "withdrawn", "escalated", "offered", "chain_stopped")
    assert [each for each in told if each[-1] not in {"triage", "needs_vendor", "not_accepted"}][1:] == [
        ("notified", "contact-owner", "bob"),
        ("notified", "contact-owner", "bob"),
        ("notified", "contact-owner", "bob"),
        ("withdrawn", "overdue"),
        ("offered", "printer-vendor", "overdue"),
        ("escalated", "service-desk", "overdue"),
        ("offered", "service-desk", "escalation"),
        ("chain_stopped", "finished"),
    ]
    started = next(event for event in story.log if event.kind == "chain_started")
    assert started.reason == "Nothing was heard of printer since 2026-03-02 09:00 UTC."
    assert started.at == START + timedelta(hours=4)


@pytest.mark.parametrize(
    "word",
    [(outcomes.WorkProgressed, {"note": "on the way"}), (outcomes.WorkPaused, {"party": "visit"}),
     (outcomes.WorkReturned, {"reason": "not_ours"})],
)  # fmt: skip
def test_a_vendor_that_speaks_ends_the_chain_of_its_silence(policy, word):
    story = at_the_vendor(policy)
    story.wait(240)
    assert story.ticket.chains
    story.act(word[0], **word[1])
    assert story.told("chain_stopped") == [("chain_stopped", "heard")]


def test_silence_begins_anew_with_each_word_and_not_while_the_work_waits_for_others(policy):
    story = at_the_vendor(policy)
    story.wait(239)
    story.act(outcomes.WorkProgressed, note="on the way")
    story.wait(239)
    story.act(outcomes.WorkPaused, party="requester")
    story.wait(2_000)
    assert story.told("chain_started") == []
    story.ask(intake.RequesterReplied(text="both trays"))
    story.wait(239)
    assert story.told("chain_started") == []
    story.wait(1)
    assert len(story.told("chain_started")) == 1


def test_one_silence_begins_its_chain_once(policy):
    story = at_the_vendor(policy, [SILENT[0] | {"steps": [{"notify": "contact-owner"}]}])
    for _ in range(20):
        story.wait(60)
    assert len(story.told("chain_started")) == 1
    story.act(outcomes.WorkProgressed, note="sorry")
    story.wait(240)
    assert len(story.told("chain_started")) == 2


def test_who_works_in_house_is_not_meant_by_a_chain_for_vendors(policy):
    story = Story(policy, SILENT)
    story.act(outcomes.WorkAccepted, "bob")
    story.wait(2_000)
    assert story.told("chain_started") == []


def test_an_unaccepted_offer_begins_its_chain_at_its_number_and_an_acceptance_ends_it(policy):
    chain = [
        {"id": "late", "on": {"unaccepted": 2}, "steps": [{"notify": "lead"}, {"wait": 60_000}, {"notify": "boss"}]}
    ]
    story = Story(policy, chain)
    story.wait(15)
    assert story.told("chain_started") == []
    story.wait(15)
    assert story.told("chain_started") == [("chain_started", "late", "2 offers in a row were not accepted.")]
    story.wait(30)
    assert len(story.told("chain_started")) == 1
    story.act(outcomes.WorkAccepted)
    assert story.told("chain_stopped") == [("chain_stopped", "accepted")]
    assert story.ticket.unaccepted == 0


def test_a_wait_runs_in_the_calendar_of_its_chain(policy):
    office = {"id": "office", "tz": "UTC", "weekly": {"mon": ["09:00-17:00"], "tue": ["09:00-17:00"]}}
    base = Policy.from_document(policy.document() | {"calendars": [office]})
    chain = BREACH[0] | {"calendar": "office", "steps": [{"wait": 10 * 3_600}, {"notify": "lead"}]}
    story = Story(base, [chain])
    story.hear_clock()
    assert story.ticket.chains[0].due_at == datetime(2026, 3, 3, 11, tzinfo=UTC)


def test_no_supplier_gets_what_its_contract_does_not_cover_by_a_step(policy):
    story = Story(
        policy, [{"id": "late", "on": {"clock": ["resolution"]}, "steps": [{"next_tier": True}]}], category="laptop"
    )
    story.hear_clock()
    assert [kind for kind, *_ in story.told("step_skipped", "escalated")] == ["step_skipped"]
    assert story.ticket.tier == "l2"


@pytest.mark.parametrize(("category", "why"), [("crisis", "is swarmed"), ("trusted", "is carried through")])
def test_what_stays_with_its_owner_is_not_taken_away_by_a_step(policy, category, why):
    ways = [{"next_tier": True}, {"send_back": True}, {"notify": "lead"}]
    story = Story(policy, [{"id": "late", "on": {"clock": ["resolution"]}, "steps": ways}], category=category)
    story.act(outcomes.WorkAccepted)
    story.act(outcomes.WorkInvited, to_group="network", question="Is it the net?")
    story.hear_clock()
    assert why in story.told("step_skipped")[0][1]
    assert story.told("notified") == [("notified", "lead", None)]
    assert (story.ticket.assignment.worker, len(story.ticket.contributions)) == ("bob", 1)


def test_a_guest_that_speaks_does_not_break_the_silence_of_the_owner(policy):
    chain = [SILENT[0] | {"vendors": ["printer"], "id": "vendor"}, {k: SILENT[0][k] for k in ("id", "on", "steps")}]
    story = Story(policy, chain, category="crisis")
    story.act(outcomes.WorkAccepted)
    story.act(outcomes.WorkInvited, to_group="network", question="Is it the net?")
    story.wait(240)
    assert [chain.escalation for chain in story.ticket.chains] == ["silent"]
    story.act(outcomes.WorkAccepted, "guest", guest=True)
    story.act(outcomes.WorkContributed, "guest", guest=True, findings="It is not.")
    assert story.told("chain_stopped") == []
    story.act(outcomes.WorkProgressed, note="I see.")
    assert story.told("chain_stopped") == [("chain_stopped", "heard")]


def test_a_ticket_without_chains_is_never_due(policy):
    story = Story(policy, [])
    story.act(outcomes.WorkAccepted)
    assert chain_due(story.ticket, story.policy) is None
