"""What a token of an OpenID provider must say to be good here, its signature aside (OpenID Connect Core 1.0 §3.1.3.7).

Times are those of the real world, never business time: the provider knows no other.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from tierdesk_desk.domain.providers import Claims

SKEW: Final = timedelta(minutes=2)
"""So far the provider's clock and ours may differ."""
OLDEST: Final = timedelta(minutes=10)
"""A token is made while the sign-in goes on: one that is older was kept by somebody."""
LONGEST_SUBJECT: Final = 255
_LONGEST_TEXT: Final = 1_000
LOGOUT_EVENT: Final = "http://schemas.openid.net/event/backchannel-logout"
_HASHES: Final = {"256": hashlib.sha256, "384": hashlib.sha384, "512": hashlib.sha512}


class TokenError(Exception):
    """A token that proves nothing; the text says why, and never what it holds."""


@dataclass(frozen=True, slots=True)
class Farewell:
    """Who signed out at the provider: one session of it, or all of a person. `jti` names the token itself."""

    subject: str | None
    sid: str | None
    jti: str
    expires_at: float


def check_id_token(claims: Claims, *, issuer: str, client_id: str, nonce: str, now: datetime) -> str:
    """The subject of whom this token speaks. Raises `TokenError`."""
    _check_origin(claims, issuer, client_id)
    _check_times(claims, now)
    told = claims.get("nonce")
    if not isinstance(told, str) or not hmac.compare_digest(told.encode(), nonce.encode()):
        raise TokenError("nonce: it belongs to another sign-in")
    return _subject(claims)


def check_access_token(claims: Claims, *, algorithm: str, access_token: str) -> None:
    """Whether the ID token tells of another access token, where it tells of one. Raises `TokenError`."""
    told = claims.get("at_hash")
    if told is None:
        return
    digest = _HASHES[algorithm[-3:]](access_token.encode()).digest()
    expected = base64.urlsafe_b64encode(digest[: len(digest) // 2]).rstrip(b"=")
    if not isinstance(told, str) or not hmac.compare_digest(told.encode(), expected):
        raise TokenError("at_hash: it belongs to another access token")


def check_logout_token(claims: Claims, *, issuer: str, client_id: str, now: datetime) -> Farewell:
    """Who signed out (OpenID Connect Back-Channel Logout 1.0 §2.6). Raises `TokenError`."""
    _check_origin(claims, issuer, client_id)
    _check_times(claims, now)
    events = claims.get("events")
    if not isinstance(events, dict) or not isinstance(events.get(LOGOUT_EVENT), dict):
        raise TokenError("events: it is no logout token")
    if "nonce" in claims:
        raise TokenError("nonce: it is no logout token")
    subject = _subject(claims) if claims.get("sub") is not None else None
    sid = None if claims.get("sid") is None else _text(claims, "sid")
    if subject is None and sid is None:
        raise TokenError("sub, sid: it names nobody")
    return Farewell(subject, sid, _text(claims, "jti"), _moment(claims, "exp"))


def sid_of(claims: Claims) -> str | None:
    """The provider's session, where it tells one."""
    sid = claims.get("sid")
    return sid if isinstance(sid, str) and _is_text(sid) else None


def _check_origin(claims: Claims, issuer: str, client_id: str) -> None:
    if claims.get("iss") != issuer:
        raise TokenError("iss: another issuer")
    told = claims.get("aud")
    audience = [told] if isinstance(told, str) else told
    if not isinstance(audience, list) or client_id not in audience:
        raise TokenError("aud: it is for somebody else")
    party = claims.get("azp")
    if party != client_id and (party is not None or len(audience) > 1):
        raise TokenError("azp: it was given to somebody else")


def _check_times(claims: Claims, now: datetime) -> None:
    at, skew = now.timestamp(), SKEW.total_seconds()
    if _moment(claims, "exp") <= at - skew:
        raise TokenError("exp: it is over")
    issued = _moment(claims, "iat")
    if issued > at + skew:
        raise TokenError("iat: it is of the future")
    if issued < at - skew - OLDEST.total_seconds():
        raise TokenError("iat: it is too old")
    if claims.get("nbf") is not None and _moment(claims, "nbf") > at + skew:
        raise TokenError("nbf: it is of the future")


def _moment(claims: Claims, name: str) -> float:
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TokenError(f"{name}: no time")
    try:
        seconds = float(value)
    except OverflowError:
        raise TokenError(f"{name}: no time") from None
    if not math.isfinite(seconds):
        raise TokenError(f"{name}: no time")
    return seconds


def _subject(claims: Claims) -> str:
    value = claims.get("sub")
    if not isinstance(value, str) or len(value) > LONGEST_SUBJECT or not _is_text(value):
        raise TokenError("sub: no name of somebody")
    return value


def _text(claims: Claims, name: str) -> str:
    value = claims.get(name)
    if not isinstance(value, str) or not _is_text(value):
        raise TokenError(f"{name}: no text")
    return value


def _is_text(value: str) -> bool:
    """Whether it can be stored and told: a lone surrogate or NUL cannot."""
    return 0 < len(value) <= _LONGEST_TEXT and value.isprintable()
