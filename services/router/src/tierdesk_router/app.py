"""The router service, wired."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path
from typing import Final

import structlog

from tierdesk_bus import Binding, BusError, Exchange, Queue, Topology
from tierdesk_contracts.names import EVENTS, OUTCOMES, VENDOR_INBOUND, WORK
from tierdesk_policy import load_policy_file
from tierdesk_router.handlers import intake, notices, outcomes
from tierdesk_router.handlers.likeness import Forgetting
from tierdesk_router.handlers.policies import WorkQueues, apply_policy, vendor_namespaces
from tierdesk_router.handlers.problems import ProblemCommands
from tierdesk_router.handlers.ticket_commands import TicketCommands
from tierdesk_router.handlers.timers import Timers, count_put_off
from tierdesk_router.http.oversight import oversight_router
from tierdesk_router.http.policy import answer_unknown_policy, policy_router
from tierdesk_router.http.problems import problems_router
from tierdesk_router.http.ticket_commands import ticket_commands_router
from tierdesk_router.http.tickets import tickets_router
from tierdesk_router.store.policies import PolicyShelf, UnknownPolicyError, has_policy
from tierdesk_runtime.http import create_app
from tierdesk_runtime.service import Parts, Service, ServiceDefinition
from tierdesk_store import DatabaseUnavailableError, ServiceSchema

_log = structlog.get_logger(__name__)

TOPOLOGY: Final = Topology(
    exchanges=(Exchange(EVENTS), Exchange(WORK), Exchange(OUTCOMES)),
    queues=(Queue(intake.QUEUE), Queue(outcomes.QUEUE), Queue(notices.QUEUE)),
    bindings=(
        *(Binding(intake.QUEUE, EVENTS, pattern) for pattern in intake.PATTERNS),
        *(Binding(outcomes.QUEUE, OUTCOMES, pattern) for pattern in outcomes.PATTERNS),
        *(Binding(notices.QUEUE, EVENTS, pattern) for pattern in notices.PATTERNS),
    ),
)
LOOK_SECONDS: Final = 1.0


async def build(parts: Parts) -> Service:
    """Wire the service."""
    shelf = PolicyShelf()
    queues = WorkQueues(parts.bus)
    app = create_app(title="Tierdesk router", ring=parts.ring, settings=parts.settings)
    app.add_exception_handler(UnknownPolicyError, answer_unknown_policy)
    app.include_router(tickets_router(parts.database))
    created = intake.count_created(app.state.metrics.registry)
    app.include_router(ticket_commands_router(TicketCommands(parts, shelf, created)))
    app.include_router(oversight_router(parts.database, shelf, parts.clock))
    app.include_router(policy_router(parts.database, shelf, partial(apply_policy, parts, queues)))
    commands = ProblemCommands(parts.database, parts.clock, parts.identifiers, shelf)
    app.include_router(problems_router(parts.database, commands))
    service = Service("router", parts, app, topology=TOPOLOGY)
    refused = outcomes.count_refused(service.metrics.registry)
    outcome_handler = outcomes.OutcomeHandler(parts.clock, parts.identifiers, shelf, refused)
    intake_handler = intake.IntakeHandler(parts.clock, parts.identifiers, shelf, created)
    service.add_consumption(intake_handler, intake.QUEUE)
    service.add_consumption(outcome_handler, outcomes.QUEUE)
    service.add_consumption(notices.NoticeHandler(parts.clock, parts.identifiers, shelf), notices.QUEUE)
    put_off = count_put_off(service.metrics.registry)
    service.add_task("timers", Timers(parts.database, parts.clock, parts.identifiers, shelf, put_off).run)
    service.add_task("forgetting", Forgetting(parts.database, parts.clock).run)
    service.add_task("policies", _Policies(parts, service, shelf, queues, outcome_handler).run)
    return service


class _Policies:
    """Keeps up with the policies that tickets go by: declares their queues and listens to their vendors."""

    def __init__(
        self,
        parts: Parts,
        service: Service,
        shelf: PolicyShelf,
        queues: WorkQueues,
        outcome_handler: outcomes.OutcomeHandler,
    ) -> None:
        self._parts = parts
        self._service = service
        self._shelf = shelf
        self._queues = queues
        self._outcome_handler = outcome_handler
        self._listening: set[str] = set()

    async def run(self, stop: asyncio.Event) -> None:
        """Apply the policy of the settings once; then look each second for policies that others applied."""
        settings = self._parts.settings
        applied = settings.policy_file is None and settings.first_policy_file is None
        while not stop.is_set():
            try:
                if not applied:
                    await self._apply_file()
                    applied = True
                await self._keep_up()
            except (BusError, DatabaseUnavailableError) as error:
                _log.warning("policies.waiting", reason=str(error))
            try:
                async with asyncio.timeout(LOOK_SECONDS):
                    await stop.wait()
            except TimeoutError:
                continue

    async def _apply_file(self) -> None:
        parts = self._parts
        tenant = parts.settings.default_tenant
        path = parts.settings.policy_file
        if path is None:
            path = parts.settings.first_policy_file
            assert path is not None
            async with parts.database.read() as connection:
                if await has_policy(connection, tenant):
                    return
        policy = load_policy_file(path)
        changed = await apply_policy(parts, self._queues, tenant, policy)
        _log.info("policy.in_force", policy=policy.name, version=policy.version, changed=changed)

    async def _keep_up(self) -> None:
        async with self._parts.database.read() as connection:
            policies = await self._shelf.kept(connection)
        for tenant, policy in policies:
            try:
                await self._queues.ensure(tenant, policy)
            except BusError as error:
                # The queues of one tenant must not keep the others waiting.
                _log.warning("policies.waiting", tenant=tenant, reason=str(error))
            for namespace in vendor_namespaces(tenant, policy) - self._listening:
                self._service.add_consumption(self._outcome_handler, VENDOR_INBOUND, namespace=namespace)
                self._listening.add(namespace)


DEFINITION: Final = ServiceDefinition(
    name="router",
    schema=ServiceSchema(
        "router",
        Path(__file__).parent / "migrations",
        log_tables=("ticket_log", "policy", "refused_outcome", "problem_log"),
    ),
    paths=("/v1/tickets", "/v1/policy", "/v1/vendors", "/v1/problems", "/v1/parked/router"),
    build=build,
    topology=TOPOLOGY,
)
