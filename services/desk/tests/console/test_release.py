"""Taking work back, taking the next one twice, and what becomes of forms whose answer or whose session is lost."""

import re
from uuid import uuid4

import pytest


def csrf_of(page) -> str:
    return re.search(r'name="csrf" value="([^"]+)"', page.text)[1]


async def test_a_lead_takes_work_back_with_a_reason_and_its_owner_is_told(desk, offered, sign_in, person):
    work = await desk.offer(offered())
    path = f"/works/{work}"
    await desk.board.claim(person("ben"), work)
    lea = await sign_in("lea", "lead:l1")
    page = await lea.get(path)
    assert "ben has it." in page.text
    form = {"csrf": csrf_of(page), "owner": "ben", "reason": ""}
    empty = await lea.post(f"{path}/release", data=form)
    assert empty.status_code == 422
    assert "Fill this in." in empty.text
    wrong = await lea.post(f"{path}/release", data=form | {"owner": "cai", "reason": "<i>Ill"})
    assert wrong.status_code == 409
    assert "ben was faster and has it now." in wrong.text
    assert "&lt;i&gt;Ill" in wrong.text
    done = await lea.post(f"{path}/release", data=form | {"reason": "<i>Ill"})
    assert (done.status_code, done.headers["location"]) == (303, path)
    assert "ben has it no more" in (await lea.get(path)).text
    await lea.post("/logout", data={"csrf": csrf_of(await lea.get("/"))})
    ben = await sign_in("ben", "agent:l1")
    board = await ben.get("/")
    assert "lea has given TD-TEST-0001 to the others of your group:" in board.text
    assert "&lt;i&gt;Ill" in board.text


async def test_nobody_but_a_lead_is_offered_to_take_work_back(desk, offered, sign_in, person):
    work = await desk.offer(offered())
    path = f"/works/{work}"
    await desk.board.claim(person("ben"), work)
    ann = await sign_in("ann", "agent")
    page = await ann.get(path)
    assert "/release" not in page.text
    form = {"csrf": csrf_of(page), "owner": "ben", "reason": "Mine"}
    assert (await ann.post(f"{path}/release", data=form)).status_code == 403
    assert len(await desk.sent()) == 1


async def test_the_button_that_is_pressed_twice_takes_one_ticket(desk, offered, sign_in):
    for number in range(2):
        await desk.offer(offered(f"Number {number}"))
    ann = await sign_in("ann", "agent")
    page = await ann.get("/")
    form = {"csrf": csrf_of(page), "key": re.search(r'name="key" value="([^"]+)"', page.text)[1]}
    first, again = [await ann.post("/next", data=form) for _ in range(2)]
    assert first.headers["location"] == again.headers["location"]
    other = await ann.post("/next", data=form | {"key": "another"})
    assert other.headers["location"] != first.headers["location"]
    assert len(await desk.sent()) == 2


@pytest.mark.parametrize(
    ("referer", "way"),
    [
        ("http://desk/works/1?do=note", "/works/1%3Fdo%3Dnote"),
        ("http://evil.example/works/1", "/"),
        ("", "/"),
        ("http://desk//evil.example", "/"),
    ],
)
async def test_a_form_of_a_session_that_has_ended_leads_back_to_its_page(referer, way, visitor):
    answer = await visitor.post(f"/works/{uuid4()}/note", data={"text": "x"}, headers={"Referer": referer})
    assert (answer.status_code, answer.headers["location"]) == (303, f"/login?next={way}&ended=1")
    page = await visitor.get(answer.headers["location"])
    assert "what you typed is kept" in page.text


async def test_a_form_that_was_changed_after_its_answer_was_lost_gets_a_new_key_and_is_kept(sign_in, others):
    others.answers["POST v1/events"] = {
        "type": "urn:tierdesk:problem:idempotency-key-reused",
        "errors": [{"field": "Idempotency-Key", "message": "used before, with another body"}],
    }
    others.statuses["POST v1/events"] = 422
    client = await sign_in("ann", "agent")
    filled = {
        "csrf": csrf_of(await client.get("/open")),
        "key": "first",
        "party": "rita",
        "title": "It <i>smokes & stinks",
    }
    answer = await client.post("/open", data=filled)
    assert answer.status_code == 409
    assert "may be open already" in answer.text
    assert 'href="/find?q=It%20%3Ci%3Esmokes%20%26%20stinks"' in answer.text
    assert 'value="It &lt;i&gt;smokes &amp; stinks"' in answer.text
    (key,) = set(re.findall(r'name="key" value="([^"]+)"', answer.text))
    assert key != "first"
    others.answers["POST v1/events"] = {"ticket": "1", "reference": "TD-1"}
    others.statuses["POST v1/events"] = 202
    again = await client.post("/open", data=filled | {"key": key})
    assert again.status_code == 303
    assert others.told[-1][3]["idempotency-key"] == key


async def test_what_may_answer_a_caller_is_shown_while_they_speak(desk, offered, sign_in, others):
    await desk.offer(offered("The printer in the lobby smokes"))
    others.answers["v1/articles/search"] = {
        "articles": [
            {
                "id": "01890000-0000-7000-8000-0000000000a0",
                "title": "Smoke",
                "kind": "faq",
                "highlights": {
                    "title": [{"text": "<b>Smoke", "found": True}],
                    "body": [{"text": " from a <i>printer", "found": False}],
                },
            }
        ]
    }
    client = await sign_in("ann", "agent:l1")
    form = {"csrf": csrf_of(await client.get("/open")), "key": "k", "title": "Printer smokes", "text": "A lot"}
    part = await client.post("/open/matches", data=form, headers={"X-Fragment": "main"})
    page = await client.post("/open", data=form | {"look": "1"})
    for answer in (part, page):
        assert answer.status_code == 200
        assert "The printer in the lobby smokes" in answer.text
        assert "<mark>&lt;b&gt;Smoke</mark>" in answer.text
    assert "<html" not in part.text
    assert 'value="Printer smokes"' in page.text
    assert others.told == []  # nothing was opened
