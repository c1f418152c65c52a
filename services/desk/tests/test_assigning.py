"""Who gets which work: never above capacity, never without skill, grant or shift, nobody left out."""

from datetime import UTC, datetime, timedelta
from itertools import combinations
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from tierdesk_desk.domain.assigning import USUAL_CAPACITY, Candidate, Free, can_take, choose, needs_of
from tierdesk_desk.domain.roles import Grant, Role

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
PLACES = [("l1", "front"), ("l2", "networks"), ("l2", "clients")]
SKILLS = ["wireless", "vpn", "printing"]
GRANTS = [Grant(Role.AGENT), Grant(Role.AGENT, "l1"), Grant(Role.AGENT, "l2", "networks"), Grant(Role.LEAD)]

skill_sets = st.sampled_from([frozenset(some) for size in range(3) for some in combinations(SKILLS, size)])
grant_sets = st.sampled_from([(GRANTS[0],), (GRANTS[1],), (GRANTS[2],), (GRANTS[1], GRANTS[2]), (GRANTS[3],), ()])
rotas = st.sampled_from([None, None, frozenset(), frozenset(PLACES[:1]), frozenset(PLACES[1:])])
frees = st.lists(st.tuples(st.sampled_from(PLACES), skill_sets), max_size=12).map(
    lambda works: [Free(UUID(int=number), *work) for number, work in enumerate(works)]
)
crowds = st.lists(
    st.tuples(grant_sets, skill_sets, st.integers(0, 5), st.integers(0, 3), st.sampled_from([None, 1, 2, 4]), rotas),
    max_size=5,
).map(lambda people: [anybody(number, *one) for number, one in enumerate(people)])


def anybody(number, grants, skills, held, minutes, capacity, rota):
    return Candidate(
        account_id=UUID(int=number),
        name=f"agent-{number}",
        grants=grants,
        skills=skills,
        held=held,
        waits_since=NOW - timedelta(minutes=minutes),
        capacity=capacity,
        on_rota=rota is not None,
        on_shift=rota or frozenset(),
    )


def somebody(number, **fields):
    known = {"held": 0, "waits_since": NOW, "skills": frozenset(), "grants": (Grant(Role.AGENT),)} | fields
    return Candidate(account_id=UUID(int=number), name=f"agent-{number}", **known)


def some_work(number, place=PLACES[0], *skills):
    return Free(UUID(int=number), place, frozenset(skills))


@given(frees, crowds)
def test_nobody_gets_what_they_may_not_or_cannot_have(free, people):
    by_work, by_id = {one.assignment_id: one for one in free}, {one.account_id: one for one in people}
    choices = choose(free, people, NOW)
    assert len({one.assignment_id for one in choices}) == len(choices)
    for choice in choices:
        work, person = by_work[choice.assignment_id], by_id[choice.account_id]
        assert work.skills <= person.skills
        assert any(grant.role is Role.AGENT and grant.covers(*work.place) for grant in person.grants)
        assert not person.on_rota or work.place in person.on_shift
    for person in people:
        given_to = sum(one.account_id == person.account_id for one in choices)
        limit = USUAL_CAPACITY if person.capacity is None else person.capacity
        assert given_to == 0 or person.held + given_to <= limit


@given(frees, crowds)
def test_what_waits_is_what_nobody_could_have_taken_even_then(free, people):
    choices = choose(free, people, NOW)
    given_to = {one.assignment_id: one.account_id for one in choices}
    held = {one.account_id: one.held for one in people}
    for work in free:
        chosen = given_to.get(work.assignment_id)
        able = [one for one in people if can_take(Candidate(**{**_fields(one), "held": held[one.account_id]}), work)]
        assert (chosen is None) == (not able)
        if chosen is not None:
            # The one with the least: nobody who could have taken it has less.
            assert held[chosen] == min(held[one.account_id] for one in able)
            held[chosen] += 1


@given(frees, crowds, st.randoms(use_true_random=False))
def test_the_same_question_has_the_same_answer_in_whatever_order_people_come(free, people, dice):
    shuffled = list(people)
    dice.shuffle(shuffled)
    assert choose(free, people, NOW) == choose(free, shuffled, NOW)


@given(st.integers(1, 6), st.integers(1, 40))
def test_nobody_who_can_take_it_starves(people, works):
    """One work at a time, each done at once: whoever waited longest is next, so that all come by turns."""
    crowd = {UUID(int=number): somebody(number) for number in range(people)}
    turns = []
    for number in range(works):
        at = NOW + timedelta(minutes=number + 1)
        (choice,) = choose([some_work(number)], crowd.values(), at)
        one = crowd[choice.account_id]
        crowd[choice.account_id] = Candidate(**{**_fields(one), "waits_since": at})
        turns.append(choice.account_id)
    assert turns == [UUID(int=number % people) for number in range(works)]


@given(frees, crowds)
def test_what_is_looked_for_is_what_can_be_given(free, people):
    """The needs name exactly the work that somebody can take at the beginning."""
    needs = needs_of(people, PLACES)
    for work in free:
        sought = any(place == work.place and work.skills <= set(skills) for place, skills, _ in needs)
        assert sought == any(can_take(one, work) for one in people)


def test_of_equals_who_waited_the_longest_then_by_login():
    early, late = somebody(2, waits_since=NOW - timedelta(hours=1)), somebody(1)
    busy = somebody(3, held=1, waits_since=NOW - timedelta(days=1))
    crowd = [late, busy, early, somebody(4)]
    given_to = [choice.account_id.int for choice in choose(map(some_work, range(9)), crowd, NOW)]
    assert given_to == [2, 1, 4, 3, 1, 2, 4, 1, 2]


def test_who_gave_it_up_gets_it_again_only_if_there_is_nobody_else():
    work = Free(UUID(int=1), PLACES[0], frozenset(), frozenset({"agent-1"}))
    idle, busy = somebody(1, waits_since=NOW - timedelta(hours=1)), somebody(2, held=4)
    assert [choice.account_id.int for choice in choose([work], [idle, busy], NOW)] == [2]
    assert [choice.account_id.int for choice in choose([work], [idle], NOW)] == [1]


def test_of_two_sets_of_skills_the_smaller_is_not_looked_for_again():
    crowd = [somebody(1, skills=frozenset({"vpn"})), somebody(2, skills=frozenset({"vpn", "printing"}), capacity=2)]
    assert needs_of(crowd, PLACES[:1]) == [(PLACES[0], ("printing", "vpn"), 7)]
    assert needs_of([somebody(1, held=9)], PLACES) == []


def _fields(one):
    return {name: getattr(one, name) for name in Candidate.__dataclass_fields__}
