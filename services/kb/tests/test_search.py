"""Finding articles: by words, by slips of the pen, by what is half typed; and the score of a match."""

import gzip
import json
from collections import defaultdict
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tierdesk_kb.domain.matching import DOCUMENTED_FROM
from tierdesk_kb.samples import read_samples
from tierdesk_kb.samples.tickets import read_tickets
from tierdesk_kb.search.index import ArticleIndex, IndexedArticle, words_of_ticket
from tierdesk_kb.search.wording import Wording

REFERENCE = Path(__file__).parents[4] / "shared" / "data" / "kb_ibmcloud"

TICKETS = read_tickets()
NOT_FOUND = {"Print jobs hang in the queue", "How can I get Visio installed?", "Paper stuck in the copier"}
"""They have too little in common with their article: a name that it does not have, or words that others have too."""
DOCUMENTED = [(ticket.article, ticket.title, ticket.text) for ticket in TICKETS if ticket.article]
MISTAKEN = {"Broken laptop screen"}
"""Each of its words stands in an article on something else."""
FOUND = [(article, title, text) for article, title, text in DOCUMENTED if title not in NOT_FOUND]
UNDOCUMENTED = [(ticket.title, ticket.text) for ticket in TICKETS if not ticket.article]
UNMATCHED = [(title, text) for title, text in UNDOCUMENTED if title not in MISTAKEN]


def article(name: str, title: str, body: str = "", *, keywords: tuple[str, ...] = (), audience: str = "requester"):
    return IndexedArticle(name, title, keywords, body, audience)


@pytest.fixture(scope="module")
def samples() -> ArticleIndex:
    index = ArticleIndex()
    index.apply(
        IndexedArticle(name, content.title, content.keywords, content.body, content.audience)
        for name, content in read_samples().items()
    )
    return index


@pytest.mark.parametrize(("name", "title", "text"), FOUND)
def test_a_documented_problem_finds_its_article_above_the_threshold(samples, name, title, text):
    match = samples.match(title, text)
    assert match.article_id == name
    assert match.score >= DOCUMENTED_FROM


@pytest.mark.parametrize(("title", "text"), UNMATCHED)
def test_a_problem_that_no_article_documents_stays_below_the_threshold(samples, title, text):
    match = samples.match(title, text)
    assert match is None or match.score < DOCUMENTED_FROM


@pytest.mark.parametrize(
    ("slip", "name"), [("pasword", 0), ("mialbox", 3), ("priner", 1), ("monitr", 2), ("wirelss", 4)]
)
def test_a_slip_of_the_pen_is_forgiven(samples, slip, name):
    names = (
        "reset-a-forgotten-password",
        "clear-a-paper-jam",
        "connect-a-second-monitor",
        "empty-a-full-mailbox",
        "join-the-wireless-network",
    )
    assert names[name] in [hit.article_id for hit in samples.search(slip, limit=3)]


def test_a_match_forgives_a_slip_too(samples):
    right, slipped = samples.match("forgot my password", ""), samples.match("forgot my pasword", "")
    assert slipped.article_id == right.article_id == "reset-a-forgotten-password"
    assert DOCUMENTED_FROM < slipped.score < right.score


def test_a_match_is_the_same_however_few_articles_are_remembered(samples, monkeypatch):
    tickets = [("forgot my pasword", "The mialbox is full."), ("Printr", "papr jam"), ("slow computr", "")]
    matches = [samples.match(title, text) for title, text in tickets]
    monkeypatch.setattr("tierdesk_kb.search.index._WORDS_KEPT", 1)
    assert [samples.match(title, text) for title, text in tickets] == matches


SLIPPED = [("", "forgot my pasword", "The mialbox is full."), ("", "Printr", "papr jam"), ("", "slow computr", "zzzz")]


@pytest.mark.parametrize(("title", "text"), [(title, text) for _, title, text in DOCUMENTED + SLIPPED] + UNDOCUMENTED)
def test_an_article_fits_kept_words_as_well_as_the_ticket_itself(samples, title, text):
    match = samples.match(title, text)
    fits = {name: samples.fit(name).score(*words_of_ticket(title, text)) for name in read_samples()}
    assert match is None or fits[match.article_id] == pytest.approx(match.score, abs=0.02)
    assert all(samples.fit(name).may_reach(fits[name] - 1e-9, *words_of_ticket(title, text)) for name in fits)


def test_an_article_that_is_not_indexed_fits_nothing(samples):
    assert samples.fit("unheard-of") is None


@pytest.mark.parametrize("typed", ["p", "pa", "pas", "pass", "passw", "reset passwo"])
def test_what_is_half_typed_suggests(samples, typed):
    suggested = [hit.article_id for hit in samples.suggest(typed, limit=20)]
    assert ("reset-a-forgotten-password" in suggested) == (len(typed) > 1)


def test_what_is_begun_is_suggested_before_what_it_may_be_a_slip_of():
    index = ArticleIndex()
    index.apply([article("pin", "Reset your PIN"), article("printer", "Printer offline"), article("print", "Printing")])
    assert {hit.article_id for hit in index.suggest("prin", limit=2)} == {"printer", "print"}


