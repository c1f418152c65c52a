"""Terms that mean the same: written down, followed by every process, looked for beside what was asked."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tierdesk_kb.handlers.index_follower import IndexFollower
from tierdesk_kb.samples import load_sample_synonyms, read_sample_synonyms
from tierdesk_kb.search.analysis import stems
from tierdesk_kb.search.index import ArticleIndex, IndexedArticle
from tierdesk_kb.search.library import Library
from tierdesk_kb.search.synonyms import Synonyms
from tierdesk_kb.store.articles import read_changes

GROUPS = [["laptop", "notebook"], ["vpn", "remote access"], ["shared drive", "network drive", "file share"]]


def article(name, title, body="", *, language="en"):
    return IndexedArticle(name, title, (), body, "requester", language=language)


@pytest.fixture
def index():
    index = ArticleIndex()
    index.apply(
        [
            article("laptop", "Order a laptop"),
            article("notebook", "Order a notebook"),
            article("vpn", "Connect by VPN"),
            article("remote", "Remote control", "Without access to the desk."),
            article("garden", "Access to the garden"),
        ]
    )
    index.synonyms = Synonyms(GROUPS)
    return index


def found(index, words, **options):
    return [hit.article_id for hit in index.search(words, limit=10, **options)]


def test_what_means_the_same_is_found_after_what_was_asked_for(index):
    assert found(index, "laptop") == ["laptop", "notebook"]
    assert found(index, "notebooks") == ["notebook", "laptop"]


def test_a_term_of_several_words_stands_for_one_and_the_other_way_round(index):
    assert found(index, "remote access")[0] == "remote"
    assert "vpn" in found(index, "remote access")
    assert found(index, "vpn") == ["vpn", "remote"], "of the garden it says nothing"


def test_a_term_that_means_thousands_holds_up_no_search():
    """Of 38,000 terms that mean the same, no article has any: to look for all of them takes a tenth of a second."""
    index = ArticleIndex()
    index.apply([article("vpn", "Connect by VPN"), article("last", "Zebra"), article("first", "Walrus")])
    hub = [["vpn", *(f"q{group}w{number}" for number in range(19))] for group in range(2_000)]
    index.synonyms = Synonyms([["vpn", "walrus"], *hub, ["vpn", "zebra"]])
    assert found(index, "vpn") == ["vpn", "first"]


def test_a_rare_synonym_counts_less_than_the_frequent_word_that_was_asked_for():
    index = ArticleIndex()
    index.apply([article("rare", "The notebook"), *(article(f"n{number}", "The laptop") for number in range(20))])
    index.synonyms = Synonyms(GROUPS)
    hits = index.search("laptop", limit=50)
    assert hits[-1].article_id == "rare"
    assert hits[-1].weight == pytest.approx(hits[0].weight / 2)


def test_a_word_that_has_synonyms_is_no_slip():
    index = ArticleIndex()
    index.apply([article("laptop", "Order a laptop"), article("note", "Note book", "notebooky")])
    index.synonyms = Synonyms(GROUPS)
    assert found(index, "notebook") == ["laptop"]


def test_suggestions_know_them_too_and_hits_tell_what_was_looked_for(index):
    hits = index.suggest("order notebook", limit=5)
    assert {"notebook", "laptop"} <= {hit.article_id for hit in hits}
    assert {"order", "notebook", "laptop"} <= hits[0].stems


def test_the_longest_term_is_taken_from_left_to_right():
    synonyms = Synonyms([["network", "lan"], ["network drive", "file share"]])
    assert [meant.said for meant in synonyms.find(["network", "drive", "network"])] == [
        ("network", "drive"),
        ("network",),
    ]
    assert Synonyms([["the", "printer"]]).find(["printer"]) == []


@given(
    st.lists(st.lists(st.sampled_from(["a1", "b2", "c3", "a1 b2", "b2 c3 a1"]), min_size=2, max_size=3), max_size=5),
    st.lists(st.sampled_from(["a1", "b2", "c3", "d4"]), max_size=12),
)
def test_every_term_found_stands_in_the_question_and_none_stands_for_itself(groups, question):
    for meant in Synonyms(groups).find(question):
        assert list(meant.said) in [question[at : at + len(meant.said)] for at in range(len(question))]
        assert meant.said not in meant.others
        assert meant.others


def test_each_sample_term_is_looked_for_and_stands_in_one_group():
    for language, groups in read_sample_synonyms().items():
        terms = [tuple(stems(language).analyze(term)) for group in groups for term in set(group)]
        assert all(1 <= len(term) <= 5 for term in terms)
        by_group = [{tuple(stems(language).analyze(term)) for term in group} for group in groups]
        assert not [one & other for at, one in enumerate(by_group) for other in by_group[at + 1 :] if one & other]
        assert all(len(group) > 1 for group in by_group)


async def test_they_are_written_read_and_found_by(base, client, key_of):
    headers = key_of()
    before = await client.get("/v1/synonyms", headers=headers)
    assert before.json() == {"version": 0, "languages": {}, "author": None, "written_at": None}
    text = {"based_on": 0, "languages": {"en": [["watchword", "password"]]}}
    written = await client.put("/v1/synonyms", json=text, headers=headers)
    assert (written.status_code, written.json()["version"], written.json()["author"]) == (200, 1, "ana")
    assert (await client.get("/v1/synonyms", headers=headers)).json() | {"ignored": []} == written.json()
    await base.index()
    answer = await client.get("/v1/articles/search", params={"q": "watchword"}, headers=headers)
    assert answer.json()["articles"][0]["title"] == "Reset a forgotten password"
    marked = answer.json()["articles"][0]["highlights"]["title"]
    assert {"text": "password", "found": True} in marked
    other = await client.get("/v1/synonyms", headers=key_of("other"))
    assert other.json()["version"] == 0


async def test_of_two_writers_the_second_gets_a_conflict(client, key_of):
    text = {"based_on": 0, "languages": {"en": [["a1", "b2"]]}}
    answers = await asyncio.gather(*(client.put("/v1/synonyms", json=text, headers=key_of()) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409]
    emptied = await client.put("/v1/synonyms", json={"based_on": 1, "languages": {}}, headers=key_of())
    assert emptied.json()["version"] == 2


async def test_terms_that_no_question_finds_are_told(client, key_of):
    groups = [["the", "printer", "copier"], ["a1", "b2 c3 d4 e5 f6 g7"], ["?!", "x"]]
    answer = await client.put("/v1/synonyms", json={"based_on": 0, "languages": {"en": groups}}, headers=key_of())
    assert answer.json()["ignored"] == ["the", "b2 c3 d4 e5 f6 g7", "?!"]
    assert answer.json()["languages"] == {"en": groups}


async def test_a_bad_field_is_named(client, key_of):
    for languages, field in (
        ({"en": [["one"]]}, "languages.en.0"),
        ({"en": [["a\x00b", "b2"]]}, "languages.en.0.0"),
        ({"en": [["", "b2"]]}, "languages.en.0.0"),
        ({"English": []}, "languages.English.[key]"),
        ({"en": [["a1", "b2"]] * 2_001}, "languages.en"),
    ):
        answer = await client.put("/v1/synonyms", json={"based_on": 0, "languages": languages}, headers=key_of())
        assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json"), languages
        assert answer.json()["errors"][0]["field"] == field


async def test_another_process_follows_within_a_second(base, client, key_of):
    library = Library()
    follower, stop = IndexFollower(base.database, library), asyncio.Event()
    task = asyncio.create_task(follower.run(stop))
    try:
        await asyncio.wait_for(library.ready.wait(), 10)
        for version, word in enumerate(["watchword", "countersign"]):
            text = {"based_on": version, "languages": {"en": [[word, "password"]]}}
            assert (await client.put("/v1/synonyms", json=text, headers=key_of())).status_code == 200
            async with asyncio.timeout(2):
                while not library.search("main", word, limit=1, offset=0, audience=None):  # noqa: ASYNC110 - another process
                    await asyncio.sleep(0.02)
        assert not library.search("main", "watchword", limit=1, offset=0, audience=None)
    finally:
        stop.set()
        await task


async def test_synonyms_that_appear_between_two_looks_of_a_follower_are_not_passed_over(
    base, client, key_of, monkeypatch
):
    """They are written while the follower reads changes of articles that come after them."""
    library = Library()
    follower = IndexFollower(base.database, library)
    await follower.catch_up()
    read = "tierdesk_kb.handlers.index_follower.read_changes"

    async def late(connection, tenant, after):
        monkeypatch.setattr(read, read_changes)
        text = {"based_on": 0, "languages": {"en": [["watchword", "password"]]}}
        assert (await client.put("/v1/synonyms", json=text, headers=key_of())).status_code == 200
        await publish(client, key_of(), "Okapi")
        async for changes in read_changes(connection, tenant, after):
            yield changes

    await publish(client, key_of(), "Zebra")
    monkeypatch.setattr(read, late)
    await follower.catch_up()
    await follower.catch_up()
    library.ready.set()
    for word in ("zebra", "okapi", "watchword"):
        assert library.search("main", word, limit=1, offset=0, audience=None), word


async def publish(client, headers, title):
    answer = await client.post("/v1/articles", json={"title": title, "body": "Body."}, headers=headers)
    assert (await client.post(f"{answer.headers['location']}/publish", headers=headers)).status_code == 200


async def test_samples_are_put_in_force_once_and_never_over_what_a_desk_wrote(base):
    assert not base.library.search("main", "copier", limit=1, offset=0, audience="l1")
    loaded = [await load_sample_synonyms(base.database, base.clock, tenant="main") for _ in range(2)]
    assert loaded == [True, False]
    await base.index()
    assert "printer" in base.library.search("main", "copier", limit=1, offset=0, audience="l1")[0].stems
