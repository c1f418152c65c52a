"""The access that the vendors of a policy are to have, and how what a broker has differs from it. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from tierdesk_bus import Topology
from tierdesk_bus.access import AccessState, HostState, Rights, UserState
from tierdesk_contracts import names
from tierdesk_policy import Policy
from tierdesk_router.handlers.policies import vendor_topology

RIGHTS: Final = Rights(configure="^$", write=f"^{names.VENDOR_INBOUND}$", read=f"^{names.VENDOR_WORK}$")
"""Never a right to write `amq.default`, the default exchange: it leads to every queue."""
USER_LIMITS: Final = {"max-connections": 20, "max-channels": 100}
"""A consumer of the client library keeps three connections."""
NO_CONNECTIONS: Final = {"max-connections": 0}
"""How a user is marked as disabled, in a way that the broker itself enforces."""
HOST_LIMITS: Final = {"max-connections": 200, "max-queues": 10}
"""The desk's own connections count too: three for each replica of the router."""
INBOUND_LIMITS: Final = {"max-length": 10_000, "max-length-bytes": 64 * 1024 * 1024}
INBOUND_RULES: Final = {**INBOUND_LIMITS, "overflow": "reject-publish"}

EVERYTHING: Final = Rights(".*", ".*", ".*")
_PROBES: Final = (
    "amq.default", "amq.topic", "amq.gen-x", names.VENDOR_OFFERS, names.VENDOR_WORK, names.VENDOR_INBOUND, "another",
    f"my-{names.VENDOR_WORK}-2", f"my-{names.VENDOR_INBOUND}-2",
)  # fmt: skip
"""Names that tell how far a right reaches."""


class Access(StrEnum):
    """How a vendor stands on the broker."""

    NONE = "none"
    ENABLED = "enabled"
    DISABLED = "disabled"


@dataclass(frozen=True, slots=True)
class Wanted:
    """One vendor of the policy, and where it meets the desk. Its user is named as its virtual host."""

    vendor: str
    group: str
    namespace: str
    host: str

    @property
    def user(self) -> str:
        """The name that it signs in with."""
        return self.host

    @property
    def topology(self) -> Topology:
        """What its virtual host holds."""
        return vendor_topology(self.namespace)


@dataclass(frozen=True, slots=True)
class Difference:
    """What is not as it should be with one vendor's access. `apply` mends it, unless a person must `add` the vendor."""

    vendor: str
    text: str
    is_for_add: bool = False

    def __str__(self) -> str:
        """As it is printed."""
        return f"{self.vendor}: {self.text}"


def wanted_access(tenant: str, policy: Policy, *, prefix: str) -> list[Wanted]:
    """Of each vendor of the policy, in its order."""
    return [wanted_for(tenant, vendor.id, group=vendor.group, prefix=prefix) for vendor in policy.vendors]


def wanted_for(tenant: str, vendor: str, *, group: str = "", prefix: str) -> Wanted:
    """Of one vendor, whether the policy names it or not."""
    namespace = names.vendor_namespace(tenant, vendor)
    return Wanted(vendor, group, namespace, f"{prefix}{namespace}")


def access_of(user: UserState | None, host: str) -> Access:
    """How this user stands in its virtual host."""
    if user is None:
        return Access.NONE
    return Access.DISABLED if is_disabled(user) or host not in user.rights else Access.ENABLED


def is_disabled(user: UserState) -> bool:
    """Whether somebody disabled it: it may have no connection."""
    return user.limits.get("max-connections") == 0


def missing_limits(limits: Mapping[str, int], found: Mapping[str, int]) -> dict[str, int]:
    """Those that are not set. A number that an operator chose stays."""
    return {name: value for name, value in limits.items() if found.get(name, -1) < 0}


def former_vendors(tenant: str, wanted: Sequence[Wanted], found: AccessState, *, prefix: str) -> list[Wanted]:
    """Those with a user whom the policy does not name."""
    start = prefix + names.vendor_namespace(tenant, "")
    known = {one.user for one in wanted}
    left = sorted(user for user in found.users if user.startswith(start) and user not in known)
    return [wanted_for(tenant, user.removeprefix(start), prefix=prefix) for user in left]


