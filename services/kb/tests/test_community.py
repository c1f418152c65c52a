"""`/v1/community`: questions, answers, votes, reports, and what moderators do."""

import asyncio
from uuid import uuid4

import pytest

SCOPES = ("community:read", "community:write", "community:moderate", "articles:read", "articles:write")
QUESTION = {"by": "ann", "title": "Which dock fits?", "body": "I have the **15 inch** laptop."}


@pytest.fixture
def headers(key_of):
    return key_of("main", *SCOPES)


class Community:
    """The endpoints, as a moderator and as a portal would call them."""

    def __init__(self, client, headers):
        self.client = client
        self.headers = headers

    async def call(self, method, path, told=None, *, status=None):
        answer = await self.client.request(method, f"/v1/community{path}", json=told, headers=self.headers)
        if status is not None:
            assert answer.status_code == status, answer.text
        return answer

    async def ask(self, **fields):
        return (await self.call("POST", "/questions", QUESTION | fields, status=201)).json()

    async def answer(self, question, by="bob", body="Any of them."):
        told = {"by": by, "body": body}
        return (await self.call("POST", f"/questions/{question['id']}/answers", told, status=201)).json()

    async def approve(self, post):
        return (await self.call("POST", f"/posts/{post['id']}/approve", status=200)).json()

    async def remove(self, post, reason="Spam"):
        return (await self.call("POST", f"/posts/{post['id']}/remove", {"reason": reason}, status=200)).json()

    async def hold(self, hold_first):
        await self.call("PUT", "/settings", {"hold_first": hold_first}, status=200)

    async def questions(self, **options):
        page = await self.client.get("/v1/community/questions", params=options, headers=self.headers)
        return [one["id"] for one in page.json()["posts"]], page.json()["next"]

    async def answers(self, question, **options):
        path = f"/v1/community/questions/{question['id']}/answers"
        return (await self.client.get(path, params=options, headers=self.headers)).json()

    async def queue(self, **options):
        page = await self.client.get("/v1/community/moderation", params=options, headers=self.headers)
        return [one["id"] for one in page.json()["posts"]], page.json()["next"]


@pytest.fixture
def community(client, headers):
    return Community(client, headers)


@pytest.fixture
async def opened(community):
    """A community that holds nothing."""
    await community.hold("none")
    return community


async def test_posts_of_new_authors_are_held_until_one_is_approved(community):
    asked = await community.ask()
    assert asked["state"] == "held"
    assert await community.questions() == ([], None)
    await community.call("GET", f"/questions/{asked['id']}", status=404)
    await community.call("POST", f"/questions/{asked['id']}/answers", {"by": "bob", "body": "x"}, status=404)
    assert await community.queue() == ([asked["id"]], None)
    assert (await community.approve(asked))["state"] == "shown"
    assert (await community.questions())[0] == [asked["id"]]
    assert await community.queue() == ([], None)
    assert (await community.ask(title="Another"))["state"] == "shown"
    assert (await community.answer(asked))["state"] == "held"


async def test_an_author_whose_post_was_removed_is_new_again(community):
    asked = await community.ask()
    await community.approve(asked)
    await community.remove(asked)
    assert (await community.ask())["state"] == "held"


async def test_a_tenant_says_whose_posts_are_held(community, client, key_of):
    assert (await community.call("GET", "/settings")).json() == {"hold_first": "new"}
    await community.hold("none")
    assert (await community.ask(by="zoe"))["state"] == "shown"
    await community.approve(await community.ask())
    await community.hold("all")
    assert (await community.ask())["state"] == "held"
    other = Community(client, key_of("other", *SCOPES))
    assert (await other.call("GET", "/settings")).json() == {"hold_first": "new"}
    refused = await community.call("PUT", "/settings", {"hold_first": "some"}, status=422)
    assert refused.json()["errors"][0]["field"] == "hold_first"


async def test_questions_and_answers_come_in_pages(opened):
    asked = [(await opened.ask(title=f"Question {number}"))["id"] for number in range(5)]
    asked.sort(reverse=True)
    assert await opened.questions() == (asked, None)
    assert await opened.questions(limit=2) == (asked[:2], asked[1])
    assert await opened.questions(limit=2, after=asked[1]) == (asked[2:4], asked[3])
    assert await opened.questions(limit=2, after=asked[3]) == (asked[4:], None)
    question = {"id": asked[0]}
    given = sorted([(await opened.answer(question))["id"] for _ in range(3)])
    first = await opened.answers(question, limit=2)
    assert ([one["id"] for one in first["posts"]], first["next"]) == (given[:2], given[1])
    last = await opened.answers(question, limit=2, after=given[1])
    assert ([one["id"] for one in last["posts"]], last["next"]) == (given[2:], None)


async def test_the_queue_comes_in_pages(community):
    held = sorted([(await community.ask(by=f"new {number}"))["id"] for number in range(3)])
    assert await community.queue(limit=2) == (held[:2], held[1])
    assert await community.queue(limit=2, after=held[1]) == (held[2:], None)


