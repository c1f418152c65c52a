"""What a service says of its own health."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class State(StrEnum):
    """How one check ended."""

    OK = "ok"
    DEGRADED = "degraded"
    """Something is away that the service can do without for a while: it goes on to take requests."""
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Check:
    """The end of one check; `detail` for people, without addresses and secrets."""

    state: State
    detail: str = ""


OK = Check(State.OK)


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether requests should be sent to a service, and why not."""

    checks: Mapping[str, Check]

    @property
    def ready(self) -> bool:
        """Whether no check failed. A degraded one does not count: broker down is no reason to refuse a ticket."""
        return all(check.state is not State.FAILED for check in self.checks.values())

    @property
    def state(self) -> State:
        """The worst state of all checks."""
        states = {check.state for check in self.checks.values()}
        return next((state for state in (State.FAILED, State.DEGRADED) if state in states), State.OK)

    def document(self) -> dict[str, Any]:
        """As `/readyz` shows it."""
        return {
            "state": self.state,
            "checks": {
                name: {"state": check.state} | ({"detail": check.detail} if check.detail else {})
                for name, check in self.checks.items()
            },
        }
