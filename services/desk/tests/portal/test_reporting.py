"""Search first, then report: once, with what is known, and nothing lost."""

from uuid import uuid4

import pytest

from tierdesk_desk.console.neighbours import KEY_REUSED

ARTICLE = str(uuid4())
SHOWN = {"id": ARTICLE, "title": "Clear <b>jams</b>", "audience": "requester", "state": "published", "html": "<p>Open it.</p>", "video": None, "attachments": []}  # fmt: skip
FOUND = {"articles": [
    SHOWN | {"highlights": {"body": [{"text": "Open <i>", "found": False}, {"text": "jam", "found": True}]}},
    SHOWN | {"id": str(uuid4()), "title": "For L2 alone", "audience": "l2", "highlights": {"body": []}},
]}  # fmt: skip


@pytest.fixture
async def rita(signed_in):
    return await signed_in("rita", "requester", party="rita@example.org")


async def test_what_helps_is_found_and_articles_for_tiers_are_not_shown(rita, others):
    others.answers["GET /v1/articles/search"] = (200, FOUND)
    page = await rita.get("/portal?q=paper+jam")
    assert "Clear &lt;b&gt;jams&lt;/b&gt;" in page.text
    assert "<mark>jam</mark>" in page.text
    assert "Open &lt;i&gt;" in page.text
    assert "For L2 alone" not in page.text
    assert others.heard[0][1].startswith("/v1/articles/search?q=paper+jam&audience=requester")


async def test_without_the_knowledge_base_the_page_stands_and_the_words_go_on_to_the_report(rita, others):
    others.is_away = True
    page = await rita.get("/portal?q=paper+jam")
    assert page.status_code == 200
    assert "Could not be had" in page.text
    assert 'href="/portal/report?q=paper+jam"' in page.text
    form = await rita.get("/portal/report?q=paper+jam")
    assert 'value="paper jam"' in form.text


@pytest.mark.parametrize("fields", [{"audience": "l2"}, {"state": "retired"}])
async def test_an_article_that_is_not_for_requesters_is_none(fields, rita, others):
    others.answers[f"GET /v1/articles/{ARTICLE}"] = (200, SHOWN | fields)
    assert (await rita.get(f"/portal/articles/{ARTICLE}")).status_code == 404
    form = await rita.get(f"/portal/report?looked={ARTICLE}")
    assert "jams" not in form.text


async def test_a_problem_that_an_article_solved_is_counted_once(rita, others):
    others.answers[f"GET /v1/articles/{ARTICLE}"] = (200, SHOWN)
    others.answers["POST /v1/suggest/solved"] = (201, {})
    page = await rita.get(f"/portal/articles/{ARTICLE}?q=jam")
    assert "<p>Open it.</p>" in page.text
    others.heard.clear()
    for _ in range(2):
        answer = await rita.post(f"/portal/articles/{ARTICLE}/solved?q=Jam")
        assert (answer.status_code, answer.headers["location"]) == (303, "/portal")
    told = [body for _, path, body in others.heard if path == "/v1/suggest/solved"]
    assert told[0] == told[1]
    assert told[0]["article_id"] == ARTICLE


async def test_what_was_read_in_vain_goes_along_as_steps_tried(rita, others):
    others.answers[f"GET /v1/articles/{ARTICLE}"] = (200, SHOWN)
    form = await rita.get(f"/portal/report?q=Jam+again&looked={ARTICLE}&looked=nonsense")
    assert "Clear &lt;b&gt;jams&lt;/b&gt;" in form.text
    answer = await rita.post(
        "/portal/report",
        title="Jam again",
        looked=ARTICLE,
        looked_title=SHOWN["title"],
        step="Off and on",
        asked="nothing",
    )
    assert answer.status_code == 303
    (told,) = [body for _, path, body in others.heard if path == "/v1/events"]
    assert told["steps_tried"] == [
        {"step": "Read: Clear <b>jams</b>", "result": "It did not help.", "article_id": ARTICLE},
        {"step": "Off and on"},
    ]
    assert told["requester"] == {"party": "rita@example.org", "name": "Rita", "email": "rita@example.org"}


