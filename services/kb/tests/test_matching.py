"""How likely an article answers a ticket."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tierdesk_kb.domain.evidence import ArticleWords, Evidence, Likeness, Rarity, TicketWords, compare, expect
from tierdesk_kb.domain.matching import COEFFICIENTS, choose, is_one_slip_away, limit, rank

word = st.text("abcdef", min_size=1, max_size=3)
words = st.lists(word, max_size=8, unique=True)
share = st.floats(0, 1)
articles = st.builds(ArticleWords.read, st.just("title"), words, st.lists(word, max_size=12)).map(
    lambda one: ArticleWords.read(one.title, sorted(one.head), [*sorted(one.head), *one.sequence.split()])
)
shelves = st.dictionaries(st.sampled_from(["a1", "a2", "a3", "a4"]), articles, min_size=1)
evidences = st.builds(Evidence, share, share, st.floats(-2, 2), share)


def rarity_of(shelf):
    return Rarity(lambda word: sum(word in one.frequencies for one in shelf.values()), len(shelf))


def ranked(shelf, title, text=()):
    ticket = TicketWords.read(title, text)
    return rank({name: (one, ticket) for name, one in shelf.items()}, rarity_of(shelf))


def an_article(head, body="", **options):
    return ArticleWords.read(head, head.split(), f"{head} {body}".split(), **options)


@given(shelves, words, words)
def test_a_score_is_a_probability_and_the_same_whatever_the_order(shelf, title, text):
    matches = ranked(shelf, title, text)
    assert sorted(match.article_id for match in matches) == sorted(shelf)
    assert all(0 < match.score < 1 for match in matches)
    assert ranked(dict(reversed(shelf.items())), title, text) == matches


@given(shelves, words, words)
def test_no_score_is_above_its_limit(shelf, title, text):
    ticket, rarity = TicketWords.read(title, text), rarity_of(shelf)
    for match in ranked(shelf, title, text):
        assert match.score <= limit(ticket, shelf[match.article_id], rarity) + 1e-12


@given(shelves, words, words)
def test_what_may_be_expected_is_never_less_than_the_limit(shelf, title, text):
    ticket, rarity = TicketWords.read(title, text), rarity_of(shelf)
    for one in shelf.values():
        expected = expect(ticket.counts.keys() & one.frequencies.keys(), one, rarity)
        assert limit(ticket, one, rarity) <= COEFFICIENTS.probability(expected) + 1e-12


@given(evidences, st.floats(0.01, 1))
def test_each_figure_speaks_for_its_meaning(evidence, more):
    score = COEFFICIENTS.probability(evidence)
    strongest, order, lead, unknown = evidence.strongest, evidence.order, evidence.lead, evidence.unknown
    assert COEFFICIENTS.probability(Evidence(strongest + more, order, lead, unknown)) > score
    assert COEFFICIENTS.probability(Evidence(strongest, order + more, lead, unknown)) > score
    assert COEFFICIENTS.probability(Evidence(strongest, order, lead + more, unknown)) > score
    assert COEFFICIENTS.probability(Evidence(strongest, order, lead, unknown + more)) < score


def test_the_evidence_is_what_can_be_worked_out_by_hand():
    """Ten articles; "zebra" in one of them, "paper" in four. Rarities are of ln(1 + (10 - n + .5) / (n + .5)) / ln 11."""
    frequencies = {"zebra": 1, "paper": 4}
    rarity = Rarity(lambda word: frequencies.get(word, 0), 10)
    zebra, paper = (math.log(1 + (10 - n + 0.5) / (n + 0.5)) / math.log(11) for n in (1, 4))
    assert (rarity.of("zebra"), rarity.of("paper")) == (pytest.approx(zebra), pytest.approx(paper))
    article = ArticleWords.read("Zebra", ["zebra"], ["zebra", "paper", *["other"] * 98])
    found = compare(TicketWords.read(["zebra", "paper"], ["giraffe"]), article, rarity)
    grasp = 1 / (1 + 1.5)  # once in an article of usual length
    assert found.strongest == pytest.approx(zebra)
    assert found.weight == pytest.approx(zebra + paper * grasp)
    assert found.rare_weight == pytest.approx(zebra**2 + paper**2 * grasp + 0.25 * paper)
    assert found.order == pytest.approx(1)
    assert found.unknown == pytest.approx(0.5 / 2.5)
    assert found.evidence(0.5).lead == pytest.approx(found.rare_weight - 0.5)


def test_a_word_of_the_title_counts_twice_one_of_the_text_unless_there_is_no_title():
    both = TicketWords.read(["printer"], ["paper", "printer"])
    assert both.counts == {"printer": 1.0, "paper": 0.5}
    assert TicketWords.read([], ["paper"]).counts == {"paper": 1.0}
    assert both.pairs == (("paper", "printer"),)


def test_the_lead_is_over_the_best_other_and_the_same_article_twice_leads_by_nothing():
    shelf = {"a": an_article("zebra plotter"), "b": an_article("zebra plotter"), "c": an_article("lamp")}
    first, second = ranked(shelf, ["zebra", "plotter"])[:2]
    assert (first.evidence.lead, second.evidence.lead) == (0, 0)
    alone = ranked({name: shelf[name] for name in ("a", "c")}, ["zebra", "plotter"])[0]
    assert alone.evidence.lead > 0
    assert alone.score > first.score


def test_words_in_another_order_say_less():
    shelf = {"a": an_article("shut door", "paper"), "b": an_article("lamp")}
    assert ranked(shelf, ["shut", "door"])[0].score > ranked(shelf, ["door", "shut"])[0].score


def test_a_word_that_no_article_has_makes_a_match_less_likely():
    shelf = {"a": an_article("zebra plotter"), "b": an_article("lamp")}
    assert ranked(shelf, ["zebra", "plotter"])[0].score > ranked(shelf, ["zebra", "plotter", "giraffe"])[0].score


def test_a_known_error_that_documents_the_problem_comes_first():
    shelf = {"faq": an_article("zebra plotter clogs nozzle"), "error": an_article("zebra plotter", is_known_error=True)}
    matches = ranked(shelf, ["zebra", "plotter", "clogs", "nozzle"])
    scores = {match.article_id: match.score for match in matches}
    assert scores["faq"] > scores["error"]
    assert choose(matches, scores["error"]).article_id == "error"
    assert choose(matches, scores["error"] + 1e-6).article_id == "faq"
    assert choose([], 0.5) is None


def test_a_slip_counts_in_part_as_the_word_that_the_article_has():
    article, ticket = an_article("printer", "paper"), TicketWords.read(["priner", "jams"], ["papr"])
    slips = {"priner": {"printer"}, "papr": {"paper"}, "jams": {"james"}}
    spelt = ticket.spelt(slips, article)
    assert spelt.counts == pytest.approx({"priner": 0.3, "printer": 0.7, "jams": 1, "papr": 0.15, "paper": 0.35})
    assert (spelt.pairs, spelt.doubtful) == ((("printer", "jams"),), {"printer", "paper"})
    assert ticket.spelt({}, article) is ticket
    assert ticket.spelt(slips, an_article("lamp")) is ticket
    rarity = Rarity(lambda word: word in article.frequencies, 5)
    right = compare(TicketWords.read(["printer", "jams"], ["paper"]), article, rarity)
    slipped = compare(spelt, article, rarity)
    assert 0 < slipped.strongest < right.strongest
    assert slipped.unknown > right.unknown


def test_an_article_and_a_ticket_without_words_have_nothing_in_common():
    empty = ArticleWords.read("", [], [])
    assert compare(TicketWords.read([], []), empty, Rarity(lambda _: 0, 0)) == Likeness(0, 0, 0, 0, 0)
    assert ranked({"a": empty}, [])[0].score < 0.2


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
