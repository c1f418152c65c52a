"""Which telephone system sent a request, and whose it is: told by its signature alone."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final, NamedTuple

import structlog

from tierdesk_runtime.problems import ProblemError
from tierdesk_runtime.secrets import Secrets, SecretsError
from tierdesk_runtime.signatures import verify

SOURCE_HEADER: Final = "Tierdesk-Source"
_LOOK_AGAIN_SECONDS: Final = 1.0

log = structlog.get_logger(__name__)


class Signed(NamedTuple):
    """Who signed: the tenant, the name of its telephone system, and the identifier of this webhook."""

    tenant: str
    source: str
    webhook_id: str


class PhoneSources:
    """The webhook secrets of the secrets file. A change of the file is seen within a second."""

    def __init__(self, secrets: Secrets, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        # Of its own: `refresh` tells a change only once, and the key ring wants to hear of it too.
        self._secrets = Secrets.load(secrets.path)
        self._monotonic = monotonic
        self._look_again_at = monotonic() + _LOOK_AGAIN_SECONDS

    def authenticate(self, headers: Mapping[str, str], body: bytes, now: datetime) -> Signed:
        """Who signed exactly these bytes. Raises `ProblemError` 401 for an unknown source or a signature of nobody."""
        self._look_again()
        source = headers.get(SOURCE_HEADER.lower(), "")
        refusal = ProblemError(401, "Bad signature", f"{SOURCE_HEADER} names no telephone system of this desk.")
        for tenant, secrets in self._secrets.webhook_secrets(source).items():
            try:
                return Signed(tenant, source, verify(secrets, headers, body, now))
            except ProblemError as error:
                refusal = error
        raise refusal

    def _look_again(self) -> None:
        if self._monotonic() < self._look_again_at:
            return
        self._look_again_at = self._monotonic() + _LOOK_AGAIN_SECONDS
        try:
            self._secrets.refresh()
        except SecretsError:
            log.exception("secrets_file_unreadable")  # what was known goes on to be
