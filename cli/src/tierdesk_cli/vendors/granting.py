"""Giving vendors access, and taking it away: one desk, its policy, and the broker that carries it."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, quote, unquote, urlsplit

from tierdesk_bridge.app import DEFINITION as BRIDGE
from tierdesk_bridge.store.endpoints import list_endpoints
from tierdesk_bus import connect as connect_bus
from tierdesk_bus.access import AccessManagement, AccessState
from tierdesk_bus.inspection import QueueState, inspect
from tierdesk_cli.errors import CommandError
from tierdesk_cli.home import Home
from tierdesk_cli.policy import read_policy
from tierdesk_cli.servers import find_settings, open_schemas
from tierdesk_cli.vendors import wanted as wants
from tierdesk_cli.vendors.wanted import Difference, Wanted
from tierdesk_contracts.names import VENDOR_INBOUND, VENDOR_WORK
from tierdesk_policy import Policy
from tierdesk_router.app import DEFINITION as ROUTER
from tierdesk_router.store.policies import PolicyShelf
from tierdesk_runtime.settings import Settings

NAME: Final = "tierdesk vendor"
PASSWORD_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class Gate:
    """The vendors of one tenant's policy, and the management of the broker that they meet the desk on."""

    settings: Settings
    tenant: str
    policy: Policy
    broker: AccessManagement

    @property
    def wanted(self) -> list[Wanted]:
        """What each vendor of the policy is to have."""
        return wants.wanted_access(self.tenant, self.policy, prefix=self.settings.namespace_prefix)

    def find(self, vendor: str) -> Wanted:
        """A vendor of the policy. Raises `CommandError` for one that it does not name."""
        for one in self.wanted:
            if one.vendor == vendor:
                return one
        named = ", ".join(one.vendor for one in self.wanted) or "none"
        raise CommandError(
            f"the policy of {self.tenant} names no vendor {vendor!r} (it names: {named}); put it there first, "
            "with `tierdesk policy apply`",
            exit_code=2,
        )

    async def find_user(self, vendor: str) -> tuple[Wanted, AccessState]:
        """A vendor that has a user, named by the policy or not. Raises `CommandError` when it has none."""
        one = wants.wanted_for(self.tenant, vendor, prefix=self.settings.namespace_prefix)
        found = await self.broker.look([one.host])
        if one.user not in found.users:
            raise CommandError(
                f"the vendor {vendor!r} of {self.tenant} has no access; `tierdesk vendor list` shows who has"
            )
        return one, found

    async def look(self) -> tuple[AccessState, list[Wanted]]:
        """What the broker has, and who has a user there without being in the policy."""
        found = await self.broker.look([one.host for one in self.wanted])
        prefix = self.settings.namespace_prefix
        return found, wants.former_vendors(self.tenant, self.wanted, found, prefix=prefix)

    async def compare(self) -> list[Difference]:
        """What differs from the policy. Who takes webhooks needs no user."""
        found, former = await self.look()
        by_webhook = await _vendors_by_webhook(self.settings, self.tenant)
        differences = wants.compare(self.wanted, former, found, desk_user=self.desk_user)
        return [one for one in differences if not (one.is_for_add and one.vendor in by_webhook)]

    @property
    def desk_user(self) -> str:
        """Whom the services sign in as."""
        return unquote(urlsplit(self.settings.bus).username or "guest")

    async def add(self, vendor: str) -> tuple[Wanted, str | None]:
        """Give access; answers the new password, None for a vendor that has one already. May be repeated."""
        one = self.find(vendor)
        await self._establish(one)
        found = await self.broker.look([one.host])
        if one.user in found.users:
            await self._equip_user(one, found)
            return one, None
        password = secrets.token_urlsafe(PASSWORD_BYTES)
        await self.broker.set_password(one.user, password)
        await self._equip_user(one, await self.broker.look([one.host]))
        return one, password

    async def rotate(self, vendor: str, *, close_connections: bool) -> tuple[Wanted, str]:
        """A new password; the old one is void at once, for new connections."""
        one, _ = await self.find_user(vendor)
        password = secrets.token_urlsafe(PASSWORD_BYTES)
        await self.broker.set_password(one.user, password)
        if close_connections:
            await self.broker.close_connections(one.user)
        return one, password

    async def disable(self, vendor: str) -> None:
        """Keep the vendor out and end its connections; user, password and queues stay."""
        one, found = await self.find_user(vendor)
        await self._disable(one, found)

    async def enable(self, vendor: str) -> None:
        """Let a disabled vendor of the policy in again, with the password that it had."""
        wanted = self.find(vendor)
        one, found = await self.find_user(vendor)
        await self._establish(wanted)
        await self.broker.give_rights(one.host, one.user, wants.RIGHTS)
        limits = {name: value for name, value in found.users[one.user].limits.items() if value != 0}
        await self.broker.limit_user(one.user, wants.missing_limits(wants.USER_LIMITS, limits))

    async def remove(self, vendor: str, *, with_queues: bool, sure: bool) -> bool:
        """Delete the user, and if so asked its virtual host; answers whether there was anything to delete."""
        one = wants.wanted_for(self.tenant, vendor, prefix=self.settings.namespace_prefix)
        found = await self.broker.look([one.host])
        if with_queues and one.host in found.hosts and not sure:
            await self._check_empty(one)
        await self.broker.remove_user(one.user)
        if with_queues:
            await self.broker.remove_namespace(one.host)
        return one.user in found.users or (with_queues and one.host in found.hosts)

    async def apply(self) -> list[Difference]:
        """Mend all that differs; answers what is left, which is for a person to do."""
        found, former = await self.look()
        named = {one.vendor for one in self.wanted}
        for vendor in dict.fromkeys(one.vendor for one in await self.compare() if one.vendor in named):
            one = self.find(vendor)
            await self._establish(one)
            if one.user in found.users:
                await self._equip_user(one, found)
        for one in former:
            if not wants.is_disabled(found.users[one.user]) or found.users[one.user].rights:
                await self._disable(one, found)
        return await self.compare()

    async def queues(self, wanted: Sequence[Wanted]) -> list[QueueState]:
        """How the queues of these vendors stand."""
        state = await inspect(
            self.settings.bus,
            [queue for one in wanted for queue in one.topology.queues],
            name=NAME,
            namespace_prefix=self.settings.namespace_prefix,
        )
        return list(state.queues)

    async def _check_empty(self, one: Wanted) -> None:
        states = await self.queues([one])
        told = ", ".join(
            f"{state.queue.name}: {state.fault or f'{state.messages} waiting, {state.consumers} consumers'}"
            for state in states
        )
        # What a consumer of the vendor holds unacknowledged is not counted as waiting, and would be lost too.
        busy = any(state.messages or state.fault for state in states) or any(
            state.consumers for state in states if state.queue.name == VENDOR_WORK
        )
        if busy:
            raise CommandError(f"messages of {one.host} would be lost ({told}); say --yes to delete them", exit_code=2)

    async def _establish(self, one: Wanted) -> None:
        """The virtual host, what it holds, and its limits."""
        await self.broker.create_namespace(one.host, user=self.desk_user)
        await self.broker.give_rights(one.host, self.desk_user, wants.EVERYTHING)
        bus = await connect_bus(
            self.settings.bus,
            name=NAME,
            management_url=self.settings.amqp_management_url,
            namespace_prefix=self.settings.namespace_prefix,
        )
        try:
            await bus.declare(one.topology)
        finally:
            await bus.close()
        await self.broker.rule_queue(one.host, VENDOR_INBOUND, wants.INBOUND_RULES)
        (host,) = (await self.broker.look([one.host])).hosts.values()
        await self.broker.limit_host(one.host, wants.missing_limits(wants.HOST_LIMITS, host.limits))

    async def _equip_user(self, one: Wanted, found: AccessState) -> None:
        """A user that exists has these rights and none else; one that was disabled stays so."""
        user = found.users[one.user]
        if user.tags:
            await self.broker.clear_tags(one.user)
        if wants.is_disabled(user):
            if user.rights:
                await self._disable(one, found)
            return
        await self.broker.limit_user(one.user, wants.missing_limits(wants.USER_LIMITS, user.limits))
        await self.broker.give_rights(one.host, one.user, wants.RIGHTS)
        for host in set(user.rights) - {one.host}:
            await self.broker.take_rights(host, one.user)
        if user.tags or user.rights not in ({}, {one.host: wants.RIGHTS}):
            # What is open goes on by the rights that it was opened with.
            await self.broker.close_connections(one.user)

    async def _disable(self, one: Wanted, found: AccessState) -> None:
        await self.broker.limit_user(one.user, wants.NO_CONNECTIONS)
        for host in found.users[one.user].rights:
            await self.broker.take_rights(host, one.user)
        if found.users[one.user].tags:
            await self.broker.clear_tags(one.user)
        await self.broker.close_connections(one.user)


