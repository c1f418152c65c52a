"""What claims are worth: tokens that are good, logins, grants, and whose account it is. No provider, no database."""

import base64
import hashlib
from datetime import UTC, datetime
from itertools import product
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tierdesk_desk.domain.accounts import Account, keeps_accounts, read_grant
from tierdesk_desk.domain.id_tokens import (
    LOGOUT_EVENT,
    OLDEST,
    SKEW,
    Farewell,
    TokenError,
    check_access_token,
    check_id_token,
    check_logout_token,
)
from tierdesk_desk.domain.provider_links import (
    Creates,
    Identity,
    Named,
    Opens,
    Refusal,
    Refuses,
    decide,
    refresh_grants,
)
from tierdesk_desk.domain.providers import Provider, grants_of, is_safe_address, login_of, name_of

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
AT = NOW.timestamp()
ISSUER = "https://login.example"
GOOD = {"iss": ISSUER, "aud": "us", "sub": "s-1", "iat": AT, "exp": AT + 300, "nonce": "n"}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)
PROVIDER = Provider.model_validate(
    {
        "id": "company", "name": "Company", "issuer": ISSUER, "client_id": "us",
        "grants": [
            {"claim": "groups", "value": "desk", "grants": ["agent:l1", "author"]},
            {"claim": ["realm", "roles"], "value": "boss", "grants": ["administrator"]},
        ],
    }
)  # fmt: skip


def check(claims):
    return check_id_token(claims, issuer=ISSUER, client_id="us", nonce="n", now=NOW)


def provider(**fields):
    return PROVIDER.model_copy(update=fields)


@pytest.mark.parametrize(
    "changed",
    [
        {}, {"aud": ["us"]}, {"aud": ["them", "us"], "azp": "us"}, {"azp": "us"}, {"nbf": AT}, {"iat": AT + 119},
        {"exp": AT - 119}, {"iat": AT - (OLDEST + SKEW).total_seconds()}, {"exp": AT + 0.5},
    ],
)  # fmt: skip
def test_a_token_that_says_what_it_must_is_good(changed):
    assert check(GOOD | changed) == "s-1"


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"iss": "https://evil.example"}, "iss"), ({"iss": f"{ISSUER}/"}, "iss"), ({"iss": [ISSUER]}, "iss"),
        ({"iss": None}, "iss"), ({"aud": "them"}, "aud"), ({"aud": ["them"]}, "aud"), ({"aud": {"us": 1}}, "aud"),
        ({"aud": "us us"}, "aud"), ({"aud": None}, "aud"), ({"aud": ["us", "them"]}, "azp"), ({"azp": "them"}, "azp"),
        ({"azp": 1}, "azp"), ({"exp": AT - 120}, "exp"), ({"exp": None}, "exp"), ({"exp": True}, "exp"),
        ({"exp": "9999999999"}, "exp"), ({"exp": float("inf")}, "exp"), ({"exp": 10**400}, "exp"),
        ({"exp": float("nan")}, "exp"), ({"iat": AT + 121}, "iat"), ({"iat": None}, "iat"),
        ({"iat": AT - 721}, "iat"), ({"nbf": AT + 121}, "nbf"), ({"nbf": "soon"}, "nbf"), ({"nonce": "m"}, "nonce"),
        ({"nonce": None}, "nonce"), ({"nonce": ["n"]}, "nonce"), ({"nonce": ""}, "nonce"), ({"sub": ""}, "sub"),
        ({"sub": None}, "sub"), ({"sub": 1}, "sub"), ({"sub": "s" * 256}, "sub"), ({"sub": "a\x00b"}, "sub"),
        ({"sub": "\ud800"}, "sub"),
    ],
)  # fmt: skip
def test_a_token_that_says_otherwise_proves_nothing(changed, field):
    with pytest.raises(TokenError, match=f"^{field}:"):
        check(GOOD | changed)


@given(st.sampled_from(sorted(GOOD)), JSON)
def test_no_value_of_a_claim_breaks_the_check(name, value):
    try:
        subject = check(GOOD | {name: value})
    except TokenError:
        return
    assert isinstance(subject, str)
    assert name in {"sub", "iat", "exp"} or value in (GOOD[name], [GOOD[name]])


