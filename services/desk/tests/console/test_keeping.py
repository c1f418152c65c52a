"""The pages of accounts and of the audit."""

import re

import asyncpg


def csrf_of(page) -> str:
    return re.search(r'name="csrf" value="([^"]+)"', page.text)[1]


async def test_an_account_is_made_granted_changed_and_disabled(sign_in):
    ada = await sign_in("ada", "administrator")
    token = {"csrf": csrf_of(await ada.get("/accounts"))}
    new = token | {
        "name": "Otto",
        "display_name": "<b>Otto",
        "skills": "wireless",
        "capacity": "3",
        "role": "agent",
        "place": "l1/front",
    }
    made = await ada.post("/accounts", data=new)
    assert made.status_code == 200
    (password,) = re.findall(r'class="password">([^<]+)<', made.text)
    assert re.fullmatch(r"[0-9a-z]{5}(-[0-9a-z]{5}){3}", password)
    assert "&lt;b&gt;Otto" in made.text
    (path,) = set(re.findall(r'action="(/accounts/[0-9a-f-]{36})/change"', made.text))
    page = await ada.get(path)
    assert password not in page.text
    assert "agent:l1/front" in page.text
    assert (await ada.post("/accounts", data=new)).status_code == 409
    assert (await ada.post(f"{path}/grant", data=token | {"role": "lead", "place": "l2"})).status_code == 303
    assert (await ada.post(f"{path}/grant", data=token | {"role": "auditor", "place": "l2"})).status_code == 422
    assert (await ada.post(f"{path}/revoke", data=token | {"grant": "agent:l1/front"})).status_code == 303
    assert (await ada.post(f"{path}/revoke", data=token | {"grant": "agent:l1/front"})).status_code == 422
    changed = await ada.post(f"{path}/change", data=token | {"display_name": "Otto O.", "skills": "", "capacity": ""})
    assert changed.status_code == 303
    for wrong in ({"capacity": "-1"}, {"capacity": "1e3"}, {"skills": "<b>"}, {"display_name": "x" * 201}):
        assert (await ada.post(f"{path}/change", data=token | wrong)).status_code == 422
    for step in ("disable", "enable", "sign-out"):
        assert (await ada.post(f"{path}/{step}", data=token)).status_code == 303
    again = await ada.post(f"{path}/password", data=token)
    assert again.status_code == 200
    assert 'class="password"' in again.text
    shown = (await ada.get("/accounts")).text
    assert "Otto O." in shown
    told = (await ada.get("/audit", params={"subject": "otto"})).text
    for words in ("made the account", "changed the grants", "disabled the account", "made a one-time password"):
        assert words in told
    assert password not in told


async def test_what_cannot_be_made_is_told_in_the_form_with_what_was_typed(sign_in):
    ada = await sign_in("ada", "administrator")
    token = {"csrf": csrf_of(await ada.get("/accounts"))}
    for name, status in (("", 422), ("<script>", 422), ("ada", 409)):
        answer = await ada.post("/accounts", data=token | {"name": name, "display_name": "<b>Somebody"})
        assert answer.status_code == status
        assert "&lt;b&gt;Somebody" in answer.text


async def test_the_last_administrator_stays(sign_in):
    ada = await sign_in("ada", "administrator")
    page = await ada.get("/accounts")
    (path,) = set(re.findall(r'href="(/accounts/[0-9a-f-]{36})"', page.text))
    token = {"csrf": csrf_of(page)}
    for step, more in (("disable", {}), ("revoke", {"grant": "administrator"})):
        answer = await ada.post(f"{path}/{step}", data=token | more)
        assert answer.status_code == 409
        assert "It is the last administrator" in answer.text


async def test_an_account_that_is_not_there_is_as_one_of_another_tenant(sign_in, database, hashing):
    from tierdesk_desk.accounts import Accounts
    from tierdesk_runtime.clock import SystemClock
    from tierdesk_runtime.identifiers import Identifiers

    accounts = Accounts(database, hashing, SystemClock(), Identifiers())
    foreign, _ = await accounts.add("other", "foreign", by="desk")
    ada = await sign_in("ada", "administrator")
    token = {"csrf": csrf_of(await ada.get("/accounts"))}
    for account in (str(foreign.id), "01890000-0000-7000-8000-0000000000b0", "none"):
        assert (await ada.get(f"/accounts/{account}")).status_code == 404
        for step in ("change", "grant", "revoke", "password", "disable", "enable", "sign-out"):
            form = token | {"role": "agent", "grant": "agent"}
            assert (await ada.post(f"/accounts/{account}/{step}", data=form)).status_code == 404, step
    assert await accounts.read("other", foreign.id) == foreign


async def test_the_audit_is_verified_and_says_where_it_was_changed(sign_in, postgres_url):
    ada = await sign_in("ada", "administrator")
    token = {"csrf": csrf_of(await ada.get("/audit"))}
    good = await ada.post("/audit", data=token)
    assert "entries stand as they were written" in good.text
    (anchor,) = re.findall(r'class="mono">(\d+:[0-9a-f]{64})<', good.text)
    assert "stand as they were written" in (await ada.post("/audit", data=token | {"anchor": anchor})).text
    bad = await ada.post("/audit", data=token | {"anchor": "1:" + "0" * 64})
    assert "Entry 1 is not as it was written" in bad.text
    assert (await ada.post("/audit", data=token | {"anchor": "<b>"})).status_code == 422
    connection = await asyncpg.connect(postgres_url)
    try:
        await connection.execute("ALTER TABLE desk.audit DISABLE TRIGGER USER")
        await connection.execute("UPDATE desk.audit SET subject = 'eve' WHERE position = 2")
    finally:
        await connection.close()
    assert "Entry 2 is not as it was written" in (await ada.post("/audit", data=token)).text
