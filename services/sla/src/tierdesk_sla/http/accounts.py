"""One ticket's clocks with all that can be told of them, read for the endpoints that tell it."""

from __future__ import annotations

from datetime import datetime

from tierdesk_runtime.problems import ProblemError
from tierdesk_sla.domain.account import Account
from tierdesk_sla.domain.alarms import Saying
from tierdesk_sla.domain.segments import find_segments
from tierdesk_sla.store.policies import PolicyShelf
from tierdesk_sla.store.timelines import find_ticket, load_changes, load_records
from tierdesk_sla.store.watch import list_alerts
from tierdesk_store import Database


async def read_account(database: Database, shelf: PolicyShelf, tenant: str, ticket: str, at: datetime) -> Account:
    """The account as of `at` of the ticket of this identifier or reference. Raises `ProblemError` (404) without one."""
    async with database.read() as connection:
        key = await find_ticket(connection, tenant, ticket)
        records = await load_records(connection, [key] if key else [])
        if key is None or key not in records:
            raise ProblemError(404, "No such ticket", "No ticket of this name has clocks here.")
        timeline = records[key].timeline
        alerts = await list_alerts(connection, tenant, [one.id for one in timeline.clocks])
        changes = await load_changes(connection, [key])
        versions = {one.promise.policy_version for one in timeline.clocks if one.promise is not None}
        versions.add(timeline.policy_version)
        await shelf.fetch(connection, [(tenant, version) for version in versions])
    said: dict[object, list[Saying]] = {}
    for alert in alerts:
        said.setdefault(alert["clock_id"], []).append(Saying(*(alert[name] for name in Saying._fields)))
    known = ((version, shelf.get((tenant, version))) for version in versions)
    return Account(
        timeline,
        find_segments(event for change in changes.get(key, ()) for event in change.events),
        {clock.id: tuple(said.get(clock.id, ())) for clock in timeline.clocks},
        {version: policy for version, policy in known if policy is not None},
        at,
    )
