"""Signing in and out over HTTP: cookies, times, and what ends a session."""

import asyncio

import asyncpg
import pytest
from sqlalchemy import text

PASSWORD = "correct horse battery"


async def test_a_person_signs_in_is_known_and_signs_out(gate, browser):
    await gate.add("ana", "agent:l1", password=PASSWORD, display_name="Ana Archer", skills=["wireless"], capacity=3)
    answer = await browser.sign_in("Ana", PASSWORD)
    assert answer.status_code == 201
    person = answer.json()["person"]
    assert (person["name"], person["display_name"], person["tenant"]) == ("ana", "Ana Archer", "main")
    assert person["grants"] == [{"role": "agent", "tier": "l1", "group": None}]
    assert (person["skills"], person["capacity"]) == (["wireless"], 3)
    again = await browser.ask("GET", "/session")
    assert again.json() == answer.json()
    ended = await browser.ask("DELETE", "/session")
    assert ended.status_code == 204
    assert 'tierdesk=""' in ended.headers["set-cookie"]
    assert (await browser.ask("GET", "/session")).status_code == 401
    assert (await gate.audited())[-2:] == [
        ("person:ana", "session.begun", "ana"), ("person:ana", "session.ended", "ana"),
    ]  # fmt: skip


async def test_the_token_is_in_the_cookie_alone(gate, browser):
    await gate.add("ana", password=PASSWORD)
    answer = await browser.sign_in("ana", PASSWORD)
    cookie = next(one for one in answer.headers.get_list("set-cookie") if one.startswith("tierdesk="))
    token = cookie.partition("=")[2].partition(";")[0]
    assert len(token) == 64
    assert {"HttpOnly", "SameSite=lax", "Path=/"} <= set(cookie.split("; "))
    assert "Secure" not in cookie
    assert token not in answer.text
    stored = await gate.sql("SELECT s::text AS row FROM desk.session s")
    assert len(stored) == 1
    assert token not in stored[0]["row"]


async def test_where_people_come_by_https_the_cookies_are_secure_and_no_others_are_taken(gate, app, browser):
    from tierdesk_desk.http.access import Access

    access = Access(gate.database, public_url="https://desk.example")
    assert access.session_cookie == "__Host-tierdesk"
    await gate.add("ana", password=PASSWORD)
    assert (await browser.sign_in("ana", PASSWORD)).status_code == 201
    assert (await browser.ask("GET", "/session")).status_code == 200
    access.install(app)
    assert (await browser.ask("GET", "/session")).status_code == 401


async def test_a_session_is_over_after_12_hours_without_use_and_7_days_in_all(gate, browser):
    await gate.add("ana", password=PASSWORD)
    for column, age, status in (
        ("seen_at", "11 hours 59 minutes", 200),
        ("seen_at", "12 hours", 401),
        ("expires_at", "6 days 23 hours 59 minutes", 200),
        ("expires_at", "7 days", 401),
    ):
        await browser.sign_in("ana", PASSWORD)
        await gate.sql(f"UPDATE desk.session SET {column} = {column} - $1::text::interval", age)
        assert (await browser.ask("GET", "/session")).status_code == status, (column, age)


async def test_use_keeps_a_session_and_is_noted_once_a_minute(gate, browser):
    await gate.add("ana", password=PASSWORD)
    await browser.sign_in("ana", PASSWORD)
    await gate.sql("UPDATE desk.session SET seen_at = seen_at - interval '11 hours'")
    assert (await browser.ask("GET", "/session")).status_code == 200
    (first,) = await gate.sql("SELECT seen_at, now() - seen_at < interval '10 seconds' AS fresh FROM desk.session")
    assert first["fresh"]
    await browser.ask("GET", "/session")
    (second,) = await gate.sql("SELECT seen_at FROM desk.session")
    assert second["seen_at"] == first["seen_at"]


async def test_a_session_ends_when_the_account_is_disabled_granted_otherwise_or_gets_a_new_password(
    gate, open_browser, signed_in
):
    boss = await signed_in("boss", "administrator")
    account = await gate.add("ana", "agent", password=PASSWORD)
    path = f"/accounts/{account.id}"
    for method, end, body in (
        ("PATCH", "", {"disabled": True}),
        ("PUT", "/grants", {"grants": [{"role": "lead"}]}),
        ("POST", "/password", None),
    ):
        browser = open_browser()
        assert (await browser.sign_in("ana", PASSWORD)).status_code == 201
        assert (await boss.ask(method, f"{path}{end}", body)).status_code == 200
        assert (await browser.ask("GET", "/session")).status_code == 401
        assert (await boss.ask("PATCH", path, {"disabled": False})).status_code == 200
    assert (await open_browser().sign_in("ana", PASSWORD)).status_code == 401


