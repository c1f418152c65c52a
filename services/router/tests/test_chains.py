"""Chains of escalation: any chain in any history, and each step by itself."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tierdesk_contracts import intake, notice, work
from tierdesk_contracts import outcome as outcomes
from tierdesk_contracts import ticket as events
from tierdesk_contracts.vocabulary import Actor, ActorKind, Status
from tierdesk_policy import Policy
from tierdesk_router.domain.announcements import announce
from tierdesk_router.domain.chains import NothingEscalatesError, acknowledge, advance, chain_due, heed_clock
from tierdesk_router.domain.due import fire_due
from tierdesk_router.domain.lifecycle import Draft, evolve, open_ticket
from tierdesk_router.domain.outcomes import decide_outcome
from tierdesk_router.domain.refusal import Refusal
from tierdesk_router.domain.requests import answer_request, open_by
from tierdesk_router.domain.ticket import Ticket

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
OVER = {Status.RESOLVED, Status.CLOSED, Status.CANCELLED}
CLOCKS = {"first_response": UUID(int=91), "resolution": UUID(int=92)}


class Story:
    """A ticket under a policy, its whole log, and the time."""

    def __init__(self, base: Policy, escalations, *, category="usage", restarts=False) -> None:
        self.policy = Policy.from_document(base.document() | {"escalations": escalations})
        numbers = itertools.count(100)
        self.new_id = lambda: UUID(int=next(numbers))
        self.now = START
        self.restarts = restarts
        self.posts = []
        report = intake.ProblemReported(
            reference="TD-TEST-0001", requester=intake.Requester(party="ann"), title="It is broken", category=category,
            contact="extension 18", location="Building B", affected="Accounts",
        )  # fmt: skip
        draft = open_by(
            report, tenant="main", ticket_id=UUID(int=1), requester_id=UUID(int=2), at=START, policy=self.policy,
            new_id=self.new_id,
        )  # fmt: skip
        self.log = []
        self.keep(draft)

    def keep(self, draft):
        if draft is None:
            return []
        self.posts += announce(draft, self.policy, None)
        self.log += draft.events
        self.ticket = draft.ticket
        if self.restarts:  # another process knows only what the row says
            self.ticket = Ticket.model_validate_json(self.ticket.model_dump_json(exclude_none=True))
        return draft.events

    def wait(self, minutes):
        self.now += minutes * MINUTE
        return self.keep(fire_due(self.ticket, self.policy, now=self.now, new_id=self.new_id))

    def hear_clock(self, kind="resolution", word="breached", cycle=1):
        data = notice.ClockBreached(
            clock_id=CLOCKS[kind], cycle=cycle, kind=kind, reference="TD-TEST-0001", started_at=START, due_at=self.now
        )
        draft = Draft(self.ticket, at=self.now, actor=Actor(kind=ActorKind.DESK, id="sla"))
        draft.record(events.ClockAlarm, clock=kind, word=word, due_at=self.now)
        heed_clock(draft, self.policy, data, word, new_id=self.new_id)
        return self.keep(draft)

    def act(self, kind, worker="bob", *, guest=False, **fields):
        parts = self.ticket.contributions
        live = (parts[-1] if parts else None) if guest else self.ticket.assignment
        if live is None:
            return []
        outcome = kind(assignment_id=live.id, token=live.token, worker=live.worker or worker, ordinal=1, **fields)
        try:
            decided = decide_outcome(self.ticket, outcome, at=self.now, policy=self.policy, new_id=self.new_id)
        except Refusal:
            return []
        return self.keep(decided.draft)

    def ask(self, message):
        return self.keep(answer_request(self.ticket, message, at=self.now, policy=self.policy, new_id=self.new_id))

    def acknowledge(self, by="lea", note=""):
        return self.keep(acknowledge(self.ticket, by=by, note=note, at=self.now))

    def told(self, *kinds):
        return [(event.kind, *(getattr(event, name) for name in NAMES[event.kind])) for event in self.log
                if event.kind in kinds]  # fmt: skip

    def runs(self, escalation):
        """The events of each run of a chain, from its start to its stop."""
        found = []
        for event in self.log:
            if getattr(event, "escalation", None) == escalation:
                if event.kind == "chain_started":
                    found.append([])
                assert found, "a step of a chain that never began"
                found[-1].append(event)
        return found


NAMES = {
    "chain_started": ("escalation", "reason"),
    "notified": ("role", "to"),
    "step_skipped": ("why",),
    "chain_waiting": ("step", "round"),
    "chain_stopped": ("why",),
    "reprioritised": ("priority",),
    "withdrawn": ("reason",),
    "offered": ("group", "reason"),
    "escalated": ("to_group", "reason"),
}

# --- any chain, any history

ACTIONS = st.sampled_from(
    [{"notify": "lead"}, {"notify": "contact-owner"}, {"raise_priority": 1}, {"re_offer": True}, {"next_tier": True},
     {"send_back": True}]
)  # fmt: skip
WAITS = st.sampled_from([{"wait": 60}, {"wait": 1_800}, {"wait": 7_200}])


@st.composite
def steps(draw):
    chain = draw(st.lists(st.one_of(ACTIONS, WAITS), min_size=1, max_size=5))
    if any("wait" in step for step in chain) and draw(st.booleans()):
        chain = [*chain, {"repeat": draw(st.integers(1, 3))}, *draw(st.lists(ACTIONS, max_size=2))]
    return chain


TRIGGERS = st.sampled_from(
    [{"clock": ["resolution"]}, {"clock": ["first_response", "resolution"], "word": "breached"},
     {"clock": ["resolution"], "word": "warned"}, {"unaccepted": 1}, {"unaccepted": 2}, {"silent": 1_800},
     {"silent": 14_400}]
)  # fmt: skip
FILTERS = st.sampled_from([{}, {}, {}, {"tiers": ["l1", "l4"]}, {"vendors": ["printer"]}, {"priorities": [1, 2]}])


@st.composite
def chains(draw):
    number = draw(st.integers(1, 3))
    return [{"id": f"chain-{i}", "on": draw(TRIGGERS), "steps": draw(steps())} | draw(FILTERS) for i in range(number)]


MOVES = st.one_of(
    st.tuples(st.just("wait"), st.sampled_from([1, 15, 30, 45, 240, 3_000])),
    st.tuples(
        st.just("clock"), st.sampled_from(list(CLOCKS)), st.sampled_from(["breached", "warned", "retracted"]),
        st.integers(1, 2),
    ),
    st.tuples(
        st.just("act"),
        st.sampled_from(
            [
                (outcomes.WorkAccepted, {}),
                (outcomes.WorkProgressed, {"note": "looked", "impact": 3}),
                (outcomes.WorkPaused, {"party": "requester"}),
                (outcomes.WorkResumed, {}),
                (outcomes.WorkResolved, {"how": "replaced it"}),
                (outcomes.WorkEscalated, {"reason": "needs_vendor", "to_tier": "l4"}),
                (outcomes.WorkEscalated, {"reason": "findings", "to_tier": "l1"}),
                (outcomes.WorkReturned, {"reason": "not_ours"}),
                (outcomes.WorkInvited, {"to_group": "network", "question": "Is it the net?"}),
                (outcomes.WorkCarried, {"reason": "beyond_scope"}),
                (outcomes.WorkAccepted, {"guest": True}),
                (outcomes.WorkContributed, {"guest": True, "findings": "It is not."}),
            ]
        ),
    ),
    st.tuples(
        st.just("ask"),
        st.sampled_from(
            [
                intake.RequesterReplied(text="any news?"),
                intake.Confirmed(),
                intake.Reopened(reason="again"),
                intake.Cancelled(),
            ]
        ),
    ),
    st.tuples(st.just("acknowledge")),
)  # fmt: skip


def play(story: Story, move):
    match move:
        case ("wait", minutes):
            return story.wait(minutes)
        case ("clock", kind, word, cycle):
            return story.hear_clock(kind, word, cycle)
        case ("act", (kind, fields)):
            return story.act(kind, **fields)
        case ("ask", message):
            return story.ask(message)
        case _:
            try:
                return story.acknowledge()
            except NothingEscalatesError:
                return []


CATEGORIES = st.sampled_from(["usage", "laptop", "printer", "how-to", "crisis", "trusted"])


@given(escalations=chains(), moves=st.lists(MOVES, max_size=20), category=CATEGORIES)
def test_in_any_history_each_step_is_taken_once_in_order_at_its_time_and_never_after_a_stop(
    policy, escalations, moves, category
):
    story = Story(policy, escalations, category=category)
    for move in moves:
        before = {chain.escalation: chain for chain in story.ticket.chains}
        recorded = play(story, move)
        for event in recorded:
            due = before.get(getattr(event, "escalation", None))
            stopped = event.kind == "chain_stopped" and event.why != "finished"
            assert stopped or due is None or event.at >= due.due_at or event.kind == "chain_started"
        check_rest(story)
    for escalation in escalations:
        for run in story.runs(escalation["id"]):
            assert [event.kind for event in run].count("chain_started") == 1
            ends = [event.kind for event in run].index("chain_stopped") if run[-1].kind == "chain_stopped" else None
            assert ends in {None, len(run) - 1}
            places = [(event.round, event.step) for event in run if hasattr(event, "step")]
            assert places == sorted(set(places))
    assert fold(story) == story.ticket


def check_rest(story):
    """What holds between two moves."""
    ticket, names = story.ticket, [chain.escalation for chain in story.ticket.chains]
    assert len(names) == len(set(names))
    assert not (names and ticket.status in OVER)
    assert (ticket.assignment is not None) == (ticket.status in {Status.OFFERED, Status.ACCEPTED, Status.PAUSED})
    due = chain_due(ticket, story.policy)
    if due is not None and due > story.now:
        assert advance(ticket, story.policy, now=due - timedelta(microseconds=1), new_id=story.new_id) is None
        at_due = advance(ticket, story.policy, now=due, new_id=story.new_id)
        assert at_due is not None
        assert advance(at_due.ticket, story.policy, now=due, new_id=story.new_id) is None
    else:
        draft = fire_due(ticket, story.policy, now=story.now, new_id=story.new_id)
        if draft is not None:
            assert fire_due(draft.ticket, story.policy, now=story.now, new_id=story.new_id) is None


def fold(story) -> Ticket:
    ticket = story.ticket
    folded = open_ticket(
        story.log[0], tenant=ticket.tenant, ticket_id=ticket.id, reference=ticket.reference,
        policy_version=ticket.policy_version,
    )  # fmt: skip
    for event in story.log[1:]:
        folded = evolve(folded, event)
    return folded


@given(escalations=chains(), moves=st.lists(MOVES, max_size=15), category=CATEGORIES)
def test_a_restart_anywhere_makes_the_same_history(policy, escalations, moves, category):
    steady = Story(policy, escalations, category=category)
    restarted = Story(policy, escalations, category=category, restarts=True)
    for move in moves:
        play(steady, move)
        play(restarted, move)
    assert restarted.log == steady.log


@given(chain=steps(), late=st.integers(1, 100_000))
def test_after_an_outage_all_that_fell_due_is_done_once_in_the_same_order(policy, chain, late):
    def take(seconds_between):
        story = Story(policy, [{"id": "late", "on": {"clock": ["resolution"]}, "steps": chain}])
        story.act(outcomes.WorkAccepted)
        story.hear_clock()
        end = story.now + timedelta(seconds=late)
        while (due := chain_due(story.ticket, story.policy)) is not None and due <= end:
            story.now = max(due, min(end, story.now + timedelta(seconds=seconds_between)))
            story.keep(advance(story.ticket, story.policy, now=story.now, new_id=story.new_id))
        return [(event.kind, getattr(event, "step", None), getattr(event, "until", None)) for event in story.log]

    assert take(seconds_between=late) == take(seconds_between=1)


# --- each step, each trigger, each end

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