def compare(
    wanted: Sequence[Wanted], former: Sequence[Wanted], found: AccessState, *, desk_user: str
) -> list[Difference]:
    """All that differs, vendor by vendor; nothing when the broker is as the policy wants it."""
    differences: list[Difference] = []
    for one in wanted:
        texts = [*_compare_host(one, found, desk_user), *_compare_user(one, found.users.get(one.user))]
        differences += [Difference(one.vendor, text) for text in texts]
        if one.user not in found.users:
            text = f"no user; give it access with `tierdesk vendor add {one.vendor}`"
            differences.append(Difference(one.vendor, text, is_for_add=True))
    for one in former:
        differences += [Difference(one.vendor, text) for text in _compare_former(one, found.users[one.user])]
    return differences


def _compare_host(one: Wanted, found: AccessState, desk_user: str) -> Iterator[str]:
    host = found.hosts.get(one.host)
    if host is None:
        yield f"no virtual host {one.host}"
        return
    if found.users.get(desk_user, UserState()).rights.get(one.host) != EVERYTHING:
        yield f"the desk's own user {desk_user} may not do everything in {one.host}"
    yield from _compare_topology(one.topology, host)
    yield from _compare_rules(host)
    for name in missing_limits(HOST_LIMITS, host.limits):
        yield f"the virtual host has no limit {name}"


def _compare_topology(topology: Topology, host: HostState) -> Iterator[str]:
    for exchange in topology.exchanges:
        if exchange.name not in host.exchanges:
            yield f"no exchange {exchange.name}"
        elif host.exchanges[exchange.name] != exchange.kind:
            yield f"the exchange {exchange.name} is of kind {host.exchanges[exchange.name]}, should be {exchange.kind}"
    for queue in topology.queues:
        if queue.name not in host.queues:
            yield f"no queue {queue.name}"
        elif queue.single_active and not host.queues[queue.name].arguments.get("x-single-active-consumer"):
            yield f"the queue {queue.name} serves several consumers at once; only deleting it changes that"
    yield from _compare_bindings(topology, host)


def _compare_bindings(topology: Topology, host: HostState) -> Iterator[str]:
    for binding in topology.bindings:
        if (binding.exchange, binding.queue) not in host.bindings and binding.queue in host.queues:
            yield f"the exchange {binding.exchange} leads to no queue {binding.queue}"
    bound = {(binding.exchange, binding.queue) for binding in topology.bindings}
    for source, queue in sorted(host.bindings - bound):
        if source in {exchange.name for exchange in topology.exchanges}:
            yield f"the exchange {source} also leads to the queue {queue}; unbind it by hand"


def _compare_rules(host: HostState) -> Iterator[str]:
    for name, limits in ((names.VENDOR_WORK, ("max-length",)), (names.VENDOR_INBOUND, tuple(INBOUND_LIMITS))):
        if name in host.queues:
            rules = host.queues[name].rules
            yield from (f"the queue {name} has no limit {limit}" for limit in limits if limit not in rules)
            if rules.get("overflow") != "reject-publish":
                yield f"the queue {name} drops its oldest messages when it is full, should refuse new ones"


def _compare_user(one: Wanted, user: UserState | None) -> Iterator[str]:
    if user is None:
        return
    if user.tags:
        yield f"the user has the tags {', '.join(user.tags)}, should have none: too wide"
    if is_disabled(user):
        yield from (f"disabled, and may still enter {host}" for host in sorted(user.rights))
        return
    for host in sorted(set(user.rights) - {one.host}):
        yield f"the user may enter {host} too: too wide"
    rights = user.rights.get(one.host)
    if rights is None:
        yield f"the user may not enter {one.host}"
    else:
        yield from _compare_rights(rights)
    for name in missing_limits(USER_LIMITS, user.limits):
        yield f"the user has no limit {name}"


def _compare_rights(rights: Rights) -> Iterator[str]:
    for verb in ("configure", "write", "read"):
        found, should = getattr(rights, verb), getattr(RIGHTS, verb)
        if found != should:
            beyond = [name for name in _PROBES if _matches(found, name) and not _matches(should, name)]
            reach = f": too wide, it takes in {', '.join(beyond)}" if beyond else ""
            yield f"may {verb} {found!r}, should be {should!r}{reach}"


def _compare_former(one: Wanted, user: UserState) -> Iterator[str]:
    if not is_disabled(user) or user.rights or user.tags:
        yield f"the policy does not name this vendor, and the user {one.user} still has access"


def _matches(pattern: str, name: str) -> bool:
    """As the broker matches, where an empty pattern is none. One that Python cannot read is taken for too wide."""
    try:
        return bool(pattern) and re.search(pattern, name) is not None
    except re.error:
        return True