async def test_the_asker_alone_accepts_an_answer_and_may_think_again(opened):
    asked = await opened.ask()
    path = f"/questions/{asked['id']}/acceptance"
    first, second = await opened.answer(asked), await opened.answer(asked)
    await opened.call("PUT", path, {"by": "bob", "answer": first["id"]}, status=403)
    for answer in (first["id"], second["id"], None, first["id"]):
        changed = await opened.call("PUT", path, {"by": "ann", "answer": answer}, status=200)
        assert changed.json()["accepted"] == answer
    elsewhere = await opened.answer(await opened.ask())
    for answer in (elsewhere["id"], asked["id"], str(uuid4())):
        await opened.call("PUT", path, {"by": "ann", "answer": answer}, status=404)
    await opened.call("PUT", f"/questions/{first['id']}/acceptance", {"by": "ann", "answer": first["id"]}, status=404)
    await opened.remove(first)
    assert (await opened.call("GET", f"/questions/{asked['id']}")).json()["accepted"] is None


async def test_everybody_has_one_vote_and_authors_none(opened):
    asked = await opened.ask()
    answer = await opened.answer(asked)
    path = f"/posts/{answer['id']}/vote"

    async def vote(by, *, up=True):
        return (await opened.call("PUT", path, {"by": by, "up": up})).json().get("votes")

    assert [await vote("ann"), await vote("ann"), await vote("zoe")] == [1, 1, 2]
    assert [await vote("ann", up=False), await vote("ann", up=False)] == [1, 1]
    await opened.call("PUT", path, {"by": "bob", "up": True}, status=409)
    await asyncio.gather(*(vote(f"voter {number % 5}") for number in range(15)))
    assert (await opened.answers(asked))["posts"][0]["votes"] == 6


async def test_a_reported_post_waits_for_a_moderator_and_stays_shown(opened):
    asked = await opened.ask()
    path = f"/posts/{asked['id']}/reports"
    for by, reason in (("bob", "Rude"), ("bob", "Still rude"), ("zoe", "Rude")):
        await opened.call("POST", path, {"by": by, "reason": reason}, status=204)
    (waiting,) = (await opened.call("GET", "/moderation")).json()["posts"]
    assert (waiting["id"], waiting["state"], waiting["reports"]) == (asked["id"], "shown", 2)
    assert (await opened.questions())[0] == [asked["id"]]
    await opened.approve(asked)
    assert await opened.queue() == ([], None)
    log = (await opened.call("GET", f"/posts/{asked['id']}/log")).json()["log"]
    assert [(one["verb"], one["by"], one["reason"]) for one in log] == [
        ("approved", "ana", ""), ("reported", "zoe", "Rude"), ("reported", "bob", "Rude"),
    ]  # fmt: skip


async def test_what_is_removed_is_shown_no_more_and_why_stays_in_the_log(opened):
    asked = await opened.ask()
    answer = await opened.answer(asked)
    await opened.remove(answer, "Sells things")
    await opened.remove(answer, "Once more")
    assert (await opened.answers(asked))["posts"] == []
    await opened.call("PUT", f"/posts/{answer['id']}/vote", {"by": "ann", "up": True}, status=404)
    await opened.call("POST", f"/posts/{answer['id']}/approve", status=409)
    log = (await opened.call("GET", f"/posts/{answer['id']}/log")).json()["log"]
    assert [(one["verb"], one["reason"]) for one in log] == [("removed", "Sells things")]

    second = await opened.answer(asked)
    await opened.remove(asked)
    assert await opened.questions() == ([], None)
    for method, path, told in (
        ("GET", f"/questions/{asked['id']}", None),
        ("GET", f"/questions/{asked['id']}/answers", None),
        ("POST", f"/questions/{asked['id']}/answers", {"by": "bob", "body": "x"}),
        ("PUT", f"/posts/{second['id']}/vote", {"by": "ann", "up": True}),
        ("POST", f"/posts/{second['id']}/reports", {"by": "ann", "reason": "x"}),
        ("PUT", f"/questions/{asked['id']}/acceptance", {"by": "ann", "answer": second["id"]}),
    ):
        assert "Which dock" not in (await opened.call(method, path, told, status=404)).text


async def test_a_question_with_an_accepted_answer_becomes_a_draft_once(base, opened, client, headers):
    asked = await opened.ask()
    path = f"/questions/{asked['id']}/promote"
    await opened.call("POST", path, status=409)
    answer = await opened.answer(asked, body="The <b>blue</b> one.")
    await opened.call("POST", path, status=409)
    await opened.call("PUT", f"/questions/{asked['id']}/acceptance", {"by": "ann", "answer": answer["id"]}, status=200)
    made = await opened.call("POST", path, status=201)
    assert (await opened.call("POST", path, status=200)).json() == made.json()
    article = (await client.get(f"/v1/articles/{made.json()['article']}", headers=headers)).json()
    assert (article["state"], article["title"], article["audience"]) == ("draft", QUESTION["title"], "requester")
    assert article["body"] == (
        f"{QUESTION['body']}\n\n## Answer\n\nThe <b>blue</b> one.\n\n*From the community: question {asked['id']}.*"
    )
    assert (await opened.call("GET", f"/questions/{asked['id']}")).json()["article"] == article["id"]
    await base.index()
    found = await client.get("/v1/articles/search", params={"q": "which dock fits"}, headers=headers)
    assert article["id"] not in found.text
    await client.post(f"/v1/articles/{article['id']}/publish", headers=headers)
    await base.index()
    found = await client.get("/v1/articles/search", params={"q": "which dock fits"}, headers=headers)
    assert found.json()["articles"][0]["id"] == article["id"]
    await opened.call("POST", f"/questions/{answer['id']}/promote", status=404)


