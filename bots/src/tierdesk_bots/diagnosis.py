"""What a requester's device is asked, and what it answers: the messages between the diagnostics bot and its runner."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

Word = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]
Remark = Annotated[str, StringConstraints(max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")]
Bytes = Annotated[int, Field(ge=0, le=2**60)]
Milliseconds = Annotated[float, Field(ge=0, le=3_600_000)]


class _Exact(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Check(_Exact):
    """One thing to look at. `name` is a host name for `dns`, `host` and `port` are for `tcp`."""

    kind: Literal["system", "disk", "memory", "clock", "dns", "tcp", "printers"]
    name: Word | None = None
    host: Word | None = None
    port: Annotated[int, Field(ge=1, le=65535)] | None = None


class Request(_Exact):
    """`GET /v1/diagnoses/{token}`: what is asked, and until when."""

    reference: str
    until: datetime
    checks: tuple[Check, ...]


class SystemResult(_Exact):
    """The operating system."""

    kind: Literal["system"]
    name: Word
    version: Remark = ""
    machine: Remark = ""


class DiskResult(_Exact):
    """The disk that the system is on."""

    kind: Literal["disk"]
    free_bytes: Bytes
    total_bytes: Annotated[int, Field(ge=1, le=2**60)]


class MemoryResult(_Exact):
    """Main memory."""

    kind: Literal["memory"]
    available_bytes: Bytes
    total_bytes: Annotated[int, Field(ge=1, le=2**60)]


class ClockResult(_Exact):
    """How far the device's clock is ahead of the bot's."""

    kind: Literal["clock"]
    skew_seconds: Annotated[float, Field(ge=-1e10, le=1e10)]


class DnsResult(_Exact):
    """Whether a name is known; `error` is empty when it is."""

    kind: Literal["dns"]
    name: Word
    addresses: Annotated[tuple[Word, ...], Field(max_length=20)] = ()
    error: Remark = ""


class TcpResult(_Exact):
    """Whether a host answers at a port; `error` is empty when it does."""

    kind: Literal["tcp"]
    host: Word
    port: Annotated[int, Field(ge=1, le=65535)]
    milliseconds: Milliseconds | None = None
    error: Remark = ""


class PrintersResult(_Exact):
    """Printers that the device knows, and those of them that are stopped."""

    kind: Literal["printers"]
    printers: Annotated[tuple[Word, ...], Field(max_length=50)] = ()
    stopped: Annotated[tuple[Word, ...], Field(max_length=50)] = ()


class MissingResult(_Exact):
    """A check that could not be done on this device, and why."""

    kind: Literal["missing"]
    check: Word
    why: Remark = ""


Result = Annotated[
    SystemResult | DiskResult | MemoryResult | ClockResult | DnsResult | TcpResult | PrintersResult | MissingResult,
    Field(discriminator="kind"),
]


class Diagnosis(_Exact):
    """`POST /v1/diagnoses/{token}`: the results, or that the requester wants none to be sent."""

    refused: bool = False
    results: Annotated[tuple[Result, ...], Field(max_length=60)] = ()

    @model_validator(mode="after")
    def _is_one_of_both(self) -> Diagnosis:
        if self.refused == bool(self.results):
            raise ValueError("either results, or `refused`")
        return self


def describe(result: Result) -> tuple[str, str]:  # noqa: PLR0911 - one for each kind
    """What was looked at, and what was seen, in words."""
    match result:
        case SystemResult():
            return "Operating system", " ".join(word for word in (result.name, result.version, result.machine) if word)
        case DiskResult():
            return "Free disk space", _share(result.free_bytes, result.total_bytes)
        case MemoryResult():
            return "Available memory", _share(result.available_bytes, result.total_bytes)
        case ClockResult():
            return (
                "Clock of the device",
                f"{abs(result.skew_seconds):.0f} s {'ahead' if result.skew_seconds > 0 else 'behind'}",
            )
        case DnsResult():
            return f"Name {result.name}", result.error or ", ".join(result.addresses) or "no address"
        case TcpResult():
            return (
                f"Connection to {result.host}:{result.port}",
                result.error or f"answers in {result.milliseconds or 0:.0f} ms",
            )
        case PrintersResult():
            stopped = f"; stopped: {', '.join(result.stopped)}" if result.stopped else ""
            return "Printers", (", ".join(result.printers) or "none") + stopped
        case MissingResult():
            return f"Check {result.check}", f"not possible: {result.why or 'no reason told'}"


def measures(result: Result) -> dict[str, float]:  # noqa: PLR0911 - one for each kind
    """The numbers that rules go by."""
    match result:
        case DiskResult():
            return {"free_bytes": result.free_bytes, "free_share": result.free_bytes / result.total_bytes}
        case MemoryResult():
            return {
                "available_bytes": result.available_bytes,
                "available_share": result.available_bytes / result.total_bytes,
            }
        case ClockResult():
            return {"skew_seconds": abs(result.skew_seconds)}
        case DnsResult():
            return {"failed": float(bool(result.error) or not result.addresses)}
        case TcpResult():
            return {"failed": float(bool(result.error)), "milliseconds": result.milliseconds or 0.0}
        case PrintersResult():
            return {"printers": len(result.printers), "stopped": len(result.stopped)}
        case _:
            return {}


def _share(part: int, whole: int) -> str:
    return f"{part / 1e9:.1f} of {whole / 1e9:.1f} GB ({part / whole:.0%})"
