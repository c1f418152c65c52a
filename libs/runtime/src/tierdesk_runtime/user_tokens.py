"""Tokens of people: with one the desk asks the other services on behalf of somebody who is signed in.

`tierdesk-user.<claims>.<proof>`: the claims are JSON in base64url, the proof is HMAC-SHA256 over all before it, under a key
that is derived from the pepper for this alone. Whoever has the pepper is the desk. A token is stored nowhere and cannot be
revoked: it lives five minutes at most, and its reader checks that.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tierdesk_contracts.vocabulary import Identifier, Name
from tierdesk_runtime.key_format import SCOPES
from tierdesk_runtime.secrets import Secrets

LONGEST_SECONDS: Final = 300
"""A reader refuses what expires later than this from now. Make tokens shorter, as clocks of machines differ."""
_PREFIX: Final = "tierdesk-user."
_LONGEST_TOKEN: Final = 4_000
_PURPOSE: Final = b"tierdesk user tokens v1"


class _Claims(BaseModel):
    """What stands in a token. Short names: it travels with each request."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    v: Literal[1] = 1
    env: str
    tenant: Identifier
    name: Name
    scopes: Annotated[list[str], Field(min_length=1)]
    exp: Annotated[int, Field(description="Seconds since 1970, in UTC.")]


@dataclass(frozen=True, slots=True)
class UserToken:
    """A token that is proved."""

    tenant: str
    name: str
    scopes: frozenset[str]
    expires_at: datetime


def mint(secrets: Secrets, tenant: str, name: str, scopes: Iterable[str], expires_at: datetime) -> str:
    """A token with which `name` may do this in `tenant` until `expires_at`, of which a part of a second is dropped.

    Raises `ValueError` for a scope that does not exist, or none, and for a tenant or name that is none.
    """
    wanted = frozenset(scopes)
    if not wanted or wanted - SCOPES:
        raise ValueError(f"scopes: {sorted(wanted - SCOPES) or 'none'} given; known are {sorted(SCOPES)}")
    claims = _Claims(
        env=secrets.environment, tenant=tenant, name=name, scopes=sorted(wanted), exp=int(expires_at.timestamp())
    )
    signed = _PREFIX + _encode(claims.model_dump_json().encode())
    return f"{signed}.{_proof(secrets, signed)}"


def is_user_token(text: str) -> bool:
    """Whether it has the form of one, and no other. Nothing is proved yet."""
    return text.startswith(_PREFIX)


def read_user_token(secrets: Secrets, text: str, now: datetime) -> UserToken | None:
    """What a token says, if this desk made it and it lives yet; None for whatever is wrong.

    The proof is compared as it is written, letter for letter and in constant time: no second spelling of it passes.
    """
    signed, _, proof = text.rpartition(".")
    if len(text) > _LONGEST_TOKEN or not signed.startswith(_PREFIX):
        return None
    if not hmac.compare_digest(_proof(secrets, signed).encode(), proof.encode()):
        return None
    try:
        claims = _Claims.model_validate_json(_decode(signed.removeprefix(_PREFIX)))
    except (ValidationError, ValueError):  # a later release may make others
        return None
    left = claims.exp - now.timestamp()
    if claims.env != secrets.environment or not 0 < left <= LONGEST_SECONDS:
        return None
    expires_at = datetime.fromtimestamp(claims.exp, UTC)
    return UserToken(claims.tenant, claims.name, frozenset(claims.scopes) & SCOPES, expires_at)


def _proof(secrets: Secrets, signed: str) -> str:
    key = hmac.digest(secrets.pepper, _PURPOSE, "sha256")
    return _encode(hmac.digest(key, signed.encode(), "sha256"))


def _encode(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).decode().rstrip("=")


def _decode(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
