"""What a slip of the pen was meant as."""

from hypothesis import given
from hypothesis import strategies as st

from tierdesk_kb.domain.matching import SLIPS_FROM, is_one_slip_away
from tierdesk_kb.search.spelling import LONGEST, Spelling

word = st.text("abcd", min_size=1, max_size=7)


@given(st.lists(st.lists(word, max_size=15), max_size=3), word)
def test_an_unknown_word_finds_all_known_words_that_are_one_slip_away_and_no_other(lists, sought):
    spelling = Spelling()
    for words in lists:
        spelling.add(words)
    known = {one for words in lists for one in words}
    unknown = sought not in known and len(sought) >= SLIPS_FROM
    expected = {one for one in known if is_one_slip_away(sought, one)} if unknown else set()
    assert spelling.near(sought) == expected


def test_words_that_are_very_long_are_left_as_they_are():
    spelling = Spelling()
    spelling.add(["a" * LONGEST, "a" * (LONGEST + 1)])
    assert spelling.near("a" * (LONGEST - 1)) == {"a" * LONGEST}
    assert spelling.near("a" * (LONGEST + 2)) == set()


def test_of_a_script_with_thousands_of_letters_the_frequent_ones_are_tried():
    spelling = Spelling()
    spelling.add(chr(0x4E00 + number) * 4 for number in range(3_000))
    spelling.add(["print", "printer", "printing"] * 3)
    assert len(spelling._letters) == 64
    assert spelling.near("一一一") == set()
