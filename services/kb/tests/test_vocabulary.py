"""Words found again by their slips."""

import itertools

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


@given(st.data())
def test_so_it_does_among_many(data):
    """Above 300 words they are found in another way than among few."""
    known = {"".join(letters) for letters in itertools.product("abc", repeat=5)} | {
        f"word{number}" for number in range(99)
    }
    vocabulary = Vocabulary()
    for part in (sorted(known)[:290], sorted(known)[290:]):
        vocabulary.add(part)
    sought = data.draw(st.one_of(word, st.sampled_from(sorted(known)), st.text(max_size=8)))
    assert vocabulary.near(sought) == {one for one in known if is_one_slip_away(sought, one)}