def vendor_url(settings: Settings, one: Wanted, password: str, *, at: str | None) -> str:
    """The address that the vendor signs in at: the broker's own, or at the server `at`, as outsiders reach it."""
    parts = urlsplit(at or settings.bus)
    server = parts.netloc.rpartition("@")[2]
    path = quote(one.host, safe="")
    return f"{parts.scheme}://{quote(one.user, safe='')}:{password}@{server}/{path}"


@contextlib.asynccontextmanager
async def open_gate(data: Path, tenant: str | None, policy_file: Path | None = None) -> AsyncIterator[Gate]:
    """The gate of the desk on `data`, or of the environment. Raises `CommandError` where there can be none."""
    settings = find_settings(Home(data))
    check_bus(settings.bus)
    if settings.amqp_management_url is None:
        raise CommandError(
            "vendors' users are made by RabbitMQ's management API: set TIERDESK_AMQP_MANAGEMENT_URL to "
            "http://user:password@host:15672, with an administrator's user",
            exit_code=2,
        )
    tenant = tenant or settings.default_tenant
    policy = await _policy_in_force(settings, tenant) if policy_file is None else read_policy(policy_file)
    broker = AccessManagement(settings.amqp_management_url)
    try:
        yield Gate(settings, tenant, policy, broker)
    finally:
        await broker.close()