async def test_what_changes_neither_access_nor_password_leaves_people_signed_in(gate, browser, signed_in):
    boss = await signed_in("boss", "administrator")
    account = await gate.add("ana", "agent", password=PASSWORD)
    await browser.sign_in("ana", PASSWORD)
    path = f"/accounts/{account.id}"
    await boss.ask("PATCH", path, {"display_name": "Ana", "skills": ["wireless"], "capacity": 2})
    await boss.ask("PUT", f"{path}/grants", {"grants": [{"role": "agent"}]})
    assert (await browser.ask("GET", "/session")).json()["person"]["skills"] == ["wireless"]


async def test_ones_own_password_is_changed_and_other_sessions_end(gate, open_browser):
    await gate.add("ana", password=PASSWORD)
    here, there = open_browser(), open_browser()
    await here.sign_in("ana", PASSWORD)
    await there.sign_in("ana", PASSWORD)
    wrong = await here.ask("POST", "/session/password", {"old": "not my password", "new": "another long one"})
    assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (403, "old")
    changed = await here.ask("POST", "/session/password", {"old": PASSWORD, "new": "another long one"})
    assert changed.status_code == 200
    assert changed.json()["csrf"] != here.csrf
    here.csrf = changed.json()["csrf"]
    assert (await here.ask("GET", "/session")).status_code == 200
    assert (await there.ask("GET", "/session")).status_code == 401
    assert (await there.sign_in("ana", PASSWORD)).status_code == 401
    assert (await there.sign_in("ana", "another long one")).status_code == 201


async def test_a_password_that_nobody_may_have_is_refused_with_its_field(gate, browser):
    await gate.add("ana.maria.of.networks", password=PASSWORD)
    await browser.sign_in("ana.maria.of.networks", PASSWORD)
    for new in ("short", "x" * 129, "ana.maria.of.networks", "ANA.Maria.of.Networks"):
        refused = await browser.ask("POST", "/session/password", {"old": PASSWORD, "new": new})
        assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "new"), new
    assert (await browser.ask("GET", "/session")).status_code == 200


async def test_with_a_one_time_password_nothing_can_be_done_but_to_choose_another(gate, browser, signed_in):
    boss = await signed_in("boss", "administrator")
    added = await boss.ask("POST", "/accounts", {"name": "ana", "grants": [{"role": "administrator"}]})
    assert added.status_code == 201
    given = added.json()["one_time_password"]
    answer = await browser.sign_in("ana", given)
    assert answer.json()["must_change_password"] is True
    refused = await browser.ask("GET", "/accounts")
    assert (refused.status_code, refused.json()["title"]) == (403, "Password change needed")
    changed = await browser.ask("POST", "/session/password", {"old": given, "new": PASSWORD})
    browser.csrf = changed.json()["csrf"]
    assert changed.json()["must_change_password"] is False
    assert (await browser.ask("GET", "/accounts")).status_code == 200


async def test_a_one_time_password_is_of_use_for_seven_days(gate, browser):
    account, given = await gate.accounts.add("main", "ana", by="desk")
    await gate.sql("UPDATE desk.account SET password_expires_at = password_expires_at - interval '6 days 23 hours'")
    assert (await browser.sign_in("ana", given)).status_code == 201
    await gate.sql("UPDATE desk.account SET password_expires_at = password_expires_at - interval '1 hour'")
    assert (await browser.sign_in("ana", given)).status_code == 401
    _, other = await gate.accounts.reset_password("main", account.id, by="desk")
    assert (await browser.sign_in("ana", other)).status_code == 201


async def test_signing_in_again_ends_the_session_that_the_browser_had(gate, browser):
    await gate.add("ana", password=PASSWORD)
    await browser.sign_in("ana", PASSWORD)
    old = browser.client.cookies["tierdesk"]
    await browser.sign_in("ana", PASSWORD)
    assert browser.client.cookies["tierdesk"] != old
    assert await gate.session(old) is None


async def test_a_long_answer_learns_that_its_reader_was_signed_out(gate):
    from tierdesk_desk.http.access import person_of

    account = await gate.add("ana", "agent", password=PASSWORD)
    signed = await gate.sign_in.sign_in("main", "ana", PASSWORD)
    person = person_of(await gate.session(signed.token))
    assert await gate.access.still_signed_in(person)
    await gate.accounts.reset_password("main", account.id, by="desk")
    assert not await gate.access.still_signed_in(person)


