"""One OpenID provider: where it is, what it signs with, and how a code becomes what it says of somebody."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote_plus, urlencode

from joserfc.jwk import Key

from tierdesk_desk.domain.id_tokens import TokenError
from tierdesk_desk.domain.providers import Provider, is_safe_address
from tierdesk_desk.oidc.asking import Asker, AwayError
from tierdesk_desk.oidc.keeping import Kept
from tierdesk_desk.oidc.signatures import Signed, UnknownKeyError, read_keys, verify

_DISCOVERY: Final = "/.well-known/openid-configuration"
_LONGEST_SECRET: Final = 4_096
_LONGEST_ACCESS_TOKEN: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class Metadata:
    """Where a provider answers (OpenID Connect Discovery 1.0 §3)."""

    authorization: str
    token: str
    keys: str
    userinfo: str | None
    end_session: str | None
    is_basic: bool
    """Whether the client's secret goes into a header, and not among the fields."""
    tells_issuer: bool
    """Whether each answer names the issuer (RFC 9207)."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a code was redeemed for."""

    id_token: str
    access_token: str | None


class Issuer:
    """Asks one provider, and keeps what it publishes. Raises `AwayError` where it does not answer as a provider does."""

    def __init__(
        self, provider: Provider, *, asker: Asker | None = None, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self.provider = provider
        self._asker = asker or Asker(provider.ca_file)
        self._metadata = Kept(f"{provider.id} metadata", self._fetch_metadata, monotonic=monotonic)
        self._keys = Kept(f"{provider.id} keys", self._fetch_keys, monotonic=monotonic)

    async def metadata(self) -> Metadata:
        """Where it answers."""
        return await self._metadata.get()

    async def address_of_sign_in(self, fields: Mapping[str, str]) -> str:
        """Where the browser goes to prove who is there."""
        return add_query((await self._metadata.get()).authorization, fields)

    async def redeem(self, code: str, *, verifier: str, return_to: str) -> Tokens:
        """What this code is good for, once. Raises `RefusedError` with the provider's word when for nothing."""
        metadata = await self._metadata.get()
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": return_to, "code_verifier": verifier}
        secret, authorization = read_secret(self.provider.client_secret_file), None
        if secret is not None and metadata.is_basic:
            pair = f"{quote_plus(self.provider.client_id)}:{quote_plus(secret)}"
            authorization = f"Basic {base64.b64encode(pair.encode()).decode()}"
        else:
            form["client_id"] = self.provider.client_id
            if secret is not None:
                form["client_secret"] = secret
        answer = await self._asker.post(metadata.token, form, authorization=authorization)
        id_token, access_token = answer.get("id_token"), answer.get("access_token")
        if not isinstance(id_token, str):
            raise TokenError("there is none")
        if not isinstance(access_token, str) or not 0 < len(access_token) <= _LONGEST_ACCESS_TOKEN:
            access_token = None
        return Tokens(id_token, access_token if access_token is not None and access_token.isascii() else None)

    async def verify(self, token: str) -> Signed:
        """What a token says that it signed. A key that is not known is looked for once. Raises `TokenError`."""
        try:
            return verify(token, await self._keys.get())
        except UnknownKeyError:
            return verify(token, await self._keys.renew())

    async def userinfo(self, access_token: str, subject: str) -> dict[str, Any]:
        """What else it says of the person. Raises `TokenError` where it speaks of another."""
        address = (await self._metadata.get()).userinfo
        if address is None:
            raise AwayError("it has no userinfo endpoint")
        told = await self._asker.get(address, bearer=access_token)
        if told.get("sub") != subject:
            raise TokenError("sub: the userinfo speaks of another")
        return told

    async def close(self) -> None:
        """Let go of all connections."""
        await self._asker.close()

    async def _fetch_metadata(self) -> Metadata:
        return read_metadata(await self._asker.get(self.provider.issuer.rstrip("/") + _DISCOVERY), self.provider.issuer)

    async def _fetch_keys(self) -> tuple[Key, ...]:
        keys = read_keys(await self._asker.get((await self._metadata.get()).keys))
        if not keys:
            raise AwayError("no keys")
        return keys


def read_metadata(document: Mapping[str, Any], issuer: str) -> Metadata:
    """What the document says. Raises `AwayError` for one of another issuer, or without what a sign-in needs."""
    if document.get("issuer") != issuer:
        raise AwayError("its metadata name another issuer")
    needed = {
        name: _address(document, name, issuer) for name in ("authorization_endpoint", "token_endpoint", "jwks_uri")
    }
    if lost := sorted(name for name, address in needed.items() if address is None):
        raise AwayError(f"its metadata have no {lost[0]} that can be used")
    methods = document.get("token_endpoint_auth_methods_supported")
    return Metadata(
        authorization=needed["authorization_endpoint"] or "",
        token=needed["token_endpoint"] or "",
        keys=needed["jwks_uri"] or "",
        userinfo=_address(document, "userinfo_endpoint", issuer),
        end_session=_address(document, "end_session_endpoint", issuer),
        is_basic=not isinstance(methods, list)
        or "client_secret_basic" in methods
        or "client_secret_post" not in methods,
        tells_issuer=document.get("authorization_response_iss_parameter_supported") is True,
    )


def add_query(address: str, fields: Mapping[str, str]) -> str:
    """The address with these fields in its query, after those that it has."""
    return f"{address}{'&' if '?' in address else '?'}{urlencode(fields)}"


def read_secret(path: Path | None) -> str | None:
    """The client's secret, read anew each time, so that it can be changed. Raises `AwayError` without one in the file."""
    if path is None:
        return None
    try:
        with path.open(encoding="utf-8") as file:
            secret = file.read(_LONGEST_SECRET).strip()
    except (OSError, UnicodeError) as error:
        raise AwayError(f"the client's secret cannot be read: {type(error).__name__}") from error
    if not secret:
        raise AwayError("the file of the client's secret is empty")
    return secret


def _address(document: Mapping[str, Any], name: str, issuer: str) -> str | None:
    """One that keeps secrets on their way as the issuer's own does: https leads to https alone."""
    value = document.get(name)
    if not isinstance(value, str) or not is_safe_address(value):
        return None
    return None if issuer.startswith("https:") and not value.startswith("https:") else value
