"""Where vendors take webhooks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, case, delete, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from tierdesk_bridge.domain.answers import State
from tierdesk_bridge.store.tables import delivery as deliveries
from tierdesk_bridge.store.tables import endpoint as endpoints
from tierdesk_store import Transaction

_CLEARED: Final[dict[str, Any]] = {
    "disabled_reason": None,
    "disabled_at": None,
    "rests_until": None,
    "failing_subject": None,
}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a vendor takes webhooks, and how that goes."""

    tenant: str
    vendor: str
    url: str
    set_at: datetime
    enabled: bool
    disabled_reason: str | None
    disabled_at: datetime | None
    failures: int
    rests_until: datetime | None
    failing_subject: str | None


async def find_endpoint(connection: AsyncConnection, tenant: str, vendor: str) -> Endpoint | None:
    """The endpoint of this vendor, if it has one."""
    statement = select(endpoints).where(endpoints.c.tenant == tenant, endpoints.c.vendor == vendor)
    row = (await connection.execute(statement)).mappings().one_or_none()
    return None if row is None else Endpoint(**row)


async def list_endpoints(connection: AsyncConnection) -> list[Endpoint]:
    """Those of all tenants."""
    rows = await connection.execute(select(endpoints).order_by(endpoints.c.tenant, endpoints.c.vendor))
    return [Endpoint(**row) for row in rows.mappings()]


async def list_enabled(connection: AsyncConnection) -> set[tuple[str, str]]:
    """Tenant and vendor of each endpoint that takes webhooks."""
    rows = await connection.execute(select(endpoints.c.tenant, endpoints.c.vendor).where(endpoints.c.enabled))
    return {(tenant, vendor) for tenant, vendor in rows}


async def set_endpoint(tx: Transaction, tenant: str, vendor: str, url: str) -> bool:
    """Send to this URL from now on, also what was tried in vain before. Answers whether there was none."""
    fresh = {"url": url, "set_at": func.now(), "enabled": True, "failures": 0}
    statement = insert(endpoints).values(tenant=tenant, vendor=vendor, **fresh)
    key = [endpoints.c.tenant, endpoints.c.vendor]
    # A row that was inserted just now has no former transaction.
    created = (await find_endpoint(tx.connection, tenant, vendor)) is None
    await tx.execute(statement.on_conflict_do_update(index_elements=key, set_=fresh | _CLEARED))
    await _hasten(tx, tenant, vendor)
    return created


async def enable_endpoint(tx: Transaction, tenant: str, vendor: str) -> bool:
    """Send again, at once, what waits. Answers whether there is such an endpoint."""
    changed = await tx.execute(
        update(endpoints)
        .where(endpoints.c.tenant == tenant, endpoints.c.vendor == vendor)
        .values(enabled=True, failures=0, **_CLEARED)
    )
    await _hasten(tx, tenant, vendor)
    return changed.rowcount > 0


async def remove_endpoint(tx: Transaction, tenant: str, vendor: str) -> bool:
    """Send no more; what waits stays, for the next endpoint. Answers whether there was one."""
    removed = await tx.execute(delete(endpoints).where(endpoints.c.tenant == tenant, endpoints.c.vendor == vendor))
    return removed.rowcount > 0


async def disable_endpoint(tx: Transaction, tenant: str, vendor: str, set_at: datetime, reason: str) -> None:
    """Send no more until somebody enables it. Nothing changes if it was set anew meanwhile."""
    await tx.execute(
        update(endpoints)
        .where(*_as_set(tenant, vendor, set_at), endpoints.c.enabled)
        .values(enabled=False, disabled_reason=reason, disabled_at=func.now())
    )


async def note_success(tx: Transaction, tenant: str, vendor: str, set_at: datetime) -> None:
    """It takes webhooks: it does not count as down. Nothing changes if it was set anew meanwhile."""
    await tx.execute(
        update(endpoints)
        .where(*_as_set(tenant, vendor, set_at))
        .where(or_(endpoints.c.failures > 0, endpoints.c.rests_until.is_not(None)))
        .values(failures=0, rests_until=None, failing_subject=None)
    )


async def note_failure(tx: Transaction, tenant: str, vendor: str, set_at: datetime, subject: str) -> int | None:
    """It failed once more, at this ticket; answers how often it did so in a row. Locks its row until the transaction ends.

    Answers None, and changes nothing, if it was set anew or removed meanwhile: then another failed. Failures of one ticket after each other count as one: it may be this ticket that it cannot take.
    """
    is_another = endpoints.c.failing_subject.is_distinct_from(subject)
    changed = await tx.execute(
        update(endpoints)
        .where(*_as_set(tenant, vendor, set_at))
        .values(failures=endpoints.c.failures + case((is_another, 1), else_=0), failing_subject=subject)
        .returning(endpoints.c.failures)
    )
    return changed.scalar_one_or_none()


async def let_rest(tx: Transaction, tenant: str, vendor: str, seconds: float) -> None:
    """Send nothing for so long, or longer where it rests longer already."""
    until = func.now() + func.make_interval(0, 0, 0, 0, 0, 0, seconds)
    await tx.execute(
        update(endpoints)
        .where(endpoints.c.tenant == tenant, endpoints.c.vendor == vendor)
        .values(rests_until=func.greatest(func.coalesce(endpoints.c.rests_until, until), until))
    )


def _as_set(tenant: str, vendor: str, set_at: datetime) -> tuple[ColumnElement[bool], ...]:
    """The endpoint as it was set then, and no later one."""
    return endpoints.c.tenant == tenant, endpoints.c.vendor == vendor, endpoints.c.set_at == set_at


async def _hasten(tx: Transaction, tenant: str, vendor: str) -> None:
    await tx.execute(
        update(deliveries)
        .where(deliveries.c.tenant == tenant, deliveries.c.vendor == vendor)
        .where(deliveries.c.state == State.PENDING, deliveries.c.due_at > func.now())
        .values(due_at=func.now())
    )