def check_server(at: str | None) -> None:
    """Raises `CommandError` for what is no address of a broker, or holds more than that."""
    if at is not None:
        parts = _split_address(at, "--at")
        if parts.username or parts.path.strip("/"):
            raise CommandError("--at names the broker alone, without a user and a virtual host", exit_code=2)


def check_address(url: str) -> None:
    """Raises `CommandError` for what is no address of a virtual host on RabbitMQ."""
    if url.startswith("postgres"):
        check_bus(url)
    _split_address(url, "--url")


def _split_address(url: str, option: str) -> SplitResult:
    """Its parts. The error never repeats it: a password may stand anywhere in it."""
    try:
        parts = urlsplit(url)
        fits = parts.scheme in {"amqp", "amqps"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        fits = False
    if not fits:
        raise CommandError(
            f"{option} is no address of a broker; write it as amqps://broker.example.com:5671, with special "
            "characters percent-encoded",
            exit_code=2,
        )
    return parts


def check_bus(url: str) -> None:
    """Raises `CommandError` for a bus that knows no users of its own."""
    if urlsplit(url).scheme not in {"amqp", "amqps"}:
        raise CommandError(
            "vendors' credentials need RabbitMQ, and this bus is PostgreSQL: set TIERDESK_AMQP_URL", exit_code=2
        )


async def _vendors_by_webhook(settings: Settings, tenant: str) -> set[str]:
    async with open_schemas(settings.database_url, BRIDGE.name, name=NAME) as (bridge,), bridge.read() as connection:
        return {one.vendor for one in await list_endpoints(connection) if one.tenant == tenant}


async def _policy_in_force(settings: Settings, tenant: str) -> Policy:
    async with open_schemas(settings.database_url, ROUTER.name, name=NAME) as (router,), router.read() as connection:
        policies = await PolicyShelf().in_force(connection, [tenant])
    if tenant not in policies:
        raise CommandError(
            f"no policy is in force for the tenant {tenant!r}; put one in force with `tierdesk policy apply`"
        )
    return policies[tenant]
