"""Words found again by their slips."""

from hypothesis import given
from hypothesis import strategies as st

from tierdesk_kb.domain.matching import is_one_slip_away
from tierdesk_kb.search.vocabulary import Vocabulary

word = st.text("abcd", min_size=1, max_size=7)


@given(st.lists(st.lists(word, max_size=15), max_size=3), word)
def test_a_word_finds_all_known_words_that_are_one_slip_away_and_no_other(lists, sought):
    vocabulary = Vocabulary()
    for words in lists:
        vocabulary.add(words)
    assert vocabulary.near(sought) == {known for words in lists for known in words if is_one_slip_away(sought, known)}
