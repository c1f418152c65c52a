"""Articles from elsewhere: by their own key, as often as they come."""

import asyncio
from dataclasses import replace
from uuid import UUID

import pytest
from sqlalchemy import func, select

from tierdesk_kb.domain.articles import Article, ArticleState, Content, publish, retire, revise
from tierdesk_kb.domain.importing import Entry, Imported, decide_import
from tierdesk_kb.domain.markdown_file import MarkdownFileError, read_markdown
from tierdesk_kb.http.views import NewArticle
from tierdesk_kb.store.tables import article as articles
from tierdesk_kb.store.tables import counter
from tierdesk_kb.store.tables import revision as revisions

NEW = Article("main", UUID(int=1), ArticleState.DRAFT, revision=1)
ENTRY = Entry("a.md", Content("Title", "Body"), b"1", owner="ann")
MANY = 600


def known(article, revision=1, fingerprint=b"1"):
    return Imported(article, revision, fingerprint)


def told(entry, before, *, show=False):
    step = decide_import(entry, before, NEW, show=show)
    return step.outcome, step.written, step.shown, step.article


def test_what_is_new_is_added_with_its_owner():
    assert told(ENTRY, None) == ("added", True, False, replace(NEW, owner="ann"))
    assert told(ENTRY, None, show=True) == ("added", True, True, publish(replace(NEW, owner="ann")))


def test_the_same_again_changes_nothing_whatever_was_done_to_it_since():
    for article in (NEW, publish(NEW), revise(NEW, based_on=1), revise(publish(NEW), based_on=1)):
        assert told(ENTRY, known(article)) == ("unchanged", False, False, article)
    edited = revise(NEW, based_on=1)
    assert told(ENTRY, known(edited), show=True) == ("unchanged", False, False, edited)


def test_the_same_again_is_published_if_that_is_asked_now():
    assert told(ENTRY, known(NEW), show=True) == ("published", False, True, publish(NEW))
    assert told(ENTRY, known(publish(NEW)), show=True) == ("unchanged", False, False, publish(NEW))


def test_what_changed_is_the_next_revision_and_readers_see_it_if_that_is_asked():
    before = replace(publish(NEW), owner="bob")
    changed = replace(ENTRY, fingerprint=b"2")
    after = replace(revise(before, based_on=1), owner="ann")
    assert told(changed, known(before)) == ("revised", True, False, after)
    assert told(changed, known(before), show=True) == ("revised", True, True, publish(after))
    assert told(replace(changed, owner=None), known(before))[3].owner == "bob"


def test_what_was_retired_stays_so():
    gone = retire(publish(NEW))
    for entry in (ENTRY, replace(ENTRY, fingerprint=b"2")):
        assert told(entry, known(gone), show=True) == ("retired", False, False, gone)


HEAD = """---
# of another program
layout: post
title: "VPN: connect"
Audience: L1
kind: How_to
language: de_AT
keywords: [vpn, "home office"]
tags:
  - left out
steps:
  - Start, then wait
  - 'Sign in'
review-at: 2026-09-01
owner:
menu:
  main: 1
---

Text
# Heading
"""


def test_a_head_is_read_and_what_no_article_has_is_left_out():
    read = read_markdown(HEAD.replace("\n", "\r\n"))
    assert read.fields == {
        "title": "VPN: connect",
        "audience": "l1",
        "kind": "how-to",
        "language": "de",
        "keywords": ["vpn", "home office"],
        "steps": ["Start, then wait", "Sign in"],
        "owner": None,
        "review_at": "2026-09-01T00:00:00Z",
        "body": "Text\n# Heading",
    }
    assert (read.lines["title"], read.lines["steps"], read.lines["body"]) == (4, 11, 19)


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("# One\n\nText", "One"),
        ("Text\n\n## Two ##\n", "Two"),
        ("\ufeff# Three", "Three"),
        ("```\n# no\n```\n### Four", "Four"),
        ("~~~~\n```\n# no\n~~~~\n### Five", "Five"),
        ("---\nkeywords: a\n---\n# Six", "Six"),
        ("---\ntitle:\n---\n# Seven", "Seven"),
        ("#No\nText", None),
        ("", None),
    ],
)
def test_else_the_title_is_the_first_heading(text, title):
    assert read_markdown(text).fields.get("title") == title


def test_tags_are_keywords_where_there_are_none():
    assert read_markdown("---\ntags: a, b\n---\nx").fields["keywords"] == ["a", "b"]


@pytest.mark.parametrize(("text", "line"), [("---\ntitle: x\n", 1), ("---\ntitle: x\n\nno field\n---\n", 4)])
def test_a_head_that_cannot_be_read_is_named_by_its_line(text, line):
    with pytest.raises(MarkdownFileError) as error:
        read_markdown(text)
    assert error.value.line == line


@pytest.fixture
def send(client, key_of):
    """Imports articles; answers the outcome of each."""

    async def import_(told, *, publish=False, tenant="main", status=200):
        body = {"articles": told, "publish": publish}
        answer = await client.post("/v1/articles/import", json=body, headers=key_of(tenant))
        assert answer.status_code == status, answer.text
        if status != 200:
            return answer.json()
        return {key: (one["outcome"], one["revision"], one["id"]) for key, one in answer.json()["articles"].items()}

    return import_


def titled(title, **fields):
    return {"title": title, "body": "Text"} | fields


