"""How well an article fits a ticket."""

import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tierdesk_kb.domain.matching import is_one_slip_away, rarity, score, weigh

word = st.text("abcdef", min_size=1, max_size=6)
words = st.lists(word, max_size=8)
weights = st.dictionaries(word, st.floats(0.01, 10), max_size=8)


@given(weights, st.sets(word), st.sets(word))
def test_a_score_lies_between_nothing_and_one(weights, head, body):
    assert 0 <= score(weights, head, body) <= 1


@given(weights)
def test_a_head_with_every_word_scores_one_and_an_article_with_none_scores_nothing(weights):
    assume(weights)
    assert score(weights, set(weights), set()) == pytest.approx(1)
    assert score(weights, set(), set()) == 0


@given(weights, st.sets(word), st.sets(word), word)
def test_an_article_that_has_one_more_word_never_scores_less(weights, head, body, more):
    assert score(weights, head, body | {more}) >= score(weights, head, body) - 1e-12
    assert score(weights, head | {more}, body) >= score(weights, head, body) - 1e-12


@given(words, words)
def test_a_word_of_the_title_weighs_twice(title, text):
    weights = weigh(title, text, frequency=lambda _: 1, articles=10)
    assert set(weights) == {*title, *text}
    for found, weight in weights.items():
        assert weight == pytest.approx((2 if found in title else 1) * rarity(1, 10))


def test_a_rare_word_weighs_more_than_a_common_one_and_an_unknown_one_half_of_the_rarest():
    frequencies = {"common": 9, "rare": 1}
    weights = weigh([], ["common", "rare", "unheard"], frequency=lambda word: frequencies.get(word, 0), articles=10)
    assert weights["rare"] > weights["common"] > 0
    assert weights["unheard"] == pytest.approx(0.5 * math.log(1 + 10.5 / 0.5))


def test_a_ticket_without_words_fits_nothing():
    assert score({}, {"printer"}, {"paper"}) == 0


@pytest.mark.parametrize(
    "slip", ["pasword", "passwword", "passwird", "psasword", "passwor", "assword", "passwordd", "password"]
)
def test_one_slip_of_the_pen_is_recognised(slip):
    assert is_one_slip_away("password", slip)


@pytest.mark.parametrize("other", ["pasword1", "passworddd", "printer", "", "drowssap", "psaswrod"])
def test_two_slips_are_another_word(other):
    assert not is_one_slip_away("password", other)


@given(word, word)
def test_slips_go_both_ways(one, other):
    assert is_one_slip_away(one, other) == is_one_slip_away(other, one)
