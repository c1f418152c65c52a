"""Looks at the bus: its version, and each queue that the services and the policies in force need."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Final

from sqlalchemy.exc import ProgrammingError

from tierdesk_bus import HOME, Queue
from tierdesk_bus.inspection import BusState, QueueState, inspect
from tierdesk_cli.doctor.finding import Finding, ill, version_of, warning, well
from tierdesk_cli.servers import open_schemas
from tierdesk_cli.services import DEFINITIONS
from tierdesk_policy import Policy
from tierdesk_router.app import DEFINITION as ROUTER
from tierdesk_router.handlers.policies import work_topology
from tierdesk_router.store.policies import PolicyShelf
from tierdesk_runtime.settings import Settings, redact_url

NAME: Final = "tierdesk doctor"
FIT_FOR_VENDORS: Final = (4, 3, 5)
DROPS_BY_DEFAULT: Final = (4,)
"""From here on RabbitMQ drops a message of a quorum queue after 20 deliveries, unless the queue or a policy says otherwise."""
DROPS_AFTER: Final = 20
LEAST_DELIVERIES: Final = 100
"""A process that keeps crashing must not use up the deliveries of innocent messages; the desk itself parks a guilty one."""


async def look_at_bus(settings: Settings) -> list[Finding]:
    """The server and the queues. Raises `BusError` and `DatabaseUnavailableError`."""
    policies: dict[str, Policy] = {}
    with contextlib.suppress(ProgrammingError):  # a schema that cannot be read has a finding of its own
        async with (
            open_schemas(settings.database_url, ROUTER.name, name=NAME) as (router,),
            router.read() as connection,
        ):
            policies = await PolicyShelf().in_force(connection)
    queues = [queue for definition in DEFINITIONS.values() for queue in definition.topology.queues]
    for tenant, policy in policies.items():
        queues += work_topology(tenant, policy).queues
    state = await inspect(
        settings.bus,
        queues,
        name=NAME,
        management_url=settings.amqp_management_url,
        namespace_prefix=settings.namespace_prefix,
    )
    return [_judge_server(state, settings, list(policies.values())), *judge_queues(state)]


def _judge_server(state: BusState, settings: Settings, policies: list[Policy]) -> Finding:
    seen = f"{state.product} {state.version} at {redact_url(settings.bus).split('@')[-1]}"
    vendors = sorted({vendor.name for policy in policies for vendor in policy.vendors})
    if state.product == "RabbitMQ" and vendors and version_of(state.version) < FIT_FOR_VENDORS:
        cure = f"upgrade to 4.3.5 or newer before vendors sign in ({', '.join(vendors)}): older ones have known holes"
        return warning("bus", seen, cure)
    return well("bus", seen)


def judge_queues(state: BusState) -> list[Finding]:
    """One finding for each queue that is not well, and one for the others together."""
    drops = state.product == "RabbitMQ" and version_of(state.version) >= DROPS_BY_DEFAULT
    findings: list[Finding] = []
    healthy = messages = 0
    for queue in state.queues:
        faults = list(_judge_queue(queue, drops=drops))
        findings += faults
        healthy += not faults
        messages += queue.messages
    if healthy:
        findings.insert(
            0, well("queues", f"{healthy} of {len(state.queues)} are well; {messages} messages wait in all")
        )
    return findings


def _judge_queue(state: QueueState, *, drops: bool) -> Iterator[Finding]:
    queue = state.queue
    what = f"queue {_name(queue)}"
    if state.fault:
        yield ill(what, state.fault, "run `tierdesk migrate`; a policy's queues are declared by the running router")
        return
    if state.messages and state.consumers == 0:
        yield ill(what, f"messages wait and nobody reads it: {state.messages}", _who_reads(queue))
    if state.rules is None:
        return
    if queue.max_length is not None and "max-length" not in state.rules:
        cure = "restart the router with TIERDESK_AMQP_MANAGEMENT_URL, or set max-length and overflow=reject-publish by a policy"
        yield ill(what, f"no limit is set; it should be {queue.max_length} messages", cure)
    elif queue.max_length is not None and state.rules.get("overflow") != "reject-publish":
        cure = "set overflow=reject-publish in the policy that applies to it"
        yield ill(what, "when it is full, its oldest messages are dropped", cure)
    if drops and -1 < _delivery_limit(state) < LEAST_DELIVERIES:
        cure = (
            f"remove a policy that sets less than delivery-limit={LEAST_DELIVERIES}; a queue of an earlier release is made anew "
            "with the services stopped: `rabbitmqctl delete_queue --if-empty`, then `tierdesk migrate`"
        )
        yield ill(what, "the broker drops a message after a few deliveries", cure)


def _delivery_limit(state: QueueState) -> int:
    """What RabbitMQ 4 makes of the queue's own limit and of a policy's: the lower one; below 0 is none."""
    limits = ((state.arguments or {}).get("x-delivery-limit"), (state.rules or {}).get("delivery-limit"))
    told = [limit for limit in limits if isinstance(limit, int)]
    if not told:
        return DROPS_AFTER
    return min(told) if min(told) >= 0 else max(told)


def _who_reads(queue: Queue) -> str:
    if queue.namespace != HOME:
        return "the vendor reads nothing" if queue.name == "work" else "start the router"
    if queue.name.startswith("work."):
        return "start the consumer of this tier: docs/tiers.md"
    return f"start the service {queue.name.partition('.')[0]}"


def _name(queue: Queue) -> str:
    return queue.name if queue.namespace == HOME else f"{queue.namespace}/{queue.name}"
