"""Signing in and out, and changing one's own password.

Guessing is slow, and nobody can lock another out: tries are counted for each login and in total, but apart for a browser in
which this person has signed in before. Such a browser has a mark that only this desk can make, and a count of its own.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from types import MappingProxyType
from typing import Final

from tierdesk_desk.domain.accounts import Account, fold_login
from tierdesk_desk.domain.passwords import normal_form, read_password
from tierdesk_desk.hashing import PasswordHashing
from tierdesk_desk.refusals import note_refusal
from tierdesk_desk.store import accounts as store
from tierdesk_desk.store.accounts import Credential
from tierdesk_desk.store.audit import open_trail
from tierdesk_desk.store.paces import Pace, forget_paid, pay, pay_back
from tierdesk_desk.store.sessions import Origin, Session, add_session, end_session, end_sessions, read_origin
from tierdesk_runtime.clock import Clock
from tierdesk_store import Database, Transaction

AT_ONCE: Final = 10
INTERVAL: Final = timedelta(seconds=30)
"""Under one login: 10 wrong passwords, then one each half minute, some 2,900 a day."""
TOTAL_AT_ONCE: Final = 300
TOTAL_INTERVAL: Final = timedelta(seconds=0.5)
"""Of all logins of a tenant, from browsers that nobody has signed in with: one password tried on many logins is slow too.

Tenants that have no account share one: whoever makes names up slows down nobody else.
"""
_TOKEN_BYTES: Final = 32
_MARK_BYTES: Final = 16


class RefusedError(Exception):
    """Login and password do not fit, for whatever reason: none is told."""


class TooManyError(Exception):
    """Too many wrong passwords were tried; after `retry_seconds` one may be tried again."""

    def __init__(self, retry_seconds: float) -> None:
        super().__init__(f"too many were tried; again in {retry_seconds:.0f} seconds")
        self.retry_seconds = retry_seconds


@dataclass(frozen=True, slots=True)
class SignedIn:
    """What the browser gets, this once: the session's `token`, its `csrf` token, and the `mark` of the browser."""

    token: str
    csrf: str
    mark: str
    account: Account


