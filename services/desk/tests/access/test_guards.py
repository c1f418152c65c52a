"""What protects a session from pages of other sites, and passwords from guessing."""

import statistics
import time

import pytest
from pwdlib.hashers.argon2 import Argon2Hasher

from tierdesk_desk.domain.passwords import normal_form
from tierdesk_desk.hashing import MOST_WAITING, HashingBusyError, PasswordHashing
from tierdesk_desk.http.access import page_for, signed_in, way_back
from tierdesk_desk.signing_in import AT_ONCE, INTERVAL

PASSWORD = "correct horse battery"


async def test_what_changes_something_needs_the_token_of_this_session(gate, signed_in):
    ana, bob = await signed_in("ana", "administrator"), await signed_in("bob", "administrator")
    own = ana.csrf
    for token in ("", "x", bob.csrf, own[:-1], own + "0", own.upper(), "é"):
        ana.csrf = token
        refused = await ana.client.post(
            "/v1/desk/accounts", json={"name": "cai"}, headers={"X-CSRF-Token": token.encode()}
        )
        assert (refused.status_code, refused.json()["title"]) == (403, "CSRF token missing"), token
        assert (await ana.client.get("/v1/desk/session")).status_code == 200
    bare = await ana.client.post("/v1/desk/accounts", json={"name": "cai"})
    assert bare.status_code == 403
    ana.csrf = own
    assert (await ana.ask("POST", "/accounts", {"name": "cai"})).status_code == 201


async def test_a_form_may_bring_the_token_in_a_field(gate, app, signed_in):
    from typing import Annotated

    from fastapi import Depends, Request

    from tierdesk_desk.domain.people import Person
    from tierdesk_desk.http.access import page_for, session_of

    @app.post("/page")
    async def page(request: Request, person: Annotated[Person, Depends(page_for())]) -> dict:
        form = await request.form()
        return {"name": person.name, "said": form["said"], "csrf": session_of(request).csrf}

    ana = await signed_in("ana")
    good = await ana.client.post("/page", data={"csrf": ana.csrf, "said": "yes"})
    assert good.json() == {"name": "ana", "said": "yes", "csrf": ana.csrf}
    files = {"file": ("a.txt", b"text")}
    assert (await ana.client.post("/page", data={"csrf": ana.csrf, "said": "x"}, files=files)).status_code == 200
    assert (await ana.client.post("/page", data={"csrf": "no", "said": "yes"})).status_code == 403
    assert (await ana.client.post("/page", data={"said": "yes"})).status_code == 403
    assert (await ana.client.post("/page", json={"csrf": ana.csrf, "said": "yes"})).status_code == 403


async def test_who_is_not_signed_in_is_sent_from_a_page_to_where_people_sign_in_and_back(app, browser):
    from typing import Annotated

    from fastapi import Depends

    from tierdesk_desk.domain.people import Person

    @app.get("/board/l1")
    async def page(person: Annotated[Person, Depends(page_for())]) -> str:
        return person.name

    sent = await browser.client.get("/board/l1?sort=due&x=a%20b")
    assert sent.status_code == 303
    assert sent.headers["location"] == "/login?next=/board/l1%3Fsort%3Ddue%26x%3Da%2520b"


@pytest.mark.parametrize(
    ("asked", "goes"),
    [
        ("/board?x=1", "/board?x=1"), (None, "/"), ("", "/"), ("//evil.example", "/"), ("https://evil.example", "/"),
        ("/\\evil.example", "/"), ("/a\r\nSet-Cookie: x=y", "/"), ("javascript:alert(1)", "/"),
    ],
)  # fmt: skip
def test_the_way_back_leads_to_no_other_site(asked, goes):
    assert way_back(asked) == goes


ORIGINS = (
    ({}, True),
    ({"Sec-Fetch-Site": "same-origin"}, True),
    ({"Sec-Fetch-Site": "same-origin", "Origin": "null"}, True),
    ({"Sec-Fetch-Site": "none"}, True),
    ({"Sec-Fetch-Site": "cross-site"}, False),
    ({"Sec-Fetch-Site": "same-site"}, False),
    ({"Sec-Fetch-Site": "cross-site", "Origin": "http://desk"}, False),
    ({"Origin": "http://desk"}, True),
    ({"Origin": "http://DESK"}, True),
    ({"Origin": "null"}, False),
    ({"Origin": "http://evil.example"}, False),
    ({"Origin": "http://desk.evil.example"}, False),
    ({"Origin": "http://desk:8081"}, False),
)


