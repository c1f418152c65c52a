"""`/v1/articles` and `/v1/suggest`, over HTTP, with keys."""

from uuid import UUID, uuid4

DRAFT = {
    "title": "Unlock a frozen phone",
    "body": "Hold both buttons for ten seconds.",
    "keywords": ["mobile", "telephone"],
}


async def write(client, headers, **fields):
    answer = await client.post("/v1/articles", json=DRAFT | fields, headers=headers)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def found(client, headers, words, **options):
    answer = await client.get("/v1/articles/search", params={"q": words} | options, headers=headers)
    assert answer.status_code == 200, answer.text
    return [article["title"] for article in answer.json()["articles"]]


async def test_an_article_is_written_published_found_revised_and_retired(base, client, key_of):
    headers = key_of()
    article = await write(client, headers)
    path = f"/v1/articles/{article['id']}"
    assert (article["state"], article["revision"], article["published_revision"]) == ("draft", 1, None)
    await base.index()
    assert await found(client, headers, "frozen phone") == []

    published = await client.post(f"{path}/publish", headers=headers)
    assert (published.json()["state"], published.json()["published_revision"]) == ("published", 1)
    await base.index()
    assert await found(client, headers, "frozen phone") == [DRAFT["title"]]

    text = DRAFT | {"title": "Unlock a comatose handset", "based_on": 1}
    assert (await client.put(path, json=text, headers=headers)).json()["revision"] == 2
    await base.index()
    assert await found(client, headers, "frozen phone") == [DRAFT["title"]]
    assert (await client.get(path, params={"published": True}, headers=headers)).json()["revision"] == 1
    assert (await client.get(path, headers=headers)).json()["title"] == text["title"]

    await client.post(f"{path}/publish", headers=headers)
    await base.index()
    assert await found(client, headers, "comatose handset") == [text["title"]]

    assert (await client.post(f"{path}/retire", headers=headers)).status_code == 204
    assert await found(client, headers, "comatose handset") == []
    await base.index()
    assert await found(client, headers, "comatose handset") == []
    assert (await client.get(path, params={"published": True}, headers=headers)).status_code == 404
    told = [envelope.type for envelope in await base.sent("article.") if envelope.subject == article["id"]]
    assert told == ["article.published.v1", "article.published.v1", "article.retired.v1"]


async def test_in_a_conversation_what_was_said_before_ranks_the_articles(base, client, key_of):
    headers = key_of()
    for title in ("Order a telephone", "Order a laptop"):
        article = await write(client, headers, title=title, body="Ask your manager.", keywords=[])
        await client.post(f"/v1/articles/{article['id']}/publish", headers=headers)
    await base.index()
    for said in ("asked", "told"):
        assert (await found(client, headers, "order", **{said: ["hello", "about a laptop"]}))[0] == "Order a laptop"
        assert (await found(client, headers, "order", **{said: "my telephone"}))[0] == "Order a telephone"
    for said in (["x"] * 5, ["x" * 251]):
        refused = await client.get("/v1/articles/search", params={"q": "order", "told": said}, headers=headers)
        assert refused.status_code == 422
    longest = {"q": "\U0001f4a1" * 3_000, "asked": ["\U0001f4a1" * 250] * 4, "told": ["\U0001f4a1" * 250] * 4}
    assert (await client.get("/v1/articles/search", params=longest, headers=headers)).status_code == 200


async def test_what_is_written_for_others_now_is_not_shown_although_the_index_does_not_know(base, client, key_of):
    headers = key_of()
    article = await write(client, headers)
    path = f"/v1/articles/{article['id']}"
    await client.post(f"{path}/publish", headers=headers)
    await base.index()
    told = DRAFT | {"title": "Unlock a frozen phone by the master code", "audience": "l2", "kind": "manual"}
    await client.put(path, json=told | {"based_on": 1}, headers=headers)
    await client.post(f"{path}/publish", headers=headers)
    assert await found(client, headers, "frozen phone", audience="requester") == []
    assert await found(client, headers, "frozen phone", kind="faq") == []
    assert await found(client, headers, "frozen phone") == [told["title"]]
    suggested = await client.get("/v1/suggest", params={"q": "frozen ph"}, headers=headers)
    assert article["id"] not in [one["id"] for one in suggested.json()["suggestions"]]


