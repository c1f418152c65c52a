"""Reviews, owners, revisions and their differences, over HTTP."""

from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import update

from tierdesk_kb.store.tables import article as articles

DRAFT = {"title": "Unlock a frozen phone", "body": "Hold both buttons.\nWait.\n"}


@pytest.fixture
def desk(client, key_of):
    """The endpoints, asked with the key of a colleague."""

    class Desk:
        async def ask(self, method, path, status=200, *, body=None, **params):
            answer = await client.request(method, path, json=body, params=params, headers=key_of())
            assert answer.status_code == status, answer.text
            return answer.json() if answer.content else None

        async def write(self, **fields):
            written = await self.ask("POST", "/v1/articles", 201, body=DRAFT | fields)
            return f"/v1/articles/{written['id']}"

        async def listed(self, **params):
            return [one["title"] for one in (await self.ask("GET", "/v1/articles/worklist", **params))["articles"]]

    return Desk()


async def test_an_article_keeps_all_that_its_author_told(desk):
    told = {
        "kind": "how-to",
        "steps": ["Hold *both* buttons", "Wait ten seconds"],
        "attachments": [
            {"name": "Picture", "url": "https://files.example/p.png?x=1#top", "media_type": "image/png"},
            {"name": "Notes", "url": "https://files.example:8443/", "media_type": None},
        ],
        "video": "https://films.example/1",
        "owner": "ann",
        "review_at": "2026-09-01T00:00:00Z",
    }
    path = await desk.write(**told)
    for published in (False, True):
        read = await desk.ask("GET", path, published=published)
        assert {name: read[name] for name in told} == told
        await desk.ask("POST", f"{path}/publish")
    revised = await desk.ask("PUT", path, body=DRAFT | {"kind": "manual", "based_on": 1})
    assert (revised["kind"], revised["steps"], revised["video"]) == ("manual", [], None)
    assert (revised["owner"], revised["review_at"]) == ("ann", told["review_at"])


@pytest.mark.parametrize(
    ("field", "value", "named"),
    [
        ("kind", "poem", "kind"),
        ("kind", "video", "video"),
        ("video", "http://films.example/1", "video"),
        ("video", "javascript:alert(1)", "video"),
        ("video", 'https://films.example/" onclick="x', "video"),
        ("steps", ["x"] * 101, "steps"),
        ("steps", ["x", ""], "steps.1"),
        ("steps", ["a\x00b"], "steps.0"),
        ("attachments", [{"name": "x", "url": "data:text/html,x"}], "attachments.0.url"),
        (
            "attachments",
            [{"name": "x", "url": "https://x.example/", "media_type": "image"}],
            "attachments.0.media_type",
        ),
        ("attachments", [{"url": "https://x.example/"}], "attachments.0.name"),
        ("owner", "", "owner"),
        ("review_at", "2026-01-01", "review_at"),
        ("review_at", 0, "review_at"),
        ("review_at", "9999-01-01T00:00:00Z", "review_at"),
    ],
)
async def test_what_no_article_can_have_is_refused_by_its_field(client, key_of, field, value, named):
    answer = await client.post("/v1/articles", json=DRAFT | {field: value}, headers=key_of())
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert [fault["field"] for fault in answer.json()["errors"]] == [named]


async def test_a_revision_is_submitted_sent_back_mended_and_published_and_all_of_it_is_kept(desk):
    path = await desk.write()
    assert (await desk.ask("GET", path))["review"] is None
    submitted = await desk.ask("POST", f"{path}/submit")
    assert (submitted["state"], submitted["submitted_revision"]) == ("in_review", 1)
    await desk.ask("POST", f"{path}/submit")
    sent_back = await desk.ask("POST", f"{path}/send-back", body={"reason": "For how long?"})
    assert (sent_back["state"], sent_back["submitted_revision"]) == ("draft", None)
    assert (sent_back["review"]["step"], sent_back["review"]["by"]) == ("sent_back", "ana")
    await desk.ask("PUT", path, body=DRAFT | {"body": "Hold both for ten seconds.\n", "based_on": 1})
    await desk.ask("POST", f"{path}/submit")
    assert (await desk.ask("POST", f"{path}/withdraw"))["review"]["step"] == "withdrawn"
    await desk.ask("POST", f"{path}/submit")
    published = await desk.ask("POST", f"{path}/publish")
    assert (published["state"], published["published_revision"], published["submitted_revision"]) == (
        "published", 2, None,
    )  # fmt: skip
    page = await desk.ask("GET", f"{path}/revisions")
    told = [
        (one["revision"], one["author"], [(step["step"], step["by"], step["reason"]) for step in one["reviews"]])
        for one in page["revisions"]
    ]
    assert told == [
        (2, "ana", [(step, "ana", "") for step in ("submitted", "withdrawn", "submitted", "published")]),
        (1, "ana", [("submitted", "ana", ""), ("sent_back", "ana", "For how long?")]),
    ]