@pytest.mark.parametrize("before", ["wire or print or ", " ".join(f"w{number}" for number in range(200)) + " wire "])
def test_what_is_typed_last_is_unfinished_whatever_was_typed_before(before):
    index = ArticleIndex()
    index.apply([article("wireless", "Wireless network"), article("print", "Print")])
    assert "wireless" in [hit.article_id for hit in index.suggest(f"{before}wire", limit=5)]


def test_many_forms_of_a_word_in_one_title_do_not_add_up_in_suggestions():
    index = ArticleIndex()
    index.apply([article("many", "Print printers printing printed prints"), article("one", "Printer")])
    weights = {hit.article_id: hit.weight for hit in index.suggest("prin", limit=2)}
    assert weights["many"] == pytest.approx(weights["one"])


def test_a_slip_counts_less_than_a_word_as_it_stands():
    index = ArticleIndex()
    index.apply([article("printer", "printer"), article("scanner", "scanner"), article("x", "something else")])
    assert [hit.article_id for hit in index.search("printer scaner", limit=2)] == ["printer", "scanner"]
    assert [hit.article_id for hit in index.search("priner scanner", limit=2)] == ["scanner", "printer"]


def test_a_question_of_hundreds_of_unknown_words_is_answered_by_the_words_that_are_known():
    index = ArticleIndex()
    index.apply([article("printer", "Printer"), *(article(f"n{n}", f"abcdef{n}") for n in range(50))])
    question = "printer " + " ".join(f"zzzz{n}yyyy" for n in range(300))
    assert index.search(question, limit=1)[0].article_id == "printer"


def test_a_title_counts_more_than_a_mention(samples):
    index = ArticleIndex()
    index.apply(
        [article("mention", "Meeting rooms", "There is a printer too."), article("title", "Printer", "Room 4.")]
    )
    assert [hit.article_id for hit in index.search("printer", limit=5)] == ["title", "mention"]


def test_what_a_question_says_twice_counts_more_but_not_twice_as_much():
    index = ArticleIndex()
    index.apply(
        [article("printer", "Printer"), article("laptop", "Laptop"), article("both", "Printer, laptop", "Dock.")]
    )
    for often, once in (("printer", "laptop"), ("laptop", "printer")):
        hits = index.search(f"{often}, {once}: which {often}?", limit=3)
        assert [hit.article_id for hit in hits] == ["both", often, once]
        assert hits[1].weight == pytest.approx(hits[2].weight * 4 / 3)
    assert index.search("printer " * 100, limit=1)[0].weight < 2 * index.search("printer", limit=1)[0].weight


def test_what_was_said_before_decides_between_articles_that_the_question_leaves_equal():
    index = ArticleIndex()
    index.apply([article("printer", "Printer", "How to order one."), article("laptop", "Laptop", "How to order one.")])
    for said in ("printer", "laptop"):
        assert index.search(Wording("order", asked=(f"my {said} is broken",)), limit=2)[0].article_id == said
        assert index.search(Wording("order", told=(f"A {said} can be had.",)), limit=2)[0].article_id == said


def test_the_question_counts_more_than_what_was_said_before_it():
    index = ArticleIndex()
    index.apply([article("printer", "Printer"), article("laptop", "Laptop")])
    for before in ({"asked": ("laptop",) * 5}, {"told": ("laptop " * 50,)}):
        hits = index.search(Wording("printer", **before), limit=5)
        assert [hit.article_id for hit in hits] == ["printer", "laptop"]


def test_a_page_of_words_before_a_question_does_not_push_it_out():
    index = ArticleIndex()
    index.apply([article("printer", "Printer"), *(article(f"n{n}", f"noise{n}") for n in range(300))])
    long = " ".join(f"noise{n}" for n in range(300))
    assert index.search(Wording("printer", asked=(long,), told=(long,)), limit=1)[0].article_id == "printer"


def test_an_article_that_was_tried_is_not_matched_again(samples):
    match = samples.match("I forgot my password", "", exclude={"reset-a-forgotten-password"})
    assert match is None or match.article_id != "reset-a-forgotten-password"


def test_an_article_for_another_audience_is_left_out():
    index = ArticleIndex()
    index.apply([article("secret", "Print server", audience="l1"), article("open", "Print at home")])
    assert [hit.article_id for hit in index.search("print", limit=5, audience="requester")] == ["open"]
    assert index.match("print server", "", audiences={"requester"}).article_id == "open"
    assert index.match("print server", "").article_id == "secret"
    assert index.match("print server", "", audiences={"requester", "l1"}).article_id == "secret"
    assert index.match("print server", "", audiences={"l2"}) is None


