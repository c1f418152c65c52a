"""What is asked of problems, and why it may be refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tierdesk_router.domain.problems import ProblemKind, ProblemRecord


class NoSuchProblemError(Exception):
    """The tenant has no problem of this name."""


class NoSuchTicketsError(Exception):
    """The tenant has no tickets of these names."""

    def __init__(self, positions: Sequence[int]) -> None:
        """Where they stand in the request, from 0."""
        super().__init__(f"no such ticket: {', '.join(map(str, positions))}")
        self.positions = positions


class VersionConflictError(Exception):
    """Somebody else has changed the problem since; the message says what it is now."""

    def __init__(self, problem: ProblemRecord) -> None:
        """As it is now."""
        super().__init__(f"{problem.reference} is at version {problem.version}: read it again, and change that version")


class KeyReusedError(Exception):
    """Another problem was opened with this idempotency key."""


@dataclass(frozen=True, slots=True)
class NewProblem:
    """A problem that a person opens."""

    kind: ProblemKind
    title: str
    fields: Mapping[str, Any]
    tickets: Sequence[str]
    why: str
    key: str | None
    body: bytes
    """The request as it came, by which a repeated key is judged."""