async def test_readers_see_the_published_revision_while_the_next_is_in_review(desk):
    path = await desk.write()
    await desk.ask("POST", f"{path}/publish")
    await desk.ask("PUT", path, body=DRAFT | {"title": "Thaw a phone", "based_on": 1})
    submitted = await desk.ask("POST", f"{path}/submit")
    assert (submitted["state"], submitted["published_revision"], submitted["submitted_revision"]) == ("published", 1, 2)
    assert (await desk.ask("GET", path, published=True))["title"] == DRAFT["title"]
    assert await desk.listed(state="in_review") == ["Thaw a phone"]


async def test_what_does_not_fit_the_state_is_a_conflict(desk):
    path = await desk.write()
    reason = {"reason": "No"}
    await desk.ask("POST", f"{path}/send-back", 409, body=reason)
    await desk.ask("POST", f"{path}/withdraw", 409)
    await desk.ask("POST", f"{path}/publish")
    await desk.ask("POST", f"{path}/submit", 409)
    await desk.ask("POST", f"{path}/retire", 204)
    await desk.ask("POST", f"{path}/submit", 409)
    for verb, body in (("submit", None), ("withdraw", None), ("send-back", reason)):
        await desk.ask("POST", f"/v1/articles/{uuid4()}/{verb}", 404, body=body)


async def test_what_a_release_without_reviews_leaves_behind_is_no_review(base, desk):
    """It publishes, revises and retires without a word on the revision that was submitted."""
    path = await desk.write()
    await desk.ask("POST", f"{path}/submit")

    async def leave(**values):
        async with base.database.transaction() as tx:
            await tx.execute(update(articles).where(articles.c.id == path.rpartition("/")[2]).values(values))
        seen = await desk.ask("GET", path)
        return seen["state"], seen["submitted_revision"], await desk.listed(state="in_review")

    assert await leave(state="draft") == ("in_review", 1, [DRAFT["title"]])
    assert await leave(state="published", published_revision=1) == ("published", None, [])
    assert await leave(state="retired") == ("retired", None, [])
    assert await desk.listed(state="draft") == []


async def test_the_worklist_tells_what_is_to_be_done(base, desk):
    paths = {title: await desk.write(title=title) for title in ("One", "Two", "Three")}
    for title, path in paths.items():
        await desk.ask("PATCH", path, body={"owner": "ann" if title != "Two" else "bob"})
    await desk.ask("PATCH", paths["One"], body={"review_at": base.clock.now().isoformat()})
    later = (base.clock.now() + timedelta(days=1)).isoformat()
    cared = await desk.ask("PATCH", paths["Three"], body={"review_at": later})
    assert (cared["owner"], cared["revision"]) == ("ann", 1)
    await desk.ask("POST", f"{paths['Two']}/submit")
    assert await desk.listed(owner="ann") == ["Three", "One"]
    assert await desk.listed(overdue=True) == ["One"]
    assert await desk.listed(state="draft") == ["Three", "One"]
    assert await desk.listed(state="in_review") == ["Two"]
    assert await desk.listed(state="in_review", owner="ann") == []
    assert len(await desk.listed(state="published")) == 12
    await desk.ask("PATCH", paths["One"], body={"owner": None, "review_at": None})
    assert await desk.listed(overdue=True) == []
    assert await desk.listed(owner="ann") == ["Three"]


async def test_pages_of_the_worklist_and_of_revisions_follow_each_other(desk):
    path = await desk.write()
    for number in range(1, 5):
        await desk.ask("PUT", path, body=DRAFT | {"title": f"Revision {number + 1}", "based_on": number})
    whole = await desk.listed(limit=500)
    paged, after = [], {}
    while after is not None:
        page = await desk.ask("GET", "/v1/articles/worklist", limit=2, **after)
        assert len(page["articles"]) <= 2
        paged += [one["title"] for one in page["articles"]]
        after = {"after": page["next"]} if page["next"] else None
    assert paged == whole
    assert len(whole) == 13
    numbers, before = [], {}
    while before is not None:
        page = await desk.ask("GET", f"{path}/revisions", limit=2, **before)
        numbers += [one["revision"] for one in page["revisions"]]
        before = {"before": page["next"]} if page["next"] else None
    assert numbers == [5, 4, 3, 2, 1]


