"""Searches that rank by meaning too: with the model that the extra brings, where it is installed; and the door to it."""

import os
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tierdesk_kb.app import DEFINITION
from tierdesk_kb.search.fusion import LIKENESS_SHARE, fuse
from tierdesk_kb.search.index import ArticleIndex, IndexedArticle
from tierdesk_kb.search.languages import TenantIndex
from tierdesk_kb.search.library import Library
from tierdesk_kb.search.semantics import SemanticsMissingError, load_model
from tierdesk_kb.search.wording import Wording
from tierdesk_runtime.settings import SettingsError

WEIGHTS = st.dictionaries(st.text("abcdef", min_size=1, max_size=2), st.floats(0, 50), max_size=20)
LIKENESS = st.dictionaries(st.text("defghi", min_size=1, max_size=2), st.floats(-1, 1), max_size=20)


@pytest.fixture(scope="module")
def model():
    try:
        return load_model()
    except SemanticsMissingError as error:
        pytest.skip(f"the extra is not installed: {error}")  # off by default, and not in the lock for tests


def article(name, title, body="", *, audience="requester", kind="faq", language="en"):
    return IndexedArticle(name, title, (), body, audience, kind, language)


ARTICLES = [
    article("pay", "Salary slips", "Where to download the monthly salary statement."),
    article("car", "Rent a vehicle", "How to book an automobile for a business trip."),
    article("print", "Printer", "The printer is out of paper."),
    article("door", "Door badge", "What to do when the badge was lost.", audience="l2", kind="how_to"),
]


@pytest.fixture
def library(model):
    index = TenantIndex(model)
    index.apply(ARTICLES)
    return index


def names(hits):
    return [hit.article_id for hit in hits]


def test_an_article_without_a_word_of_the_question_is_found_by_its_meaning(library):
    plain = TenantIndex()
    plain.apply(ARTICLES)
    assert plain.search("cars", limit=5) == []
    (hit, *_) = library.search("cars", limit=5)
    assert hit.article_id == "car"


def test_conditions_hold_for_what_is_found_by_meaning(library):
    assert names(library.search("cars", limit=5, audience="l2")) == []
    assert names(library.search("cars", limit=5, audience={"l2", "requester"}))[:1] == ["car"]
    assert names(library.search("cars", limit=5, kind="how_to")) == []
    assert names(library.search("cars", limit=5, audience="nobody")) == []


def test_what_is_changed_or_removed_is_no_longer_found_by_what_it_meant(library):
    library.apply([article("car", "Lunch", "Meals and food.")])
    assert "car" not in names(library.search("cars", limit=5))
    assert names(library.search("foods", limit=5))[:1] == ["car"]
    library.apply([], ["car", "unknown"])
    assert names(library.search("foods", limit=5)) == []


def test_the_article_that_takes_a_freed_place_keeps_its_meaning(model):
    vectors = model.make_vectors()
    vectors.apply(ARTICLES)
    everybody = {"most": 5, "audience": None, "kind": None}
    before = vectors.likeness(Wording("badges"), beside=["door", "print"], **everybody)
    vectors.apply([], ["car"])
    assert vectors.likeness(Wording("badges"), beside=["door", "print"], **everybody) == pytest.approx(before)
    assert [*vectors.likeness(Wording("badges"), beside=[], **(everybody | {"kind": "how_to"}))] == ["door"]


def test_an_article_that_moves_to_another_language_leaves_the_vectors(library):
    library.apply([article("car", "Automobile mieten", language="de")])
    assert "car" not in names(library.search("cars", limit=5))


@pytest.mark.parametrize(
    "question", ["", " ", "\0", "؟؟؟", "🙂🙂", "a" * 10_000, "printer " * 2_000, '" OR 1=1 --', "+ - ( ) *"]
)
def test_strange_questions_are_searched_like_others(library, question):
    assert set(names(library.search(question, limit=10))) <= {one.article_id for one in ARTICLES}


def test_a_long_article_costs_no_more_than_its_beginning(model):
    index = TenantIndex(model)
    index.apply([article("long", "Automobile", "vehicle " * 600_000)])
    assert names(index.search("cars", limit=5)) == ["long"]