async def test_requests_of_other_origins_are_refused_where_the_browser_tells(gate, signed_in):
    for number, (headers, allowed) in enumerate(ORIGINS):
        ana = await signed_in(f"ana-{number}", "administrator")
        sent = {name.replace("-", "_"): value for name, value in headers.items()}
        made = await ana.ask("POST", "/accounts", {"name": f"cai-{number}"}, **sent)
        assert made.status_code == (201 if allowed else 403), headers
        body = {"name": f"ana-{number}", "password": f"the password of ana-{number}"}
        answer = await ana.client.post("/v1/desk/sessions", json=body, headers=headers)
        assert answer.status_code == (201 if allowed else 403), headers


async def test_with_an_address_of_the_desk_that_origin_alone_is_taken(gate, app, signed_in):
    from tierdesk_desk.http.access import Access

    ana = await signed_in("ana", "administrator")
    Access(gate.database, public_url="http://desk.example:8080/console").install(app)
    for origin, status in (("http://desk.example:8080", 201), ("http://desk", 403), ("https://desk.example:8080", 403)):
        assert (await ana.ask("POST", "/accounts", {"name": f"x{status}"}, Origin=origin)).status_code == status, origin


async def test_guessing_one_password_is_slow(gate, browser, open_browser):
    await gate.add("ana", password=PASSWORD)
    for name in ("ana", "nobody"):
        for _ in range(AT_ONCE):
            assert (await open_browser().sign_in(name, "wrong")).status_code == 401
        slowed = await browser.sign_in(name, PASSWORD)
        assert (slowed.status_code, slowed.json()["title"]) == (429, "Too many wrong passwords")
        assert 1 <= int(slowed.headers["retry-after"]) <= INTERVAL.total_seconds()
    assert (await open_browser().sign_in("ANA", "wrong")).status_code == 429
    await gate.sql("UPDATE desk.sign_in_pace SET free_at = free_at - $1::interval", INTERVAL)
    assert (await browser.sign_in("ana", PASSWORD)).status_code == 201


async def test_tries_at_once_are_no_way_around(gate, open_browser):
    import asyncio

    await gate.add("ana", password=PASSWORD)
    answers = await asyncio.gather(*(open_browser().sign_in("ana", "wrong") for _ in range(3 * AT_ONCE)))
    assert sorted(answer.status_code for answer in answers) == [401] * AT_ONCE + [429] * 2 * AT_ONCE


async def test_who_signed_in_with_a_browser_before_is_locked_out_of_it_by_nobody(gate, browser, open_browser):
    await gate.add("ana", password=PASSWORD)
    await gate.add("bob", password=PASSWORD)
    await browser.sign_in("ana", PASSWORD)
    await browser.ask("DELETE", "/session")
    await gate.sql(
        "INSERT INTO desk.sign_in_pace VALUES ('total:' || encode(sha256('main'), 'hex'), now() + interval '1 day')"
        " ON CONFLICT (key) DO UPDATE SET free_at = excluded.free_at"
    )
    assert (await open_browser().sign_in("ana", PASSWORD)).status_code == 429
    assert (await browser.sign_in("ana", PASSWORD)).status_code == 201
    assert (await browser.sign_in("bob", PASSWORD)).status_code == 429  # the mark is of ana's browser
    for _ in range(AT_ONCE):
        assert (await browser.sign_in("ana", "wrong")).status_code == 401
    assert (await browser.sign_in("ana", PASSWORD)).status_code == 429  # whoever has the browser guesses slowly too


async def test_a_mark_that_this_desk_did_not_make_is_none(gate, browser, open_browser):
    await gate.add("ana", password=PASSWORD)
    await browser.sign_in("ana", PASSWORD)
    mark = browser.client.cookies["tierdesk-browser"]
    for forged in ("", "x", ".", f"0{mark[1:]}x", mark.partition(".")[0] + "." + "0" * 64, "ä.ö"):
        await gate.sql("DELETE FROM desk.sign_in_pace")
        refused = await open_browser().client.post(
            "/v1/desk/sessions",
            json={"name": "ana", "password": "wrong"},
            headers={"Cookie": f"tierdesk-browser={forged}".encode("latin-1")},
        )
        assert refused.status_code == 401
        keys = [row["key"] for row in await gate.sql("SELECT key FROM desk.sign_in_pace ORDER BY key")]
        assert [key.partition(":")[0] for key in keys] == ["login", "total"], forged


