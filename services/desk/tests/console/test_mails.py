"""The page of mails: what failed and why, tried again or discarded by a button, and nothing that others wrote runs there."""

import re
from uuid import uuid4

import asyncpg
import pytest

from tierdesk_desk.domain.mailing import Kind
from tierdesk_desk.store.mails import NewMail, add_mail

SAID = "550 <script>alert(1)</script> no such user"


@pytest.fixture
async def failed(database, postgres_url):
    made = NewMail("main", uuid4(), Kind.LINK, "ann@example.org", {"url": "secret"}, reference="TD-TEST-0001")
    async with database.transaction() as tx:
        await add_mail(tx.connection, made)
    connection = await asyncpg.connect(postgres_url)
    await connection.execute(
        "UPDATE desk.mail SET state = 'failed', reason = 'refused', detail = $1, attempts = 2, ended_at = now()", SAID
    )
    await connection.close()
    return made.id


async def test_what_failed_is_shown_and_tried_again(sign_in, failed):
    otto = await sign_in("otto", "operator")
    page = (await otto.get("/mails")).text
    for told in ("ann@example.org", "TD-TEST-0001", "tried 2 times", "refused it for good", "no mail server"):
        assert told in page
    assert "<script>alert" not in page
    assert "secret" not in page
    csrf = re.search(r'name="csrf" value="(\w+)"', page)[1]
    answer = await otto.post(f"/mails/{failed}/retry", data={"csrf": csrf})
    assert (answer.status_code, answer.headers["location"]) == (303, "/mails")
    assert "It is tried again." in (await otto.get("/mails?state=queued")).text
    moved = await otto.post(f"/mails/{failed}/retry", data={"csrf": csrf})
    assert moved.status_code == 303
    assert "It stands otherwise by now." in (await otto.get("/mails")).text
    assert (await otto.post(f"/mails/{failed}/discard", data={"csrf": csrf})).status_code == 303
    assert "Somebody discarded it." in (await otto.get("/mails?state=suppressed")).text
    assert "There are no such mails." in (await otto.get("/mails?state=failed")).text


async def test_only_operators_see_it_and_nothing_happens_without_the_form(sign_in, failed):
    ann = await sign_in("ann", "agent", "lead", "administrator")
    assert (await ann.get("/mails")).status_code == 403
    assert 'href="/mails"' not in (await ann.get("/")).text


async def test_a_button_pressed_on_a_foreign_page_does_nothing(sign_in, failed):
    otto = await sign_in("otto", "operator")
    assert (await otto.post(f"/mails/{failed}/discard", data={})).status_code == 403
    assert (await otto.post(f"/mails/{uuid4()}/discard", data={"csrf": "x"})).status_code == 403
    assert "ann@example.org" in (await otto.get("/mails")).text
