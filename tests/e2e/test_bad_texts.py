"""Texts that are odd: kept as they were written, or refused, and shown without harm."""

from __future__ import annotations

import json

import pytest

from e2e.corpus import texts
from e2e.desks import tierdesk
from e2e.endpoints import CALL, POINTS, POLICY, PROBLEM
from e2e.whole_desk import OWN, wait_until


@pytest.mark.parametrize("what", texts.TEXTS)
def test_any_text_is_kept_as_it_was_written_or_refused(door, what):
    text = texts.TEXTS[what]
    event = PROBLEM | {"title": text[:300], "text": text, "location": text[:200], "steps_tried": [{"step": text[:300]}]}
    posted = door.client.post("/v1/events", json=event)
    assert posted.status_code == 202, posted.text
    call = json.dumps(CALL | {"callId": f"{what} {text[:100]}", "user": text[:200], "cause": text[:200]}).encode()
    assert door.send(POINTS["POST /v1/phone/generic"], call).status_code == 200
    article = door.client.post("/v1/articles", json={"title": text[:300], "body": text, "keywords": [text[:60]]})
    assert article.status_code == 201, article.text
    read = door.client.get(f"/v1/articles/{article.json()['id']}").json()
    assert (read["title"], read["body"], read["keywords"]) == (text[:300], text, [text[:60]])
    assert door.client.post(f"/v1/articles/{read['id']}/publish").status_code == 200
    policy = door.client.put("/v1/policy", content=json.dumps(POLICY | {"name": text[:300]}))
    assert policy.status_code in {200, 422}, policy.text
    for path in ("/v1/articles/search", "/v1/suggest"):
        assert door.client.get(path, params={"q": text[:3_000]}).status_code == 200
    ticket = f"/v1/tickets/{posted.json()['ticket']}"
    wait_until(lambda: door.client.get(ticket).status_code == 200, "the ticket is opened")
    story = door.client.get(ticket).json()
    assert (story["ticket"]["title"], story["ticket"]["text"]) == (text[:300], text)
    assert door.client.get("/v1/tickets").status_code == 200


def test_the_command_line_shows_them_without_harm(door):
    """Nothing that a terminal obeys: no escape sequence, no reversed order, no control character."""
    spoken = "\x1b[31mred\x1b]0;owned\x07\x9b2J\r\u202egpj.exe\u200b[bold]x"
    event = PROBLEM | {"title": spoken, "text": spoken, "requester": {"party": spoken, "name": spoken}}
    ticket = door.client.post("/v1/events", json=event).json()["reference"]
    wait_until(lambda: door.client.get(f"/v1/tickets/{ticket}").status_code == 200, "the ticket is opened")
    for arguments in ([], [ticket]):
        done = tierdesk("tickets", *arguments, "--url", door.desk.url, "--key", door.desk.keys[OWN])
        assert done.code == 0, done
        assert "gpj.exe" in done.out
        assert [letter for letter in done.out + done.err if not letter.isprintable() and letter != "\n"] == []


def test_the_desk_goes_on_after_all_that(door):
    door.goes_on()
