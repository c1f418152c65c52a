"""Putting a policy in force: its queues exist before the first offer, and every service hears of it."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Final
from uuid import UUID

from tierdesk_bus import Address, Binding, Bus, Exchange, Queue, Topology
from tierdesk_contracts import names, notice, seal
from tierdesk_policy import Policy
from tierdesk_router.handlers.desk import SOURCE
from tierdesk_router.store.policies import Application, list_applications, put_in_force
from tierdesk_runtime.clock import Clock
from tierdesk_runtime.identifiers import Identifiers
from tierdesk_runtime.service import Parts
from tierdesk_store import Database, Transaction

REDECLARE_SECONDS: Final = 60.0


def work_topology(tenant: str, policy: Policy) -> Topology:
    """The queues of every group: its own in house, or its vendor's namespace."""
    in_house = [group for group in policy.groups if group.vendor is None]
    topology = Topology(
        exchanges=(Exchange(names.WORK),),
        queues=tuple(Queue(names.work_queue(tenant, group.tier, group.id), single_active=True) for group in in_house),
        bindings=tuple(
            Binding(
                names.work_queue(tenant, group.tier, group.id),
                names.WORK,
                names.work_key(tenant, group.tier, group.id),
            )
            for group in in_house
        ),
    )
    for vendor in policy.vendors:
        topology += vendor_topology(names.vendor_namespace(tenant, vendor.id))
    return topology


def vendor_topology(namespace: str) -> Topology:
    """What a vendor's namespace holds: the queue it reads with the exchange before it, and the exchange it writes with its queue."""
    parts = {names.VENDOR_OFFERS: names.VENDOR_WORK, names.VENDOR_INBOUND: names.VENDOR_INBOUND}
    return Topology(
        exchanges=tuple(Exchange(exchange, "fanout", namespace) for exchange in parts),
        queues=(
            Queue(names.VENDOR_WORK, namespace, single_active=True, max_length=10_000),
            Queue(names.VENDOR_INBOUND, namespace, max_length=10_000),
        ),
        bindings=tuple(Binding(queue, exchange, "#", namespace) for exchange, queue in parts.items()),
    )


def vendor_namespaces(tenant: str, policy: Policy) -> set[str]:
    """The namespaces in which vendors answer."""
    return {names.vendor_namespace(tenant, vendor.id) for vendor in policy.vendors}


class WorkQueues:
    """Declares the queues of policies: once per policy, and again each minute, for a broker that has lost its data."""

    def __init__(self, bus: Bus) -> None:
        """On this bus."""
        self._bus = bus
        self._declared: dict[tuple[str, str], float] = {}
        self._lock = asyncio.Lock()

    async def ensure(self, tenant: str, policy: Policy) -> None:
        """Make the queues of this policy exist. One declaration at a time. Raises `BusError`."""
        async with self._lock:
            now = asyncio.get_running_loop().time()
            declared_at = self._declared.get((tenant, policy.version))
            if declared_at is None or now - declared_at > REDECLARE_SECONDS:
                await self._bus.declare(work_topology(tenant, policy))
                self._declared[tenant, policy.version] = asyncio.get_running_loop().time()


async def apply_policy(parts: Parts, queues: WorkQueues, tenant: str, policy: Policy) -> bool:
    """Put `policy` in force for `tenant`; False when it is already. On any fault the old one stays.

    Raises `BusError` when the queues cannot be declared and `DatabaseUnavailableError`.
    """
    await queues.ensure(tenant, policy)
    async with parts.database.transaction() as tx:
        now = parts.clock.now()
        changed = await put_in_force(tx, tenant, policy, now)
        if changed:
            applied = Application(tenant, policy.version, policy.name, policy.document(), now)
            _tell(tx, applied, message_id=parts.identifiers.new(), now=now)
    return changed


async def tell_policies(database: Database, clock: Clock, identifiers: Identifiers) -> int:
    """Publish `policy.applied.v1` of all policies anew, with the times at which they came into force; answer how many.

    For who has not heard of them. Whoever has goes on by the one that was applied last, which this does not change.
    Raises `DatabaseUnavailableError`.
    """
    async with database.transaction() as tx:
        applications = await list_applications(tx.connection)
        now = clock.now()
        for applied in applications:
            _tell(tx, applied, message_id=identifiers.new(), now=now)
    return len(applications)


def _tell(tx: Transaction, applied: Application, *, message_id: UUID, now: datetime) -> None:
    data = notice.PolicyApplied(
        version=applied.version, name=applied.name, document=applied.document, applied_at=applied.applied_at
    )
    envelope = seal(
        data, message_id=message_id, source=SOURCE, subject=applied.version, time=now, tenant=applied.tenant
    )
    tx.send(envelope, Address("", names.EVENTS, names.event_key(applied.tenant, envelope.type)))