async def test_one_password_tried_on_many_logins_is_slow_too(gate, browser, monkeypatch):
    monkeypatch.setattr("tierdesk_desk.signing_in.TOTAL_AT_ONCE", 3)
    monkeypatch.setattr("tierdesk_desk.signing_in.TOTAL_INTERVAL", INTERVAL)
    for name in ("first", "second", "third"):
        assert (await browser.sign_in(name, "Password1234")).status_code == 401
    assert (await browser.sign_in("fourth", "Password1234")).status_code == 429


async def test_good_passwords_cost_nothing(gate, open_browser):
    await gate.add("ana", password=PASSWORD)
    for _ in range(AT_ONCE + 2):
        assert (await open_browser().sign_in("ana", PASSWORD)).status_code == 201


async def test_what_is_paid_off_is_forgotten(gate, browser):
    await gate.sql(
        "INSERT INTO desk.sign_in_pace SELECT 'login:' || n, now() - interval '1 s' FROM generate_series(1, 50) n"
    )
    await browser.sign_in("ana", "wrong")
    (row,) = await gate.sql("SELECT count(*) AS kept FROM desk.sign_in_pace")
    assert row["kept"] == 2


async def test_a_login_that_is_none_takes_as_long_as_a_wrong_password(gate, monkeypatch):
    """Counted rather than timed: the same hash is computed, and as much is written."""
    from tierdesk_desk.signing_in import RefusedError

    await gate.add("ana", password=PASSWORD)
    looked = []
    verify = PasswordHashing._verify
    monkeypatch.setattr(PasswordHashing, "_verify", lambda *given: looked.append(given[2]) or verify(*given))
    for name in ("ana", "nobody"):
        with pytest.raises(RefusedError):
            await gate.sign_in.sign_in("main", name, "wrong")
    known, unknown = looked
    assert (known is not None, unknown) == (True, None)
    assert [entry[:2] for entry in (await gate.audited())[-2:]] == [("stranger", "session.refused")] * 2


async def test_passwords_are_looked_at_as_long_for_nobody_as_for_somebody():
    hashing = PasswordHashing(Argon2Hasher(time_cost=2, memory_cost=16 * 1024, parallelism=1))
    stored = await hashing.hash(PASSWORD)
    times = {}
    for name, one in (("known", stored), ("unknown", None), ("unreadable", "$1$md5")):
        taken = []
        for _ in range(9):
            begun = time.perf_counter()
            assert await hashing.verify("wrong", one) == (False, None)
            taken.append(time.perf_counter() - begun)
        times[name] = statistics.median(taken)
    hashing.close()
    assert max(times.values()) < 3 * min(times.values()), times


async def test_a_hash_that_became_too_weak_is_made_anew_at_the_next_sign_in(gate, browser, hashing):
    account = await gate.add("ana", password=PASSWORD)
    weak = PasswordHashing(Argon2Hasher(time_cost=1, memory_cost=16, parallelism=2))
    weaker = await weak.hash(PASSWORD)
    weak.close()
    await gate.sql("UPDATE desk.account SET password_hash = $1 WHERE id = $2", weaker, account.id)
    assert (await browser.sign_in("ana", PASSWORD)).status_code == 201
    (row,) = await gate.sql("SELECT password_hash FROM desk.account WHERE id = $1", account.id)
    assert row["password_hash"] != weaker
    assert await hashing.verify(PASSWORD, row["password_hash"]) == (True, None)
    assert (await browser.ask("GET", "/session")).status_code == 200


async def test_a_password_fits_however_a_keyboard_composes_its_letters(gate, browser):
    await gate.add("ana", password="Kühle Straße 12")
    composed, apart = "Kühle Straße 12", "Ku\u0308hle Straße 12"
    assert composed != apart
    assert normal_form(apart) == composed
    assert (await browser.sign_in("ana", apart)).status_code == 201


async def test_more_sign_ins_than_can_be_looked_at_are_refused_at_once(gate, browser, monkeypatch):
    monkeypatch.setattr(gate.hashing, "_waiting", MOST_WAITING)
    answer = await browser.sign_in("ana", "wrong")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    with pytest.raises(HashingBusyError):
        await gate.hashing.hash("x")


def test_pages_and_endpoints_ask_for_the_same():
    assert signed_in().model == page_for().model
