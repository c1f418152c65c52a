"""The policies of the tenants, and which is in force."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select, tuple_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from tierdesk_desk.store.tables import policy as policies
from tierdesk_desk.store.tables import policy_in_force
from tierdesk_policy import Policy, PolicyError

PolicyKey = tuple[str, str]
"""A tenant, and the name of a version."""


@dataclass(frozen=True, slots=True)
class AppliedPolicy:
    """A version that was put in force."""

    tenant: str
    version: str
    document: dict[str, Any]
    applied_at: datetime


class PolicyShelf:
    """The policies that this process has needed so far. A version never changes, so none is ever stale."""

    def __init__(self) -> None:
        self._known: dict[PolicyKey, Policy] = {}

    async def fetch(self, connection: AsyncConnection, keys: Iterable[PolicyKey]) -> dict[PolicyKey, Policy]:
        """Those of `keys` that are stored and that this release can read."""
        wanted = set(keys)
        missing = sorted(wanted - self._known.keys())
        if missing:
            rows = await connection.execute(
                select(policies.c.tenant, policies.c.version, policies.c.document).where(
                    tuple_(policies.c.tenant, policies.c.version).in_(missing)
                )
            )
            for tenant, version, document in rows:
                try:
                    self._known[tenant, version] = Policy.from_document(document, source=version)
                except PolicyError:
                    continue
        return {key: self._known[key] for key in wanted if key in self._known}

    async def find_in_force(self, connection: AsyncConnection, tenant: str) -> Policy | None:
        """The policy in force of this tenant; None before the first, and for one that this release cannot read."""
        found = await connection.execute(select(policy_in_force.c.version).where(policy_in_force.c.tenant == tenant))
        version = found.scalar_one_or_none()
        if version is None:
            return None
        return (await self.fetch(connection, [(tenant, version)])).get((tenant, version))

    async def fetch_in_force(self, connection: AsyncConnection) -> dict[str, Policy]:
        """The policy in force of each tenant."""
        rows = await connection.execute(select(policy_in_force.c.tenant, policy_in_force.c.version))
        found = await self.fetch(connection, [(tenant, version) for tenant, version in rows])
        return {tenant: policy for (tenant, _), policy in found.items()}


async def save_policy(connection: AsyncConnection, applied: AppliedPolicy) -> None:
    """Keep a version, and put it in force unless one that was applied later is."""
    await connection.execute(
        insert(policies)
        .values(tenant=applied.tenant, version=applied.version, document=applied.document)
        .on_conflict_do_nothing()
    )
    statement = insert(policy_in_force).values(
        tenant=applied.tenant, version=applied.version, applied_at=applied.applied_at
    )
    await connection.execute(
        statement.on_conflict_do_update(
            index_elements=[policy_in_force.c.tenant],
            set_={"version": statement.excluded.version, "applied_at": statement.excluded.applied_at},
            where=policy_in_force.c.applied_at <= statement.excluded.applied_at,
        )
    )
