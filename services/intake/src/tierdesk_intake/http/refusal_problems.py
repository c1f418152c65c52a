"""How a refusal is told over HTTP."""

from __future__ import annotations

from typing import Final, NamedTuple

from tierdesk_intake.domain.refusals import RefusalKind, RefusedError
from tierdesk_runtime.problems import ProblemError


class _Told(NamedTuple):
    status: int
    title: str
    retry_after_seconds: int | None = None


_TOLD: Final = {
    RefusalKind.NOT_JSON: _Told(400, "Malformed body"),
    RefusalKind.INVALID: _Told(422, "Invalid event"),
    RefusalKind.KEY_REUSED: _Told(422, "Idempotency key reused"),
    RefusalKind.KEY_IN_FLIGHT: _Told(409, "Request in flight", 1),
    RefusalKind.UNKNOWN_TICKET: _Told(404, "Unknown ticket"),
    RefusalKind.TOO_LARGE: _Told(413, "Too large"),
    RefusalKind.UNSUPPORTED: _Told(415, "Unsupported media type"),
    RefusalKind.INVALID_ATTACHMENT: _Told(422, "Invalid attachment"),
    RefusalKind.UNKNOWN_ATTACHMENT: _Told(404, "Unknown attachment"),
    RefusalKind.FULL: _Told(409, "Too many attachments"),
    RefusalKind.QUOTA: _Told(429, "Quota used up", 3600),
    RefusalKind.OVERLOADED: _Told(503, "Overloaded", 1),
}


def as_problem(refused: RefusedError) -> ProblemError:
    """The problem that tells this refusal."""
    told = _TOLD[refused.kind]
    return ProblemError(
        told.status,
        told.title,
        refused.detail,
        errors=[{"field": fault.field, "message": fault.message} for fault in refused.faults],
        headers={} if told.retry_after_seconds is None else {"Retry-After": str(told.retry_after_seconds)},
    )
