"""Any chain of escalation in any history: each step once, in order, at its time, and the same after a restart."""

from __future__ import annotations

from datetime import timedelta

from chain_story import CLOCKS, Story
from hypothesis import given
from hypothesis import strategies as st

from tierdesk_contracts import intake
from tierdesk_contracts import outcome as outcomes
from tierdesk_contracts.vocabulary import Status
from tierdesk_router.domain.chains import NothingEscalatesError, advance, chain_due
from tierdesk_router.domain.due import fire_due
from tierdesk_router.domain.lifecycle import evolve, open_ticket
from tierdesk_router.domain.ticket import Ticket

OVER = {Status.RESOLVED, Status.CLOSED, Status.CANCELLED}

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
