"""The door to traces. Where no endpoint is set, nothing of OpenTelemetry is even imported."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from starlette.requests import Request

from tierdesk_runtime.settings import Settings, SettingsError

if TYPE_CHECKING:
    from tierdesk_runtime.spans import Tracing

TRACEPARENT: Final = "tierdesk.traceparent"
"""Where in its scope a traced request has what the messages that come of it carry."""


def start_tracing(settings: Settings, service: str) -> Tracing | None:
    """The traces of one service; None without `otlp_endpoint`.

    Raises `SettingsError` when an endpoint is set and the packages are not installed.
    """
    if settings.otlp_endpoint is None:
        return None
    try:
        from tierdesk_runtime import spans  # noqa: PLC0415 - its packages are an extra
    except ModuleNotFoundError as error:
        if not (error.name or "").startswith("opentelemetry"):
            raise
        raise SettingsError(
            "TIERDESK_OTLP_ENDPOINT: the packages for traces are not installed; "
            "pip install --require-hashes -r requirements/telemetry.txt, or unset it"
        ) from error
    return spans.Tracing(settings.otlp_endpoint, service=service, bus_url=settings.bus)


def traceparent_of(request: Request) -> str | None:
    """What messages that come of this request shall carry; None when it is not traced."""
    traceparent: str | None = request.scope.get(TRACEPARENT)
    return traceparent