async def test_questions_that_are_promoted_at_once_make_one_article(opened):
    asked = await opened.ask()
    answer = await opened.answer(asked)
    await opened.call("PUT", f"/questions/{asked['id']}/acceptance", {"by": "ann", "answer": answer["id"]}, status=200)
    made = await asyncio.gather(*(opened.call("POST", f"/questions/{asked['id']}/promote") for _ in range(5)))
    assert sorted(one.status_code for one in made) == [200] * 4 + [201]
    assert len({one.json()["article"] for one in made}) == 1


async def test_texts_are_kept_as_they_were_written_or_refused(opened):
    for words in (
        "<script>alert(1)</script>", "[x](javascript:alert(1))", "\u202e\u05e9\u05dc\u05d5\u05dd", "🖨️", "x" * 10_000,
        "'; DROP TABLE kb.post; --", "| a | b |\n|---|---|", "\r\n\t",
    ):  # fmt: skip
        asked = await opened.ask(title=words[:300], body=words)
        read = (await opened.call("GET", f"/questions/{asked['id']}", status=200)).json()
        assert (read["title"], read["body"]) == (words[:300], words)
        assert (await opened.answer(asked, body=words))["body"] == words
    for change, field in (
        ({"body": "x" * 10_001}, "body"), ({"body": ""}, "body"), ({"body": "a\x00b"}, "body"), ({"title": ""}, "title"),
        ({"title": "a\x00b"}, "title"), ({"title": "x" * 301}, "title"), ({"by": ""}, "by"), ({"by": "a\x00b"}, "by"),
        ({"state": "shown"}, "state"),
    ):  # fmt: skip
        refused = await opened.call("POST", "/questions", QUESTION | change, status=422)
        assert refused.headers["content-type"] == "application/problem+json"
        assert refused.json()["errors"][0]["field"] == field


async def test_no_tenant_sees_or_changes_posts_of_another(opened, client, key_of):
    asked = await opened.ask()
    answer = await opened.answer(asked)
    other = Community(client, key_of("other", *SCOPES))
    assert await other.questions() == ([], None)
    assert await other.queue() == ([], None)
    for method, path, told in (
        ("GET", f"/questions/{asked['id']}", None),
        ("GET", f"/questions/{asked['id']}/answers", None),
        ("POST", f"/questions/{asked['id']}/answers", {"by": "ann", "body": "x"}),
        ("PUT", f"/questions/{asked['id']}/acceptance", {"by": "ann", "answer": answer["id"]}),
        ("POST", f"/questions/{asked['id']}/promote", None),
        ("PUT", f"/posts/{answer['id']}/vote", {"by": "zoe", "up": True}),
        ("POST", f"/posts/{answer['id']}/reports", {"by": "zoe", "reason": "x"}),
        ("POST", f"/posts/{answer['id']}/approve", None),
        ("POST", f"/posts/{answer['id']}/remove", {"reason": "x"}),
        ("GET", f"/posts/{answer['id']}/log", None),
    ):
        refused = await other.call(method, path, told, status=404)
        assert refused.headers["content-type"] == "application/problem+json"
    assert (await opened.answers(asked))["posts"] == [answer]


async def test_each_endpoint_asks_for_its_scope(client, key_of):
    question, post = f"/v1/community/questions/{uuid4()}", f"/v1/community/posts/{uuid4()}"
    for method, path, scope in (
        ("GET", "/v1/community/questions", "community:read"),
        ("GET", question, "community:read"),
        ("GET", f"{question}/answers", "community:read"),
        ("POST", "/v1/community/questions", "community:write"),
        ("POST", f"{question}/answers", "community:write"),
        ("PUT", f"{question}/acceptance", "community:write"),
        ("PUT", f"{post}/vote", "community:write"),
        ("POST", f"{post}/reports", "community:write"),
        ("GET", "/v1/community/moderation", "community:moderate"),
        ("GET", "/v1/community/settings", "community:moderate"),
        ("PUT", "/v1/community/settings", "community:moderate"),
        ("GET", f"{post}/log", "community:moderate"),
        ("POST", f"{post}/approve", "community:moderate"),
        ("POST", f"{post}/remove", "community:moderate"),
        ("POST", f"{question}/promote", "community:moderate"),
        ("POST", f"{question}/promote", "articles:write"),
    ):
        assert (await client.request(method, path)).status_code == 401, (method, path)
        others = [one for one in SCOPES if one != scope]
        assert (await client.request(method, path, headers=key_of("main", *others))).status_code == 403, (method, path)
