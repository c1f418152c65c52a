"""Where a party stands on the bus: what it reads, and where it answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self
from urllib.parse import quote

from tierdesk_bus import HOME, Address
from tierdesk_contracts.names import OUTCOMES, VENDOR_INBOUND, VENDOR_WORK, event_key, work_queue

_LONGEST_SOURCE = 200


@dataclass(frozen=True, slots=True)
class Party:
    """A group in house, or a vendor in its own namespace."""

    namespace: str
    queue: str
    is_vendor: bool

    @classmethod
    def in_house(cls, *, tenant: str, tier: str, group: str) -> Self:
        """The group's queue, beside the services."""
        return cls(HOME, work_queue(tenant, tier, group), is_vendor=False)

    @classmethod
    def vendor(cls, *, namespace: str = HOME) -> Self:
        """The queue `work` of the vendor's namespace; home, when the bus was reached by the vendor's own URL."""
        return cls(namespace, VENDOR_WORK, is_vendor=True)

    def address(self, tenant: str, message_type: str) -> Address:
        """Where an outcome goes."""
        if self.is_vendor:
            return Address(self.namespace, VENDOR_INBOUND, message_type)
        return Address(HOME, OUTCOMES, event_key(tenant, message_type))

    def source(self, worker: str) -> str:
        """Who says so, as a URI reference. For the reader's eye: identity is the namespace."""
        start = "/vendor" if self.is_vendor else "/tierdesk/tier"
        return f"{start}/{quote(worker, safe='')}"[:_LONGEST_SOURCE]
