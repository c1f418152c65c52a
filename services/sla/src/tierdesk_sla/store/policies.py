"""Every version of every tenant's policy, as it was applied."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import or_, select, tuple_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from tierdesk_policy import Policy, PolicyError
from tierdesk_sla.store.tables import policy as policies

PolicyKey = tuple[str, str]
"""A tenant, and the name of a version."""


@dataclass(frozen=True, slots=True)
class AppliedPolicy:
    """A version to keep."""

    tenant: str
    version: str
    document: dict[str, Any]
    applied_at: datetime


class PolicyShelf:
    """The compiled policies that this process has needed so far. A version never changes, so none is ever stale."""

    def __init__(self) -> None:
        self._compiled: dict[PolicyKey, Policy] = {}

    def get(self, key: PolicyKey) -> Policy | None:
        """The policy, if it was fetched."""
        return self._compiled.get(key)

    async def fetch(self, connection: AsyncConnection, keys: Iterable[PolicyKey]) -> None:
        """Read those of `keys` that are stored and not remembered yet.

        One that this release cannot read is treated as unknown: what names it waits, and is parked in the end.
        """
        missing = sorted(set(keys) - self._compiled.keys())
        if not missing:
            return
        rows = await connection.execute(
            select(policies.c.tenant, policies.c.version, policies.c.document).where(
                tuple_(policies.c.tenant, policies.c.version).in_(missing)
            )
        )
        for tenant, version, document in rows:
            try:
                self._compiled[tenant, version] = Policy.from_document(document, source=version)
            except PolicyError:
                continue


async def find_versions(connection: AsyncConnection, tenant: str, beginning: str) -> list[str]:
    """The versions of a tenant's policy that were ever applied and whose name begins so, with or without `sha256:`."""
    names = [beginning, f"sha256:{beginning}"]
    rows = await connection.execute(
        select(policies.c.version)
        .where(
            policies.c.tenant == tenant, or_(*(policies.c.version.startswith(one, autoescape=True) for one in names))
        )
        .order_by(policies.c.version)
    )
    return list(rows.scalars())


async def save_policies(connection: AsyncConnection, applied: Collection[AppliedPolicy]) -> None:
    """Keep these versions; one that is there already stays as it is."""
    if applied:
        await connection.execute(
            insert(policies).on_conflict_do_nothing(),
            [
                {
                    "tenant": one.tenant,
                    "version": one.version,
                    "document": one.document,
                    "applied_at": one.applied_at,
                }
                for one in applied
            ],
        )
