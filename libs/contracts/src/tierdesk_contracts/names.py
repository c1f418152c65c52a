"""Names on the bus: exchanges, routing keys, queues, and the namespace of a vendor. The tenant stands in each."""

from __future__ import annotations

from typing import Final

EVENTS: Final = "tierdesk.events"
"""Topic exchange of facts; key `<tenant>.<type>`."""
WORK: Final = "tierdesk.work"
"""Topic exchange of offers to parties in house; key `<tenant>.<tier>.<group>`."""
OUTCOMES: Final = "tierdesk.outcomes"
"""Topic exchange of outcomes of parties in house; key `<tenant>.<type>`."""
VENDOR_OFFERS: Final = "offers"
"""In a vendor's namespace: the fanout exchange that the desk publishes to.

Not named as the queue behind it: who may read an exchange may bind what he may write to it.
"""
VENDOR_WORK: Final = "work"
"""In a vendor's namespace: the queue that the vendor reads."""
VENDOR_INBOUND: Final = "inbound"
"""In a vendor's namespace: the fanout exchange that the vendor publishes to, and the queue that the desk reads."""


def event_key(tenant: str, message_type: str) -> str:
    """The routing key of a fact or an outcome."""
    return f"{tenant}.{message_type}"


def event_pattern(message_type: str) -> str:
    """A binding for this type, of every tenant."""
    return f"*.{message_type}"


def work_key(tenant: str, tier: str, group: str) -> str:
    """The routing key of work for a group in house."""
    return f"{tenant}.{tier}.{group}"


def work_queue(tenant: str, tier: str, group: str) -> str:
    """The queue of a group in house."""
    return f"work.{tenant}.{tier}.{group}"


def vendor_namespace(tenant: str, vendor: str) -> str:
    """The namespace of one vendor of one tenant. Neither name holds a dot, so no two pairs share a namespace."""
    return f"v-{tenant}.{vendor}"


def namespace_tenant(namespace: str) -> str | None:
    """The tenant whose vendor meets the desk in this namespace; None when it is no vendor's."""
    if not namespace.startswith("v-"):
        return None
    tenant, dot, _ = namespace.removeprefix("v-").partition(".")
    return tenant if dot else None


def namespace_vendor(namespace: str) -> str | None:
    """The vendor that meets the desk in this namespace; None when it is no vendor's."""
    tenant = namespace_tenant(namespace)
    return None if tenant is None else namespace.removeprefix(f"v-{tenant}.")
