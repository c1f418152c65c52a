"""`tierdesk accounts` and `tierdesk audit`, on a database of the desk."""

import asyncio
import json
import re

import asyncpg
import pytest

from tierdesk_desk.app import DEFINITION
from tierdesk_store import migrate


@pytest.fixture
def ask(tierdesk, postgres_url, tmp_path):
    migrate(postgres_url, DEFINITION.schema, password="a password")

    def ask(*arguments, code=0):
        done = tierdesk(*arguments, "--data", tmp_path, database_url=postgres_url)
        assert done.code == code, done
        return done

    return ask


@pytest.fixture
def sql(postgres_url):
    def run(statement):
        async def execute():
            connection = await asyncpg.connect(postgres_url)
            await connection.execute(statement)
            await connection.close()

        asyncio.run(execute())

    return run


def listed(ask, *arguments):
    return {one["name"]: one for one in json.loads(ask("accounts", "list", "--json", *arguments).out)}


def test_an_account_is_made_granted_disabled_and_given_a_new_password(ask):
    made = ask(
        "accounts", "add", "Ana", "--name", "Ana [bold]Archer", "--grant", "agent:l1/front", "--grant", "author",
        "--skill", "vpn", "--capacity", "3",
    )  # fmt: skip
    first = re.search(r"^    (\S+)$", made.out, re.MULTILINE)[1]
    ana = listed(ask)["ana"]
    assert (ana["display_name"], ana["skills"], ana["capacity"]) == ("Ana [bold]Archer", ["vpn"], 3)
    assert ana["grants"] == ["agent:l1/front", "author"]
    assert "is granted agent:l1/front, author, lead:l1" in ask("accounts", "grant", "ana", "lead:l1").out
    assert "is granted lead:l1" in ask("accounts", "revoke", "ANA", "author", "agent:l1/front").out
    assert ana["email"] is None
    assert "ana@example.org" in ask("accounts", "email", "ana", "Ana@Example.org").out
    assert listed(ask)["ana"]["email"] == "ana@example.org"
    assert "email" in ask("accounts", "email", "ana", "a,b@example.org", code=2).err
    ask("accounts", "disable", "ana")
    shown = ask("accounts", "list").out
    assert "disabled since" in shown
    assert "Ana [bold]Archer" in shown
    ask("accounts", "enable", "ana")
    second = json.loads(ask("accounts", "password", "ana", "--json").out)["one_time_password"]
    assert second != first
    assert listed(ask)["ana"]["disabled_at"] is None
    assert listed(ask, "--tenant", "other") == {}
    assert "has no accounts" in ask("accounts", "list", "--tenant", "other").out


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("add", "a b"), 2, "name: a login is"),
        (("add", "ana", "--grant", "owner"), 2, "'owner' is no role"),
        (("add", "ana", "--grant", "author:l1"), 2, "names no tier"),
        (("add", "ana", "--grant", "agent:L1"), 2, "write ROLE"),
        (("add", "ana", "--skill", "Wireless LAN"), 2, "--skill"),
        (("add", "ana", "--name", "x" * 201), 2, "--name"),
        (("add", "ana", "--tenant", "No Tenant"), 2, "--tenant"),
        (("add", "boss"), 1, "there is an account boss already"),
        (("disable", "nobody"), 1, "no account nobody"),
        (("disable", "boss"), 1, "last administrator"),
        (("revoke", "boss", "administrator"), 1, "last administrator"),
        (("revoke", "boss", "author"), 2, "boss does not have author"),
        (("password", "nobody"), 1, "no account nobody"),
    ],
)
def test_what_cannot_be_done_is_told_in_one_line(ask, arguments, code, told):
    ask("accounts", "add", "boss", "--grant", "administrator")
    before = listed(ask)
    done = ask("accounts", *arguments, code=code)
    assert told in done.err
    assert done.err.count("\n") == 1
    assert listed(ask) == before


def test_without_the_tables_it_says_what_to_run(tierdesk, postgres_url, tmp_path):
    for arguments in (("accounts", "list"), ("audit", "verify"), ("accounts", "add", "ana")):
        done = tierdesk(*arguments, "--data", tmp_path, database_url=postgres_url)
        assert (done.code, "tierdesk migrate" in done.err) == (1, True), done


def test_what_the_command_line_does_stands_in_the_audit_which_is_verified(ask, sql):
    assert "Nothing is noted." in ask("audit", "list").out
    ask("accounts", "add", "ana")
    ask("accounts", "grant", "ana", "agent")
    ask("accounts", "grant", "ana", "agent")
    entries = json.loads(ask("audit", "list", "--json").out)
    assert [entry["action"] for entry in entries] == ["account.granted", "account.added"]
    assert all(entry["actor"].startswith("command-line:") for entry in entries)
    assert entries[0]["detail"] == {"grants": {"before": [], "after": ["agent"]}}
    assert "account.granted" in ask("audit", "list", "--about", "ana").out
    verified = ask("audit", "verify").out.splitlines()
    assert "2 entries" in verified[0]
    ask("accounts", "disable", "ana")
    assert "3 entries" in ask("audit", "verify", "--anchor", verified[1]).out
    sql("TRUNCATE desk.audit, desk.audit_head")
    ask("audit", "verify")
    assert "entry 1: it is missing" in ask("audit", "verify", "--anchor", verified[1], code=1).err
    ask("audit", "verify", "--anchor", "1:x", code=2)


def test_an_entry_that_was_changed_is_named(ask, sql):
    for name in ("ana", "bob", "cai"):
        ask("accounts", "add", name)
    sql("UPDATE desk.audit SET subject = 'eve' WHERE position = 2")
    told = ask("audit", "verify", code=1).err
    assert "holds up to entry 1; entry 2: it is not as it was written" in told


def test_an_account_is_opened_to_a_provider_and_the_link_is_shown_and_removed(ask, sql):
    made = ask("accounts", "add", "ana", "--no-password", "--grant", "agent:l1", "--grant", "author")
    assert "has no password" in made.out
    assert "whoever is ana at company, once, for 7 days" in ask("accounts", "link", "ana", "--provider", "company").out
    assert "s-1 of company" in ask("accounts", "link", "ana", "--provider", "company", "--subject", "s-1").out
    ask("accounts", "add", "bob")
    assert "another account" in ask("accounts", "link", "bob", "--provider", "company", "--subject", "s-1", code=1).err
    ask("accounts", "link", "ana", "--provider", "No Provider", code=2)
    ask("accounts", "link", "ana", "--provider", "company", "--subject", "a\x1b[31m", code=2)
    ask("accounts", "link", "nobody", "--provider", "company", code=1)
    assert "Nobody opened ana" in ask("accounts", "unlink", "ana").out
    sql(
        "INSERT INTO desk.account_link SELECT tenant, 'https://login.example', 's-1', id, 'company', '{author}', now(), now() "
        "FROM desk.account WHERE name = 'ana'"
    )
    (link,) = listed(ask)["ana"]["links"]
    assert (link["provider"], link["subject"], link["granted"]) == ("company", "s-1", ["author"])
    assert "company (s-1)" in " ".join(ask("accounts", "list").out.split())
    assert "unlink it first" in ask("accounts", "link", "ana", "--provider", "company", code=1).err
    assert "opened no more from company (s-1)" in ask("accounts", "unlink", "ana", "--provider", "company").out
    assert (listed(ask)["ana"]["links"], listed(ask)["ana"]["grants"]) == ([], ["agent:l1"])
    ask("audit", "verify")
