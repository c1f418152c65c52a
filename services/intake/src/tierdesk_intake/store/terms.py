"""The names that each tenant's policy in force knows."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple

from sqlalchemy import Row, select
from sqlalchemy.dialects.postgresql import insert

from tierdesk_intake.domain.ledger import PolicyTerms
from tierdesk_intake.store.tables import policy_terms
from tierdesk_policy import Phone
from tierdesk_store import Transaction

FRESH_SECONDS: Final = 1.0


class AppliedTerms(NamedTuple):
    """The names of a policy, and since when it is in force."""

    version: str
    terms: PolicyTerms
    applied_at: datetime


class KnownTerms:
    """What the policies in force know, read again when it is older than a second: there is no need to ask each time."""

    def __init__(self, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._known: dict[str, tuple[float, PolicyTerms | None]] = {}

    async def find(self, tx: Transaction, tenants: Collection[str]) -> dict[str, PolicyTerms]:
        """The names by tenant; a tenant without a policy yet is left out."""
        now = self._monotonic()
        stale = [tenant for tenant in tenants if self._is_stale(tenant, now)]
        if stale:
            rows = await tx.execute(select(policy_terms).where(policy_terms.c.tenant.in_(sorted(stale))))
            found = {row.tenant: _terms_of(row) for row in rows}
            self._known |= {tenant: (now + FRESH_SECONDS, found.get(tenant)) for tenant in stale}
        return self._of(tenants)

    def at_hand(self, tenants: Collection[str]) -> dict[str, PolicyTerms] | None:
        """As `find`, without asking; None when one of them must be read again."""
        now = self._monotonic()
        return None if any(self._is_stale(tenant, now) for tenant in tenants) else self._of(tenants)

    def _is_stale(self, tenant: str, now: float) -> bool:
        return self._known.get(tenant, (0.0, None))[0] <= now

    def _of(self, tenants: Collection[str]) -> dict[str, PolicyTerms]:
        terms = {tenant: self._known[tenant][1] for tenant in tenants}
        return {tenant: known for tenant, known in terms.items() if known is not None}


def _terms_of(row: Row[Any]) -> PolicyTerms:
    """What an older release has written says nothing of the telephone."""
    phone = Phone() if row.phone is None else Phone.model_validate(row.phone)
    return PolicyTerms(frozenset(row.categories), frozenset(row.departments), phone)


async def save_terms(tx: Transaction, applied: Mapping[str, AppliedTerms]) -> None:
    """Keep these, by tenant, unless a policy is known that was applied later: messages may come in any order."""
    for tenant, (version, terms, applied_at) in sorted(applied.items()):
        statement = insert(policy_terms).values(
            tenant=tenant,
            version=version,
            categories=sorted(terms.categories),
            departments=sorted(terms.departments),
            applied_at=applied_at,
            phone=terms.phone.model_dump(mode="json", by_alias=True, exclude_none=True),
        )
        fresh = statement.excluded
        await tx.execute(
            statement.on_conflict_do_update(
                index_elements=[policy_terms.c.tenant],
                set_={
                    "version": fresh.version,
                    "categories": fresh.categories,
                    "departments": fresh.departments,
                    "applied_at": fresh.applied_at,
                    "phone": fresh.phone,
                },
                where=policy_terms.c.applied_at <= fresh.applied_at,
            )
        )
