"""Forms made from JSON Schema, orders, and the community."""

from uuid import uuid4

import pytest

from tierdesk_desk.console.forms import FormError
from tierdesk_desk.portal.order_forms import faults_of, read_answers, read_questions

FORM = {
    "type": "object",
    "required": ["size", "why"],
    "$defs": {"size": {"title": "Screen", "enum": ["13 inch", 15]}},
    "properties": {
        "size": {"$ref": "#/$defs/size"},
        "why": {"title": "Why", "type": "string"},
        "note": {"type": "string", "maxLength": 100},
        "from": {"type": "string", "format": "date"},
        "number": {"type": "integer"},
        "bag": {"title": "With a bag", "type": "boolean"},
        "parts": {"type": "array", "items": {"enum": ["dock", "mouse"]}},
        "odd": {"type": "object"},
    },
}
SERVICE = {"item": "laptop", "version": 3, "name": "Laptop <b>", "description": "A *new* one", "form": FORM, "active": True, "category": "hardware", "steps": []}  # fmt: skip


def test_a_schema_becomes_fields_in_its_order():
    questions = read_questions(FORM)
    assert [(one.name, one.kind, one.required, one.input) for one in questions] == [
        ("size", "choice", True, "text"),
        ("why", "text", True, "text"),
        ("note", "line", False, "text"),
        ("from", "line", False, "date"),
        ("number", "number", False, "text"),
        ("bag", "yes", False, "text"),
        ("parts", "choices", False, "text"),
    ]


def test_answers_have_the_types_of_the_schema():
    given = {
        "answer.size": ["15"], "answer.why": ["Old\r\none "], "answer.number": ["2"], "answer.parts": ["mouse", "dock"],
        "answer.note": [""],
    }  # fmt: skip
    assert read_answers(read_questions(FORM), given) == {
        "size": 15, "why": "Old\none", "number": 2, "bag": False, "parts": ["mouse", "dock"],
    }  # fmt: skip
    with pytest.raises(FormError) as refused:
        read_answers(read_questions(FORM), {"answer.number": ["many"], "answer.size": ["13 inch"]})
    assert refused.value.faults == {"answer.number": "number", "answer.why": "required"}


@pytest.mark.parametrize(
    "form",
    [
        {"type": "object", "required": ["odd"], "properties": {"odd": {"type": "object"}}},
        {"type": "object", "required": ["gone"], "properties": {}},
        {
            "type": "object",
            "required": ["a"],
            "properties": {"a": {"$ref": "#/$defs/b"}},
            "$defs": {"b": {"type": "null"}},
        },
    ],
)
def test_a_form_that_asks_for_more_than_fields_hold_is_none(form):
    assert read_questions(form) is None


def test_faults_are_named_by_their_fields():
    assert faults_of({"/answers/a~1b/0": "too long", "/answers": "missing"}) == {
        "answer.a/b": "too long",
        "form": "missing",
    }


@pytest.fixture
async def rita(signed_in):
    return await signed_in("rita", "requester")


async def test_an_order_is_sent_with_the_version_that_was_shown_and_is_a_request_at_once(rita, others):
    others.answers["GET /v1/catalogue/laptop"] = (200, SERVICE)
    order = str(uuid4())
    others.answers["POST /v1/catalogue/laptop/orders"] = (202, {"order": order})
    page = await rita.get("/portal/services/laptop")
    assert "Laptop &lt;b&gt;" in page.text
    fields = {"answer__size": "13 inch", "answer__why": "New"}
    old = await rita.post("/portal/services/laptop", version="2", **fields)
    assert old.status_code == 409
    sent = await rita.post("/portal/services/laptop", version="3", **fields)
    assert (sent.status_code, sent.headers["location"]) == (303, f"/portal/requests/{order}")
    told = [body for method, path, body in others.heard if path.endswith("/orders")]
    assert told == [{"requester": {"party": "rita", "name": "Rita"}, "answers": {"size": "13 inch", "why": "New", "bag": False}, "version": 3}]  # fmt: skip
    assert "Laptop &lt;b&gt;" in (await rita.get(f"/portal/requests/{order}")).text


