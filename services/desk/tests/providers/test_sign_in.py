"""Signing in at a provider, from the button to the session and out again; and all that must not lead there."""

import asyncio
import json
import time

import pytest
from structlog.testing import capture_logs

from servers.openid import new_key, sign
from tierdesk_desk import provider_sign_in
from tierdesk_desk.accounts import Changes
from tierdesk_desk.domain.accounts import read_grant
from tierdesk_store import DatabaseUnavailableError


def told(answer):
    """The word for what went wrong, by the text of the page."""
    texts = {
        "Please begin again": "provider_stale", "did not sign you in": "provider_refused",
        "does not prove who you are": "provider_unfit", "no account here is open": "provider_unknown",
        "does not answer at the moment": "provider_away",
    }  # fmt: skip
    return next(word for text, word in texts.items() if text in answer.text)


async def test_a_person_comes_by_the_button_and_leaves_both(gate, open_browser):
    await gate.add("ana", "author", has_password=False)
    browser = open_browser(gate.build(link_by_login=True))
    page = await browser.client.get("/login?next=/escalated")
    assert 'href="/login/company?next=/escalated"' in page.text
    assert "Sign in with Example &amp; Co." in page.text
    arrived = await browser.sign_in("/login/company?next=/escalated")
    assert (arrived.status_code, arrived.headers["location"]) == (303, "/escalated")
    cookies = arrived.headers.get_list("set-cookie")
    assert any(one.startswith("tierdesk-journey=") and "Max-Age=0" in one for one in cookies)
    assert all("HttpOnly" in one and "SameSite=lax" in one for one in cookies)
    person = await browser.who()
    assert person["name"] == "ana"
    assert [(one["role"], one["tier"]) for one in person["grants"]] == [("agent", "l1"), ("author", None)]
    assert await gate.audited() == [
        ("desk", "account.added", "ana"), ("provider:company", "account.linked", "ana"),
        ("provider:company", "account.granted", "ana"), ("person:ana", "session.begun", "ana"),
    ]  # fmt: skip
    (session,) = await gate.sql("SELECT expires_at - created_at AS longest FROM desk.session")
    assert session["longest"].total_seconds() == 12 * 3600
    csrf = (await browser.client.get("/v1/desk/session")).json()["csrf"]
    left = await browser.client.post("/logout", data={"csrf": csrf})
    onward = left.headers["refresh"].removeprefix("0;url=")
    assert onward.startswith(f"{gate.there.issuer}/sign-out?at=all&client_id=tierdesk&")
    assert "id_token_hint=ey" in onward
    assert "post_logout_redirect_uri=http%3A%2F%2Fdesk%2Flogin" in onward
    assert await browser.who() is None


async def test_nobody_comes_by_what_this_browser_did_not_begin_or_used_before(gate, open_browser):
    await gate.add("ana", "agent", has_password=False)
    app = gate.build(link_by_login=True)
    victim, attacker = open_browser(app), open_browser(app)
    back = await attacker.leave()
    for stranger in (victim, open_browser(app)):  # with no cookie, and with one of another sign-in
        await victim.leave()
        answer = await stranger.client.get(back)
        assert (answer.status_code, told(answer)) == (400, "provider_stale")
    kept = attacker.client.cookies["tierdesk-journey"]

    async def bring(cookie):
        return await open_browser(app).client.get(back, headers={"Cookie": f"tierdesk-journey={cookie}"})

    for wrong in ("", "x", kept[:-1], f"{kept}A", kept.replace(".", "..", 1), "a.9999999999.Lw.proof", "."):
        assert told(await bring(wrong)) == "provider_stale", wrong
    assert (await bring(kept)).status_code == 303
    assert told(await bring(kept)) == "provider_stale"  # the very same again, as from a history or a log
    assert gate.there.asked.count("/token") == 1  # nor is the provider asked
    back = await attacker.leave()
    gate.skipped_seconds = 601.0
    assert told(await attacker.client.get(back)) == "provider_stale"
    assert len(await gate.sql("SELECT FROM desk.session")) == 1


