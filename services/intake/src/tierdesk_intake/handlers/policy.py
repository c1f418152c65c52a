"""Keeps the names that each tenant's policy in force knows, so that a wrong one is refused at the door, and what it says of the
telephone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic import ValidationError

from tierdesk_contracts.notice import PolicyApplied
from tierdesk_intake.domain.ledger import PolicyTerms
from tierdesk_intake.store.terms import AppliedTerms, save_terms
from tierdesk_policy import Phone
from tierdesk_store import PermanentError, Received, Transaction


@dataclass(slots=True)
class Terms:
    """What a batch brings, by tenant."""

    applied: dict[str, AppliedTerms] = field(default_factory=dict)


class PolicyHandler:
    """Follows `policy.applied.v1`."""

    name: Final = "intake.policy"
    accepts: Final = frozenset({"policy.applied.v1"})

    async def load(self, tx: Transaction, messages: Sequence[Received]) -> Terms:
        """Nothing: a policy is taken whole."""
        del tx, messages
        return Terms()

    def decide(self, state: Terms, message: Received) -> None:
        """Keep the policy's names, unless the batch has a later one."""
        policy = message.envelope.data
        assert isinstance(policy, PolicyApplied)
        tenant = message.envelope.tenant
        known = state.applied.get(tenant)
        if known is None or known.applied_at <= policy.applied_at:
            terms = PolicyTerms(
                _names(policy.document, "categories"),
                _names(policy.document, "departments", optional=True),
                _phone(policy.document),
            )
            state.applied[tenant] = AppliedTerms(policy.version, terms, policy.applied_at)

    async def save(self, tx: Transaction, state: Terms) -> None:
        """Write them, unless a later policy was written before."""
        await save_terms(tx, state.applied)


def _phone(document: dict[str, Any]) -> Phone:
    """What it says of the telephone. Raises `PermanentError` for what this release cannot read."""
    try:
        return Phone.model_validate(document.get("phone") or {})
    except ValidationError as error:
        raise PermanentError(f"document.phone: not as this release knows it: {error}") from error


def _names(document: dict[str, Any], part: str, *, optional: bool = False) -> frozenset[str]:
    """The `id` of each entry. Raises `PermanentError` for a document that is no policy."""
    if optional and part not in document:
        return frozenset()
    try:
        return frozenset(str(entry["id"]) for entry in document[part])
    except (KeyError, TypeError) as error:
        raise PermanentError(f"document.{part}: a list of entries with an id is expected") from error