@pytest.mark.parametrize("digest", ["sha256", "sha384", "sha512"])
def test_the_access_token_must_be_the_one_that_is_told_of(digest):
    half = hashlib.new(digest, b"token").digest()
    told = base64.urlsafe_b64encode(half[: len(half) // 2]).rstrip(b"=").decode()
    algorithm = f"ES{digest[-3:]}"
    check_access_token({"at_hash": told}, algorithm=algorithm, access_token="token")
    check_access_token({}, algorithm=algorithm, access_token="token")
    for wrong in (told[:-1], told + "=", "", 1, [told]):
        with pytest.raises(TokenError, match="at_hash"):
            check_access_token({"at_hash": wrong}, algorithm=algorithm, access_token="token")
    with pytest.raises(TokenError, match="at_hash"):
        check_access_token({"at_hash": told}, algorithm=algorithm, access_token="other")


def test_a_logout_token_names_somebody_and_is_no_id_token():
    good = {**GOOD, "jti": "j", "events": {LOGOUT_EVENT: {}}}
    del good["nonce"]

    def read(**changed):
        return check_logout_token(good | changed, issuer=ISSUER, client_id="us", now=NOW)

    assert read() == Farewell("s-1", None, "j", AT + 300)
    assert read(sub=None, sid="x") == Farewell(None, "x", "j", AT + 300)
    for wrong in (
        {"events": {}}, {"events": None}, {"events": {LOGOUT_EVENT: 1}}, {"events": [LOGOUT_EVENT]}, {"nonce": "n"},
        {"nonce": None}, {"jti": None}, {"sub": None}, {"sid": 1}, {"aud": "them"}, {"iss": "x"}, {"exp": AT - 121},
    ):  # fmt: skip
        with pytest.raises(TokenError):
            read(**wrong)
    with pytest.raises(TokenError):
        check(good)


@pytest.mark.parametrize(
    ("value", "login"),
    [
        ("ana", "ana"), ("Ana", "ana"), ("ana@x.example", "ana@x.example"), ("\uff41\uff4e\uff41", None), (" ana", None), ("", None),
        ("ana\n", None), ("a" * 101, None), (1, None), (None, None), (["ana"], None), ({"ana": 1}, None), ("-ana", None),
        ("ana/../bob", None), ("admin\u200b", None), ("\u212aim", None),
    ],
)  # fmt: skip
def test_what_only_looks_like_a_login_is_none(value, login):
    assert login_of(PROVIDER, {"preferred_username": value}) == login


def test_the_own_domain_is_taken_off_and_no_other():
    own = provider(login_domain="example.com")
    assert login_of(own, {"preferred_username": "Ana@Example.com"}) == "ana"
    assert login_of(own, {"preferred_username": "ana@evil.com"}) == "ana@evil.com"
    assert login_of(own, {"preferred_username": "ana@evil.com@example.com"}) == "ana@evil.com"
    assert login_of(own, {"preferred_username": "@example.com"}) is None


def test_an_address_that_nobody_verified_is_no_login():
    by_mail = provider(login_claim=("email",))
    assert login_of(by_mail, {"email": "ana@x.example", "email_verified": True}) == "ana@x.example"
    for verified in ({}, {"email_verified": False}, {"email_verified": "true"}, {"email_verified": 1}):
        assert login_of(by_mail, {"email": "ana@x.example"} | verified) is None
    assert login_of(provider(login_claim=("email",), email_is_verified=True), {"email": "a@x.example"}) == "a@x.example"


def test_groups_give_what_the_rules_say():
    def given_by(claims):
        return [str(one.role) for one in grants_of(PROVIDER, claims)]

    assert given_by({"groups": ["x", "desk"]}) == given_by({"groups": "desk"}) == ["agent", "author"]
    assert given_by({"groups": ["desk", "desk"], "realm": {"roles": ["boss"]}}) == ["administrator", "agent", "author"]
    assert given_by({"realm.roles": ["boss"], "realm": ["roles", "boss"]}) == []
    assert given_by({"groups": ["desk-2", "Desk", "des", ["desk"], {"desk": 1}, 1, None]}) == []


@given(JSON)
def test_no_value_of_a_claim_breaks_what_it_gives(value):
    claims = {"groups": value, "realm": value, "preferred_username": value, "name": value, "email": value}
    assert login_of(PROVIDER, claims) is None or isinstance(value, str)
    assert len(name_of(PROVIDER, claims)) <= 200
    assert name_of(PROVIDER, claims).isprintable()
    grants_of(PROVIDER, claims)


def account(*grants, disabled=False):
    held = tuple(read_grant(one) for one in grants)
    return Account("main", uuid4(), "ana", "Ana", NOW, NOW, grants=held, disabled_at=NOW if disabled else None)


def test_no_claim_opens_what_somebody_else_has():
    """All ways in which a login can lead to an account: only one without password, link and keys opens by itself."""
    identity = Identity(ISSUER, "s-1", "ana")
    opened = 0
    for password, linked, consented, policy, creates, keeper, disabled in product((False, True), repeat=7):
        named = Named(
            account(*(["administrator"] if keeper else ["agent"]), disabled=disabled), password, linked, consented
        )
        made = decide(identity, linked=None, invited=None, named=named, link_by_login=policy, creates_accounts=creates)
        may = not linked and not disabled and (consented or (policy and not password and not keeper))
        assert (made == Opens(named.account, is_new_link=True)) is may
        assert may or (isinstance(made, Refuses) and made.account == named.account)
        assert consented or not (may and (password or keeps_accounts(named.account)))
        opened += may
    assert opened == 8 * 2 + 2


def test_a_link_counts_before_the_login_and_a_disabled_account_stays_shut():
    mine, others = account("agent"), account("administrator")
    open_to_all = {"link_by_login": True, "creates_accounts": True}
    named = Named(others, has_password=False, is_linked=False, is_consented=True)
    for login in ("ana", "bob", None):
        identity = Identity(ISSUER, "s-1", login)
        assert decide(identity, linked=mine, invited=named, named=named, **open_to_all) == Opens(mine)
        shut = account("agent", disabled=True)
        assert decide(identity, linked=shut, invited=named, named=named, **open_to_all) == Refuses(
            Refusal.DISABLED, shut
        )


def test_whoever_is_unknown_gets_an_account_only_where_that_is_said():
    def decided(login, *, creates):
        identity = Identity(ISSUER, "s-1", login)
        return decide(identity, linked=None, invited=None, named=None, link_by_login=True, creates_accounts=creates)

    assert decided("ana", creates=True) == Creates("ana")
    assert decided("ana", creates=False) == Refuses(Refusal.UNKNOWN)
    assert decided("admin", creates=True) == Refuses(Refusal.RESERVED)
    assert decided(None, creates=True) == Refuses(Refusal.NO_LOGIN)


GRANTS = st.frozensets(
    st.sampled_from([read_grant(one) for one in ("agent", "agent:l1", "lead:l1", "author", "auditor")])
)


@given(GRANTS, GRANTS, GRANTS, GRANTS)
def test_what_the_provider_gives_comes_and_goes_and_what_others_gave_stays(by_hand, first, second, third):
    held, given_then = refresh_grants(tuple(by_hand), (), tuple(first))
    for told in (second, third):
        held, given_then = refresh_grants(held, given_then, tuple(told))
        assert set(held) == by_hand | told
        assert set(given_then) == told - by_hand


@pytest.mark.parametrize(
    ("url", "is_safe"),
    [
        ("https://login.example/realm", True), ("http://127.0.0.1:8080", True), ("http://localhost", True),
        ("http://login.example", False), ("ftp://login.example", False), ("https://", False), ("https://a b", False),
        ("https://me@login.example", False), ("https://login.example#x", False), ("https://x:99999", False),
        ("https://login.example\\@evil.example", False), ("javascript:alert(1)", False), ("http://[::1]:80", True),
        ("http://127.0.0.1.evil.example", False),
    ],
)  # fmt: skip
def test_secrets_go_where_they_stay_secret(url, is_safe):
    assert is_safe_address(url) is is_safe
