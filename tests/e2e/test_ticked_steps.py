"""A step that a reader ticks in a how-to article becomes a step tried on the ticket, typed."""

from __future__ import annotations

from typing import Any

from e2e.endpoints import PROBLEM
from e2e.whole_desk import wait_until

HOW_TO = {
    "title": "Clear a jam",
    "body": "It is nearly always one of three.",
    "kind": "how-to",
    "steps": ["Open the side flap.", "Take all paper out.", "Close every flap until it *clicks*."],
}


def test_steps_that_were_ticked_stand_on_the_ticket_with_their_article_and_their_numbers(door):
    article = door.client.post("/v1/articles", json=HOW_TO).json()["id"]
    assert door.client.post(f"/v1/articles/{article}/publish").status_code == 200
    shown = door.client.get(f"/v1/articles/{article}", params={"published": True}).json()["steps"]

    def ticked(*numbers: int) -> list[dict[str, Any]]:
        return [{"step": shown[n - 1], "article_id": article, "article_step": n} for n in numbers]

    told = [*ticked(1, 3), {"step": "Shook it", "result": "It rattles"}]
    posted = door.client.post("/v1/events", json=PROBLEM | {"steps_tried": told})
    assert posted.status_code == 202, posted.text
    ticket = posted.json()["ticket"]
    later = {"type": "facts_told", "ticket": ticket, "steps_tried": ticked(2)}
    assert door.client.post("/v1/events", json=later).status_code == 202

    def steps() -> list[tuple[str, str | None, int | None]]:
        answer = door.client.get(f"/v1/tickets/{ticket}")
        log = answer.json()["log"] if answer.status_code == 200 else []
        tried = [step for event in log for step in event.get("steps_tried", [])]
        return [(one["step"], one.get("article_id"), one.get("article_step")) for one in tried]

    wait_until(lambda: len(steps()) == 4, "all four steps stand in the log")
    assert steps() == [
        ("Open the side flap.", article, 1),
        ("Close every flap until it *clicks*.", article, 3),
        ("Shook it", None, None),
        ("Take all paper out.", article, 2),
    ]


def test_a_step_that_no_article_can_have_is_refused(door):
    for number in (0, -1, 2**31, "2", 1.5):
        step = {"step": "Shook it", "article_id": "x", "article_step": number}
        answer = door.client.post("/v1/events", json=PROBLEM | {"steps_tried": [step]})
        assert answer.status_code == 422, number
        assert answer.json()["errors"][0]["field"].endswith("steps_tried.0.article_step")