def test_a_better_article_that_the_reader_may_not_see_is_a_reason_to_doubt():
    index = ArticleIndex()
    shelf = [article("open", "Print at home"), *(article(f"n{n}", f"subject{n}") for n in range(20))]
    index.apply(shelf)
    alone = index.match("print server spooler", "", audiences={"requester"})
    index.apply([article("secret", "Print server spooler", audience="l1")])
    beside = index.match("print server spooler", "", audiences={"requester"})
    assert alone.article_id == beside.article_id == "open"
    assert beside.score < alone.score


@pytest.mark.parametrize("looked_through", [1, 20, 100, 1_000])
def test_a_condition_leaves_out_what_does_not_meet_it_and_no_more(monkeypatch, looked_through):
    index = ArticleIndex()
    index.apply(
        [article(f"a{n}", "Printer", "x " * (n % 7), audience=("requester", "l1", "l2")[n % 3]) for n in range(90)]
    )
    monkeypatch.setattr("tierdesk_kb.search.conditions._MOST_LOOKED_THROUGH", looked_through)
    of = {f"a{n}": ("requester", "l1", "l2")[n % 3] for n in range(90)}
    whole = index.search("printer", limit=90)
    for audience in ("requester", ("l1",), ["l1", "l2"], {"l2", "unheard-of"}, "unheard-of"):
        wanted = [audience] if isinstance(audience, str) else audience
        expected = [hit for hit in whole if of[hit.article_id] in wanted]
        assert index.search("printer", limit=90, audience=audience) == expected
        assert index.search("printer", limit=5, offset=4, audience=audience) == expected[4:9]
        assert index.suggest("prin", limit=5, audience=audience)[0].weight >= 1 if expected else True


def test_an_article_put_again_replaces_the_old_and_a_removed_one_is_found_no_more():
    index = ArticleIndex()
    index.apply([article("a", "Printer"), article("b", "Scanner")])
    index.apply([article("a", "Plotter")], ["b"])
    assert index.search("printer scanner", limit=5) == []
    assert [hit.article_id for hit in index.search("plotter", limit=5)] == ["a"]
    assert index.size == 1


def test_pages_follow_each_other():
    index = ArticleIndex()
    index.apply([article(f"a{n}", "Printer", "x " * n) for n in range(9)])
    whole = [hit.article_id for hit in index.search("printer", limit=9)]
    paged = [hit.article_id for start in (0, 4, 8) for hit in index.search("printer", limit=4, offset=start)]
    assert paged == whole


def test_words_of_other_alphabets_are_found():
    index = ArticleIndex()
    index.apply([article("greek", "Εκτυπωτής"), article("hebrew", "מדפסת"), article("accents", "Clavier bépo")])
    for typed, name in (("εκτυπωτής", "greek"), ("מדפסת", "hebrew"), ("bepo", "accents")):
        assert [hit.article_id for hit in index.search(typed, limit=1)] == [name]


@settings(max_examples=150, deadline=None)
@given(
    text=st.text(max_size=80)
    | st.sampled_from(["title:x AND (", '"', "a OR b", "*", "'; DROP TABLE article", "🖨️", "x" * 10_000])
)
def test_no_text_breaks_a_search(samples, text):
    samples.search(text, limit=3)
    samples.suggest(text, limit=3)
    match = samples.match(text, text)
    assert match is None or 0 <= match.score <= 1


@pytest.mark.reference
def test_the_judged_questions_find_their_passages(capsys):
    """The last turn of each of 66 conversations on 1,152 passages where those are at hand, else the samples' tickets."""
    passages, questions = read_reference() if REFERENCE.is_dir() else own_questions()
    index = ArticleIndex()
    index.apply(passages)
    recall = 0.0
    for question, relevant in questions:
        found = {hit.article_id for hit in index.search(question, limit=5)}
        recall += len(found & relevant) / len(relevant) / len(questions)
    with capsys.disabled():
        print(f"\nrecall@5 {recall:.3f} of {len(questions)} questions")  # noqa: T201 - says how many ran
    assert recall >= 0.68


def read_reference() -> tuple[list[IndexedArticle], list[tuple[str, set[str]]]]:
    relevant: dict[str, set[str]] = defaultdict(set)
    for line in (REFERENCE / "qrels.tsv").read_text().splitlines()[1:]:
        query, passage, judged = line.split("\t")
        if int(judged) > 0:
            relevant[query].add(passage)
    with gzip.open(REFERENCE / "corpus.jsonl.gz", "rt") as lines:
        passages = [json.loads(line) for line in lines]
    with gzip.open(REFERENCE / "queries.jsonl.gz", "rt") as lines:
        queries = [query for query in map(json.loads, lines) if relevant[query["id"]]]
    return (
        [article(one["id"], one["text"].strip()[:200], one["text"]) for one in passages],
        [(query["last_turn"], relevant[query["id"]]) for query in queries],
    )


def own_questions() -> tuple[list[IndexedArticle], list[tuple[str, set[str]]]]:
    passages = [
        article(name, content.title, content.body, keywords=content.keywords)
        for name, content in read_samples().items()
    ]
    return passages, [(f"{title} {text}", {name}) for name, title, text in DOCUMENTED]
