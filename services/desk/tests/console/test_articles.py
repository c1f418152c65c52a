"""The pages of articles: what there is to do, writing, conflicts, comparing, publishing."""

import json
import re

import pytest

ID = "01890000-0000-7000-8000-0000000000a0"
ARTICLE = {
    "id": ID,
    "state": "draft",
    "revision": 2,
    "newest_revision": 2,
    "published_revision": None,
    "title": "<b>Unjam",
    "body": "Open <i>the lid",
    "html": "<p>Open &lt;i&gt;the lid</p>",
    "audience": "requester",
    "keywords": ["<u>jam"],
    "language": "en",
    "kind": "how-to",
    "steps": ["Open it", "Close it"],
    "attachments": [{"name": "A picture", "url": "https://files.example/1", "media_type": None}],
    "video": None,
    "author": "cai",
    "written_at": "2026-03-02T09:00:00Z",
    "submitted_revision": None,
    "owner": "ann",
    "review_at": None,
    "review": None,
}
REVISIONS = {
    "revisions": [
        {
            "revision": number,
            "title": "T",
            "author": "cai",
            "written_at": "2026-03-02T09:00:00Z",
            "reviews": [
                {"revision": 1, "step": "sent_back", "by": "pia", "reason": "<b>Why?", "at": "2026-03-02T09:00:00Z"}
            ],
        }
        for number in (2, 1)
    ],
    "next": None,
}
FORM = {
    "title": "Unjam",
    "body": "Open",
    "kind": "faq",
    "audience": "",
    "language": "",
    "steps": "One\r\n\r\nTwo",
    "keywords": "jam, , lid",
}


def csrf_of(page) -> str:
    return re.search(r'name="csrf" value="([^"]+)"', page.text)[1]


@pytest.fixture
def kb(others):
    others.answers |= {f"v1/articles/{ID}": ARTICLE, f"v1/articles/{ID}/revisions": REVISIONS}
    return others


async def test_shelves_ask_for_what_they_show(sign_in, kb):
    task = {**ARTICLE, "changed_at": "2026-03-02T09:00:00Z"}
    kb.answers["v1/articles/worklist"] = {"articles": [task], "next": ID}
    kb.answers["v1/articles/attention"] = {
        "articles": [{"id": ID, "title": "<b>Old", "reasons": [{"why": "stale", "because": "", "figures": {}}]}]
    }
    proposed = {**ARTICLE, "proposed_at": "2026-03-02T09:00:00Z", "origin": {"reference": "TD-1"}}
    kb.answers["v1/articles/proposed"] = {"articles": [proposed], "next": None}
    ann = await sign_in("ann", "author")
    mine = await ann.get("/articles")
    assert f'href="/articles/{ID}"' in mine.text
    assert "&lt;b&gt;Unjam" in mine.text
    assert f"after={ID}" in mine.text
    assert "not changed for long" in (await ann.get("/articles?shelf=stale")).text
    assert "from TD-1" in (await ann.get("/articles?shelf=proposed")).text
    assert (await ann.get("/articles?shelf=none")).status_code == 404
    del kb.answers["v1/articles/attention"]
    away = await ann.get("/articles?shelf=stale")
    assert "Could not be had" in away.text
    assert "Nothing stands here." not in away.text


async def test_what_is_written_is_sent_as_the_form_has_it(sign_in, kb):
    kb.answers["POST v1/articles"] = {"id": ID}
    kb.statuses["POST v1/articles"] = 201
    ann = await sign_in("ann", "author")
    token = {"csrf": csrf_of(await ann.get("/articles/new"))}
    for wrong in ({"title": ""}, {"kind": "poem"}, {"video": "javascript:alert(1)"}, {"body": "a\x00b"}):
        answer = await ann.post("/articles/new", data=token | FORM | {"keywords": "<b>kept"} | wrong)
        assert answer.status_code == 422, wrong
        assert "&lt;b&gt;kept" in answer.text
    assert kb.told == []
    done = await ann.post("/articles/new", data=token | FORM)
    assert (done.status_code, done.headers["location"]) == (303, f"/articles/{ID}")
    sent = json.loads(kb.told[-1][2])
    assert sent == {
        "title": "Unjam", "body": "Open", "audience": "requester", "language": "en", "kind": "faq", "keywords": ["jam", "lid"],
        "steps": ["One", "Two"], "video": None, "attachments": [], "owner": "ann",
    }  # fmt: skip


async def test_somebody_elses_revision_is_told_and_not_overwritten(sign_in, kb):
    kb.answers[f"PUT v1/articles/{ID}"] = {"title": "Article conflict", "detail": "revision 2 is the newest"}
    kb.statuses[f"PUT v1/articles/{ID}"] = 409
    ann = await sign_in("ann", "author")
    token = {"csrf": csrf_of(await ann.get(f"/articles/{ID}/edit"))}
    answer = await ann.post(f"/articles/{ID}/edit", data=token | FORM | {"based_on": "1", "body": "Mine <i>of all"})
    assert answer.status_code == 409
    assert "cai has changed the article since you began." in answer.text
    assert f'href="/articles/{ID}/compare?from=1&amp;to=2"' in answer.text
    assert "Mine &lt;i&gt;of all" in answer.text
    assert 'name="based_on" value="2"' in answer.text
    sent = json.loads(kb.told[-1][2])
    assert (sent["based_on"], sent["attachments"]) == (1, ARTICLE["attachments"])