async def test_a_difference_tells_the_lines_and_the_fields(desk):
    path = await desk.write()
    body = "Hold both buttons.\nWait ten seconds.\n"
    await desk.ask("PUT", path, body=DRAFT | {"body": body, "kind": "how-to", "steps": ["Hold"], "based_on": 1})
    told = await desk.ask("GET", f"{path}/diff", **{"from": 1, "to": 2})
    assert told["changed"] == ["body", "kind", "steps"]
    assert told["diff"] == (
        "--- revision 1\n+++ revision 2\n@@ -1,2 +1,2 @@\n Hold both buttons.\n-Wait.\n+Wait ten seconds.\n"
    )
    back = await desk.ask("GET", f"{path}/diff", **{"from": 2, "to": 1})
    assert "+Wait.\n" in back["diff"]
    same = await desk.ask("GET", f"{path}/diff", **{"from": 2, "to": 2})
    assert (same["changed"], same["diff"]) == ([], "")
    assert (await desk.ask("GET", f"{path}/revisions/1"))["body"] == DRAFT["body"]
    for missing in ({"from": 1, "to": 3}, {"from": 9, "to": 1}):
        await desk.ask("GET", f"{path}/diff", 404, **missing)
    await desk.ask("GET", f"{path}/diff", 422, **{"from": 1})
    await desk.ask("GET", f"{path}/revisions/3", 404)
    await desk.ask("GET", f"/v1/articles/{uuid4()}/revisions", 404)


async def test_nothing_of_another_tenants_articles_is_told(desk, client, key_of):
    path = await desk.write(owner="ann", review_at="2026-01-01T00:00:00Z")
    foreign = key_of("other")
    for address in ("/revisions", "/revisions/1", "/diff?from=1&to=1"):
        assert (await client.get(f"{path}{address}", headers=foreign)).status_code == 404, address
    for query in ("", "?owner=ann", "?overdue=true", "?state=draft"):
        listed = await client.get(f"/v1/articles/worklist{query}", headers=foreign)
        assert listed.json() == {"articles": [], "next": None}


async def test_reading_and_writing_have_scopes_of_their_own(desk, client, key_of):
    path = await desk.write()
    for method, address, scope in (
        ("GET", "/v1/articles/worklist", "articles:write"),
        ("GET", f"{path}/revisions", "articles:write"),
        ("GET", f"{path}/revisions/1", "articles:write"),
        ("GET", f"{path}/diff?from=1&to=1", "articles:write"),
        ("PATCH", path, "articles:read"),
        ("POST", f"{path}/submit", "articles:read"),
        ("POST", f"{path}/send-back", "articles:read"),
        ("POST", f"{path}/withdraw", "articles:read"),
    ):
        assert (await client.request(method, address)).status_code == 401, (method, address)
        refused = await client.request(method, address, headers=key_of("main", scope))
        assert refused.status_code == 403, (method, address)


async def test_the_kind_and_the_words_of_steps_are_indexed(base, desk):
    path = await desk.write(kind="how-to", steps=["Turn the knurled knob"])
    await desk.ask("POST", f"{path}/publish")
    await base.index()
    for kind, found in (("how-to", [path]), ("faq", [])):
        hits = base.library.search("main", "knurled", limit=5, offset=0, audience=None, kind=kind)
        assert [f"/v1/articles/{hit.article_id}" for hit in hits] == found


async def test_what_was_written_since_it_was_read_is_not_published_unseen(desk):
    path = await desk.write()
    await desk.ask("PUT", path, body=DRAFT | {"title": "Another", "based_on": 1})
    refused = await desk.ask("POST", f"{path}/publish", 409, revision=1)
    assert "Revision 2" in refused["detail"]
    assert (await desk.ask("GET", path))["published_revision"] is None
    assert (await desk.ask("POST", f"{path}/publish", revision=2))["published_revision"] == 2


async def test_a_worklist_may_be_of_one_audience(desk):
    await desk.write(title="For all")
    await desk.write(title="For those of l2", audience="l2")
    assert await desk.listed(audience="l2") == ["For those of l2"]
    assert await desk.listed(audience="l2", state="published") == []
    assert set(await desk.listed()) >= {"For all", "For those of l2"}
