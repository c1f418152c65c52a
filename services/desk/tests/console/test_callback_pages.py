"""The pages of callbacks, over HTTP."""

import re
from datetime import timedelta
from uuid import uuid4

import pytest

from tierdesk_contracts.intake import Called, CallOutcome
from tierdesk_desk.console import callbacks


def csrf_of(page) -> str:
    return re.search(r'name="csrf" value="([^"]+)"', page.text)[1]


@pytest.fixture
def call(desk, message_of, told_of):
    async def tell(caller="+442079460018", **fields):
        ticket = str(uuid4())
        told = {"reference": "TD-1", "provider": "pbx", "call_id": ticket, "direction": "in", "caller": caller}
        data = Called(**told | fields, outcome=CallOutcome.MISSED)
        assert await desk.receive(desk.tickets, message_of(told_of(data), subject=ticket, sequence=1)) == []
        return ticket

    return tell


async def test_a_callback_is_claimed_tried_and_reached_by_forms_alone(call, sign_in):
    await call()
    visitor = await sign_in("ann", "agent")
    page = await visitor.get("/callbacks")
    claim = re.search(r'action="(/callbacks/[^"]+/claim)"', page.text)[1]
    answer = await visitor.post(claim, data={"csrf": csrf_of(page)})
    assert answer.status_code == 303
    page = await visitor.get("/callbacks")
    assert "You call" in page.text
    token = re.search(r'name="token" value="(\d+)"', page.text)[1]
    act = claim.replace("/claim", "/attempts")
    wrong = await visitor.post(act, data={"csrf": csrf_of(page), "token": token, "note": "kept <b>"})
    assert wrong.status_code == 422
    assert "Choose one of the list." in wrong.text
    assert "kept &lt;b&gt;</textarea>" in wrong.text
    said = {"csrf": csrf_of(page), "token": token, "outcome": "reached", "note": "All is well"}
    assert (await visitor.post(act, data=said)).status_code == 303
    page = await visitor.get("/callbacks")
    assert "Nobody waits to be called back." in page.text
    again = await visitor.post(act, data=said)
    assert again.status_code == 409
    assert "Nobody need be called here any more." in again.text


async def test_what_is_claimed_already_says_by_whom(call, desk, person, sign_in):
    await call()
    bob = person("bob")
    ((one,), _) = await desk.callbacks.page(bob, after=None, limit=1)
    await desk.callbacks.claim(bob, one.id)
    visitor = await sign_in("ann", "agent")
    page = await visitor.get("/callbacks")
    assert "bob calls" in page.text
    answer = await visitor.post(f"/callbacks/{one.id}/claim", data={"csrf": csrf_of(page)})
    assert answer.status_code == 409
    assert "bob speaks with this caller at the moment." in answer.text
    assert (await visitor.post(f"/callbacks/{uuid4()}/claim", data={"csrf": csrf_of(page)})).status_code == 404


async def test_a_callback_is_promised_on_the_page_of_a_ticket(desk, offered, sign_in):
    offer = offered()
    await desk.offer(offer)
    visitor = await sign_in("ann", "agent")
    page = await visitor.get(f"/works/{offer.data.assignment_id}")
    assert "Promise a callback" in page.text
    asked = {"csrf": csrf_of(page), "ticket": offer.subject, "number": "+44 20 7946 0018", "note": "About the printer"}
    for field, bad, fault in (
        ("number", "none", "A number has digits in it."), ("number", "²", "A number has digits in it."),
        ("number", "1" * 201, "This is too long."), ("note", "x" * 70_000, "This is too long."),
        ("note", "a\x00b", "This holds a character that cannot be kept."),
    ):  # fmt: skip
        wrong = await visitor.post("/callbacks", data=asked | {field: bad})
        assert (wrong.status_code, fault in wrong.text) == (422, True), (field, bad)
        assert f'name="ticket" value="{offer.subject}"' in wrong.text
        for name, value in (("number", 'value="+44 20 7946 0018"'), ("note", "About the printer</textarea>")):
            assert name == field or value in wrong.text
    answer = await visitor.post("/callbacks", data=asked)
    assert answer.status_code == 303
    page = await visitor.get(f"/works/{offer.data.assignment_id}")
    assert "+442079460018" in page.text
    assert "Promised by the desk" in page.text
    assert "About the printer" in page.text


async def test_what_one_calls_is_shown_wherever_it_stands_and_what_was_written_is_not_lost_with_the_claim(
    call, desk, person, sign_in, monkeypatch
):
    monkeypatch.setattr(callbacks, "PAGE", 1)
    await call()
    await call("+442079460019")
    ann = person("ann")
    ((_, one), _) = await desk.callbacks.page(ann, after=None, limit=2)
    held = await desk.callbacks.claim(ann, one.id)
    visitor = await sign_in("ann", "agent")
    page = await visitor.get("/callbacks")
    assert f'id="c-{one.id}"' in page.text
    csrf = csrf_of(page)
    closed = await visitor.post(f"/callbacks/{one.id}/close", data={"csrf": csrf, "note": "a\x00b"})
    assert closed.status_code == 422
    desk.clock.advance_to(desk.clock.now() + timedelta(hours=1))
    said = {"csrf": csrf, "token": held.token, "outcome": "busy", "note": "Ask for Bo"}
    late = await visitor.post(f"/callbacks/{one.id}/attempts", data=said)
    assert (late.status_code, "Ask for Bo" in late.text) == (409, True)


async def test_a_ringing_call_opens_the_form_with_who_may_be_calling(call, sign_in):
    ticket = await call()
    visitor = await sign_in("ann", "agent")
    page = await visitor.get("/open", params={"phone": "00442079460018"})
    assert "Who may be calling" in page.text
    assert f'href="/ticket/{ticket}"' in page.text
    assert 'name="party" type="text" value=""' in page.text
    chosen = await visitor.get(re.search(r'href="(/open[?][^"]+)"', page.text)[1].replace("&amp;", "&"))
    assert 'value="tel:+442079460018"' in chosen.text
    assert "Who may be calling" not in (await visitor.get("/open")).text


async def test_a_number_that_is_none_is_shown_as_the_text_it_is(call, sign_in):
    for bad in ("<script>alert(1)</script>9", "+49 <img src=x onerror=alert(1)>", "tel:1\u202e2"):
        await call(bad)
    page = await (await sign_in("ann", "agent")).get("/callbacks")
    assert page.text.count('class="callback__number"') == 3
    assert "<script>alert" not in page.text
    assert "<img" not in page.text.partition("<main")[2]