async def test_the_location_of_a_new_article_leads_to_it(client, key_of):
    headers = key_of()
    answer = await client.post("/v1/articles", json=DRAFT, headers=headers)
    read = await client.get(answer.headers["location"], headers=headers)
    assert read.json() == answer.json()
    assert read.json()["author"] == "ana"


async def test_publishing_again_tells_nobody_again(base, client, key_of):
    article = await write(client, key_of())
    before = len(await base.sent("article."))
    for _ in range(3):
        assert (await client.post(f"/v1/articles/{article['id']}/publish", headers=key_of())).status_code == 200
    assert len(await base.sent("article.")) == before + 1


async def test_retiring_a_draft_tells_nobody(base, client, key_of):
    article = await write(client, key_of())
    before = len(await base.sent("article."))
    assert (await client.post(f"/v1/articles/{article['id']}/retire", headers=key_of())).status_code == 204
    assert len(await base.sent("article.")) == before


async def test_of_two_authors_the_second_gets_a_conflict(client, key_of):
    headers = key_of()
    article = await write(client, headers)
    text = DRAFT | {"based_on": 1}
    assert (await client.put(f"/v1/articles/{article['id']}", json=text, headers=headers)).status_code == 200
    refused = await client.put(f"/v1/articles/{article['id']}", json=text, headers=headers)
    assert (refused.status_code, refused.headers["content-type"]) == (409, "application/problem+json")
    assert "revision 2" in refused.json()["detail"]


async def test_a_retired_article_cannot_be_published(client, key_of):
    headers = key_of()
    article = await write(client, headers)
    await client.post(f"/v1/articles/{article['id']}/retire", headers=headers)
    assert (await client.post(f"/v1/articles/{article['id']}/publish", headers=headers)).status_code == 409


async def test_no_tenant_finds_reads_or_changes_an_article_of_another(base, client, key_of):
    own, foreign = key_of(), key_of("other")
    article = await write(client, own)
    path = f"/v1/articles/{article['id']}"
    await client.post(f"{path}/publish", headers=own)
    await base.index()
    assert await found(client, own, "frozen phone") == [DRAFT["title"]]
    assert await found(client, foreign, "frozen phone") == []
    suggested = await client.get("/v1/suggest", params={"q": "frozen ph"}, headers=foreign)
    assert suggested.json() == {"suggestions": []}
    for method, address, body in (
        ("GET", path, None),
        ("PUT", path, DRAFT | {"based_on": 1}),
        ("POST", f"{path}/publish", None),
        ("POST", f"{path}/retire", None),
    ):
        answer = await client.request(method, address, json=body, headers=foreign)
        assert answer.status_code == 404, (method, address)
    assert (await client.get(path, headers=own)).json()["state"] == "published"


async def test_the_index_of_one_tenant_cannot_show_another_its_articles(base, client, key_of):
    """Even if an index held a foreign article, the check against the database would drop it."""
    await base.samples("other")
    await base.index()
    base.library._indexes["other"] = base.library._indexes["main"]
    assert await found(client, key_of("other"), "password") == []


async def test_suggestions_follow_what_is_typed_and_are_for_requesters(client, key_of):
    answer = await client.get("/v1/suggest", params={"q": "prin"}, headers=key_of())
    titles = [entry["title"] for entry in answer.json()["suggestions"]]
    assert "Set up an office printer" in titles
    assert "Restart a stuck print queue on the print server" not in titles
    assert await found(client, key_of(), "print server queue", audience="l1") == [
        "Restart a stuck print queue on the print server"
    ]