def test_pages_put_together_are_all_hits_once(model):
    """All 130 have the word: those after the fused ones are ranked by their words alone."""
    many = [article(f"a{number}", "Printer", "paper " * (number % 7) + "tray " * number) for number in range(130)]
    plain, index = TenantIndex(), TenantIndex(model)
    plain.apply(many)
    index.apply(many)
    pages = [hit for offset in range(0, 140, 10) for hit in index.search("printer paper", limit=10, offset=offset)]
    assert sorted(names(pages)) == sorted(names(plain.search("printer paper", limit=200)))
    assert names(index.search("printer paper", limit=200)) == names(pages)
    weights = [hit.weight for hit in pages]
    assert weights == sorted(weights, reverse=True)


def test_hits_still_tell_which_words_were_looked_for(library):
    hit = library.search("printer paper", limit=1)[0]
    assert (hit.article_id, hit.stems) == ("print", {"printer", "paper"})


def test_other_languages_have_no_vectors(model):
    index = TenantIndex(model)
    index.apply([article("auto", "Automobile rental vehicles", language="de")])
    assert index.search("cars", limit=5) == []


def test_what_was_asked_before_counts(library):
    assert names(library.search(Wording("and how", asked=("cars",)), limit=1)) == []
    assert names(library.search(Wording("automobile, how", asked=("cars",)), limit=1)) == ["car"]


async def test_the_indexes_of_a_library_rank_by_meaning(model):
    library = Library(model)
    await library.apply("main", ARTICLES)
    library.ready.set()
    assert names(library.search("main", "cars", limit=5, offset=0, audience="requester"))[:1] == ["car"]


@given(WEIGHTS, LIKENESS)
def test_all_are_fused_once_and_the_best_by_both_is_first(weights, likeness):
    fused = fuse(weights, likeness)
    assert fused.keys() == weights.keys() | likeness.keys()
    assert [*fused.values()] == sorted(fused.values(), reverse=True)
    most = max(weights.values(), default=1.0)
    assert all(weights.get(name, 0) <= weight <= most * (1 + LIKENESS_SHARE) for name, weight in fused.items())


def test_without_likeness_the_order_is_that_of_the_words():
    assert [*fuse({"a": 3.0, "b": 2.0}, {})] == ["a", "b"]
    assert [*fuse({"a": 3.0, "b": 2.9}, {"b": 0.9, "c": 0.5})] == ["b", "a", "c"]


def test_off_the_search_is_what_it_was_and_none_of_the_packages_is_imported():
    code = (
        "import sys; from tierdesk_cli import main; import tierdesk_kb.app; "
        "print([name for name in ('numpy', 'safetensors', 'tokenizers', 'wordllama') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"
    assert ArticleIndex()._vectors is None


@pytest.mark.parametrize("package", ["safetensors", "tokenizers"])
async def test_the_setting_without_the_packages_is_a_faulty_one(monkeypatch, package):
    for name in [name for name in sys.modules if name.partition(".")[0] == package]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.delitem(sys.modules, "tierdesk_kb.search.vectors", raising=False)
    monkeypatch.delattr("tierdesk_kb.search.vectors", raising=False)
    monkeypatch.setenv("TIERDESK_KB_SEMANTIC", "true")
    with pytest.raises(SettingsError, match=r"TIERDESK_KB_SEMANTIC.*requirements/semantic\.txt"):
        await DEFINITION.build(None)


def test_the_model_is_read_with_the_network_off(model):
    """In a process whose sockets raise; `model` is asked for so that it is skipped without the extra."""
    code = (
        "import socket\n"
        "def refuse(*_, **__): raise OSError('no network')\n"
        "socket.socket.connect = socket.getaddrinfo = refuse\n"
        "from tierdesk_kb.search.semantics import load_model\n"
        "print(load_model().read(['a printer']).shape)\n"
    )
    environment = {**os.environ, "HOME": "/nonexistent"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60, env=environment
    )
    assert done.stdout.strip() == "(1, 256)"
