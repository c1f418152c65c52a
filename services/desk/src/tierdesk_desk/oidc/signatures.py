"""Whether a token was signed by a provider: with a public key of its own, by an algorithm of this list and no other."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, Key, RSAKey, import_key
from joserfc.jws import JWSRegistry, extract_compact, validate_compact

from tierdesk_desk.domain.id_tokens import TokenError
from tierdesk_desk.oidc.asking import read_object

ALGORITHMS: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512")
"""All with a key pair: what is signed with a secret that both know, or not at all, proves nothing of the provider."""
LONGEST_TOKEN: Final = 64 * 1024
_SHORTEST_RSA_BITS: Final = 2048
_LONGEST_RSA_BITS: Final = 8192
_MOST_KEYS: Final = 100


class UnknownKeyError(TokenError):
    """Signed with a key that is not among these: the provider may have a new one."""


@dataclass(frozen=True, slots=True)
class Signed:
    """What a token says, and the algorithm of the signature that it was proved by."""

    claims: dict[str, Any]
    algorithm: str


def read_keys(document: Mapping[str, Any]) -> tuple[Key, ...]:
    """The keys of a key set that can prove a signature; others are left out, as RFC 7517 §5 has it."""
    listed = document.get("keys")
    found = (_read_key(one) for one in (listed if isinstance(listed, list) else [])[:_MOST_KEYS])
    return tuple(key for key in found if key is not None)


def verify(token: str, keys: tuple[Key, ...]) -> Signed:
    """What the token says, if one of these keys signed it. Raises `TokenError`, and `UnknownKeyError` of it.

    The key is the one that the header names by `kid`, or the only one that fits where it names none. What the header
    brings along as a key, or says of where one is (`jwk`, `jku`, `x5c`, `x5u`), is not looked at.
    """
    if len(token) > LONGEST_TOKEN:
        raise TokenError("it is too long")
    registry = JWSRegistry(algorithms=list(ALGORITHMS), strict_check_header=False)
    registry.max_header_length = registry.max_payload_length = LONGEST_TOKEN
    try:
        signature = extract_compact(token.encode(), registry=registry)
        header = signature.headers()
        algorithm = header.get("alg")
        if "crit" in header or "b64" in header:
            raise TokenError("crit: what it asks for is not understood")
        if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
            raise TokenError("alg: not one that is taken")
        key = _choose(keys, header.get("kid"), algorithm)
        if not validate_compact(signature, key, registry=registry):
            # Without `kid`, a key that was changed looks like a signature that is wrong.
            raise UnknownKeyError("no such key") if header.get("kid") is None else TokenError("the signature is wrong")
        return Signed(read_object(signature.payload), algorithm)
    except (JoseError, ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        raise TokenError(f"it cannot be read: {type(error).__name__}") from error


def _choose(keys: tuple[Key, ...], kid: object, algorithm: str) -> Key:
    fitting = [key for key in keys if _fits(key, algorithm)]
    if kid is None:
        if len(fitting) != 1:
            raise UnknownKeyError("kid: it does not say which key")
        return fitting[0]
    named = [key for key in fitting if key.get("kid") == kid]
    if not named:
        raise UnknownKeyError("kid: no such key")
    return named[0]


def _fits(key: Key, algorithm: str) -> bool:
    kind = ECKey if algorithm.startswith("ES") else RSAKey
    return isinstance(key, kind) and key.get("alg") in {None, algorithm}


def _read_key(document: object) -> Key | None:
    if (
        not isinstance(document, dict)
        or document.get("kty") not in {"RSA", "EC"}
        or document.get("use", "sig") != "sig"
    ):
        return None
    public = {
        name: value for name, value in document.items() if name in {"kty", "kid", "alg", "n", "e", "crv", "x", "y"}
    }
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            key = import_key(public)
    except (JoseError, ValueError, TypeError, LookupError, AttributeError):
        return None
    if isinstance(key, RSAKey) and not _SHORTEST_RSA_BITS <= key.public_key.key_size <= _LONGEST_RSA_BITS:
        return None
    return key
