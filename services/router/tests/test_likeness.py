"""Which tickets are alike: measures and windows, whatever comes."""

from __future__ import annotations

import string
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tierdesk_policy import load_policy
from tierdesk_router.domain import likeness
from tierdesk_router.domain.likeness import Noted, Subject, find_burst, find_repeated, measure, note, words_of

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
WORDS = st.lists(
    st.sampled_from(["printer", "jams", "again", "mail", "the", "in", "hall", "Ünïcode", "7"]), min_size=1, max_size=8
)
MINUTES = st.integers(0, 120)


def noted(number: int, minutes: int, **fields) -> Noted:
    return Noted(UUID(int=number), f"TD-{number:04}", START + timedelta(minutes=minutes), **fields)


@given(st.text(max_size=60), st.text(max_size=60))
def test_likeness_of_titles_is_symmetric_and_a_share(one, other):
    there, back = measure(words_of(one), words_of(other)), measure(words_of(other), words_of(one))
    assert there == back
    assert 0.0 <= there <= 1.0
    assert measure(words_of(one), words_of(one)) == (1.0 if words_of(one) else 0.0)


@given(WORDS, st.randoms(), st.lists(st.sampled_from(" .,;:!?-/()'\"\t"), min_size=1, max_size=3))
def test_case_punctuation_and_order_of_a_title_mean_nothing(words, chance, between):
    mixed = ["".join(chance.choice((letter.upper(), letter.lower())) for letter in word) for word in words]
    chance.shuffle(mixed)
    gap = "".join(between)
    assert words_of(" ".join(words)) == words_of(gap + (gap + " ").join(mixed) + gap)


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ("Printer jams", "printer JAMS again!", True),
        ("No mail", "No mail since this morning, please help", False),
        ("VPN drops every hour", "The VPN drops every hour", True),
        ("Printer jams", "Laptop is slow", False),
        ("???", "???", False),
    ],
)
def test_titles_that_people_call_alike(one, other, alike):
    assert (measure(words_of(one), words_of(other)) >= likeness.ALIKE_FROM) is alike


def most_by_trying(times: list[int], new: int, within: int) -> int:
    """The most tickets that lie together with the new one in any window, tried minute by minute."""
    return max(sum(1 for at in times if start <= at <= start + within) + 1 for start in range(new - within, new + 1))


@given(st.lists(MINUTES, max_size=25), MINUTES, st.integers(1, 60), st.integers(2, 12))
def test_a_burst_is_found_exactly_where_trying_every_window_finds_one(times, at, within, count):
    known = [noted(number, minutes) for number, minutes in enumerate(times)]
    burst = find_burst(noted(99, at), known, timedelta(minutes=within), count, ())
    most = most_by_trying(times, at, within)
    assert (burst is not None) is (most >= count)
    if burst is not None:
        assert len(burst.others) + 1 == most
        moments = [one.at for one in burst.others] + [noted(99, at).at]
        assert max(moments) - min(moments) <= timedelta(minutes=within)


@given(st.lists(st.tuples(MINUTES, st.sampled_from([None, 1, 2])), max_size=20), MINUTES)
def test_what_another_problem_gathered_counts_no_more_and_a_live_one_is_joined(times, at):
    known = [
        noted(number, minutes, problem=problem and UUID(int=problem)) for number, (minutes, problem) in enumerate(times)
    ]
    within, live = timedelta(minutes=30), {UUID(int=1)}
    burst = find_burst(noted(99, at), known, within, 3, live)
    near = [one for one in known if abs(one.at - noted(99, at).at) <= within]
    if any(one.problem == UUID(int=1) for one in near):
        assert burst == likeness.Burst((), UUID(int=1))
    else:
        free = [minutes for minutes, problem in times if problem is None]
        assert (burst is not None) is (most_by_trying(free, at, 30) >= 3)
        assert burst is None or not any(one.problem for one in burst.others)


def test_a_repeat_is_earlier_within_the_window_and_of_no_other_asset():
    new = noted(9, 60, words=words_of("Printer jams"), asset="p-1")
    known = [
        noted(1, 0, words=words_of("Printer jams")),
        noted(2, 30, words=words_of("jams: printer"), asset="p-1"),
        noted(3, 40, words=words_of("Printer jams"), asset="p-2"),
        noted(4, 50, words=words_of("No mail")),
        noted(5, 61, words=words_of("Printer jams")),
    ]
    found = find_repeated(new, known, timedelta(minutes=45))
    assert [one.reference for one in found] == ["TD-0002"]
    assert [one.reference for one in find_repeated(new, known, timedelta(hours=1))] == ["TD-0001", "TD-0002"]


DESK = """
name: Desk
tiers: [{id: l1}, {id: l2}]
edges: [[l1, l2]]
groups: [{id: front, tier: l1}, {id: back, tier: l2}]
categories: [{id: usage, tier: l1, group: front}]
likeness:
  repeat: {within: 1d}
  outage: [{count: 5, within: 15m, by: [category, location]}, {count: 9, within: 1h, by: [asset]}]
  recurring: [{count: 3, within: 30d, by: [category, asset], tier: l2}]
"""


def subject(**fields) -> Subject:
    told = {"title": "Printer jams", "category": "usage"} | fields
    return Subject(UUID(int=1), "TD-0001", START, UUID(int=7), **told)


def keys(**fields) -> list[str]:
    return [lookup.key for lookup in likeness.lookups(subject(**fields), load_policy(DESK))]


def test_a_rule_looks_only_at_tickets_that_say_something_in_each_of_its_fields():
    assert [len(keys(**told)) for told in ({}, {"location": "Hall"}, {"asset": "p-1"}, {"location": " "})] == [
        1,
        2,
        3,
        1,
    ]
    assert keys(names_matter=False) == []


@given(st.text(string.ascii_letters, min_size=1, max_size=20))
def test_names_are_compared_without_case_and_spare_spaces(name):
    assert keys(location=name) == keys(location=f"  {name.upper()} ")
    assert keys(location=name)[1] != keys(location=f"{name} 2")[1]


def test_no_policy_part_no_look():
    policy = load_policy(DESK.partition("likeness:")[0])
    assert list(likeness.lookups(subject(location="Hall"), policy)) == []


def test_decisions_are_told_with_the_tickets_that_they_rest_on():
    rules = load_policy(DESK).likeness
    others = [noted(number, number) for number in range(1, 14)]
    assert likeness.tell_recurring(others[:2], rules.recurring[0], "category usage, asset p-1") == (
        "The third of its kind (category usage, asset p-1) in 30 days: TD-0001, TD-0002."
    )
    told = likeness.tell_outage(others, rules.outage[0], "category usage")
    assert told.startswith("14 tickets with category usage within 15 min, after TD-0004, ")
    assert told.endswith("and 3 more.")
    assert "TD-0001" in likeness.tell_repeated(others[0], rules.repeat, "usage")
    assert likeness.tell_span(93_784) == "1 day 2 h 3 min 4 s"


def test_what_is_kept_of_a_ticket_is_its_words_not_its_title():
    assert note(subject(asset=" P-1 ")) == Noted(UUID(int=1), "TD-0001", START, frozenset({"printer", "jams"}), "p-1")
