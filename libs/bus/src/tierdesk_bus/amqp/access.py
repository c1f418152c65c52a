"""Who may do what on a RabbitMQ: users, and their rights and limits in virtual hosts, by the management API."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from tierdesk_bus.amqp.management import POLICY_PRIORITY, Management, segment, table
from tierdesk_bus.port import BusError

ABOVE_PRIORITY: Final = POLICY_PRIORITY + 1
"""Above the policy by which a declaration limits a queue: only one policy applies to a queue."""

_FOR_QUEUES: Final = {"queues", "quorum_queues", "all"}


@dataclass(frozen=True, slots=True)
class Rights:
    """What a user may configure, write and read in one virtual host: a regular expression of names each."""

    configure: str
    write: str
    read: str


@dataclass(frozen=True, slots=True)
class UserState:
    """A user as the broker has it; `rights` by virtual host."""

    tags: tuple[str, ...] = ()
    limits: Mapping[str, int] = field(default_factory=dict)
    rights: Mapping[str, Rights] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FoundQueue:
    """A queue: the arguments it was declared with, and what policies set for it."""

    arguments: Mapping[str, object] = field(default_factory=dict)
    rules: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class HostState:
    """A virtual host: exchanges with their kind, queues, (exchange, queue) bindings, limits."""

    exchanges: Mapping[str, str] = field(default_factory=dict)
    queues: Mapping[str, FoundQueue] = field(default_factory=dict)
    bindings: frozenset[tuple[str, str]] = frozenset()
    limits: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AccessState:
    """What the broker has: all its users, and those virtual hosts that were asked for and exist."""

    hosts: Mapping[str, HostState] = field(default_factory=dict)
    users: Mapping[str, UserState] = field(default_factory=dict)


class AccessManagement(Management):
    """Gives and takes access. Each call may be repeated; each raises `BusError` when the broker refuses or is away."""

    async def look(self, hosts: Collection[str]) -> AccessState:
        """All users, and these virtual hosts. Changes nothing."""
        rights: dict[str, dict[str, Rights]] = {}
        for row in await self._list("permissions"):
            given = Rights(row["configure"], row["write"], row["read"])
            rights.setdefault(row["user"], {})[row["vhost"]] = given
        limits = {row["user"]: _limits(row) for row in await self._list("user-limits")}
        users = {
            row["name"]: UserState(_tags(row["tags"]), limits.get(row["name"], {}), rights.get(row["name"], {}))
            for row in await self._list("users")
        }
        known = {row["name"] for row in await self._list("vhosts")}
        found = {host: await self._look_at_host(host) for host in sorted(known & set(hosts))}
        return AccessState(found, users)

    async def set_password(self, user: str, password: str) -> None:
        """Make the user exist, without tags and with this password. Open connections stay open."""
        await self._put(f"users/{segment(user)}", {"password": password, "tags": ""})

    async def clear_tags(self, user: str) -> None:
        """Take every tag from the user, who keeps the password. Raises `BusError` for one that does not exist."""
        path = f"users/{segment(user)}"
        found = (await self._request("GET", path, None)).json()
        if "password_hash" not in found:
            raise BusError(f"the management API does not know the user {user!r}")
        kept = {name: found[name] for name in ("password_hash", "hashing_algorithm")}
        await self._put(path, {**kept, "tags": ""})

    async def remove_user(self, user: str) -> None:
        """Delete the user with all rights and limits, and end its connections."""
        await self._request("DELETE", f"users/{segment(user)}", None)
        await self.close_connections(user)

    async def give_rights(self, host: str, user: str, rights: Rights) -> None:
        """Let the user do this in the virtual host, and nothing else there."""
        given: dict[str, object] = {"configure": rights.configure, "write": rights.write, "read": rights.read}
        await self._put(f"permissions/{segment(host)}/{segment(user)}", given)

    async def take_rights(self, host: str, user: str) -> None:
        """Keep the user out of the virtual host. What it has open there stays open: see `close_connections`."""
        await self._request("DELETE", f"permissions/{segment(host)}/{segment(user)}", None)

    async def limit_user(self, user: str, limits: Mapping[str, int]) -> None:
        """Bound what the user may have at once: `max-connections`, `max-channels`."""
        for name, value in limits.items():
            await self._put(f"user-limits/{segment(user)}/{segment(name)}", {"value": value})

    async def limit_host(self, host: str, limits: Mapping[str, int]) -> None:
        """Bound what the virtual host may hold: `max-connections`, `max-queues`."""
        for name, value in limits.items():
            await self._put(f"vhost-limits/{segment(host)}/{segment(name)}", {"value": value})

    async def rule_queue(self, host: str, queue: str, rules: Mapping[str, object]) -> None:
        """Have these rules apply to the queue, in place of those that its declaration set."""
        await self._put(
            f"policies/{segment(host)}/{segment(f'access {queue}')}",
            {
                "pattern": f"^{re.escape(queue)}$",
                "definition": dict(rules),
                "priority": ABOVE_PRIORITY,
                "apply-to": "queues",
            },
        )

    async def close_connections(self, user: str) -> None:
        """End every connection that the user has now."""
        await self._request("DELETE", f"connections/username/{segment(user)}", None)

    async def remove_namespace(self, host: str) -> None:
        """Delete the virtual host with all that is in it."""
        await self._request("DELETE", f"vhosts/{segment(host)}", None)

    async def _look_at_host(self, host: str) -> HostState:
        name = segment(host)
        # Not what a queue itself tells of its policy, which is some seconds old.
        policies, limits = await self._list(f"policies/{name}"), await self._list(f"operator-policies/{name}")
        return HostState(
            exchanges={row["name"]: row["type"] for row in await self._list(f"exchanges/{name}")},
            queues={
                row["name"]: FoundQueue(table(row.get("arguments")), rules_for(row["name"], policies, limits))
                for row in await self._list(f"queues/{name}")
            },
            bindings=frozenset(
                (row["source"], row["destination"])
                for row in await self._list(f"bindings/{name}")
                if row["destination_type"] == "queue"
            ),
            limits=next((_limits(row) for row in await self._list(f"vhost-limits/{name}")), {}),
        )

    async def _list(self, path: str) -> list[dict[str, Any]]:
        found = (await self._request("GET", path, None)).json()
        return found if isinstance(found, list) else []  # an object says that it is not there


def rules_for(
    queue: str, policies: Sequence[Mapping[str, Any]], operator_policies: Sequence[Mapping[str, Any]]
) -> dict[str, object]:
    """What these policies set for a queue: of each kind the matching one of the highest priority.

    Where both kinds set a number, the lower one holds; of other values the operator's.
    """
    rules = _rules_of_kind(queue, policies)
    for name, value in _rules_of_kind(queue, operator_policies).items():
        mine = rules.get(name)
        rules[name] = min(mine, value) if isinstance(mine, int) and isinstance(value, int) else value
    return rules


def _rules_of_kind(queue: str, policies: Sequence[Mapping[str, Any]]) -> dict[str, object]:
    matching = [one for one in policies if one["apply-to"] in _FOR_QUEUES and re.search(one["pattern"], queue)]
    return dict(table(max(matching, key=lambda one: one["priority"])["definition"])) if matching else {}


def _limits(row: Mapping[str, Any]) -> dict[str, int]:
    return dict(table(row.get("value")))  # type: ignore[arg-type]  # the broker takes nothing but whole numbers there


def _tags(found: list[str] | str) -> tuple[str, ...]:
    names = found if isinstance(found, list) else found.split(",")  # a list from RabbitMQ 3.9 on
    return tuple(name for name in names if name)
