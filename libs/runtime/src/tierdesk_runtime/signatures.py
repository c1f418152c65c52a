"""Signatures of webhooks as Standard Webhooks defines them: HMAC-SHA256 over `id.timestamp.body`."""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from tierdesk_runtime.problems import ProblemError

TOLERANCE_SECONDS: Final = 300
_MOST_SIGNATURES: Final = 20
_PREFIX: Final = "whsec_"
_ID: Final = re.compile(r"[\x21-\x7e]{1,200}")
_TIMESTAMP: Final = re.compile(r"[0-9]{1,12}")


def sign(secret: str, webhook_id: str, at: datetime, body: bytes) -> dict[str, str]:
    """The three headers that sign this body. Raises `ValueError` for a secret that is none."""
    timestamp = str(int(at.timestamp()))
    signature = base64.b64encode(_mac(_key(secret), webhook_id, timestamp, body)).decode()
    return {"webhook-id": webhook_id, "webhook-timestamp": timestamp, "webhook-signature": f"v1,{signature}"}


def verify(secret: str | Sequence[str], headers: Mapping[str, str], body: bytes, now: datetime) -> str:
    """Answer the webhook's id if one of its signatures was made with one of these secrets, over exactly these bytes.

    `headers` is asked for lower-case names. Raises `ProblemError` 401 for whatever is missing, malformed, wrong, or more
    than `TOLERANCE_SECONDS` from `now`; raises `ValueError` only for a secret of ours that is none.
    """
    keys = [_key(secret)] if isinstance(secret, str) else [_key(one) for one in secret]
    webhook_id, timestamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    signatures = headers.get("webhook-signature", "").split(" ")
    if not _ID.fullmatch(webhook_id) or not _TIMESTAMP.fullmatch(timestamp) or len(signatures) > _MOST_SIGNATURES:
        raise _refused("The headers webhook-id, webhook-timestamp and webhook-signature are expected.")
    if abs(now.timestamp() - int(timestamp)) > TOLERANCE_SECONDS:
        raise _refused(f"webhook-timestamp is more than {TOLERANCE_SECONDS} seconds from now.")
    expected = [_mac(key, webhook_id, timestamp, body) for key in keys]
    given = [_decode(text) for text in signatures]
    # Every pair is compared, so that the time tells nothing of which fitted.
    if not any([hmac.compare_digest(ours, theirs) for ours in expected for theirs in given]):  # noqa: C419 - see above
        raise _refused("No signature fits the body.")
    return webhook_id


def _key(secret: str) -> bytes:
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except binascii.Error:
        key = b""
    if not 24 <= len(key) <= 64:
        raise ValueError("a webhook secret is whsec_ and 24 to 64 bytes in base 64")
    return key


def _mac(key: bytes, webhook_id: str, timestamp: str, body: bytes) -> bytes:
    return hmac.digest(key, f"{webhook_id}.{timestamp}.".encode() + body, "sha256")


def _decode(signature: str) -> bytes:
    version, _, text = signature.partition(",")
    if version != "v1":
        return b""
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:  # also for letters beyond ASCII
        return b""


def _refused(detail: str) -> ProblemError:
    return ProblemError(401, "Bad signature", detail)
