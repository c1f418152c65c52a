"""What the end of a ticket means for what was arranged for it. Follows what `TicketsHandler` hears, in its transaction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from tierdesk_contracts.vocabulary import Status
from tierdesk_desk.domain import repairs, visits
from tierdesk_desk.domain.repairs import Stage
from tierdesk_desk.domain.visits import Outcome
from tierdesk_desk.store.tickets import Standing
from tierdesk_desk.store.visits import REPAIRS, VISITS

_ENDS: Final = frozenset({Status.CLOSED.value, Status.CANCELLED.value})
_DESK: Final = "desk"


async def call_off_with_tickets(connection: AsyncConnection, changed: Sequence[Standing]) -> None:
    """Nobody goes anywhere, and nothing is sent, for a ticket that is closed or cancelled. What is away stays open until it is back."""
    over = {(one.tenant, one.id): one.changed_at for one in changed if one.status in _ENDS}
    planned = await VISITS.lock_open(connection, over)
    announced = [one for one in await REPAIRS.lock_open(connection, over) if one.stage is Stage.ANNOUNCED]
    await VISITS.save(
        connection,
        [
            visits.end(one, Outcome.CALLED_OFF, "", worker=_DESK, token=one.token, at=over[one.tenant, one.ticket])
            for one in planned
        ],
    )
    await REPAIRS.save(
        connection,
        [
            repairs.step(one, Stage.CALLED_OFF, "", worker=_DESK, token=one.token, at=over[one.tenant, one.ticket])
            for one in announced
        ],
    )
