"""Whether a token was signed by the provider: with a key of its own, by an algorithm that proves it, and not by any other means."""

import base64
import hmac
import json

import pytest

from servers.openid import SECRET, new_key, sign
from tierdesk_desk.domain.id_tokens import TokenError
from tierdesk_desk.oidc.signatures import UnknownKeyError, read_keys, verify

CLAIMS = {"sub": "s-ana"}
RSA, OWN, STRANGER = new_key("rsa", rsa=True), new_key("first"), new_key("first")
KEYS = read_keys({"keys": [key.as_dict(private=False) for key in (RSA, OWN)] + [{"kty": "OKP", "crv": "yet to come"}]})
WRONG, NOT_TAKEN, UNREADABLE = "the signature is wrong", "alg:", "it cannot be read"


def encode(document):
    return base64.urlsafe_b64encode(json.dumps(document).encode()).rstrip(b"=").decode()


def with_secret(key):
    """By hand: libraries refuse to take a public key for a secret."""
    signed = f"{encode({'alg': 'HS256', 'kid': 'rsa'})}.{encode(CLAIMS)}"
    proof = base64.urlsafe_b64encode(hmac.digest(key, signed.encode(), "sha256")).rstrip(b"=").decode()
    return f"{signed}.{proof}"


def unsigned(alg):
    return f"{encode({'alg': alg, 'kid': 'first'})}.{encode(CLAIMS)}."


def cut():
    head, _, proof = sign(CLAIMS, OWN).split(".")
    return f"{head}.{encode({'sub': 's-boss'})}.{proof}"


@pytest.mark.parametrize("key", [RSA, OWN])
def test_what_the_provider_signed_is_what_it_says(key):
    assert verify(sign(CLAIMS, key), KEYS).claims == CLAIMS
    assert verify(sign(CLAIMS, key, kid=None), KEYS).claims == CLAIMS


@pytest.mark.parametrize(
    ("token", "why"),
    [
        pytest.param(sign(CLAIMS, STRANGER), WRONG, id="a key of somebody else"),
        pytest.param(sign(CLAIMS, STRANGER, jwk=STRANGER.as_dict(private=False)), WRONG, id="a key that it brings"),
        pytest.param(unsigned("none"), NOT_TAKEN, id="no algorithm"),
        pytest.param(unsigned("NoNe"), NOT_TAKEN, id="none in capitals"),
        pytest.param(unsigned("ES256"), WRONG, id="no signature"),
        pytest.param(unsigned(256), NOT_TAKEN, id="a number"),
        pytest.param(with_secret(RSA.as_pem(private=False)), NOT_TAKEN, id="the public key as a secret"),
        pytest.param(with_secret(SECRET.encode()), NOT_TAKEN, id="the client's secret"),
        pytest.param(cut(), WRONG, id="claims that were changed"),
        pytest.param(sign(CLAIMS, OWN, crit=["exp"], exp=1), "crit:", id="a critical header"),
        pytest.param("x", UNREADABLE, id="no token"),
        pytest.param("", UNREADABLE, id="nothing"),
        pytest.param("..", UNREADABLE, id="dots"),
        pytest.param("a" * 70_000, "it is too long", id="a long one"),
        pytest.param(sign([], OWN), UNREADABLE, id="no object"),
    ],
)
def test_what_proves_nothing_is_refused(token, why):
    with pytest.raises(TokenError, match=f"^{why}") as refused:
        verify(token, KEYS)
    assert not isinstance(refused.value, UnknownKeyError)


@pytest.mark.parametrize("token", [sign(CLAIMS, new_key("third")), sign(CLAIMS, STRANGER, kid=None)])
def test_a_key_that_is_not_known_may_be_a_new_one(token):
    with pytest.raises(UnknownKeyError):
        verify(token, KEYS)
