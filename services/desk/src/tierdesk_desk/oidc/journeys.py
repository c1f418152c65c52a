"""What binds a sign-in at a provider to the browser that began it."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

AWAY: Final = timedelta(minutes=10)
"""So long somebody may take at the provider."""
_CHANCE_BYTES: Final = 32
_LONGEST_WAY: Final = 1_000
_LONGEST_COOKIE: Final = 3_000


class StaleError(Exception):
    """It is not a sign-in that this browser began a moment ago and that was not used yet; the text says why."""


@dataclass(frozen=True, slots=True)
class Journey:
    """A sign-in that goes on. `way` is where the browser goes in the end."""

    state: str
    nonce: str
    verifier: str
    way: str
    cookie: str

    @property
    def challenge(self) -> str:
        """What the provider is told of the verifier (S256 of RFC 7636)."""
        return _write(hashlib.sha256(self.verifier.encode()).digest())


class Journeys:
    """Begins sign-ins and knows them again. Nothing is stored for those who never come back.

    The cookie holds random bytes, an expiry and the way back, and a proof of it all; what the provider gets is derived from
    the bytes under a key of the desk. So whoever reads one of these knows none of the others.
    """

    def __init__(self, pepper: bytes, random_bytes: Callable[[int], bytes], now: Callable[[], datetime]) -> None:
        self._key = hmac.digest(pepper, b"tierdesk sign-in at providers v1", "sha256")
        self._random_bytes = random_bytes
        self._now = now

    def begin(self, provider_id: str, way: str) -> Journey:
        """A new one. A `way` that is too long for a cookie leads to the first page."""
        chance = self._random_bytes(_CHANCE_BYTES).hex()
        kept = way if len(way) <= _LONGEST_WAY else "/"
        text = f"{chance}.{int((self._now() + AWAY).timestamp())}.{_write(kept.encode())}"
        return self._journey(chance, kept, f"{text}.{self._derive('cookie', f'{provider_id}.{text}')}")

    def resume(self, provider_id: str, cookie: str, state: str) -> Journey:
        """The one of this cookie, if `state` is its own. Raises `StaleError`."""
        text, _, proof = cookie[:_LONGEST_COOKIE].rpartition(".")
        if not hmac.compare_digest(proof.encode(), self._derive("cookie", f"{provider_id}.{text}").encode()):
            raise StaleError("the cookie is none of ours")
        chance, expires, way = text.split(".")
        if int(expires) <= self._now().timestamp():
            raise StaleError("it took too long")
        kept = base64.urlsafe_b64decode(f"{way}{'=' * (-len(way) % 4)}").decode()
        journey = self._journey(chance, kept, cookie)
        if not hmac.compare_digest(state.encode(), journey.state.encode()):
            raise StaleError("it is the answer to another sign-in")
        return journey

    def _journey(self, chance: str, way: str, cookie: str) -> Journey:
        state, nonce, verifier = (self._derive(purpose, chance) for purpose in ("state", "nonce", "verifier"))
        return Journey(state, nonce, verifier, way, cookie)

    def _derive(self, purpose: str, chance: str) -> str:
        return _write(hmac.digest(self._key, f"{purpose}:{chance}".encode(), "sha256"))


def _write(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()
