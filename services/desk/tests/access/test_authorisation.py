"""Who may do what, in full: each role, verb, place and tenant, and each role at every endpoint of accounts and the audit."""

import re
from pathlib import Path

import pytest
from fastapi.routing import iter_route_contexts

from tierdesk_desk.domain.people import places_of, places_worked
from tierdesk_desk.domain.roles import PERMISSIONS, Grant, Role, Verb, allows, allows_in
from tierdesk_policy import load_policy

ACCOUNTS_DOCUMENT = Path(__file__).parents[4] / "docs" / "accounts.md"
TABLE = {
    Role.AGENT: {Verb.READ_BOARD, Verb.WORK, Verb.OPEN_TICKET},
    Role.LEAD: {Verb.READ_BOARD, Verb.OVERSEE, Verb.READ_VENDORS},
    Role.AUTHOR: {Verb.WRITE_ARTICLES},
    Role.PUBLISHER: {Verb.WRITE_ARTICLES, Verb.PUBLISH_ARTICLES},
    Role.OPERATOR: {Verb.READ_VENDORS, Verb.READ_PARKED, Verb.RESOLVE_PARKED, Verb.KEEP_MAILS},
    Role.ADMINISTRATOR: {Verb.KEEP_ACCOUNTS, Verb.READ_AUDIT},
    Role.AUDITOR: {Verb.READ_AUDIT},
    Role.REQUESTER: {Verb.ASK},
    Role.MODERATOR: {Verb.MODERATE},
}
"""Written a second time, on purpose: a change of what a role may do is a change of this table too."""
ACCOUNT = "/v1/desk/accounts/{account_id:uuid}"
ENDPOINTS = {
    ("POST", "/v1/desk/sessions"): None,
    ("GET", "/v1/desk/session"): set(),
    ("DELETE", "/v1/desk/session"): set(),
    ("POST", "/v1/desk/session/password"): set(),
    ("GET", "/v1/desk/accounts"): {Verb.KEEP_ACCOUNTS},
    ("POST", "/v1/desk/accounts"): {Verb.KEEP_ACCOUNTS},
    ("GET", ACCOUNT): {Verb.KEEP_ACCOUNTS},
    ("PATCH", ACCOUNT): {Verb.KEEP_ACCOUNTS},
    ("PUT", f"{ACCOUNT}/grants"): {Verb.KEEP_ACCOUNTS},
    ("POST", f"{ACCOUNT}/password"): {Verb.KEEP_ACCOUNTS},
    ("DELETE", f"{ACCOUNT}/sessions"): {Verb.KEEP_ACCOUNTS},
    ("GET", "/v1/desk/audit"): {Verb.READ_AUDIT},
    ("GET", "/v1/desk/audit/verification"): {Verb.READ_AUDIT},
}
"""What each endpoint asks for; None is for whoever comes."""
BODIES = {
    ("POST", "/v1/desk/session/password"): {"old": "not this one", "new": "another long password"},
    ("POST", "/v1/desk/accounts"): {"name": "new-one"},
    ("PATCH", ACCOUNT): {"display_name": "Somebody else"},
    ("PUT", f"{ACCOUNT}/grants"): {"grants": [{"role": "auditor"}]},
}
POLICY = """
name: Two tiers
tiers: [{id: l1}, {id: l2}]
groups: [{id: front, tier: l1}, {id: back, tier: l1}, {id: networks, tier: l2}]
edges: [[l1, l2]]
categories: [{id: other, tier: l1, group: front}]
"""


def test_the_table_is_what_the_roles_may_do():
    assert {role: set(verbs) for role, verbs in PERMISSIONS.items()} == TABLE
    assert set(TABLE) == set(Role)
    assert set().union(*TABLE.values()) == set(Verb)


