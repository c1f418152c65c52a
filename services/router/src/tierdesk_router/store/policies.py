"""Every policy that was ever in force, and which one is."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final, NamedTuple

import structlog
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from tierdesk_policy import Policy, PolicyError
from tierdesk_store import Transaction, TransientError

_log = structlog.get_logger(__name__)

_IN_FORCE = text("SELECT tenant, version FROM router.policy_in_force WHERE tenant = ANY(CAST(:tenants AS text[]))")
_ALL_IN_FORCE = text("SELECT tenant, version FROM router.policy_in_force ORDER BY tenant")
_KEPT = text("SELECT tenant, version FROM router.policy ORDER BY tenant, applied_at")
_FAULTS_LOGGED: Final = 5
_DOCUMENT = text(
    "SELECT CAST(document AS text) AS document FROM router.policy WHERE tenant = :tenant AND version = :version"
)
_APPLIED = text(
    """
    SELECT tenant, version, name, CAST(document AS text) AS document, applied_at FROM router.policy
    UNION ALL
    SELECT tenant, version, p.name, CAST(p.document AS text), f.applied_at
    FROM router.policy_in_force f JOIN router.policy p USING (tenant, version) WHERE f.applied_at <> p.applied_at
    ORDER BY tenant, applied_at
    """
)
_KEEP = text(
    """
    INSERT INTO router.policy (tenant, version, name, document, applied_at)
    VALUES (:tenant, :version, :name, CAST(:document AS jsonb), :at) ON CONFLICT DO NOTHING
    """
)
_PUT_IN_FORCE = text(
    """
    INSERT INTO router.policy_in_force (tenant, version, applied_at) VALUES (:tenant, :version, :at)
    ON CONFLICT (tenant) DO UPDATE SET version = excluded.version, applied_at = excluded.applied_at
    WHERE policy_in_force.version <> excluded.version
    RETURNING version
    """
)


class Application(NamedTuple):
    """That a tenant's policy was put in force at a time."""

    tenant: str
    version: str
    name: str
    document: dict[str, Any]
    applied_at: datetime


class UnknownPolicyError(TransientError):
    """What is asked for goes by a policy that is not known here, or that this release cannot read: it waits."""

    def __init__(self, tenant: str, version: str = "in force") -> None:
        super().__init__(f"policy {version} of tenant {tenant} is not known here", retry_in_seconds=2.0)


class PolicyShelf:
    """Compiled policies by (tenant, version). A version never changes, so what is here is always right.

    One that this release cannot read is treated as unknown, and logged once: what goes by it waits, all else goes on.
    """

    def __init__(self) -> None:
        self._compiled: dict[tuple[str, str], Policy | None] = {}

    async def find(self, connection: AsyncConnection, tenant: str, version: str) -> Policy | None:
        """The policy, read and compiled once; None when it was never applied here, or cannot be read."""
        key = (tenant, version)
        if key not in self._compiled:
            row = (await connection.execute(_DOCUMENT, {"tenant": tenant, "version": version})).one_or_none()
            if row is None:
                return None
            try:
                self._compiled[key] = Policy.from_document(json.loads(row.document), source=version)
            except PolicyError as error:
                self._compiled[key] = None
                faults = [str(fault) for fault in error.faults[:_FAULTS_LOGGED]]
                _log.error("policy.unreadable", tenant=tenant, version=version, faults=faults)
        return self._compiled[key]

    async def in_force(self, connection: AsyncConnection, tenants: Iterable[str] | None = None) -> dict[str, Policy]:
        """The policy in force of each tenant that has one that can be read; of all tenants when none are named."""
        if tenants is None:
            rows = await connection.execute(_ALL_IN_FORCE)
        else:
            rows = await connection.execute(_IN_FORCE, {"tenants": sorted(set(tenants))})
        found: dict[str, Policy] = {}
        for row in rows.all():
            policy = await self.find(connection, row.tenant, row.version)
            if policy is not None:
                found[row.tenant] = policy
        return found

    async def kept(self, connection: AsyncConnection) -> list[tuple[str, Policy]]:
        """Every policy that was ever applied and can be read, with its tenant: open tickets go by the one they were
        opened under.
        """
        found = []
        for row in (await connection.execute(_KEPT)).all():
            policy = await self.find(connection, row.tenant, row.version)
            if policy is not None:
                found.append((row.tenant, policy))
        return found


async def list_applications(connection: AsyncConnection) -> list[Application]:
    """When each policy came into force first, and the one that is in force last, in the order of these times."""
    rows = await connection.execute(_APPLIED)
    return [
        Application(row.tenant, row.version, row.name, json.loads(row.document), row.applied_at) for row in rows.all()
    ]


async def has_policy(connection: AsyncConnection, tenant: str) -> bool:
    """Whether any policy of the tenant is in force, be it one that cannot be read."""
    return (await connection.execute(_IN_FORCE, {"tenants": [tenant]})).one_or_none() is not None


async def put_in_force(tx: Transaction, tenant: str, policy: Policy, at: datetime) -> bool:
    """Keep the policy and put it in force; False when it was in force already."""
    values: dict[str, Any] = {"tenant": tenant, "version": policy.version, "at": at}
    document = json.dumps(policy.document())
    await tx.execute(_KEEP, {**values, "name": policy.name, "document": document})
    return (await tx.execute(_PUT_IN_FORCE, values)).one_or_none() is not None
