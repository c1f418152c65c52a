"""Services, their versions, and orders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import RowMapping, insert, select, text, update
from sqlalchemy.dialects.postgresql import insert as insert_or
from sqlalchemy.ext.asyncio import AsyncConnection

from tierdesk_kb.domain.catalogue import Service
from tierdesk_kb.domain.open_tickets import TicketKey
from tierdesk_kb.store.catalogue_tables import service as services
from tierdesk_kb.store.catalogue_tables import service_order as orders
from tierdesk_kb.store.catalogue_tables import service_version as versions

_FOLLOW: Final = text("""
    UPDATE kb.service_order AS o SET reference = moved.reference, status = moved.status
    FROM (
        SELECT found.ctid AS at, k.reference, k.status
        FROM unnest(
            CAST(:tenants AS text[]), CAST(:ids AS uuid[]), CAST(:references AS text[]), CAST(:statuses AS text[])
        ) AS k(tenant, id, reference, status)
        CROSS JOIN LATERAL (
            SELECT ctid FROM kb.service_order WHERE tenant = k.tenant AND id = k.id LIMIT 1
        ) AS found
    ) AS moved
    WHERE o.ctid = moved.at
""")
_COLUMNS: Final = (
    versions.c.tenant, versions.c.item, versions.c.version, versions.c.name, versions.c.description, versions.c.form,
    versions.c.category, versions.c.steps, versions.c.active,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Order:
    """An order. `reference` and `status` are its ticket's; None until the ticket is known."""

    tenant: str
    id: UUID
    item: str
    version: int
    party: str
    answers: dict[str, Any]
    ordered_at: datetime
    fingerprint: bytes
    key: str | None = None
    reference: str | None = None
    status: str | None = None


async def lock_service(connection: AsyncConnection, tenant: str, item: str) -> Service | None:
    """The newest version of a service, locked until the transaction ends; None without one."""
    statement = select(services.c.version).where(services.c.tenant == tenant, services.c.item == item).with_for_update()
    if (await connection.execute(statement)).one_or_none() is None:
        return None
    return await read_service(connection, tenant, item)


async def read_service(
    connection: AsyncConnection, tenant: str, item: str, version: int | None = None
) -> Service | None:
    """A version of a service, the newest when none is named; None without it."""
    wanted = services.c.version if version is None else version
    statement = (
        select(*_COLUMNS)
        .join(services, (services.c.tenant == versions.c.tenant) & (services.c.item == versions.c.item))
        .where(versions.c.tenant == tenant, versions.c.item == item, versions.c.version == wanted)
    )
    row = (await connection.execute(statement)).mappings().one_or_none()
    return None if row is None else _service(row)


async def list_services(
    connection: AsyncConnection, tenant: str, *, after: str, limit: int, inactive: bool
) -> Sequence[Service]:
    """The newest version of each service after this one, by name of the item; those that can be ordered, or all."""
    statement = (
        select(*_COLUMNS)
        .join(
            services,
            (services.c.tenant == versions.c.tenant)
            & (services.c.item == versions.c.item)
            & (services.c.version == versions.c.version),
        )
        .where(services.c.tenant == tenant, services.c.item > after)
        .order_by(services.c.item)
        .limit(limit)
    )
    if not inactive:
        statement = statement.where(versions.c.active)
    return [_service(row) for row in (await connection.execute(statement)).mappings()]


async def save_service(connection: AsyncConnection, service: Service, author: str, at: datetime) -> bool:
    """Write a new version of what was locked, or a new service; answers False when somebody else was first with that."""
    key = {"tenant": service.tenant, "item": service.item}
    if service.version == 1:
        made = insert_or(services).values(**key, version=1).on_conflict_do_nothing().returning(services.c.item)
        if (await connection.execute(made)).one_or_none() is None:
            return False
    else:
        moved = update(services).where(services.c.tenant == service.tenant, services.c.item == service.item)
        await connection.execute(moved.values(version=service.version))
    await connection.execute(
        insert(versions).values(
            **key,
            version=service.version,
            name=service.name,
            description=service.description,
            form=service.form,
            category=service.category,
            steps=list(service.steps),
            active=service.active,
            author=author,
            written_at=at,
        )
    )
    return True


async def add_order(connection: AsyncConnection, order: Order) -> bool:
    """Keep an order; answers False, and keeps nothing, when its key was used before."""
    statement = insert_or(orders).values({name: getattr(order, name) for name in Order.__dataclass_fields__})
    kept = statement.on_conflict_do_nothing().returning(orders.c.id)
    return (await connection.execute(kept)).one_or_none() is not None


async def read_order(connection: AsyncConnection, tenant: str, order_id: UUID) -> Order | None:
    """An order; None without it."""
    statement = select(orders).where(orders.c.tenant == tenant, orders.c.id == order_id)
    row = (await connection.execute(statement)).mappings().one_or_none()
    return None if row is None else Order(**row)


async def find_order(connection: AsyncConnection, tenant: str, key: str) -> Order | None:
    """The order that came under this key; None when it is new."""
    statement = select(orders).where(orders.c.tenant == tenant, orders.c.key == key)
    row = (await connection.execute(statement)).mappings().one_or_none()
    return None if row is None else Order(**row)


async def follow_orders(connection: AsyncConnection, tickets: Mapping[TicketKey, tuple[str, str]]) -> None:
    """Note reference and status of those of these tickets that were ordered."""
    rows = sorted(tickets.items())
    if rows:
        await connection.execute(
            _FOLLOW,
            {
                "tenants": [tenant for (tenant, _), _ in rows],
                "ids": [ticket for (_, ticket), _ in rows],
                "references": [reference for _, (reference, _) in rows],
                "statuses": [status for _, (_, status) in rows],
            },
        )


def _service(row: RowMapping) -> Service:
    return Service(**{**row, "steps": tuple(row["steps"])})