async def test_what_the_knowledge_base_finds_wrong_stands_by_its_field(rita, others):
    others.answers["GET /v1/catalogue/laptop"] = (200, SERVICE)
    faults = {"errors": [{"field": "/answers/size", "message": "must be one of <them>"}]}
    others.answers["POST /v1/catalogue/laptop/orders"] = (422, faults)
    await rita.get("/portal/services/laptop")
    answer = await rita.post("/portal/services/laptop", version="3", answer__size="17", answer__why="Kept words")
    assert answer.status_code == 422
    assert "must be one of &lt;them&gt;" in answer.text
    assert "Kept words" in answer.text


async def test_a_service_that_cannot_be_ordered_is_none(rita, others):
    others.answers["GET /v1/catalogue/laptop"] = (200, SERVICE | {"active": False})
    assert (await rita.get("/portal/services/laptop")).status_code == 404
    assert (await rita.get("/portal/services/UPPER")).status_code == 404


def post_of(**fields):
    return {
        "id": str(uuid4()), "question": None, "by": "bob", "title": "Which <dock>?", "body": "[x](javascript:alert(1))", "state": "shown",
        "written_at": "2026-03-02T09:00:00Z", "votes": 2, "accepted": None, "article": None,
    } | fields  # fmt: skip


async def test_posts_are_shown_as_text_by_the_names_that_people_have_here(rita, signed_in, others):
    await signed_in("bob", "requester")
    question = post_of()
    others.answers["GET /v1/community/questions"] = (200, {"posts": [question], "next": None})
    others.answers[f"GET /v1/community/questions/{question['id']}"] = (200, question)
    answers = {"posts": [post_of(question=question["id"], by="zoe@example.org", title=None)], "next": None}
    others.answers[f"GET /v1/community/questions/{question['id']}/answers"] = (200, answers)
    for path in ("/portal/community", f"/portal/community/{question['id']}"):
        page = await rita.get(path)
        assert "Which &lt;dock&gt;?" in page.text
        assert "Bob" in page.text
        assert "zoe@example.org" not in page.text
    assert "[x](javascript:alert(1))" in page.text


async def test_who_asks_and_answers_is_who_signed_in_whatever_the_form_says(rita, others):
    question = post_of()
    others.answers["POST /v1/community/questions"] = (201, question)
    others.answers[f"POST /v1/community/questions/{question['id']}/answers"] = (201, post_of(state="held"))
    others.answers[f"PUT /v1/community/posts/{question['id']}/vote"] = (200, {"votes": 3})
    await rita.post("/portal/community", title="A", body="B", by="bob")
    await rita.post(f"/portal/community/{question['id']}/answers", body="B", by="bob")
    voted = await rita.post(f"/portal/community/{question['id']}/vote", post=question["id"], up="yes", by="bob")
    assert voted.status_code == 303
    assert {body["by"] for _, _, body in others.heard} == {"rita"}


@pytest.mark.parametrize("status", [409, 422])
async def test_what_was_written_is_kept_when_the_community_does_not_take_it(status, rita, others):
    question = post_of()
    path = f"/v1/community/questions/{question['id']}"
    others.answers |= {f"GET {path}": (200, question), f"POST {path}/answers": (status, {"title": "No"})}
    others.answers["POST /v1/community/questions"] = (status, {"title": "No"})
    for form, fields in (("", {"title": "A"}), (f"/{question['id']}/answers", {})):
        answer = await rita.post(f"/portal/community{form}", body="My <words>", **fields)
        assert answer.status_code == 409
        assert "My &lt;words&gt;" in answer.text


async def test_moderators_see_what_waits_and_a_post_goes_with_a_reason_alone(signed_in, others):
    mia = await signed_in("mia", "moderator")
    waiting = post_of(state="held", reports=1)
    others.answers["GET /v1/community/moderation"] = (200, {"posts": [waiting], "next": None})
    others.answers[f"POST /v1/community/posts/{waiting['id']}/remove"] = (200, waiting)
    others.answers[f"POST /v1/community/posts/{waiting['id']}/approve"] = (200, waiting)
    page = await mia.get("/portal/community/moderation")
    assert "Which &lt;dock&gt;?" in page.text
    path = f"/portal/community/moderation/{waiting['id']}"
    assert (await mia.post(f"{path}/remove", reason="")).status_code == 422
    assert (await mia.post(f"{path}/remove", reason="Rude")).status_code == 303
    assert (await mia.post(f"{path}/approve")).status_code == 303