async def test_hits_show_the_words_that_were_looked_for_as_plain_text(base, client, key_of):
    title, body = "Unlock <b>frozen</b> phones", "<script>frozen()</script> " + "Words. " * 200 + "The phone is frozen."
    article = await write(client, key_of(), title=title, body=body)
    await client.post(f"/v1/articles/{article['id']}/publish", headers=key_of())
    await base.index()
    answer = await client.get("/v1/articles/search", params={"q": "a frozn phone"}, headers=key_of())
    shown = answer.json()["articles"][0]["highlights"]
    assert "".join(piece["text"] for piece in shown["title"]) == title
    assert [piece["text"] for piece in shown["title"] if piece["found"]] == ["frozen", "phones"]
    assert [piece["text"] for piece in shown["body"] if piece["found"]] == ["phone", "frozen"]
    assert (shown["body"][0], answer.headers["content-type"]) == ({"text": "…", "found": False}, "application/json")


async def test_articles_are_found_for_any_of_several_audiences(client, key_of):
    words = "print server queue"
    for_all = await found(client, key_of(), words, limit=50)
    parts = [await found(client, key_of(), words, limit=50, audience=one) for one in ("requester", "l1")]
    both = await found(client, key_of(), words, limit=50, audience=["l1", "requester"])
    assert both == for_all
    assert sorted(both) == sorted(parts[0] + parts[1])
    assert all(parts)
    assert await found(client, key_of(), words, audience="l4") == []


async def test_articles_are_found_by_their_kinds(base, client, key_of):
    for kind in ("faq", "how-to", "known-error", "manual"):
        article = await write(client, key_of(), title=f"Okapi {kind}", kind=kind, steps=["Lead the walrus away"])
        await client.post(f"/v1/articles/{article['id']}/publish", headers=key_of())
    await base.index()
    assert len(await found(client, key_of(), "okapi")) == 4
    assert await found(client, key_of(), "okapi", kind="how-to") == ["Okapi how-to"]
    assert sorted(await found(client, key_of(), "okapi", kind=["manual", "faq"])) == ["Okapi faq", "Okapi manual"]
    assert await found(client, key_of(), "okapi", kind="faq", audience="l1") == []
    answer = await client.get("/v1/articles/search", params={"q": "walrus", "kind": "manual"}, headers=key_of())
    (hit,) = answer.json()["articles"]
    assert hit["kind"] == "manual"
    assert {"text": "walrus", "found": True} in hit["highlights"]["body"]
    refused = await client.get("/v1/articles/search", params={"q": "okapi", "kind": "novel"}, headers=key_of())
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "query.kind.0")


async def test_a_page_tells_where_the_next_begins(client, key_of):
    offset, seen = 0, []
    while offset is not None:
        answer = await client.get(
            "/v1/articles/search",
            params={"q": "printer password network", "limit": 2, "offset": offset},
            headers=key_of(),
        )
        seen += [one["id"] for one in answer.json()["articles"]]
        assert answer.json()["next_offset"] in {None, offset + 2}
        offset = answer.json()["next_offset"]
    assert len(set(seen)) == len(seen) > 4


async def test_pages_of_hits_follow_each_other(client, key_of):
    whole = await found(client, key_of(), "printer network password", limit=50)
    paged = [
        title
        for offset in range(0, len(whole), 2)
        for title in await found(client, key_of(), "printer network password", limit=2, offset=offset)
    ]
    assert len(whole) > 4
    assert paged == whole


async def test_until_the_index_is_built_a_search_is_asked_to_come_again(base, client, key_of):
    base.library.ready.clear()
    for path in ("/v1/articles/search", "/v1/suggest"):
        answer = await client.get(path, params={"q": "printer"}, headers=key_of())
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")


