"""Who calls: the keys of the secrets file, and the principal that each stands for."""

from __future__ import annotations

import hmac
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import structlog

from tierdesk_runtime.key_format import SCOPES, StoredKey, digest, issue, split
from tierdesk_runtime.problems import ProblemError
from tierdesk_runtime.secrets import Secrets, SecretsError
from tierdesk_runtime.user_tokens import is_user_token, read_user_token

__all__ = ["SCOPES", "KeyRing", "Principal"]

USER_KEY: Final = "user-token"
"""What stands for the identifier of a key where a person asks."""
_NO_DIGEST: Final = "0" * 64
_LOOK_AGAIN_SECONDS: Final = 1.0

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Principal:
    """Who calls. The tenant stands here and nowhere in a request."""

    key_id: str
    tenant: str
    scopes: frozenset[str]
    label: str


class KeyRing:
    """The keys of the secrets file. A change of the file is seen within a second, without a restart."""

    def __init__(
        self,
        secrets: Secrets,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._secrets = secrets
        self._now = now
        self._monotonic = monotonic
        self._look_again_at = monotonic() + _LOOK_AGAIN_SECONDS
        self._keys: dict[str, tuple[StoredKey, Principal]] = {}
        self._index()

    def authenticate(self, authorization_header: str | None) -> Principal:
        """Whom the header `Authorization: Bearer <key>` names. Raises `ProblemError` 401, the same for every fault.

        Takes the same time for an unknown id as for a wrong secret. Expired and revoked keys are as unknown ones. The
        token of a person is taken as a key; the label is that person's login then.
        """
        self._look_again()
        scheme, _, text = (authorization_header or "").partition(" ")
        if scheme.lower() == "bearer" and is_user_token(text.strip()):
            return self._person(text.strip())
        parts = split(text.strip()) if scheme.lower() == "bearer" else None
        if parts is None or parts.environment != self._secrets.environment:
            raise _refused()
        entry = self._keys.get(parts.id)
        given = digest(self._secrets.pepper, parts.secret)
        proved = hmac.compare_digest(given, entry[0].digest if entry else _NO_DIGEST)
        if entry is None or not proved or not entry[0].is_live(self._now()):
            raise _refused()
        return entry[1]

    def mint(self, label: str, tenant: str, scopes: Iterable[str], *, expires_at: datetime | None = None) -> str:
        """Make a key, store what recognises it in the secrets file, and answer it: this once.

        Raises `ValueError` for a scope that does not exist. Several keys of one label may live at once, so that a
        client moves to the next before the last is revoked.
        """
        text, stored = issue(
            environment=self._secrets.environment,
            pepper=self._secrets.pepper,
            label=label,
            tenant=tenant,
            scopes=scopes,
            now=self._now(),
            expires_at=expires_at,
        )
        self._secrets.add_key(stored)
        self._index()
        return text

    def revoke(self, key_id: str) -> None:
        """Refuse this key from now on; other processes within a second. Raises `SecretsError` when it is unknown."""
        self._secrets.revoke_key(key_id, self._now())
        self._index()

    def _person(self, text: str) -> Principal:
        token = read_user_token(self._secrets, text, self._now())
        if token is None:
            raise _refused()
        return Principal(USER_KEY, token.tenant, token.scopes, token.name)

    def _look_again(self) -> None:
        now = self._monotonic()
        if now < self._look_again_at:
            return
        self._look_again_at = now + _LOOK_AGAIN_SECONDS
        try:
            if self._secrets.refresh():
                self._index()
        except SecretsError:
            # The keys that were known go on to be: a slip of an editor must not lock every client out.
            log.exception("secrets_file_unreadable")

    def _index(self) -> None:
        self._keys = {
            key.id: (key, Principal(key.id, key.tenant, key.scopes & SCOPES, key.label)) for key in self._secrets.keys
        }


def _refused() -> ProblemError:
    return ProblemError(
        401,
        "Unknown key",
        "Send a live key of this desk: Authorization: Bearer tierdesk_…",
        headers={"WWW-Authenticate": 'Bearer realm="tierdesk"'},
    )