async def test_at_once_one_answer_is_good_once(gate, open_browser):
    await gate.add("ana", "agent", has_password=False)
    browser = open_browser(gate.build(link_by_login=True))
    back = await browser.leave()
    answers = await asyncio.gather(*(browser.client.get(back) for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [303, 400, 400, 400, 400]
    assert gate.there.asked.count("/token") == 1
    again = await browser.leave()
    used = again.replace(again.partition("code=")[2].partition("&")[0], "code-0")
    assert told(await browser.client.get(used)) == "provider_stale"


async def test_the_way_back_leads_to_no_other_site(gate, open_browser):
    await gate.add("ana", "agent", has_password=False)
    browser = open_browser(gate.build(link_by_login=True))
    for way in ("//evil.example", "https://evil.example", "/%5Cevil.example", f"/{'x' * 1_000}"):
        arrived = await browser.sign_in(f"/login/company?next={way}")
        assert arrived.headers["location"] == "/", way
    assert (await browser.client.get("/login/nobody")).status_code == 404
    assert (await browser.client.get("/login/nobody/return")).status_code == 404


async def test_no_token_but_the_right_one_lets_anybody_in(gate, open_browser):
    """Each case changes the one token or answer, and nothing else; in the end the right one still does."""
    there = gate.there
    await gate.add("ana", "agent", has_password=False)
    browser = open_browser(gate.build(link_by_login=True))
    now = int(time.time())
    stranger = new_key("first")

    async def refused(why):
        with capture_logs() as logs:
            answer = await browser.sign_in()
        assert (answer.status_code, told(answer)) == (401, "provider_unfit"), why
        (noted,) = [line["why"] for line in logs if line["event"] == "not_signed_in"]
        assert noted.startswith(why), noted

    there.sign = lambda claims: sign(claims, stranger)
    await refused("the signature is wrong")
    there.sign = there.sign_well
    for field, value in (
        ("iss", "https://evil.example"), ("aud", "another"), ("nonce", "another"), ("exp", now - 121), ("sub", 7), ("at_hash", "wrong"),
    ):  # fmt: skip
        there.change = lambda claims, changed={field: value}: claims | changed
        await refused(f"{field}:")
    there.change = lambda claims: claims
    back = await browser.leave()
    assert told(await browser.client.get(back.replace(f"iss={back.partition('iss=')[2]}", "iss=x"))) == "provider_unfit"
    back = await browser.leave()
    denied = back.replace(f"code={back.partition('code=')[2].partition('&')[0]}", "error=access_denied")
    assert told(await browser.client.get(denied)) == "provider_refused"
    assert await gate.sql("SELECT FROM desk.session") == []
    assert (await browser.sign_in()).status_code == 303


async def test_another_password_makes_no_longer_session_of_one_that_began_at_the_provider(gate, open_browser):
    ana = await gate.add("ana", "agent")
    await gate.linking.invite("main", ana.id, "company", by="person:boss")
    gate.there.person["sid"] = "one"
    browser = open_browser(gate.build(session_hours=1))
    assert (await browser.sign_in()).status_code == 303
    csrf = (await browser.client.get("/v1/desk/session")).json()["csrf"]
    new = "another long password"
    said = {"csrf": csrf, "old": gate.password, "new": new, "again": new}
    assert (await browser.client.post("/password", data=said)).status_code == 303
    (session,) = await gate.sql("SELECT expires_at - created_at AS longest, id_token FROM desk.session")
    assert session["longest"].total_seconds() <= 3_600
    assert session["id_token"]
    ended = {"logout_token": gate.there.logout_token(sid="one")}
    assert (await browser.client.post("/login/company/ended", data=ended)).status_code == 200
    assert await browser.who() is None


async def test_a_new_key_of_the_provider_is_found_and_asked_for_once_in_a_while(gate, open_browser):
    there = gate.there
    await gate.add("ana", "agent", has_password=False)
    browser = open_browser(gate.build(link_by_login=True))
    assert (await browser.sign_in()).status_code == 303
    assert (await browser.sign_in()).status_code == 303
    assert there.asked.count("/keys") == there.asked.count("/.well-known/openid-configuration") == 1
    gate.monotonic.seconds += 60
    there.keys = [new_key("second", rsa=True)]
    assert (await browser.sign_in()).status_code == 303
    assert there.asked.count("/keys") == 2
    there.sign = lambda claims: sign(claims, new_key("nobody's"))
    for _ in range(3):
        assert told(await browser.sign_in()) == "provider_unfit"
    assert there.asked.count("/keys") == 2
    there.sign = there.sign_well
    gate.monotonic.seconds += 3_600
    there.answers["/keys"] = lambda: (500, {}, b"")
    assert (await browser.sign_in()).status_code == 303  # with what was had last


async def test_a_provider_that_is_slow_huge_or_down_is_told_and_passwords_go_on(gate, open_browser):
    there = gate.there
    await gate.add("ana", "agent")
    browser = open_browser(gate.build())
    body = json.dumps(there.document()).encode()
    good, path = (200, {}, body), "/.well-known/openid-configuration"
    there.answers["/moved"] = lambda: good
    broken = {
        "slow": lambda: time.sleep(1.3) or good, "down": lambda: None, "500": lambda: (500, {}, body),
        "huge": lambda: (200, {}, body[:-1] + b', "a": "' + b"x" * 600_000 + b'"}'), "no json": lambda: (200, {}, b"<html>"),
        "a list": lambda: (200, {}, b"[]"), "deep": lambda: (200, {}, body[:-1] + b', "a": ' + b"[" * 100_000),
        "nan": lambda: (200, {}, body[:-1] + b', "a": NaN}'), "packed": lambda: (200, {"Content-Encoding": "gzip"}, body),
        "elsewhere": lambda: (302, {"Location": "/moved"}, b""), "bare": lambda: (200, {}, b"{}"),
        "another": lambda: (200, {}, json.dumps(there.document() | {"issuer": "https://evil.example"}).encode()),
    }  # fmt: skip
    for name, answer in broken.items():
        there.answers[path] = answer
        shown = await browser.client.get("/login/company")
        assert (shown.status_code, told(shown)) == (503, "provider_away"), name
        gate.monotonic.seconds += 6
    there.answers = {}
    for changed in (
        {"token_endpoint": "http://evil.example/token"},
        {"authorization_endpoint": "javascript:x"},
        {"jwks_uri": 1},
    ):
        there.metadata = changed
        assert told(await browser.client.get("/login/company")) == "provider_away", changed
        gate.monotonic.seconds += 6
    there.metadata = {}
    back = await browser.leave()
    there.answers["/token"] = lambda: None
    assert told(await browser.client.get(back)) == "provider_away"
    signed = await browser.client.post("/login", data={"name": "ana", "password": gate.password})
    assert signed.status_code == 303
    assert (await browser.who())["name"] == "ana"


async def test_somebody_elses_login_opens_nothing(gate, open_browser):
    """Whoever can choose what a claim says comes into no account that has a password, a link, or the keys."""
    there = gate.there
    await gate.add("boss", "administrator")
    await gate.add("keeper", "administrator", has_password=False)
    await gate.add("bob", "agent")
    await gate.add("ana", "agent", has_password=False)
    browser = open_browser(gate.build(link_by_login=True, creates_accounts=True))
    assert (await browser.sign_in()).status_code == 303
    there.person["sub"] = "s-eve"
    for login in ("boss", "keeper", "bob", "ana", "ANA", "admin", "", "a b", ["ana"], None):
        there.person["preferred_username"] = login
        refused = await browser.sign_in()
        assert (refused.status_code, told(refused)) == (403, "provider_unknown"), login
    rows = await gate.sql(
        "SELECT subject, detail->>'why' AS why FROM desk.audit WHERE action = 'session.refused' ORDER BY position"
    )
    assert [tuple(row) for row in rows] == [
        ("boss", "has-a-password"), ("keeper", "keeps-accounts"), ("bob", "has-a-password"),
        ("ana", "linked-to-another"), ("ana", "linked-to-another"), ("", "reserved"), ("", "no-login"),
        ("", "no-login"), ("", "no-login"), ("", "no-login"),
    ]  # fmt: skip
    assert told(await browser.sign_in()) == "provider_unknown"  # and that is noted no more
    assert len(await gate.sql("SELECT FROM desk.audit WHERE action = 'session.refused'")) == 10
    there.person |= {"sub": "s-ana", "preferred_username": "boss"}  # whatever is told: the link counts
    assert (await browser.sign_in()).status_code == 303
    assert (await browser.who())["name"] == "ana"


async def test_an_administrators_word_opens_an_account_once(gate, open_browser):
    bob = await gate.add("bob", "agent")
    await gate.accounts.reset_password("main", bob.id, by="desk")  # a password that has to be changed bars nothing
    gate.there.person |= {"preferred_username": "bob", "sub": "s-bob"}
    browser = open_browser(gate.build())
    assert told(await browser.sign_in()) == "provider_unknown"
    await gate.linking.invite("main", bob.id, "company", subject="s-other", by="person:boss")
    assert told(await browser.sign_in()) == "provider_unknown"
    await gate.linking.invite("main", bob.id, "company", by="person:boss")
    await gate.sql("UPDATE desk.account_invitation SET expires_at = now()")
    assert told(await browser.sign_in()) == "provider_unknown"
    await gate.linking.invite("main", bob.id, "company", by="person:boss")
    assert (await browser.sign_in()).status_code == 303
    assert (await browser.client.get("/escalated")).status_code != 303
    assert await gate.sql("SELECT FROM desk.account_invitation") == []
    (link,) = await gate.linking.unlink("main", bob.id, by="person:boss")
    assert (link.subject, await browser.who()) == ("s-bob", None)
    assert [str(one.role) for one in (await gate.accounts.read("main", bob.id)).grants] == ["agent"]
    assert told(await browser.sign_in()) == "provider_unknown"
    await gate.linking.invite("main", bob.id, "company", subject="s-bob", by="person:boss")
    gate.there.person["preferred_username"] = "somebody"
    assert (await browser.sign_in()).status_code == 303


async def test_an_unknown_person_gets_an_account_where_that_is_said_and_a_disabled_one_stays_out(gate, open_browser):
    browser = open_browser(gate.build(creates_accounts=True, first_grants=["auditor"]))
    assert (await browser.sign_in()).status_code == 303
    person = await browser.who()
    assert (person["name"], person["display_name"]) == ("ana", "Ana Archer")
    assert sorted(one["role"] for one in person["grants"]) == ["agent", "auditor"]
    account = await gate.accounts.find("main", "ana")
    await gate.accounts.change("main", account.id, Changes(disabled=True), by="desk")
    assert await browser.who() is None
    assert told(await browser.sign_in()) == "provider_unknown"
    closed = open_browser(gate.build())
    gate.there.person |= {"sub": "s-new", "preferred_username": "new"}
    assert told(await closed.sign_in()) == "provider_unknown"


async def test_groups_are_read_anew_at_each_sign_in(gate, open_browser):
    there = gate.there
    account = await gate.add("ana", "author", has_password=False)
    app = gate.build(link_by_login=True, userinfo=True)
    first, second = open_browser(app), open_browser(app)
    there.userinfo = {"sub": "s-ana", "realm": {"roles": ["desk-admin"]}, "groups": "not looked at: the token says it"}

    async def held():
        return sorted(str(one.role) for one in (await gate.accounts.read("main", account.id)).grants)

    assert (await first.sign_in()).status_code == 303
    assert await held() == ["administrator", "agent", "author"]
    await gate.accounts.add_grants("main", account.id, account.grants, by="desk")
    for value, roles in (
        (7, ["administrator", "author"]), (["service-desk", 1, None], ["administrator", "agent", "author"]),
    ):  # fmt: skip
        there.person["groups"] = value
        assert (await second.sign_in()).status_code == 303
        assert await held() == roles
    assert await first.who() is None  # what was granted has changed since
    there.userinfo = {"sub": "s-ana"}
    assert (await second.sign_in()).status_code == 303
    assert await held() == ["agent", "author"]
    there.userinfo = {"sub": "s-eve", "realm": {"roles": ["desk-admin"]}}
    assert told(await second.sign_in()) == "provider_unfit"
    await gate.accounts.add_grants("main", account.id, [read_grant("agent:l1")], by="desk")  # by hand from now on
    there.userinfo, there.person["groups"] = {"sub": "s-ana"}, []
    assert (await second.sign_in()).status_code == 303
    assert await held() == ["agent", "author"]


async def test_who_signs_out_at_the_provider_is_signed_out_here(gate, open_browser, monkeypatch):
    there = gate.there
    await gate.add("ana", "agent", has_password=False)
    app = gate.build(link_by_login=True)
    first, second = open_browser(app), open_browser(app)

    async def tell(token):
        return (await first.client.post("/login/company/ended", data={"logout_token": token})).status_code

    async def away(*_):
        raise DatabaseUnavailableError("away")

    there.person["sid"] = "one"
    await first.sign_in()
    there.person["sid"] = "two"
    await second.sign_in()
    good = there.logout_token(sid="one")
    stranger = sign({"iss": there.issuer, "sid": "two"}, new_key("first"))
    for wrong in ("", "x", stranger, there.logout_token(), there.logout_token(sid="two", aud="x"),
                  there.logout_token(sid="two", events={}), there.logout_token(sid="two", nonce="n")):  # fmt: skip
        assert await tell(wrong) == 400
    with monkeypatch.context() as broken:
        broken.setattr(provider_sign_in, "open_trail", away)
        assert await tell(good) == 503
    assert (await first.who())["name"] == "ana"
    assert await tell(good) == 200  # it was not used up in vain
    assert (await first.who(), (await second.who())["name"]) == (None, "ana")
    await first.sign_in()
    assert await tell(good) == 400  # once
    assert await tell(there.logout_token(sub="s-nobody")) == 200
    assert (await first.who())["name"] == "ana"
    assert await tell(there.logout_token(sub="s-ana")) == 200
    assert (await first.who(), await second.who()) == (None, None)
    assert [row for row in await gate.audited() if row[1] == "session.ended"] == [
        ("provider:company", "session.ended", "ana")
    ] * 2
    there.person.pop("sid")
    await first.sign_in()
    there.person["sid"] = "two"
    await second.sign_in()
    assert await tell(there.logout_token(sid="one", sub="s-ana")) == 200  # of the first is not known in which it began
    assert (await first.who(), (await second.who())["name"]) == (None, "ana")


async def test_where_only_the_provider_counts_passwords_open_the_first_administrator_alone(gate, open_browser):
    await gate.add("ana", "agent")
    password = gate.password
    await gate.add("admin", "administrator")
    browser = open_browser(gate.build(passwords_of={"main": ("admin",)}))
    page = await browser.client.get("/login")
    assert "<summary>With a password of this desk</summary>" in page.text
    refused = await browser.client.post("/login", data={"name": "ana", "password": password})
    assert refused.status_code == 401
    assert "Name and password do not fit" in refused.text
    by_json = await browser.client.post("/v1/desk/sessions", json={"name": "ana", "password": password})
    assert by_json.status_code == 401
    signed = await browser.client.post("/login", data={"name": "admin", "password": gate.password})
    assert signed.status_code == 303


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
async def test_the_secret_goes_as_the_provider_wants_it(gate, open_browser, method):
    await gate.add("ana", "agent", has_password=False)
    gate.there.metadata = {"token_endpoint_auth_methods_supported": [method]}
    browser = open_browser(gate.build(link_by_login=True))
    assert (await browser.sign_in()).status_code == 303
    (gate.folder / "secret").write_text("another")
    assert told(await browser.sign_in()) == "provider_unfit"
    (gate.folder / "secret").unlink()
    assert told(await browser.sign_in()) == "provider_away"
