"""Looks at the endpoints of vendors without AMQP."""

from __future__ import annotations

from sqlalchemy.exc import ProgrammingError

from tierdesk_bridge.app import DEFINITION
from tierdesk_bridge.domain.schedule import DOWN_FROM
from tierdesk_bridge.store.deliveries import count_all
from tierdesk_bridge.store.endpoints import Endpoint, list_endpoints
from tierdesk_cli.doctor.finding import Finding, ill, warning, well
from tierdesk_cli.servers import open_schemas
from tierdesk_runtime.settings import Settings

NAME = "tierdesk doctor"
WHAT = "webhooks"


async def look_at_webhooks(settings: Settings) -> list[Finding]:
    """Each endpoint that takes nothing, and what was given up. Raises `DatabaseUnavailableError`."""
    async with (
        open_schemas(settings.database_url, DEFINITION.name, name=NAME) as (database,),
        database.read() as connection,
    ):
        try:
            endpoints = await list_endpoints(connection)
            counts = await count_all(connection)
        except ProgrammingError:
            return []  # the schema's own finding says why
    findings = [finding for one in endpoints if (finding := _judge(one)) is not None]
    if counts.failed:
        cure = "see `tierdesk vendor webhook deliveries ID --state failed`; `retry` sends one again"
        findings.append(warning(WHAT, f"{counts.failed} messages were given up", cure))
    return findings or [well(WHAT, f"{len(endpoints)} endpoints, {counts.pending} messages wait")]


def _judge(endpoint: Endpoint) -> Finding | None:
    name = f"{endpoint.vendor} of {endpoint.tenant}"
    if not endpoint.enabled:
        cure = f"talk to the vendor, then `tierdesk vendor webhook enable {endpoint.vendor}`"
        return ill(WHAT, f"{name} is disabled: {endpoint.disabled_reason}", cure)
    if endpoint.failures >= DOWN_FROM:
        cure = f"see `tierdesk vendor webhook deliveries {endpoint.vendor}` for what it answers"
        return warning(WHAT, f"{name}: {endpoint.failures} requests failed in a row", cure)
    return None
