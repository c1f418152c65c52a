"""The example consumers, started beside a desk: a bot at L0, people at L1 to L3, vendors."""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Final

from tierdesk_cli.errors import CommandError
from tierdesk_contracts.names import vendor_namespace
from tierdesk_policy import Policy

CHECKOUT: Final = Path(__file__).resolve().parents[3]
SELF_SERVICE: Final = "self-service"
"""The group that the knowledge service itself works."""
BOT: Final = "password-reset"
"""The group that the example bot works."""


def sample_policy() -> Path:
    """The five-tier sample. Raises `CommandError` when this is no checkout."""
    return _find("deploy/policy/five-tier.yaml")


def _find(name: str) -> Path:
    path = CHECKOUT / name
    if not path.exists():
        raise CommandError(f"{name} is part of the repository and not installed: run from a checkout, or give --policy")
    return path


def _load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"tierdesk_example_{name}", _find(f"examples/{name}.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _now() -> datetime:
    return datetime.now(UTC)


class Examples:
    """The consumers that a policy's groups need."""

    def __init__(
        self,
        bus_url: str,
        policy: Policy,
        namespace_prefix: str,
        *,
        tenant: str = "main",
        now: Callable[[], datetime] = _now,
        pace: float = 1.0,
    ) -> None:
        """`now` is business time; `pace` is how many times as fast people work."""
        self._bus_url = bus_url
        self._policy = policy
        self._namespace_prefix = namespace_prefix
        self._tenant = tenant
        self._now = now
        self._pace = pace
        self._staff = _load("staff")
        self._bot = _load("password_reset_bot")
        self._vendor = _load("vendor_printer")

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop`."""
        groups = [
            f"{group.tier}/{group.id}"
            for group in self._policy.groups
            if group.vendor is None and group.id not in {SELF_SERVICE, BOT}
        ]
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(
                self._staff.run(
                    self._bus_url, stop, tenant=self._tenant, groups=groups, speed=self._pace, now=self._now
                )
            )
            if any(group.id == BOT for group in self._policy.groups):
                tasks.create_task(self._bot.run(self._bus_url, stop, tenant=self._tenant, now=self._now))
            for vendor in self._policy.vendors:
                tasks.create_task(
                    self._vendor.run(
                        self._bus_url,
                        stop,
                        namespace=vendor_namespace(self._tenant, vendor.id),
                        namespace_prefix=self._namespace_prefix,
                        now=self._now,
                    )
                )