async def test_what_the_policy_or_the_list_no_longer_names_stays_as_it_was(sign_in, kb):
    kb.answers[f"v1/articles/{ID}"] = {**ARTICLE, "audience": "gone", "language": "ja"}
    ann = await sign_in("ann", "author")
    form = (await ann.get(f"/articles/{ID}/edit")).text
    for value in ("gone", "ja"):
        assert f'<option value="{value}" selected>' in form


async def test_a_form_that_names_no_revision_is_on_top_of_the_first(sign_in, kb):
    kb.answers[f"PUT v1/articles/{ID}"] = {"title": "Article conflict", "detail": "revision 2 is the newest"}
    kb.statuses[f"PUT v1/articles/{ID}"] = 409
    ann = await sign_in("ann", "author")
    token = {"csrf": csrf_of(await ann.get(f"/articles/{ID}/edit"))}
    for based_on in ("9" * 5_000, "", "x"):
        answer = await ann.post(f"/articles/{ID}/edit", data=token | FORM | {"based_on": based_on})
        assert answer.status_code == 409
        assert f'href="/articles/{ID}/compare?from=1&amp;to=2"' in answer.text


async def test_what_it_cannot_take_now_is_told(sign_in, kb):
    ann = await sign_in("pia", "publisher")
    page = await ann.get(f"/articles/{ID}")
    token = {"csrf": csrf_of(page), "revision": "2"}
    assert "<p>Open &lt;i&gt;the lid</p>" in page.text
    assert "&lt;b&gt;Why?" in page.text
    kb.answers[f"POST v1/articles/{ID}/publish"] = {"title": "Article conflict", "detail": "Revision 3 <b>was written"}
    kb.statuses[f"POST v1/articles/{ID}/publish"] = 409
    answer = await ann.post(f"/articles/{ID}/publish", data=token)
    assert answer.status_code == 409
    assert "Revision 3 &lt;b&gt;was written" in answer.text
    assert kb.told[-1][1] == "revision=2"
    assert (await ann.post(f"/articles/{ID}/send-back", data=token | {"reason": ""})).status_code == 422
    assert (await ann.post(f"/articles/{ID}/nonsense", data=token)).status_code == 404
    kb.answers[f"POST v1/articles/{ID}/retire"] = None
    assert (await ann.post(f"/articles/{ID}/retire", data=token)).status_code == 303


async def test_authors_do_not_publish(sign_in, kb):
    ann = await sign_in("ann", "author")
    page = await ann.get(f"/articles/{ID}")
    assert f'action="/articles/{ID}/submit"' in page.text
    for step in ("publish", "send-back", "retire"):
        assert f"/articles/{ID}/{step}" not in page.text
        answer = await ann.post(f"/articles/{ID}/{step}", data={"csrf": csrf_of(page), "reason": "x"})
        assert answer.status_code == 403
    assert kb.told == []


async def test_two_revisions_side_by_side(sign_in, kb):
    told = "--- revision 1\n+++ revision 2\n@@ -1 +1 @@\n-<b>old\n+<script>new\n same\n"
    kb.answers[f"v1/articles/{ID}/diff"] = {
        "from_revision": 1,
        "to_revision": 2,
        "changed": ["title", "body"],
        "diff": told,
    }
    ann = await sign_in("ann", "author")
    page = await ann.get(f"/articles/{ID}/compare?from=2&to=1")
    assert "title, text." in page.text
    assert "diff__line--removed" in page.text
    assert "&lt;script&gt;new" in page.text
    assert (await ann.get(f"/articles/{ID}/compare?from=x&to=1")).status_code == 404


async def test_an_author_gets_no_token_for_anything_else(sign_in, kb):
    from tierdesk_desk.console.neighbours import scopes_of
    from tierdesk_desk.domain.people import Person
    from tierdesk_desk.domain.roles import Grant, Role

    def scopes(*roles):
        return scopes_of(Person("main", None, "ann", "Ann", tuple(Grant(role) for role in roles)))

    assert scopes(Role.AUTHOR) == {"articles:read", "articles:write"}
    assert scopes(Role.AGENT) == {"tickets:read", "clocks:read", "articles:read", "events:write"}
    assert scopes(Role.LEAD) == {"tickets:read", "clocks:read", "articles:read"}
    assert scopes(Role.OPERATOR) == {"tickets:read", "parked:read", "parked:write"}
    assert scopes(Role.ADMINISTRATOR) == scopes(Role.AUDITOR) == set()
