"""Works the queues of level 0: each message of the protocol, in order, in one transaction with its outcomes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

import structlog

from tierdesk_contracts import work
from tierdesk_contracts.outcome import Outcome
from tierdesk_kb.domain import self_service
from tierdesk_kb.domain.audience import REQUESTER
from tierdesk_kb.domain.self_service import Job, Solution, wait_until
from tierdesk_kb.handlers.finding import Found, find_matches
from tierdesk_kb.handlers.tickets import documented_from
from tierdesk_kb.search.library import Library, TicketText
from tierdesk_kb.store.jobs import JobKey, lock_jobs, save_jobs
from tierdesk_kb.store.policies import PolicyShelf
from tierdesk_policy import Policy
from tierdesk_runtime.publishing import Publisher
from tierdesk_store import Received, Transaction

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Batch:
    """What a batch reads and decides. `found` is by assignment."""

    jobs: dict[JobKey, Job]
    policies: dict[str, Policy]
    found: dict[JobKey, Found | None]
    changed: dict[JobKey, None] = field(default_factory=dict)
    outcomes: list[tuple[Job, Outcome, str | None]] = field(default_factory=list)


class SelfServiceHandler:
    """The knowledge base as the worker of its group. What it holds are rows, so that a restart goes on with them."""

    name = "kb.self-service"
    accepts = frozenset(
        {"work.offered.v1", "work.assigned.v1", "work.updated.v1", "work.withdrawn.v1", "work.rejected.v1"}
    )

    def __init__(self, library: Library, shelf: PolicyShelf, publisher: Publisher) -> None:
        self._library = library
        self._shelf = shelf
        self._publisher = publisher

    async def load(self, tx: Transaction, messages: Sequence[Received]) -> Batch:
        """Lock the jobs, and find an article for each offer among those that requesters may read."""
        offers: dict[JobKey, TicketText] = {}
        for envelope in (message.envelope for message in messages):
            if isinstance(envelope.data, work.WorkOffered):
                offers[envelope.tenant, envelope.data.assignment_id] = _text_of(envelope.tenant, envelope.data)
        jobs = await lock_jobs(tx.connection, [_key(message) for message in messages])
        policies = await self._shelf.fetch_in_force(tx.connection) if offers else {}
        texts = [replace(text, documented_from=documented_from(policies.get(text.tenant))) for text in offers.values()]
        found = await find_matches(tx.connection, self._library, texts)
        return Batch(jobs, policies, dict(zip(offers, found, strict=True)))

    def decide(self, state: Batch, message: Received) -> None:
        """Decide one message of the protocol. One about work that is not ours any more changes nothing."""
        key, data = _key(message), message.envelope.data
        job = state.jobs.get(key)
        if isinstance(data, work.WorkOffered):
            if job is None:
                solution = _solution(state, key, self._publisher.now())
                step = self_service.take(data, solution, tenant=key[0], ticket=message.envelope.subject)
                self._go_on(state, step, message)
            return
        if job is None:
            return
        match data:
            case work.WorkUpdated(reply=str() as reply):
                self._go_on(state, self_service.hear(job, reply), message)
            case work.WorkWithdrawn():
                self._go_on(state, (self_service.drop(job), ()), message)
            case work.OutcomeRejected():
                log.warning(
                    "outcome_rejected", ticket=job.ticket, reason=data.reason.value, detail=data.detail, tenant=key[0]
                )
                self._go_on(state, (self_service.drop(job), ()), message)

    async def save(self, tx: Transaction, state: Batch) -> None:
        """Write the jobs and publish their outcomes."""
        await save_jobs(tx.connection, [state.jobs[key] for key in state.changed])
        for job, outcome, traceparent in state.outcomes:
            self._publisher.send(tx, outcome, tenant=job.tenant, subject=job.ticket, traceparent=traceparent)

    @staticmethod
    def _go_on(state: Batch, step: self_service.Step, message: Received) -> None:
        job, outcomes = step
        key = (job.tenant, job.assignment_id)
        state.jobs[key] = job
        state.changed[key] = None
        state.outcomes += [(job, outcome, message.traceparent) for outcome in outcomes]


def _key(message: Received) -> JobKey:
    assignment_id: UUID = message.envelope.data.assignment_id
    return message.envelope.tenant, assignment_id


def _text_of(tenant: str, offer: work.WorkOffered) -> TicketText:
    tried = frozenset(step.article_id for step in offer.steps_tried if step.article_id)
    case = offer.case
    return TicketText(tenant, case.title, case.text, case.category, audiences=frozenset((REQUESTER,)), exclude=tried)


def _solution(state: Batch, key: JobKey, now: datetime) -> Solution | None:
    found, policy = state.found.get(key), state.policies.get(key[0])
    if found is None or found[0].score < documented_from(policy):
        return None
    match, written = found
    return Solution(match.article_id, written.content.title, written.content.answer, wait_until(now, policy))
