"""Articles in several languages: each by its own stems, asked in all of them."""

import pytest

from tierdesk_kb.search.index import ArticleIndex, IndexedArticle
from tierdesk_kb.search.languages import TenantIndex


def article(name, title, body="", *, language="en"):
    return IndexedArticle(name, title, (), body, "requester", language=language)


DRUCKER = article("de", "Drucker einrichten", "So richten Sie einen Netzwerkdrucker ein.", language="de")
PRINTER = article("en", "Set up a printer", "So that it prints.")
IMPRIMANTE = article("fr", "Configurer les imprimantes réseau", language="fr")
POLISH = article("pl", "Hasło zapomniane", language="pl")


@pytest.fixture
def index():
    index = TenantIndex()
    index.apply([DRUCKER, PRINTER, IMPRIMANTE, POLISH])
    return index


def found(index, words, **options):
    return [hit.article_id for hit in index.search(words, limit=10, **options)]


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("druckern", "de"),
        ("eingerichtete Drucker", "de"),
        ("printers", "en"),
        ("imprimante", "fr"),
        ("reseaux", "fr"),
        ("haslo", "pl"),
        ("Druker", "de"),
        ("printrs", "en"),
        ("imprimntes", "fr"),
    ],
)
def test_an_article_is_found_by_the_stems_of_its_own_language_and_by_slips_of_its_words(index, words, name):
    assert found(index, words) == [name]


def test_a_word_that_another_language_has_is_no_slip():
    index = TenantIndex()
    index.apply([article("de", "Haus", language="de"), article("en", "Haul")])
    assert found(index, "Haus") == ["de"]
    assert found(index, "haul") == ["en"]


def test_what_is_typed_is_completed_in_every_language(index):
    assert [hit.article_id for hit in index.suggest("drucke", limit=5)] == ["de"]
    assert [hit.article_id for hit in index.suggest("imprim", limit=5)] == ["fr"]
    assert [hit.article_id for hit in index.suggest("prin", limit=5)] == ["en"]


def test_words_that_tell_nothing_are_those_of_the_language(index):
    assert found(index, "einen") == []
    index.apply([article("einen", "Einen", "No word of English.")])
    assert found(index, "einen") == ["einen"]


def test_an_article_that_changes_its_language_moves(index):
    index.apply([IndexedArticle("de", "Set up a plotter", (), "", "requester")])
    assert found(index, "plotter") == ["de"]
    assert found(index, "drucker") == []
    assert index.size == 4


def test_a_removed_article_is_gone_from_every_language(index):
    index.apply([], ["de", "fr"])
    assert found(index, "drucker imprimante printer") == ["en"]


def test_pages_go_through_all_languages():
    index = TenantIndex()
    index.apply(
        article(f"{language}{number}", f"VPN {'x ' * number}", language=language)
        for language in ("en", "de")
        for number in range(6)
    )
    whole = found(index, "vpn", offset=0) + [hit.article_id for hit in index.search("vpn", limit=10, offset=10)]
    assert len(set(whole)) == len(whole) == 12
    assert [hit.article_id for hit in index.search("vpn", limit=4, offset=3)] == whole[3:7]


def test_of_one_language_all_is_as_it_was():
    one, several = ArticleIndex(), TenantIndex()
    articles = [article(f"a{number}", "Printer", "x " * number) for number in range(9)]
    one.apply(articles)
    several.apply(articles)
    assert several.search("printers", limit=5, offset=2) == one.search("printers", limit=5, offset=2)
    assert several.suggest("prin", limit=5) == one.suggest("prin", limit=5)
    assert several.words_of_ticket("The printers", "are slow") == (["printer"], ["slow"])


def test_synonyms_are_those_of_the_language(index):
    index.set_synonyms({"de": [["Drucker", "Kopierer"]], "en": [["printer", "copier"]]})
    assert found(index, "kopierern") == ["de"]
    assert found(index, "copiers") == ["en"]
    index.set_synonyms({})
    assert found(index, "copiers kopierern") == []


@pytest.mark.parametrize(
    ("name", "title", "text"),
    [("de", "Drucker einrichten", "Wie richte ich den Netzwerkdrucker ein?"), ("en", "Setting up printers", "")],
)
def test_an_article_fits_kept_words_as_well_as_the_ticket_itself(index, name, title, text):
    match = index.match(title, text)
    assert match.article_id == name
    kept = index.words_of_ticket(title, text)
    fit = index.fit(name)
    assert fit.score(*kept) == pytest.approx(match.score)
    assert {word for part in kept for word in part} & set(fit.words)


def test_what_was_kept_of_one_language_fits_no_other(index):
    kept = index.words_of_ticket("Drucker einrichten", "")
    assert index.fit("fr").score(*kept) < 0.01
    assert index.fit("nothing") is None


async def test_the_language_of_a_published_article_is_followed_and_told(base, client, key_of):
    text = {"title": "Kennwörter zurücksetzen", "body": "So geht das.", "language": "de"}
    article = (await client.post("/v1/articles", json=text, headers=key_of())).json()
    assert article["language"] == "de"
    assert (await client.post(f"/v1/articles/{article['id']}/publish", headers=key_of())).status_code == 200
    await base.index()
    answer = await client.get("/v1/articles/search", params={"q": "Kennwort"}, headers=key_of())
    (hit,) = answer.json()["articles"]
    assert (hit["language"], hit["id"]) == ("de", article["id"])
    assert {"text": "Kennwörter", "found": True} in hit["highlights"]["title"]
    refused = await client.post("/v1/articles", json=text | {"language": "German"}, headers=key_of())
    assert refused.json()["errors"][0]["field"] == "language"