class SignIn:
    """Lets people in. `pepper` is the secret of the desk, under which browsers are marked.

    `passwords_of` names tenants in which passwords are good for these logins alone: all others come from a provider.
    """

    def __init__(
        self,
        database: Database,
        hashing: PasswordHashing,
        clock: Clock,
        pepper: bytes,
        *,
        passwords_of: Mapping[str, Collection[str]] = MappingProxyType({}),
        random_bytes: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        self._database = database
        self._hashing = hashing
        self._clock = clock
        self._passwords_of = passwords_of
        self._key = hmac.digest(pepper, b"tierdesk browser marks v1", "sha256")
        self._random_bytes = random_bytes

    async def sign_in(
        self, tenant: str, name: str, password: str, *, mark: str = "", replaces: str | None = None
    ) -> SignedIn:
        """Begin a session. `mark` is what the browser was given before, `replaces` the digest of the session that it ends.

        Takes the same time whatever is wrong. Raises `RefusedError`, `TooManyError` and `HashingBusyError`.
        """
        tenant, login = tenant if tenant.isprintable() else "", fold_login(name)
        async with self._database.read() as connection:
            credential = await store.find_credential(connection, tenant, login)
            is_known = await store.has_accounts(connection, tenant)
        paces = self._paces(tenant if is_known else "", login, credential, mark)
        await self._pay(paces)
        fits, better_hash = await self._hashing.verify(
            normal_form(password), None if credential is None else credential.password_hash
        )
        fits = fits and login in self._passwords_of.get(
            tenant, (login,)
        )  # after the hash: none is told apart by its time
        signed_in = None
        async with self._database.transaction() as tx:
            if fits and credential is not None:
                signed_in = await self._admit(tx, credential, better_hash=better_hash, replaces=replaces)
            if signed_in is None:
                if is_known:
                    # What was typed as a login that is none may be a password: it is kept nowhere, but that it was refused.
                    subject = "" if credential is None else credential.account.name
                    await note_refusal(tx, self._clock, tenant, subject)
            else:
                for pace in paces:
                    await pay_back(tx.connection, pace)
        if signed_in is None:
            raise RefusedError("login and password do not fit")
        return signed_in

    def restricts(self, tenant: str) -> bool:
        """Whether passwords of this tenant are good for a few logins alone."""
        return tenant in self._passwords_of

    async def sign_out(self, session: Session) -> None:
        """Sign this person out. Who is signed out already stays so."""
        account = session.account
        async with self._database.transaction() as tx:
            trail = await open_trail(tx, account.tenant)
            if await end_session(tx.connection, session.digest):
                await trail.note(
                    at=self._clock.now(),
                    actor=_actor(account),
                    action="session.ended",
                    subject=account.name,
                    detail={},
                )

    async def change_password(self, session: Session, old: str, new: str) -> SignedIn:
        """Choose another password, end all sessions of the account and begin one anew: where this one began at a provider, as
        long and as much a matter of that provider as this one.

        Raises `PasswordError` for a new one that cannot be, `RefusedError` when `old` is wrong, `TooManyError` and
        `HashingBusyError`.
        """
        account = session.account
        password = read_password(new, login=account.name)
        pace = Pace(f"own:{_digest(f'{account.tenant}:{account.id}')}", AT_ONCE, INTERVAL)
        await self._pay([pace])
        async with self._database.read() as connection:
            credential = await store.read_credential(connection, account.tenant, account.id)
        fits, _ = await self._hashing.verify(normal_form(old), None if credential is None else credential.password_hash)
        password_hash = await self._hashing.hash(password)
        async with self._database.transaction() as tx:
            trail = await open_trail(tx, account.tenant)
            current = await store.read_credential(tx.connection, account.tenant, account.id)
            origin = await read_origin(tx.connection, session.digest)
            is_over = session.provider is not None and origin is None
            if not fits or credential is None or current is None or not _stands(credential, current) or is_over:
                raise RefusedError("it is not your password")
            await pay_back(tx.connection, pace)
            now = self._clock.now()
            changed = replace(current.account, must_change_password=False, changed_at=now)
            await store.save_account(tx.connection, changed)
            await store.save_password(tx.connection, changed, password_hash, valid_for=None)
            await end_sessions(tx.connection, account.tenant, account.id)
            signed_in = await self.begin(tx, changed, origin)
            await trail.note(
                at=now, actor=_actor(account), action="account.password-changed", subject=account.name, detail={}
            )
        return signed_in

    async def _admit(
        self, tx: Transaction, looked_at: Credential, *, better_hash: str | None, replaces: str | None
    ) -> SignedIn | None:
        """Begin a session, unless the account was disabled or got another password while the old one was looked at."""
        account = looked_at.account
        trail = await open_trail(tx, account.tenant)
        current = await store.read_credential(tx.connection, account.tenant, account.id)
        if current is None or not _stands(looked_at, current):
            return None
        if better_hash is not None and current.password_hash is not None:
            await store.save_hash(tx.connection, account, before=current.password_hash, after=better_hash)
        if replaces is not None:
            await end_session(tx.connection, replaces)
        now = self._clock.now()
        await trail.note(at=now, actor=_actor(account), action="session.begun", subject=account.name, detail={})
        return await self.begin(tx, current.account)

    async def begin(self, tx: Transaction, account: Account, origin: Origin | None = None) -> SignedIn:
        """Begin a session of whoever is proved to own this account, at a provider where `origin` names one."""
        token, csrf = self._random_bytes(_TOKEN_BYTES).hex(), self._random_bytes(_TOKEN_BYTES).hex()
        await add_session(tx.connection, account, digest=digest_of(token), csrf=csrf, origin=origin)
        return SignedIn(token, csrf, self._mark(account, self._random_bytes(_MARK_BYTES).hex()), account)

    async def _pay(self, paces: list[Pace]) -> None:
        async with self._database.transaction() as tx:
            await forget_paid(tx.connection)
            for pace in paces:
                wait = await pay(tx.connection, pace)
                if wait is not None:
                    raise TooManyError(wait)

    def _paces(self, tenant: str, login: str, credential: Credential | None, mark: str) -> list[Pace]:
        chance = mark.partition(".")[0]
        if credential is not None and hmac.compare_digest(
            self._mark(credential.account, chance).encode(), mark.encode()
        ):
            return [Pace(f"browser:{_digest(mark)}", AT_ONCE, INTERVAL)]
        return [
            Pace(f"login:{_digest(f'{tenant}:{login}')}", AT_ONCE, INTERVAL),
            Pace(f"total:{_digest(tenant)}", TOTAL_AT_ONCE, TOTAL_INTERVAL),
        ]

    def _mark(self, account: Account, chance: str) -> str:
        text = f"{chance}:{account.tenant}:{account.id}"
        return f"{chance}.{hmac.digest(self._key, text.encode(), 'sha256').hex()}"


def digest_of(token: str) -> str:
    """What is stored of a session's token: 256 bits of chance need no slow hash."""
    return _digest(token)


def _stands(looked_at: Credential, current: Credential) -> bool:
    is_same = current.password_hash == looked_at.password_hash
    return is_same and current.account.disabled_at is None and not current.is_expired


def _actor(account: Account) -> str:
    return f"person:{account.name}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