@pytest.mark.parametrize("verb", Verb)
@pytest.mark.parametrize("role", Role)
def test_a_grant_gives_its_verbs_where_it_holds_and_nothing_else(role, verb):
    permitted = verb in TABLE[role]
    everywhere, tier, group = Grant(role), Grant(role, "l1"), Grant(role, "l1", "front")
    policy = load_policy(POLICY)
    for grant, holds in (
        (everywhere, {("l1", "front"), ("l1", "back"), ("l2", "networks")}),
        (tier, {("l1", "front"), ("l1", "back")}),
        (group, {("l1", "front")}),
    ):
        assert allows([grant], verb) is permitted
        for place in (("l1", "front"), ("l1", "back"), ("l2", "networks")):
            assert allows_in([grant], verb, tier=place[0], group=place[1]) is (permitted and place in holds)
        assert set(places_of([grant], verb, places_worked(policy, None))) == (holds if permitted else set())
    assert not allows([], verb)


@pytest.mark.parametrize("verb", Verb)
def test_two_grants_give_both_and_no_more(verb):
    for one in Role:
        for other in Role:
            both = [Grant(one, "l1"), Grant(other, "l2")]
            assert allows(both, verb) is (verb in TABLE[one] | TABLE[other])
            assert allows_in(both, verb, tier="l1", group="front") is (verb in TABLE[one])
            assert allows_in(both, verb, tier="l2", group="networks") is (verb in TABLE[other])


def test_every_endpoint_is_in_the_table(app):
    served = {
        (method, context.path_format if "{" not in context.path_format else route_path(context))
        for context in iter_route_contexts(app.routes)
        for method in context.methods or ()
    }
    assert served == set(ENDPOINTS)


def route_path(context):
    return context.path_format.replace("{account_id}", "{account_id:uuid}")


@pytest.mark.parametrize("role", [None, "nobody", *Role])
async def test_every_endpoint_by_every_role(gate, signed_in, open_browser, role):
    """None is somebody who is not signed in, `nobody` somebody without a grant."""
    target = await gate.add("target", "agent", password="the password of target")
    foreign = await gate.add("foreign", "agent", tenant="other", password="the password of foreign")
    await gate.add("keeper", "administrator", password="the password of keeper")
    if role is None:
        browser = open_browser()
    else:
        browser = await signed_in("someone", *([] if role == "nobody" else [role.value]))
    granted = TABLE.get(role, set())
    # What ends the session comes last.
    for method, path in sorted(ENDPOINTS, key=lambda one: one == ("DELETE", "/v1/desk/session")):
        needs = ENDPOINTS[method, path]
        if needs is None:
            continue
        for account in (target, foreign) if "{" in path else (target,):
            url = path.removeprefix("/v1/desk").replace("{account_id:uuid}", str(account.id))
            answer = await browser.ask(method, url, BODIES.get((method, path)))
            if role is None:
                expected = {401}
            elif not needs <= granted:
                expected = {403}
            elif account is foreign:
                expected = {404}
            else:
                expected = {200, 201, 204}
            if path == "/v1/desk/session/password" and role is not None:
                assert answer.json()["title"] == "Wrong password"  # that is, it was looked at
                continue
            assert answer.status_code in expected, (role, method, url, answer.text)
    assert await gate.accounts.read("other", foreign.id) == foreign
    if Verb.KEEP_ACCOUNTS not in granted:
        assert await gate.accounts.read("main", target.id) == target
        assert [one.name for one in await gate.accounts.page("main", limit=10)] == sorted(
            {"target", "keeper"} | ({"someone"} if role else set())
        )


@pytest.mark.parametrize("place", ["l1", "l1/front"])
async def test_a_role_of_a_tier_keeps_no_accounts(gate, signed_in, place):
    lead = await signed_in("lea", f"lead:{place}", f"agent:{place}")
    assert (await lead.ask("GET", "/accounts")).status_code == 403
    assert (await lead.ask("GET", "/audit")).status_code == 403


def test_the_document_tells_what_each_role_may_do():
    rows = re.findall(r"^\| `(\w+)` \|.*\| (.*) \|$", ACCOUNTS_DOCUMENT.read_text(), re.MULTILINE)
    told = {Role(role): set(map(Verb, re.findall(r"`([a-z]+:[a-z]+)`", verbs))) for role, verbs in rows}
    assert told == TABLE
