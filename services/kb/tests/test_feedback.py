"""`/v1/articles/…/feedback`, `…/record` and `/v1/articles/attention`, over HTTP."""

import asyncio
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from tierdesk_kb.handlers.like_articles import LikeArticles
from tierdesk_kb.store.like_articles import find_behind

SCOPES = ("articles:read", "articles:write", "community:write")


@pytest.fixture
def headers(key_of):
    return key_of("main", *SCOPES)


async def published(client, headers, **fields):
    told = {"title": "Unlock a frozen phone", "body": "Hold both buttons for ten seconds."} | fields
    article = (await client.post("/v1/articles", json=told, headers=headers)).json()["id"]
    assert (await client.post(f"/v1/articles/{article}/publish", headers=headers)).status_code == 200
    return article


async def say(client, headers, article, by, *, helpful=True, **fields):
    told = {"helpful": helpful, "by": by} | fields
    return await client.post(f"/v1/articles/{article}/feedback", json=told, headers=headers)


async def record(client, headers, article):
    answer = await client.get(f"/v1/articles/{article}/record", headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def attention(client, headers, **options):
    answer = await client.get("/v1/articles/attention", params=options, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def use(base, article, *, worked=0, failed=0):
    async with base.database.transaction() as tx:
        await tx.execute(
            text(
                "INSERT INTO kb.article_record (tenant, article_id, worked, failed) VALUES ('main', :a, :w, :f) "
                "ON CONFLICT (tenant, article_id) DO UPDATE SET worked = :w, failed = :f"
            ),
            {"a": UUID(article), "w": worked, "f": failed},
        )


async def test_a_reader_has_one_voice_and_may_change_it(client, headers):
    article = await published(client, headers)
    first = await say(client, headers, article, "ann", helpful=False, comment="It says nothing of tablets.")
    assert (first.status_code, first.json()["revision"]) == (200, 1)
    await say(client, headers, article, "bob")
    found = await record(client, headers, article)
    assert (found["helpful"]["good"], found["helpful"]["of"]) == (1, 2)
    await say(client, headers, article, "ann", comment="Now it does.")
    await say(client, headers, article, "ann", comment="Now it does.")
    found = await record(client, headers, article)
    assert (found["helpful"]["good"], found["helpful"]["of"], found["helpful"]["share"]) == (2, 2, 1.0)
    assert {(one["by"], one["comment"]) for one in found["feedback"]} == {("ann", "Now it does."), ("bob", "")}


async def test_voices_that_come_at_once_are_all_counted(client, headers):
    article = await published(client, headers)
    await asyncio.gather(*(say(client, headers, article, f"reader {n % 6}", helpful=n % 6 < 4) for n in range(24)))
    found = await record(client, headers, article)
    assert (found["helpful"]["good"], found["helpful"]["of"]) == (4, 6)


async def test_an_article_that_nobody_used_has_a_record_without_a_share(client, headers):
    found = await record(client, headers, await published(client, headers))
    assert found["helped"] == {"good": 0, "of": 0, "share": None, "share_from": 0.0, "share_to": 1.0}


async def test_only_what_readers_see_is_judged(client, headers):
    draft = (await client.post("/v1/articles", json={"title": "A", "body": "B"}, headers=headers)).json()["id"]
    retired = await published(client, headers)
    await client.post(f"/v1/articles/{retired}/retire", headers=headers)
    for article in (draft, retired, uuid4()):
        answer = await say(client, headers, article, "ann")
        assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")
    assert (await record(client, headers, retired))["helpful"]["of"] == 0


async def test_no_tenant_judges_or_sees_what_became_of_an_article_of_another(client, headers, key_of):
    article = await published(client, headers)
    foreign = key_of("other", *SCOPES)
    assert (await say(client, foreign, article, "ann")).status_code == 404
    assert (await client.get(f"/v1/articles/{article}/record", headers=foreign)).status_code == 404
    assert (await attention(client, foreign))["articles"] == []


async def test_each_endpoint_asks_for_its_scope(client, key_of):
    path = f"/v1/articles/{uuid4()}"
    for method, address, scope in (
        ("POST", f"{path}/feedback", "community:write"),
        ("GET", f"{path}/record", "articles:write"),
        ("GET", "/v1/articles/attention", "articles:write"),
    ):
        assert (await client.request(method, address)).status_code == 401
        others = [one for one in SCOPES if one != scope]
        assert (await client.request(method, address, headers=key_of("main", *others))).status_code == 403


async def test_bad_feedback_is_refused_with_its_field(client, headers):
    article = await published(client, headers)
    for told, field in (
        ({"comment": "x" * 4_001}, "comment"),
        ({"comment": "a\x00b"}, "comment"),
        ({"by": ""}, "by"),
        ({"by": "x" * 201}, "by"),
        ({"helpful": "perhaps"}, "helpful"),
        ({"stars": 5}, "stars"),
    ):
        answer = await say(client, headers, article, **({"by": "ann"} | told))
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field), told
    for words in ("\u202e\u05e9\u05dc\u05d5\u05dd", "🖨️" * 2_000, "<script>alert(1)</script>"):
        assert (await say(client, headers, article, "ann", comment=words)).json()["comment"] == words


async def test_articles_that_fail_are_told_with_their_figures(base, client, headers):
    failing, fair = await published(client, headers), await published(client, headers)
    await use(base, failing, worked=1, failed=9)
    await use(base, fair, worked=1, failed=2)
    (found,) = (await attention(client, headers, why="failing"))["articles"]
    assert found["id"] == failing
    (reason,) = found["reasons"]
    assert reason["because"] == "It solved 1 of the 10 tickets on which it was tried."
    assert reason["figures"] == {"good": 1, "bad": 9, "share_from": 0.0179, "share_to": 0.4042}


async def test_readers_that_are_not_helped_are_heard(client, headers):
    article = await published(client, headers)
    for number in range(4):
        await say(client, headers, article, f"reader {number}", helpful=False)
    (found,) = (await attention(client, headers, why="disliked"))["articles"]
    assert found["reasons"][0]["because"] == "0 of 4 readers say that it helped."


async def test_articles_grow_stale_and_are_never_used(base, client, headers):
    article = await published(client, headers)
    base.clock.advance_to(base.publisher.now() + timedelta(days=91))
    whys = {
        one["id"]: [reason["why"] for reason in one["reasons"]]
        for one in (await attention(client, headers))["articles"]
    }
    assert whys[article] == ["unused"]
    await use(base, article, worked=1)
    base.clock.advance_to(base.publisher.now() + timedelta(days=275))
    whys = {
        one["id"]: [reason["why"] for reason in one["reasons"]]
        for one in (await attention(client, headers))["articles"]
    }
    assert whys[article] == ["stale"]
    text_ = {"title": "Unlock a frozen phone", "body": "Hold them.", "based_on": 1}
    await client.put(f"/v1/articles/{article}", json=text_, headers=headers)
    assert article not in [one["id"] for one in (await attention(client, headers))["articles"]]


async def test_pages_of_attention_follow_each_other(base, client, headers, monkeypatch):
    for _ in range(5):
        await use(base, await published(client, headers), failed=9)
    whole = [one["id"] for one in (await attention(client, headers, why="failing"))["articles"]]
    assert len(whole) == 5
    for scanned in (2_000, 3):
        monkeypatch.setattr("tierdesk_kb.http.feedback.SCANNED", scanned)
        paged, after = [], {}
        while True:
            page = await attention(client, headers, why="failing", limit=2, **after)
            paged += [one["id"] for one in page["articles"]]
            if page["next"] is None:
                break
            after = {"after": page["next"]}
        assert paged == whole, scanned


async def test_articles_that_say_the_same_are_told_of_each_other(base, client, headers):
    steps = "Open the settings, choose network, forget the wireless network, then join it again with your password."
    first = await published(client, headers, title="Join the wireless network again", body=steps)
    second = await published(client, headers, title="Wireless network: join again", body=steps + " Restart the laptop.")
    other = await published(client, headers, title="Order a chair", body="Ask your manager for a chair that fits.")
    await base.index()
    likeness = LikeArticles(base.database, base.library, page=2)
    while await likeness.look():
        pass
    found = {one["id"]: one["reasons"][0] for one in (await attention(client, headers, why="duplicate"))["articles"]}
    assert {one: reason["like"] for one, reason in found.items()} == {first: second, second: first}
    assert other not in found
    assert found[first]["figures"]["likeness"] == 0.8

    changed = {"title": "Tie your shoes", "body": "Cross both laces.", "based_on": 1}
    await client.put(f"/v1/articles/{second}", json=changed, headers=headers)
    await client.post(f"/v1/articles/{second}/publish", headers=headers)
    await base.index()
    while await likeness.look():
        pass
    assert (await attention(client, headers, why="duplicate"))["articles"] == []


async def test_an_article_that_is_like_a_retired_one_needs_no_attention_for_it(base, client, headers):
    first, second = await published(client, headers), await published(client, headers)
    await base.index()
    likeness = LikeArticles(base.database, base.library)
    assert await likeness.look()
    assert not await likeness.look()
    assert len((await attention(client, headers, why="duplicate"))["articles"]) == 2
    await client.post(f"/v1/articles/{first}/retire", headers=headers)
    assert (await attention(client, headers, why="duplicate"))["articles"] == []
    assert not await likeness.look(), "the index has not caught up"
    await base.index()
    assert await likeness.look()
    async with base.database.read() as connection:
        assert (await connection.execute(text("SELECT count(*) FROM kb.like_article"))).scalar_one() == 0
    assert second


async def test_what_changes_no_article_is_passed_over_once(base, client, headers):
    """Else every process would ask for a lock of each such tenant every two seconds, for ever."""
    article = await published(client, headers)
    await base.index()
    likeness = LikeArticles(base.database, base.library)
    assert await likeness.look()
    told = {"based_on": 0, "languages": {"en": [["laptop", "notebook"]]}}
    assert (await client.put("/v1/synonyms", json=told, headers=headers)).status_code == 200
    await likeness.look()
    async with base.database.read() as connection:
        assert await find_behind(connection) == {}
    await client.post(f"/v1/articles/{article}/retire", headers=headers)
    await base.index()
    assert await likeness.look()


async def test_two_processes_do_not_compare_the_same_articles(base, client, headers):
    await published(client, headers)
    await base.index()
    async with base.database.transaction() as tx:
        await tx.execute(text("INSERT INTO kb.like_progress VALUES ('main', 0)"))
    async with base.database.transaction() as tx:
        await tx.execute(text("SELECT 1 FROM kb.like_progress FOR UPDATE"))
        assert not await LikeArticles(base.database, base.library).look()
    assert await LikeArticles(base.database, base.library).look()
