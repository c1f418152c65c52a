"""What the endpoints take and answer."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from tierdesk_bridge.domain.answers import State
from tierdesk_bridge.store.deliveries import Delivery
from tierdesk_bridge.store.endpoints import Endpoint
from tierdesk_runtime.addresses import LONGEST_URL

_DOCUMENTED: Final = r"^https://[A-Za-z0-9]([A-Za-z0-9._-]{0,251}[A-Za-z0-9])?(:[1-9][0-9]{0,3})?(/[A-Za-z0-9._~/-]*)?(\?[A-Za-z0-9=&]*)?$"
"""What is told of URLs; `domain.addresses` is what judges them, with the networks that this desk has opened."""


class WebhookUrl(BaseModel):
    """Where a vendor takes webhooks."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: Annotated[
        str,
        Field(
            max_length=LONGEST_URL,
            description="https, without user or fragment, to a public address.",
            json_schema_extra={"pattern": _DOCUMENTED},
        ),
    ]


class EndpointView(BaseModel):
    """A vendor's endpoint, and how many messages stand how."""

    vendor: str
    url: str
    set_at: datetime
    enabled: bool
    disabled_reason: Annotated[str | None, Field(description="Null while it is enabled.")]
    disabled_at: datetime | None
    failures: Annotated[int, Field(description="Requests that failed in a row; those of one ticket count as one.")]
    rests_until: Annotated[datetime | None, Field(description="It gets nothing before then.")]
    pending: int
    delivered: Annotated[int, Field(description="In the last 30 days.")]
    failed: Annotated[int, Field(description="Given up, and kept.")]


class DeliveryView(BaseModel):
    """One message for a vendor. `id` is the `webhook-id` and the envelope's `id`; `due_at` is of meaning while pending."""

    id: UUID
    subject: Annotated[str, Field(description="The ticket.")]
    type: str
    state: State
    attempts: int
    taken_at: datetime
    due_at: datetime
    ended_at: datetime | None
    last_status: int | None
    last_detail: Annotated[str | None, Field(description="Why the last attempt did not deliver it.")]


class DeliveryPage(BaseModel):
    """Deliveries, the newest first; `next` is the `before` of the next page, absent on the last."""

    deliveries: list[DeliveryView]
    next: int | None = None


class OutcomeTaken(BaseModel):
    """The outcome is stored, and goes to the desk."""

    id: Annotated[UUID, Field(description="The `id` of its envelope.")]


def view_endpoint(endpoint: Endpoint, counts: dict[State, int]) -> EndpointView:
    """The view of an endpoint."""
    return EndpointView(
        vendor=endpoint.vendor,
        url=endpoint.url,
        set_at=endpoint.set_at,
        enabled=endpoint.enabled,
        disabled_reason=endpoint.disabled_reason,
        disabled_at=endpoint.disabled_at,
        failures=endpoint.failures,
        rests_until=endpoint.rests_until,
        **{state.value: counts.get(state, 0) for state in State},
    )


def view_delivery(delivery: Delivery) -> DeliveryView:
    """The view of a delivery."""
    return DeliveryView.model_validate(delivery, from_attributes=True)