async def test_accounts_of_one_login_in_two_tenants_are_two(gate, browser):
    await gate.add("ana", password=PASSWORD)
    await gate.add("ana", tenant="other", password="of another tenant")
    assert (await browser.sign_in("ana", PASSWORD)).json()["person"]["tenant"] == "main"
    assert (await browser.sign_in("ana", PASSWORD, tenant="other")).status_code == 401
    answer = await browser.sign_in("ana", "of another tenant", tenant="other")
    assert answer.json()["person"]["tenant"] == "other"


async def test_whatever_does_not_fit_is_refused_alike(gate, browser):
    disabled = await gate.add("gone", password=PASSWORD)
    from tierdesk_desk.accounts import Changes

    await gate.accounts.change("main", disabled.id, Changes(disabled=True), by="desk")
    await gate.add("ana", password=PASSWORD)
    tries = [("ana", "wrong"), ("nobody", PASSWORD), ("gone", PASSWORD), ("ana\u202e", PASSWORD), ("' OR 1=1 --", "x")]
    answers = [await browser.sign_in(name, password) for name, password in tries]
    answers.append(await browser.sign_in("ana", PASSWORD, tenant="nowhere"))
    assert {answer.status_code for answer in answers} == {401}
    documents = [answer.json() | {"request_id": ""} for answer in answers]
    assert all(document == documents[0] for document in documents)
    assert not any("set-cookie" in answer.headers for answer in answers)


WRONG = [
        ("main", "ana\x00", PASSWORD), ("main\x00", "ana", PASSWORD), ("main", "ana", "\x00"), ("", "", ""),
        ("main", "ana", PASSWORD + "x" * 1_000_000), ("main", "a" * 1_000_000, "x"), ("main", "\ufdfa" * 200, "\ufdfa" * 9_999),
]  # fmt: skip


async def test_what_a_form_may_bring_is_refused_like_a_wrong_password(gate):
    from tierdesk_desk.signing_in import RefusedError

    await gate.add("ana", password=PASSWORD)
    for tenant, name, password in WRONG:
        with pytest.raises(RefusedError):
            await gate.sign_in.sign_in(tenant, name, password)


async def test_who_was_refused_stands_in_the_audit_and_what_is_no_login_does_not(gate, browser):
    await gate.add("ana", password=PASSWORD)
    before = len(await gate.audited())
    await browser.sign_in("ana", "wrong")
    await browser.sign_in("my-secret-typed-in-the-wrong-field", "wrong")
    await browser.sign_in("ana", "wrong", tenant="nowhere")
    assert (await gate.audited())[before:] == [
        ("stranger", "session.refused", "ana"), ("stranger", "session.refused", ""),
    ]  # fmt: skip
    assert await gate.audited("nowhere") == []


async def test_an_account_that_is_disabled_while_its_password_is_looked_at_is_not_let_in(gate, monkeypatch):
    from tierdesk_desk.accounts import Changes
    from tierdesk_desk.signing_in import RefusedError

    account = await gate.add("ana", password=PASSWORD)
    looked = gate.hashing.verify

    async def look_slowly(password, stored):
        found = await looked(password, stored)
        await gate.accounts.change("main", account.id, Changes(disabled=True), by="desk")
        return found

    monkeypatch.setattr(gate.hashing, "verify", look_slowly)
    with pytest.raises(RefusedError):
        await gate.sign_in.sign_in("main", "ana", PASSWORD)
    assert await gate.sql("SELECT * FROM desk.session") == []


async def test_many_sign_in_at_once(gate, open_browser):
    await gate.add("ana", password=PASSWORD)
    answers = await asyncio.gather(*(open_browser().sign_in("ana", PASSWORD) for _ in range(8)))
    assert [answer.status_code for answer in answers] == [201] * 8
    assert len({answer.json()["csrf"] for answer in answers}) == 8


async def test_all_who_come_back_at_once_leave_connections_for_others(gate, browser):
    await gate.add("ana", password=PASSWORD)
    await browser.sign_in("ana", PASSWORD)
    blocker = await asyncpg.connect(gate.admin_url)
    try:
        async with blocker.transaction():
            await blocker.execute("LOCK TABLE desk.session IN ACCESS EXCLUSIVE MODE")
            asked = [asyncio.create_task(browser.ask("GET", "/session")) for _ in range(50)]
            await asyncio.sleep(0.5)
            async with asyncio.timeout(2), gate.database.read() as connection:
                await connection.execute(text("SELECT 1"))
    finally:
        await blocker.close()
    assert {answer.status_code for answer in await asyncio.gather(*asked)} == {200}
