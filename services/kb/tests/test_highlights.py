"""The words that were looked for, in a title and in a piece of a body."""

from hypothesis import example, given
from hypothesis import strategies as st

from tierdesk_kb.search.analysis import stems
from tierdesk_kb.search.highlights import SNIPPET_LETTERS, excerpt, mark

LETTERS = "".join(f"word{number} " for number in range(400))


def sought(words, language="en"):
    return frozenset(stems(language).analyze(words))


def found(pieces):
    return [piece.text for piece in pieces if piece.found]


def whole(pieces):
    return "".join(piece.text for piece in pieces)


def test_the_words_of_a_title_are_marked_as_they_stand_there():
    title = "Printers: on the PRINTER, and the sprinter"
    pieces = mark(title, sought("printers"), "en")
    assert found(pieces) == ["Printers", "PRINTER"]
    assert whole(pieces) == title


def test_accents_and_other_alphabets_do_not_shift_the_marks():
    assert found(mark("🖨️ Imprimé: le clavier BÉPO 🖨️", sought("bepo"), "en")) == ["BÉPO"]
    assert found(mark("אין חיבור למדפסת מדפסת", sought("מדפסת"), "en")) == ["מדפסת"]
    assert found(mark("İİ printer", sought("printer"), "en")) == ["printer"]
    assert found(mark("Die Drucker drucken nicht", sought("Drucker", "de"), "de")) == ["Drucker", "drucken"]


def test_the_piece_of_a_body_is_the_one_that_has_most_of_the_words():
    body = f"The printer. {LETTERS} The printer and the toner of the printer. {LETTERS} toner"
    pieces = excerpt(body, sought("printer toner"), "en")
    assert found(pieces) == ["printer", "toner", "printer"]
    assert (pieces[0].text, pieces[-1].text) == ("…", "…")
    assert len(whole(pieces)) <= SNIPPET_LETTERS + 2


def test_a_body_without_the_words_shows_its_beginning():
    assert whole(excerpt("Short,\n\n  but  sweet.", frozenset(), "en")) == "Short, but sweet."
    shown = whole(excerpt(LETTERS, sought("printer"), "en"))
    assert shown.startswith("word0 word1")
    assert shown.endswith("…")


def test_markup_stays_text():
    pieces = excerpt("<script>alert('printer')</script> & more", sought("printer alert"), "en")
    assert whole(pieces) == "<script>alert('printer')</script> & more"
    assert found(pieces) == ["alert", "printer"]


def test_a_long_body_is_read_as_far_as_a_page_of_hits_can_wait_for():
    assert found(excerpt("x " * 30_000 + "printer", sought("printer"), "en")) == []


@given(st.text(max_size=600), st.text(max_size=20), st.integers(10, 300))
@example("\x85a\u2028b" * 100, "a", 20)
@example("x" * 1_000, "x", 50)
def test_any_text_is_shown_in_pieces_of_itself(text, words, letters):
    assert whole(mark(text, sought(words), "en")) == text
    pieces = excerpt(text, sought(words), "en", letters=letters)
    blanked = " ".join(text.split())
    inner = [piece.text for piece in pieces]
    if inner and inner[0] == "…" and not blanked.startswith(whole(pieces).rstrip("…")):
        inner = inner[1:]
    if inner and inner[-1] == "…":
        inner = inner[:-1]
    assert "".join(inner) in blanked
    assert len("".join(inner)) <= letters
