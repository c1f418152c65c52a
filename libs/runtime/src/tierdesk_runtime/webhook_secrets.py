"""The secrets that sign webhooks, as the secrets file holds them: which one fits tells whose the webhook is."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final, NamedTuple

import structlog

from tierdesk_runtime.problems import ProblemError
from tierdesk_runtime.secrets import Secrets, SecretsError
from tierdesk_runtime.signatures import sign, verify

_LOOK_AGAIN_SECONDS: Final = 1.0
_SIGNATURE: Final = "webhook-signature"
_VENDOR: Final = "vendor."

log = structlog.get_logger(__name__)


class Signed(NamedTuple):
    """Who signed: the tenant, and the identifier of this webhook."""

    tenant: str
    webhook_id: str


def vendor_source(vendor: str) -> str:
    """The name under which the secrets file holds the secrets of a vendor."""
    return f"{_VENDOR}{vendor}"


def is_vendor_source(source: str) -> bool:
    """Whether it is a vendor's: such a secret counts at the bridge alone, and reports no calls."""
    return source.startswith(_VENDOR)


class WebhookSecrets:
    """The webhook secrets by source and tenant. A change of the file is seen within a second."""

    def __init__(self, secrets: Secrets, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        # Of its own: `refresh` tells a change only once, and the key ring wants to hear of it too.
        self._secrets = Secrets.load(secrets.path)
        self._monotonic = monotonic
        self._look_again_at = monotonic() + _LOOK_AGAIN_SECONDS

    def has(self, tenant: str, source: str) -> bool:
        """Whether there is a secret to sign with, made a moment ago or long before."""
        if not self._of(tenant, source):
            self._look_again(at_once=True)
        return bool(self._of(tenant, source))

    def sign(self, tenant: str, source: str, webhook_id: str, at: datetime, body: bytes) -> dict[str, str] | None:
        """The headers that sign this body, a signature for each secret; None when there is no secret."""
        self._look_again()
        signed = [sign(secret, webhook_id, at, body) for secret in self._of(tenant, source)]
        if not signed:
            return None
        return signed[0] | {_SIGNATURE: " ".join(headers[_SIGNATURE] for headers in signed)}

    def authenticate(
        self, source: str, headers: Mapping[str, str], body: bytes, now: datetime, *, unknown: str
    ) -> Signed:
        """Whose `source` signed exactly these bytes. Raises `ProblemError` 401, whatever is wrong.

        `unknown` is what is said of a source that nobody has.
        """
        self._look_again()
        refusal = _refused(unknown)
        signed: list[Signed] = []
        for tenant, secrets in self._secrets.webhook_secrets(source).items():
            try:
                signed.append(Signed(tenant, verify(secrets, headers, body, now)))
            except ProblemError as error:
                refusal = error
            except ValueError:  # another tenant's source must not suffer from it
                log.exception("webhook_secret_unusable", tenant=tenant, source=source)
        if len(signed) > 1:  # written by hand: those that are made are random
            log.error("webhook_secret_shared", tenants=[one.tenant for one in signed], source=source)
            raise _refused("This secret does not tell whose source signs.")
        if not signed:
            raise refusal
        return signed[0]

    def _of(self, tenant: str, source: str) -> tuple[str, ...]:
        return self._secrets.webhook_secrets(source).get(tenant, ())

    def _look_again(self, *, at_once: bool = False) -> None:
        if not at_once and self._monotonic() < self._look_again_at:
            return
        self._look_again_at = self._monotonic() + _LOOK_AGAIN_SECONDS
        try:
            self._secrets.refresh()
        except SecretsError:
            log.exception("secrets_file_unreadable")  # what was known goes on to be


def _refused(detail: str) -> ProblemError:
    return ProblemError(401, "Bad signature", detail)
