"""The queues of the groups that people work: each message of the protocol changes the board, in order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

import structlog

from tierdesk_contracts.work import OutcomeRejected, WorkAssigned, WorkOffered, WorkUpdated, WorkWithdrawn
from tierdesk_desk.domain import work as board
from tierdesk_desk.domain.work import Work
from tierdesk_desk.store.policies import PolicyShelf
from tierdesk_desk.store.works import WorkKey, lock_works, save_works
from tierdesk_policy import Policy
from tierdesk_runtime.publishing import Publisher
from tierdesk_store import Received, Transaction

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Batch:
    """What a batch reads and decides. `before` is the work as it stood in the table."""

    before: dict[WorkKey, Work]
    policies: dict[str, Policy]
    works: dict[WorkKey, Work] = field(default_factory=dict)
    changed: dict[WorkKey, None] = field(default_factory=dict)


class WorkHandler:
    """Keeps the board. The people claim and work in transactions of their own, on the same rows."""

    name = "desk.work"
    accepts = frozenset(
        {"work.offered.v1", "work.assigned.v1", "work.updated.v1", "work.withdrawn.v1", "work.rejected.v1"}
    )

    def __init__(self, shelf: PolicyShelf, publisher: Publisher) -> None:
        self._shelf = shelf
        self._publisher = publisher

    async def load(self, tx: Transaction, messages: Sequence[Received]) -> Batch:
        """Lock the work that the messages are about."""
        before = await lock_works(tx.connection, [_key(message) for message in messages])
        offers = any(isinstance(message.envelope.data, WorkOffered) for message in messages)
        policies = await self._shelf.fetch_in_force(tx.connection) if offers else {}
        return Batch(before, policies, dict(before))

    def decide(self, state: Batch, message: Received) -> None:
        """Decide one message. One about work that is not known here changes nothing."""
        key, data, at = _key(message), message.envelope.data, self._publisher.now()
        work = state.works.get(key)
        if isinstance(data, WorkOffered):
            if work is None:
                skills = _skills(state.policies.get(key[0]), data.case.category)
                ticket = message.envelope.subject
                self._keep(state, board.open_work(data, tenant=key[0], ticket=ticket, skills=skills, at=at))
            return
        if work is None or data.token != work.token:
            log.info("work_unknown", type=message.envelope.type, ticket=message.envelope.subject, tenant=key[0])
            return
        match data:
            case WorkAssigned():
                self._keep(state, board.on_assigned(work, data, at))
            case WorkUpdated():
                self._keep(state, board.on_updated(work, data, at))
            case WorkWithdrawn():
                self._keep(state, board.on_withdrawn(work, data, at))
            case OutcomeRejected():
                log.warning(
                    "outcome_rejected", ticket=work.ticket, reason=data.reason.value, detail=data.detail, tenant=key[0]
                )
                self._keep(state, board.on_rejected(work, data, at))

    async def save(self, tx: Transaction, state: Batch) -> None:
        """Write the work that changed."""
        await save_works(tx.connection, state.before, [state.works[key] for key in state.changed])

    @staticmethod
    def _keep(state: Batch, work: Work) -> None:
        key = (work.tenant, work.assignment_id)
        state.works[key] = work
        state.changed[key] = None


def _key(message: Received) -> WorkKey:
    assignment_id: UUID = message.envelope.data.assignment_id
    return message.envelope.tenant, assignment_id


def _skills(policy: Policy | None, category: str) -> tuple[str, ...]:
    """What a category asks for under the policy in force; nothing when it has no such category any more."""
    if policy is None:
        return ()
    return next((tuple(one.skills) for one in policy.categories if one.id == category), ())