async def test_only_what_is_missing_is_asked_once_and_then_it_is_sent_whatever_was_left_out(rita, others):
    await rita.get("/portal/report")
    asks = await rita.post("/portal/report", title="No mail", category="network")
    assert asks.status_code == 200
    asked = asks.text.partition('id="asked"')[2].partition("</fieldset>")[0]
    assert 'name="contact"' in asked
    assert 'name="impact"' in asked
    assert 'name="location"' not in asked  # the category does not ask for it
    assert others.heard == []
    sent = await rita.post("/portal/report", title="No mail", category="network", asked="contact,impact")
    assert sent.status_code == 303


async def test_who_tells_all_at_once_is_asked_nothing(rita, others):
    await rita.get("/portal/report")
    sent = await rita.post("/portal/report", title="No mail", contact="4711", impact="3", affected="Me", urgency="1")
    assert sent.status_code == 303
    (told,) = [body for _, path, body in others.heard if path == "/v1/events"]
    assert (told["impact"], told["urgency"], told["contact"], told["channel"]) == (3, 1, "4711", "portal")


async def test_the_request_is_there_at_once_and_a_form_sent_twice_is_one(rita, others):
    ticket = str(uuid4())
    others.answers["POST /v1/events"] = (202, {"ticket": ticket, "reference": "TD-NEW1", "status": "accepted"})
    await rita.get("/portal/report")
    for _ in range(2):
        sent = await rita.post("/portal/report", title="No mail", text="None", asked="nothing")
        assert sent.headers["location"] == f"/portal/requests/{ticket}"
    assert len({key for key in others.keys if key}) == 1
    page = await rita.get(f"/portal/requests/{ticket}")
    assert "No mail" in page.text
    assert "TD-NEW1" in page.text
    assert (await rita.get("/portal/requests")).text.count(f"/portal/requests/{ticket}") == 1


async def test_the_key_of_another_person_opens_nothing_of_theirs(rita, signed_in, others):
    bob = await signed_in("bob", "requester")
    for visitor in (rita, bob):
        assert (
            await visitor.post("/portal/report", title="No mail", asked="nothing", key="the-same-key")
        ).status_code == 303
    assert len({key for key in others.keys if key}) == 2


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"title": ""}, "What is wrong, in a line: Fill this in."),
        ({"title": "x" * 301}, "This is too long."),
        ({"title": "x", "text": "a\x00b"}, "cannot be kept"),
        ({"title": "x", "category": "nonsense"}, "Choose one"),
        ({"title": "x", "impact": "9"}, "Choose one"),
        ({"title": "x", "urgency": "now"}, "Choose one"),
        ({"title": "x", "key": "short"}, "cannot be taken"),
        ({"title": "x", "location": "x" * 201}, "This is too long."),
    ],
)
async def test_what_cannot_be_taken_is_told_by_its_field_and_everything_is_kept(fields, says, rita, others):
    await rita.get("/portal/report")
    sent = {"affected": "All of <us>", "asked": "contact", **fields}
    answer = await rita.post("/portal/report", **sent)
    assert answer.status_code == 422
    assert says in answer.text
    assert "All of &lt;us&gt;" in answer.text
    assert others.heard == []


async def test_while_intake_is_away_the_form_comes_back_as_it_was_with_its_key(rita, others):
    await rita.get("/portal/report")
    others.is_away = True
    answer = await rita.post("/portal/report", title="No mail", text="Since <nine>", asked="contact")
    assert answer.status_code == 503
    assert "Since &lt;nine&gt;" in answer.text
    assert rita.key in answer.text


async def test_a_key_that_was_used_for_another_report_is_told_and_everything_is_kept(rita, others):
    await rita.get("/portal/report")
    before = rita.key
    others.answers["POST /v1/events"] = (422, {"type": KEY_REUSED, "title": "Idempotency key reused"})
    answer = await rita.post("/portal/report", title="No mail", text="Since <nine>", asked="contact")
    assert answer.status_code == 409
    assert "Since &lt;nine&gt;" in answer.text
    assert before not in answer.text


async def test_what_intake_finds_wrong_is_told_by_the_field_of_the_form(rita, others):
    await rita.get("/portal/report")
    others.answers["POST /v1/events"] = (422, {"errors": [{"field": "steps_tried.0.step", "message": "no"}]})
    answer = await rita.post("/portal/report", title="No mail", step="Off", asked="contact")
    assert answer.status_code == 422
    assert '<a href="#step">Steps tried: ' in answer.text


async def test_who_is_a_requester_alone_lands_in_the_portal(rita):
    assert (await rita.get("/")).headers["location"] == "/portal"
