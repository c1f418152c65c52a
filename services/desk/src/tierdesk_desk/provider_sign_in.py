"""Signing in at a company's OpenID provider: authorization code with PKCE, from this browser and back to it, once.

Each state is good for once, for all replicas: it is used up in the database before the code is looked at.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from tierdesk_desk.domain.id_tokens import (
    Farewell,
    TokenError,
    check_access_token,
    check_id_token,
    check_logout_token,
    sid_of,
)
from tierdesk_desk.domain.provider_links import Identity, Refuses
from tierdesk_desk.domain.providers import Claims, Provider, grants_of, login_of, name_of
from tierdesk_desk.linking import Linking
from tierdesk_desk.oidc.asking import AwayError, RefusedError
from tierdesk_desk.oidc.issuer import Issuer, Tokens, add_query
from tierdesk_desk.oidc.journeys import Journeys, StaleError
from tierdesk_desk.signing_in import SignedIn, SignIn
from tierdesk_desk.store.accounts import read_account
from tierdesk_desk.store.audit import Trail, open_trail
from tierdesk_desk.store.paces import Pace, pay
from tierdesk_desk.store.provider_links import find_link, spend
from tierdesk_desk.store.sessions import (
    Origin,
    Session,
    end_session,
    end_sessions_of_issuer,
    end_sessions_of_sid,
    read_origin,
)
from tierdesk_runtime.clock import Clock
from tierdesk_store import Database, Transaction

_SPENT_FOR: Final = timedelta(hours=1)
_NOTED_AT_ONCE: Final = 10
_NOTED_INTERVAL: Final = timedelta(minutes=5)
"""Of one person who is let in nowhere, so many refusals are noted: whoever has an account at the provider could fill the audit."""
_LONGEST_CODE: Final = 4_096
_LONGEST_HINT: Final = 4_000


class UnknownProviderError(Exception):
    """No provider has this identifier."""


class NotLetInError(Exception):
    """The provider knows them, and no account here is theirs."""


@dataclass(frozen=True, slots=True)
class Departure:
    """Where the browser goes, and the cookie that it needs to come back."""

    url: str
    cookie: str


@dataclass(frozen=True, slots=True)
class Arrival:
    """Who came back, and where they wanted to go."""

    signed_in: SignedIn
    way: str


class ProviderSignIn:
    """Lets people in who prove at a provider who they are. `public_url` is where people reach the desk."""

    def __init__(
        self,
        database: Database,
        sign_in: SignIn,
        linking: Linking,
        clock: Clock,
        pepper: bytes,
        issuers: Iterable[Issuer],
        *,
        public_url: str,
        random_bytes: Callable[[int], bytes] = secrets.token_bytes,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._database = database
        self._sign_in = sign_in
        self._linking = linking
        self._clock = clock
        self._journeys = Journeys(pepper, random_bytes, now)
        self._issuers = {issuer.provider.id: issuer for issuer in issuers}
        self._public_url = public_url.rstrip("/")
        self._now = now

    def of_tenant(self, tenant: str) -> tuple[Provider, ...]:
        """Where people of this tenant may sign in."""
        return tuple(one.provider for one in self._issuers.values() if one.provider.tenant == tenant)

    def provider(self, provider_id: str) -> Provider:
        """The provider. Raises `UnknownProviderError`."""
        return self._issuer(provider_id).provider

    async def begin(self, provider_id: str, way: str) -> Departure:
        """Send a browser to the provider. `way` is where it goes in the end. Raises `UnknownProviderError`, `AwayError`."""
        issuer = self._issuer(provider_id)
        journey = self._journeys.begin(provider_id, way)
        fields = {
            "response_type": "code",
            "client_id": issuer.provider.client_id,
            "redirect_uri": self._return_to(provider_id),
            "scope": " ".join(issuer.provider.scopes),
            "state": journey.state,
            "nonce": journey.nonce,
            "code_challenge": journey.challenge,
            "code_challenge_method": "S256",
        }
        return Departure(await issuer.address_of_sign_in(fields), journey.cookie)

    async def finish(
        self, provider_id: str, cookie: str, answer: Mapping[str, str], *, replaces: str | None = None
    ) -> Arrival:
        """Begin a session of whoever comes back with this `answer`; it ends the one with the digest `replaces`.

        Raises `UnknownProviderError`; `StaleError` for what this browser did not begin, or used before; `RefusedError` with
        the provider's word; `AwayError`; `TokenError` where what it sent proves nothing; and `NotLetInError`.
        """
        issuer = self._issuer(provider_id)
        journey = self._journeys.resume(provider_id, cookie, answer.get("state", ""))
        if not await self._spend(f"state:{journey.state}"):
            raise StaleError("it was used before")
        code = await self._read_answer(issuer, answer)
        try:
            tokens = await issuer.redeem(code, verifier=journey.verifier, return_to=self._return_to(provider_id))
        except RefusedError as error:
            if error.code == "invalid_grant":
                raise StaleError("the code is good for nothing any more") from error
            raise TokenError(f"the provider gives none: {error.code[:40]}") from error
        identity, origin = await self._identify(issuer, tokens, nonce=journey.nonce)
        async with self._database.transaction() as tx:
            trail = await open_trail(tx, issuer.provider.tenant)
            signed_in = await self._admit(tx, trail, issuer.provider, identity, origin, replaces)
        if signed_in is None:
            raise NotLetInError("no account here is theirs")
        return Arrival(signed_in, journey.way)

    async def address_of_sign_out(self, session: Session) -> str | None:
        """Where the browser signs out at the provider too; None where it need not, or cannot at the moment.

        Ask before the session ends: the provider wants back what it said of the person.
        """
        issuer = self._issuers.get(session.provider or "")
        if issuer is None or not issuer.provider.signs_out or issuer.provider.tenant != session.account.tenant:
            return None
        try:
            address = (await issuer.metadata()).end_session
        except AwayError:
            return None
        if address is None:
            return None
        async with self._database.read() as connection:
            origin = await read_origin(connection, session.digest)
        hint = None if origin is None else origin.id_token
        fields = {"client_id": issuer.provider.client_id, "post_logout_redirect_uri": f"{self._public_url}/login"}
        return add_query(address, fields | ({} if hint is None else {"id_token_hint": hint}))

    async def end_from_there(self, provider_id: str, token: str) -> None:
        """End the sessions of whoever signed out at the provider, which says so by this token (back-channel logout).

        Raises `UnknownProviderError`, `AwayError`, and `TokenError` for a token that proves nothing or came before.
        """
        issuer = self._issuer(provider_id)
        provider = issuer.provider
        claims = (await issuer.verify(token)).claims
        farewell = check_logout_token(claims, issuer=provider.issuer, client_id=provider.client_id, now=self._now())
        async with self._database.transaction() as tx:
            # In one with what it ends: a provider that got no answer sends the same again.
            if not await spend(tx.connection, _digest(f"logout:{provider_id}:{farewell.jti}"), valid_for=_SPENT_FOR):
                raise TokenError("jti: it came before")
            trail = await open_trail(tx, provider.tenant)
            for account_id in dict.fromkeys(await self._end(tx, provider, farewell)):
                account = await read_account(tx.connection, provider.tenant, account_id)
                if account is not None:
                    await self._note(trail, f"provider:{provider.id}", "session.ended", account.name, {})

    async def close(self) -> None:
        """Let go of all connections."""
        for issuer in self._issuers.values():
            await issuer.close()

    async def _end(self, tx: Transaction, provider: Provider, farewell: Farewell) -> list[UUID]:
        """End the sessions of that session there, and those of the person of which is not known in which they began."""
        tenant, issuer, ended = provider.tenant, provider.issuer, list[UUID]()
        if farewell.sid is not None:
            ended += await end_sessions_of_sid(tx.connection, tenant, issuer, farewell.sid)
        if farewell.subject is not None:
            link = await find_link(tx.connection, tenant, issuer, farewell.subject)
            if link is not None and await end_sessions_of_issuer(
                tx.connection, tenant, link.account_id, issuer, without_sid=farewell.sid is not None
            ):
                ended.append(link.account_id)
        return ended

    async def _read_answer(self, issuer: Issuer, answer: Mapping[str, str]) -> str:
        told = answer.get("iss")
        if told is not None and told != issuer.provider.issuer:
            raise TokenError("iss: the answer is another provider's")
        if told is None and (await issuer.metadata()).tells_issuer:
            raise TokenError("iss: the answer does not say whose it is")
        if "error" in answer:
            raise RefusedError(answer["error"][:40])
        code = answer.get("code", "")
        if not 0 < len(code) <= _LONGEST_CODE:
            raise TokenError("code: there is none")
        return code

    async def _identify(self, issuer: Issuer, tokens: Tokens, *, nonce: str) -> tuple[Identity, Origin]:
        provider = issuer.provider
        signed = await issuer.verify(tokens.id_token)
        subject = check_id_token(
            signed.claims, issuer=provider.issuer, client_id=provider.client_id, nonce=nonce, now=self._now()
        )
        if tokens.access_token is not None:
            check_access_token(signed.claims, algorithm=signed.algorithm, access_token=tokens.access_token)
        claims: Claims = signed.claims
        if provider.userinfo and tokens.access_token is not None:
            claims = {**await issuer.userinfo(tokens.access_token, subject), **signed.claims}
        identity = Identity(
            provider.issuer,
            subject,
            login_of(provider, claims),
            display_name=name_of(provider, claims),
            grants=grants_of(provider, claims),
        )
        keeps_hint = provider.signs_out and len(tokens.id_token) <= _LONGEST_HINT
        return identity, Origin(
            provider.id,
            provider.issuer,
            timedelta(hours=provider.session_hours),
            sid=sid_of(signed.claims),
            id_token=tokens.id_token if keeps_hint else None,
        )

    async def _admit(
        self,
        tx: Transaction,
        trail: Trail,
        provider: Provider,
        identity: Identity,
        origin: Origin,
        replaces: str | None,
    ) -> SignedIn | None:
        admitted = await self._linking.admit(tx, trail, provider, identity)
        if isinstance(admitted, Refuses):
            digest = _digest(f"{provider.id}:{identity.subject}")
            pace = Pace(f"refused:{digest}", _NOTED_AT_ONCE, _NOTED_INTERVAL)
            if await pay(tx.connection, pace) is None:
                subject = "" if admitted.account is None else admitted.account.name
                detail = {"provider": provider.id, "subject": identity.subject, "why": admitted.why.value}
                await self._note(trail, "stranger", "session.refused", subject, detail)
            return None
        if replaces is not None:
            await end_session(tx.connection, replaces)
        actor = f"person:{admitted.name}"
        await self._note(trail, actor, "session.begun", admitted.name, {"provider": provider.id})
        return await self._sign_in.begin(tx, admitted, origin)

    async def _note(self, trail: Trail, actor: str, action: str, subject: str, detail: Mapping[str, object]) -> None:
        await trail.note(at=self._clock.now(), actor=actor, action=action, subject=subject, detail=detail)

    async def _spend(self, what: str) -> bool:
        async with self._database.transaction() as tx:
            return await spend(tx.connection, _digest(what), valid_for=_SPENT_FOR)

    def _issuer(self, provider_id: str) -> Issuer:
        try:
            return self._issuers[provider_id]
        except KeyError:
            raise UnknownProviderError(provider_id) from None

    def _return_to(self, provider_id: str) -> str:
        """Each provider has its own: the answer of one cannot pass for that of another."""
        return f"{self._public_url}/login/{provider_id}/return"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
