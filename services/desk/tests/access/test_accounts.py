"""Accounts over HTTP: made, changed, granted; never without an administrator, never another tenant's."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tierdesk_desk.accounts import (
    Changes,
    LastAdministratorError,
    NameTakenError,
    create_first_administrator,
)
from tierdesk_desk.domain.accounts import AccountError, order_grants, read_grant, read_login, write_grant
from tierdesk_desk.domain.passwords import ONE_TIME_BYTES, PasswordError, one_time_password, read_password
from tierdesk_desk.domain.roles import Grant, Role
from tierdesk_runtime.identifiers import Identifiers

PLACES = st.none() | st.from_regex(r"[a-z][a-z0-9-]{0,39}", fullmatch=True)


@pytest.fixture
async def boss(signed_in):
    return await signed_in("boss", "administrator")


async def test_an_account_is_made_changed_granted_and_listed(gate, boss):
    body = {
        "name": "Ana",
        "display_name": "Ana Archer",
        "skills": ["wireless", "wireless", "vpn"],
        "capacity": 3,
        "grants": [{"role": "agent", "tier": "l1", "group": "front"}, {"role": "author"}],
    }
    made = await boss.ask("POST", "/accounts", body)
    assert made.status_code == 201, made.text
    account = made.json()["account"]
    path = made.headers["location"].removeprefix("/v1/desk")
    assert (account["name"], account["skills"], account["must_change_password"]) == ("ana", ["wireless", "vpn"], True)
    assert account["grants"] == [
        {"role": "agent", "tier": "l1", "group": "front"},
        {"role": "author", "tier": None, "group": None},
    ]
    changed = await boss.ask("PATCH", path, {"capacity": None, "display_name": "Ana A."})
    assert (changed.json()["capacity"], changed.json()["display_name"]) == (None, "Ana A.")
    granted = await boss.ask("PUT", f"{path}/grants", {"grants": [{"role": "lead", "tier": "l1"}]})
    assert granted.json()["grants"] == [{"role": "lead", "tier": "l1", "group": None}]
    assert (await boss.ask("GET", path)).json() == granted.json()
    disabled = await boss.ask("PATCH", path, {"disabled": True})
    assert disabled.json()["disabled_at"] is not None
    listed = await boss.ask("GET", "/accounts")
    assert [one["name"] for one in listed.json()["accounts"]] == ["ana", "boss"]
    assert "password_hash" not in listed.text
    assert "argon2" not in listed.text
    told = [entry for entry in await gate.audited() if entry[0] == "person:boss" and entry[1].startswith("account.a")]
    assert told == [("person:boss", "account.added", "ana")]
    done = [entry[1] for entry in await gate.audited() if entry[2] == "ana"]
    assert done == ["account.added", "account.changed", "account.granted", "account.disabled"]


async def test_what_was_changed_stands_in_the_audit_with_what_it_was(gate, boss):
    account = await gate.add("ana", "agent:l1", skills=["vpn"])
    await boss.ask("PATCH", f"/accounts/{account.id}", {"skills": ["vpn", "wireless"], "display_name": "ana"})
    await boss.ask("PATCH", f"/accounts/{account.id}", {"skills": ["vpn", "wireless"]})
    entries = (await boss.ask("GET", "/audit", None)).json()["entries"]
    assert entries[0]["detail"] == {"skills": {"before": ["vpn"], "after": ["vpn", "wireless"]}}
    assert (entries[0]["actor"], entries[1]["action"]) == ("person:boss", "account.added")


async def test_pages_of_accounts_join_without_a_gap(gate, boss):
    names = [f"p{number:02}" for number in range(7)]
    for name in names:
        await gate.add(name)
    found, after = [], ""
    while True:
        page = (await boss.ask("GET", f"/accounts?limit=3{after}")).json()
        found += [one["name"] for one in page["accounts"]]
        if page["next"] is None:
            break
        after = f"&after={page['next']}"
    assert found == ["boss", *names]


async def test_a_login_is_of_one_account(gate, boss):
    await gate.add("ana")
    taken = await boss.ask("POST", "/accounts", {"name": "ANA"})
    assert (taken.status_code, taken.json()["title"]) == (409, "Login taken")
    made = await asyncio.gather(
        *(gate.accounts.add("main", "cai", by="desk") for _ in range(4)), return_exceptions=True
    )
    assert sum(isinstance(one, NameTakenError) for one in made) == 3


REFUSED = (
    ({"name": ""}, "name"),
    ({"name": "a b"}, "name"),
    ({"name": "ana\n"}, "name"),
    ({"name": "аna"}, "name"),  # noqa: RUF001 - the letter of another alphabet that looks alike
    ({"name": "-ana"}, "name"),
    ({"name": "a" * 101}, "name"),
    ({"name": "ana", "capacity": 0}, "capacity"),
    ({"name": "ana", "capacity": True}, "capacity"),
    ({"name": "ana", "skills": ["Wireless LAN"]}, "skills.0"),
    ({"name": "ana", "display_name": "a\x00b"}, "display_name"),
    ({"name": "ana", "grants": [{"role": "owner"}]}, "grants.0.role"),
    ({"name": "ana", "grants": [{"role": "agent", "group": "front"}]}, "grants.0"),
    ({"name": "ana", "grants": [{"role": "administrator", "tier": "l1"}]}, "grants.0"),
    ({"name": "ana", "tenant": "other"}, "tenant"),
    ({"name": "ana", "password": "chosen by another"}, "password"),
)


async def test_an_account_that_cannot_be_is_refused_with_its_field(boss):
    for body, field in REFUSED:
        refused = await boss.ask("POST", "/accounts", body)
        assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, field), body


async def test_an_account_of_another_tenant_is_as_one_of_nobody(gate, boss):
    foreign = await gate.add("ana", "agent", tenant="other", password="of the other tenant")
    nobody = Identifiers().new()
    answers = {}
    for account_id in (foreign.id, nobody):
        path = f"/accounts/{account_id}"
        answers[account_id] = [
            await boss.ask("GET", path),
            await boss.ask("PATCH", path, {"disabled": True}),
            await boss.ask("PUT", f"{path}/grants", {"grants": []}),
            await boss.ask("POST", f"{path}/password"),
        ]
    assert {answer.status_code for some in answers.values() for answer in some} == {404}
    for ours, theirs in zip(answers[nobody], answers[foreign.id], strict=True):
        assert ours.json() | {"request_id": ""} == theirs.json() | {"request_id": ""}
    assert await gate.accounts.read("other", foreign.id) == foreign
    assert "ana" not in (await boss.ask("GET", "/accounts")).text
    assert '"ana"' not in (await boss.ask("GET", "/audit?subject=ana")).text


async def test_nobody_takes_the_last_administrator_away(gate, boss):
    me = await gate.accounts.find("main", "boss")
    for method, end, body in (
        ("PATCH", "", {"disabled": True}),
        ("PUT", "/grants", {"grants": [{"role": "agent"}]}),
        ("PUT", "/grants", {"grants": []}),
    ):
        refused = await boss.ask(method, f"/accounts/{me.id}{end}", body)
        assert (refused.status_code, refused.json()["title"]) == (409, "Last administrator")
    assert await gate.accounts.read("main", me.id) == me
    await gate.add("elsewhere", "administrator", tenant="other")
    disabled = await gate.add("former", "administrator")
    await gate.accounts.change("main", disabled.id, Changes(disabled=True), by="desk")
    assert (await boss.ask("PATCH", f"/accounts/{me.id}", {"disabled": True})).status_code == 409
    await gate.add("second", "administrator")
    assert (await boss.ask("PATCH", f"/accounts/{me.id}", {"disabled": True})).status_code == 200


async def test_two_administrators_who_disable_each_other_leave_one(gate):
    for round_ in range(5):
        tenant = f"round-{round_}"
        one = await gate.add("one", "administrator", tenant=tenant)
        two = await gate.add("two", "administrator", tenant=tenant)
        done = await asyncio.gather(
            gate.accounts.change(tenant, one.id, Changes(disabled=True), by="person:two"),
            gate.accounts.set_grants(tenant, two.id, [], by="person:one"),
            return_exceptions=True,
        )
        assert sum(isinstance(each, LastAdministratorError) for each in done) == 1, done


async def test_the_first_administrator_is_made_once(gate):
    made = await asyncio.gather(
        *(create_first_administrator(gate.database, "main", gate.clock, Identifiers()) for _ in range(3))
    )
    told = [one for one in made if one is not None]
    assert len(told) == 1
    name, password = told[0]
    assert name == "admin"
    await gate.sql("UPDATE desk.account SET created_at = created_at - interval '1 year'")
    signed = await gate.sign_in.sign_in("main", name, password)
    assert signed.account.grants == (Grant(Role.ADMINISTRATOR),)
    assert signed.account.must_change_password
    assert await create_first_administrator(gate.database, "main", gate.clock, Identifiers()) is None
    assert await create_first_administrator(gate.database, "other", gate.clock, Identifiers()) is not None


async def test_roles_that_this_release_does_not_know_grant_nothing(gate):
    account = await gate.add("ana", "agent:l1")
    await gate.sql("INSERT INTO desk.account_grant VALUES ('main', $1, 'emperor', '', '')", account.id)
    assert (await gate.accounts.read("main", account.id)).grants == (Grant(Role.AGENT, "l1"),)


@given(st.sampled_from(Role), PLACES, PLACES)
def test_a_grant_is_read_as_it_was_written(role, tier, group):
    grant = Grant(role, tier, group if tier is not None else None)
    assert read_grant(write_grant(grant)) == grant


@pytest.mark.parametrize(
    "text", ["", "agent:", "agent:l1/", "agent/l1", "agent:L1", "boss", "agent:l1/a/b", "agent:l1\n"]
)
def test_what_is_no_grant_is_refused(text):
    with pytest.raises(AccountError):
        read_grant(text)


def test_only_agents_and_leads_are_granted_by_tier():
    for role in Role:
        if role in {Role.AGENT, Role.LEAD}:
            assert order_grants([Grant(role, "l1"), Grant(role, "l1")]) == (Grant(role, "l1"),)
        else:
            with pytest.raises(AccountError):
                order_grants([Grant(role, "l1")])


@given(st.text(max_size=30))
def test_a_login_is_kept_in_one_form(text):
    try:
        login = read_login(text)
    except AccountError:
        return
    assert login == login.lower() == read_login(login)
    assert login.isascii()


@given(st.binary(min_size=ONE_TIME_BYTES, max_size=ONE_TIME_BYTES))
def test_a_password_that_the_desk_makes_may_be_chosen_and_is_easy_to_read(chance):
    password = one_time_password(chance)
    assert read_password(password, login="ana") == password
    assert not set(password) & set("ilou")


@given(st.text(max_size=200))
def test_a_password_is_bound_by_its_length_and_by_the_login_alone(text):
    try:
        password = read_password(text, login="someone-of-the-desk")
    except PasswordError:
        return
    assert 12 <= len(password) <= 128
    assert password.casefold() != "someone-of-the-desk"
