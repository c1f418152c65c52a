"""The form of an API key: `tierdesk_<environment>_<id>_<secret><checksum>`.

The id finds the key, the secret (32 random bytes in base 62) proves it, the checksum (CRC-32 in base 62) lets scanners
of leaked text tell a key from chance. What is stored is the id and HMAC-SHA256(pepper, secret): a slow hash is for
passwords, and 32 random bytes need none.
"""

from __future__ import annotations

import hmac
import re
import secrets as chance
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from tierdesk_contracts.vocabulary import Identifier

SCOPES: Final = frozenset(
    {
        "events:write",
        "phone:write",
        "tickets:read",
        "tickets:write",
        "clocks:read",
        "articles:read",
        "articles:write",
        "catalogue:read",
        "catalogue:write",
        "catalogue:order",
        "community:read",
        "community:write",
        "community:moderate",
        "policy:write",
        "problems:write",
        "metrics:read",
        "parked:read",
        "parked:write",
    }
)
"""What a key may allow."""
_ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_SHAPE: Final = re.compile(r"(tierdesk_([a-z0-9]{1,16})_([0-9A-Za-z]{12})_([0-9A-Za-z]{43}))([0-9A-Za-z]{6})")


class StoredKey(BaseModel):
    """What is kept of a key: enough to recognise it, not enough to use it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: Annotated[str, Field(pattern=r"^[0-9A-Za-z]{12}$")]
    digest: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$", description="HMAC-SHA256 of the secret under the pepper.")]
    label: Annotated[str, Field(max_length=100)]
    tenant: Identifier
    scopes: frozenset[str]
    created_at: AwareDatetime
    expires_at: AwareDatetime | None = None
    revoked_at: AwareDatetime | None = None

    def is_live(self, now: datetime) -> bool:
        """Whether it is neither revoked nor expired."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


@dataclass(frozen=True, slots=True)
class KeyParts:
    """A key taken apart. Nothing is proved yet."""

    environment: str
    id: str
    secret: str


def issue(
    *,
    environment: str,
    pepper: bytes,
    label: str,
    tenant: str,
    scopes: Iterable[str],
    now: datetime,
    expires_at: datetime | None = None,
) -> tuple[str, StoredKey]:
    """A new key, and what to store of it. Raises `ValueError` for a scope that does not exist, or none."""
    wanted = frozenset(scopes)
    if not wanted or wanted - SCOPES:
        raise ValueError(f"scopes: {sorted(wanted - SCOPES) or 'none'} given; known are {sorted(SCOPES)}")
    key_id = "".join(chance.choice(_ALPHABET) for _ in range(12))
    secret = _base62(int.from_bytes(chance.token_bytes(32), "big"), 43)
    text = f"tierdesk_{environment}_{key_id}_{secret}"
    stored = StoredKey(
        id=key_id,
        digest=digest(pepper, secret),
        label=label,
        tenant=tenant,
        scopes=wanted,
        created_at=now,
        expires_at=expires_at,
    )
    return text + _checksum(text), stored


def split(text: str) -> KeyParts | None:
    """The parts of a key, or nothing when its form or its checksum is wrong."""
    shape = _SHAPE.fullmatch(text)
    if shape is None or _checksum(shape[1]) != shape[5]:
        return None
    return KeyParts(shape[2], shape[3], shape[4])


def digest(pepper: bytes, secret: str) -> str:
    """What is stored of a secret."""
    return hmac.digest(pepper, secret.encode(), "sha256").hex()


def _checksum(text: str) -> str:
    return _base62(zlib.crc32(text.encode()), 6)


def _base62(number: int, width: int) -> str:
    digits = []
    for _ in range(width):
        number, digit = divmod(number, 62)
        digits.append(_ALPHABET[digit])
    return "".join(reversed(digits))
