"""One-time codes, temporary passwords and tokens: derived from a secret and the assignment, kept nowhere.

So a work function that is run again after a crash says and sends the same.
"""

from __future__ import annotations

import base64
import hmac
from hashlib import sha256, sha512
from typing import Final
from uuid import UUID

CODE_DIGITS: Final = 8
_UPPER: Final = "ABCDEFGHJKLMNPQRSTUVWXYZ"
_LOWER: Final = "abcdefghijkmnpqrstuvwxyz"
_DIGITS: Final = "23456789"
"""Letters and digits that nobody takes for another one."""
_PASSWORD: Final = (_UPPER, *[_LOWER] * 3, "-", *[_LOWER] * 4, "-", *[_LOWER] * 4, "-", *[_DIGITS] * 4)
_TOKEN_MAC_BYTES: Final = 16


def derive_code(secret: bytes, assignment_id: UUID, number: int) -> str:
    """The `number`-th one-time code of an assignment: eight digits."""
    mac = hmac.digest(secret, b"code/%b/%d" % (assignment_id.bytes, number), sha256)
    return f"{int.from_bytes(mac) % 10**CODE_DIGITS:0{CODE_DIGITS}d}"


def is_code(said: str, code: str) -> bool:
    """Whether `said` is the code; takes as long for a near miss as for any other."""
    return hmac.compare_digest(said.encode(), code.encode())


def derive_password(secret: bytes, assignment_id: UUID) -> str:
    """The temporary password of an assignment: four groups of four, some 66 bits, all kinds of characters."""
    rest = int.from_bytes(hmac.digest(secret, b"password/%b" % assignment_id.bytes, sha512))
    letters = []
    for alphabet in _PASSWORD:
        rest, place = divmod(rest, len(alphabet))
        letters.append(alphabet[place])
    return "".join(letters)


def derive_token(secret: bytes, assignment_id: UUID) -> str:
    """The one-time token of an assignment: 43 characters that stand in an address as they are. It names its assignment."""
    mac = hmac.digest(secret, b"token/%b" % assignment_id.bytes, sha256)
    return base64.urlsafe_b64encode(assignment_id.bytes + mac[:_TOKEN_MAC_BYTES]).decode().rstrip("=")


def read_token(secret: bytes, token: str) -> UUID | None:
    """The assignment of a token that this secret made; None for any other text."""
    try:
        raw = base64.urlsafe_b64decode(token.encode("ascii") + b"==")
    except ValueError:
        return None
    if len(raw) != 16 + _TOKEN_MAC_BYTES:
        return None
    assignment_id = UUID(bytes=raw[:16])
    # The whole text is compared: several texts stand for the same bytes.
    return assignment_id if hmac.compare_digest(token.encode(), derive_token(secret, assignment_id).encode()) else None


def mask_address(address: str) -> str:
    """A mail address as anybody may see it: `a***@example.com`. The number of stars tells nothing."""
    local, _, domain = address.rpartition("@")
    return f"{local[:1]}***@{domain}" if local else "***"