async def test_an_import_is_found_once_and_again_changes_nothing(base, client, key_of, send):
    told = {f"{n}.md": titled(f"Narwhal {n}", keywords=["x"], steps=["a, b"], owner="ann") for n in range(5)}
    first = await send(told, publish=True)
    assert {one[:2] for one in first.values()} == {("added", 1)}
    assert len({one[2] for one in first.values()}) == 5
    again = await send(told, publish=True)
    assert again == {key: ("unchanged", 1, one[2]) for key, one in first.items()}
    await base.index()
    assert len(base.library.search("main", "narwhal", limit=50, offset=0, audience=None)) == 5
    read = (await client.get(f"/v1/articles/{first['3.md'][2]}", headers=key_of())).json()
    assert (read["title"], read["keywords"], read["steps"], read["owner"], read["author"], read["state"]) == (
        "Narwhal 3", ["x"], ["a, b"], "ann", "ana", "published",
    )  # fmt: skip
    assert (read["review"]["step"], read["review"]["by"]) == ("published", "ana")
    sent = [one.subject for one in await base.sent("article.published") if one.data.title.startswith("Narwhal")]
    assert sorted(sent) == sorted(one[2] for one in first.values())


async def test_all_that_an_article_may_say_is_imported(base, client, key_of, send):
    told = titled(
        "Drucker",
        audience="l1",
        keywords=["Papier"],
        language="de",
        kind="how-to",
        steps=["Klappe auf"],
        attachments=[{"name": "Bild", "url": "https://films.example/1", "media_type": "image/png"}],
        video="https://films.example/2",
        owner="ann",
        review_at="2027-03-01T00:00:00Z",
    )
    assert told.keys() == NewArticle.model_fields.keys(), "a field of an article that this test does not know"
    first = await send({"a": told}, publish=True)
    read = (await client.get(f"/v1/articles/{first['a'][2]}", headers=key_of())).json()
    assert {name: read[name] for name in told} == told
    await base.index()
    assert [hit.language for hit in base.library.search("main", "Drucker", limit=5, offset=0, audience=None)] == ["de"]


async def test_what_changed_gets_a_revision_and_the_rest_none(base, client, key_of, send):
    told = {"a": titled("One"), "b": titled("Two"), "c": titled("Three")}
    first = await send(told)
    await client.post(f"/v1/articles/{first['c'][2]}/retire", headers=key_of())
    changed = await send(told | {"b": titled("Two narwhals"), "c": titled("Four"), "d": titled("Five")}, publish=True)
    assert {key: one[:2] for key, one in changed.items()} == {
        "a": ("published", 1), "b": ("revised", 2), "c": ("retired", 1), "d": ("added", 1),
    }  # fmt: skip
    assert changed["b"][2] == first["b"][2]
    async with base.database.read() as connection:
        positions = (await connection.execute(select(articles.c.position).order_by(articles.c.position))).scalars()
        last = (await connection.execute(select(counter.c.position))).scalar_one()
        shown = [position for position in positions if position is not None]
    assert shown == list(range(1, last + 1))
    await base.index()
    assert len(base.library.search("main", "narwhals", limit=50, offset=0, audience=None)) == 1


async def test_a_draft_is_imported_as_one_and_seen_by_nobody(base, client, key_of, send):
    first = await send({"a": titled("Narwhal", kind="video", video="https://films.example/1")})
    await base.index()
    assert base.library.search("main", "narwhal", limit=5, offset=0, audience=None) == []
    read = (await client.get(f"/v1/articles/{first['a'][2]}", headers=key_of())).json()
    assert (read["state"], read["published_revision"], read["review"], read["kind"]) == ("draft", None, None, "video")


async def test_one_bad_article_refuses_all_of_its_request_and_is_named(base, send):
    for wrong, field in (
        (titled("x" * 301), "articles.b.title"),
        ({"title": "x"}, "articles.b.body"),
        (titled("x", body="x" * 65_537), "articles.b.body"),
        (titled("a\x00b"), "articles.b.title"),
        (titled("x", kind="video"), "articles.b.video"),
    ):
        problem = await send({"a": titled("Good"), "b": wrong}, status=422)
        assert [fault["field"] for fault in problem["errors"]] == [field]
    for told in ({}, {"": titled("x")}, {"a\x00": titled("x")}, {"x" * 501: titled("x")}):
        await send(told, status=422)
    await send({str(n): titled("x") for n in range(501)}, status=422)
    async with base.database.read() as connection:
        assert (await connection.execute(select(func.count()).select_from(articles))).scalar_one() == 12


async def test_tenants_and_keys_do_not_meet(base, client, key_of, send):
    own = await send({"a": titled("One")})
    foreign = await send({"a": titled("One")}, tenant="other")
    assert foreign["a"][0] == "added"
    assert own["a"][2] != foreign["a"][2]
    assert (await client.post("/v1/articles/import", json={})).status_code == 401
    refused = await client.post("/v1/articles/import", json={}, headers=key_of("main", "articles:read"))
    assert refused.status_code == 403


async def test_imports_at_the_same_time_add_each_article_once(base, send):
    told = {str(n): titled(f"Narwhal {n}") for n in range(40)}
    answers = await asyncio.gather(*(send(told, publish=True) for _ in range(4)))
    outcomes = sorted({one[0] for one in answer.values()} for answer in answers)
    assert outcomes.count({"added"}) == 1
    assert outcomes.count({"unchanged"}) == 3
    async with base.database.read() as connection:
        assert (await connection.execute(select(func.count()).select_from(revisions))).scalar_one() == 12 + 40


async def test_the_number_of_statements_does_not_grow_with_the_articles(base, send, monkeypatch):
    """What one article costs must not be paid for each."""
    from sqlalchemy import event

    statements = []
    event.listen(base.database._engine.sync_engine, "before_cursor_execute", lambda *told: statements.append(told[2]))
    counts = []
    for number in (2, 200):
        statements.clear()
        await send({f"{number} {n}": titled(f"Narwhal {n}") for n in range(number)}, publish=True)
        counts.append(len(statements))
    assert counts[0] == counts[1]