async def test_no_endpoint_answers_without_a_key_or_its_scope(client, key_of):
    one = f"/v1/articles/{UUID(int=1)}"
    for method, path in (
        ("GET", "/v1/articles/search?q=x"),
        ("GET", "/v1/suggest?q=x"),
        ("POST", "/v1/suggest/solved"),
        ("GET", "/v1/insight/deflection"),
        ("GET", "/v1/articles/unanswered"),
        ("GET", "/v1/synonyms"),
        ("PUT", "/v1/synonyms"),
        ("GET", one),
        ("POST", "/v1/articles"),
        ("PUT", one),
        ("POST", f"{one}/publish"),
        ("POST", f"{one}/retire"),
    ):
        assert (await client.request(method, path)).status_code == 401, (method, path)
        for_readers = (method == "GET" and not path.endswith("unanswered")) or path.endswith("solved")
        scope = "articles:write" if for_readers else "articles:read"
        assert (await client.request(method, path, headers=key_of("main", scope))).status_code == 403, (method, path)


async def test_a_bad_field_is_named(client, key_of):
    for change, field in (
        ({"title": ""}, "title"),
        ({"title": "x" * 301}, "title"),
        ({"title": "a\x00b"}, "title"),
        ({"body": ""}, "body"),
        ({"body": "x" * 65_537}, "body"),
        ({"audience": "Not A Name"}, "audience"),
        ({"keywords": ["a\x00b"]}, "keywords.0"),
        ({"keywords": ["x"] * 51}, "keywords"),
        ({"tenant": "other"}, "tenant"),
    ):
        answer = await client.post("/v1/articles", json=DRAFT | change, headers=key_of())
        assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json"), change
        assert answer.json()["errors"][0]["field"] == field


async def test_no_words_break_a_search(client, key_of):
    right_to_left = "\u202e\u05e9\u05dc\u05d5\u05dd"
    for words in (
        "", "   ", "x" * 3_000, 'title:"a" AND (b OR *', "'; DROP TABLE kb.article; --", right_to_left, "🖨️", "a\x00b",
    ):  # fmt: skip
        for path in ("/v1/articles/search", "/v1/suggest"):
            answer = await client.get(path, params={"q": words}, headers=key_of())
            assert answer.status_code == 200, words


async def test_a_bad_question_gets_a_problem(client, key_of):
    for query in (
        "",
        "?q=x" + "&audience=l1" * 11,
        "?q=x&limit=0",
        "?q=x&limit=51",
        "?q=x&offset=-1",
        "?q=x&audience=A%20B",
        "?q=" + "x" * 10_001,
    ):
        answer = await client.get(f"/v1/articles/search{query}", headers=key_of())
        assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json"), query[:30]


async def test_an_unknown_article_is_a_problem(client, key_of):
    for path, status in (
        (f"/v1/articles/{uuid4()}", 404),
        ("/v1/articles/nothing", 404),
        ("/v1/articles/nothing/revisions", 422),
    ):
        answer = await client.get(path, headers=key_of())
        assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")


async def test_an_article_is_shown_as_html_when_that_is_asked(client, key_of):
    headers = key_of()
    article = await write(
        client, headers, body="Hold *both*.\n\n<script>x</script>", steps=["Wait [here](javascript:x)"]
    )
    path = f"/v1/articles/{article['id']}"
    assert (await client.get(path, headers=headers)).json()["html"] is None
    shown = (await client.get(path, params={"html": True}, headers=headers)).json()
    assert shown["html"] == (
        "<p>Hold <em>both</em>.</p>\n<p>&lt;script&gt;x&lt;/script&gt;</p>\n<ol><li>Wait [here](javascript:x)</li></ol>"
    )
    assert shown["body"] == article["body"]


async def test_an_article_that_is_too_long_is_refused_as_a_whole_or_by_its_field(client, key_of):
    for length, status, fields in ((300_000, 422, ["body"]), (5_000_000, 413, [])):
        answer = await client.post("/v1/articles", json=DRAFT | {"body": "x" * length}, headers=key_of())
        assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
        assert [fault["field"] for fault in answer.json().get("errors", [])] == fields
    assert answer.json()["detail"] == "At most 1048576 bytes are taken."
