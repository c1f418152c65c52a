"""The example consumers, started beside a desk: the password reset bot at L0, people at L1 to L3, vendors."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import re
import secrets
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Final

from tierdesk_bots.directory import FileDirectory
from tierdesk_bots.journal import Journals
from tierdesk_bots.mail import FolderOutbox
from tierdesk_bots.password_reset import PasswordReset
from tierdesk_cli.errors import CommandError
from tierdesk_cli.tour import PEOPLE
from tierdesk_contracts.names import vendor_namespace
from tierdesk_policy import Policy
from tierdesk_tier import serve_tier

CHECKOUT: Final = Path(__file__).resolve().parents[3]
SELF_SERVICE: Final = "self-service"
"""The group that the knowledge service itself works."""
BOT: Final = "password-reset"
"""The group that the password reset bot works."""
NOBODY: Final[frozenset[str]] = frozenset()
"""The groups that people work where example people work them all."""
TRIED_OUT: Final = frozenset({"service-desk"})
"""The groups that are left to whoever tries the desk out."""


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
        folder: Path,
        *,
        tenant: str = "main",
        now: Callable[[], datetime] = _now,
        pace: float = 1.0,
        worked: frozenset[str] = NOBODY,
    ) -> None:
        """`now` is business time; `pace` is how many times as fast people work. The groups that are `worked` have others.

        In `folder` the password bot has a directory of the example people, and puts its mails.
        """
        self._bus_url = bus_url
        self._policy = policy
        self._namespace_prefix = namespace_prefix
        self._tenant = tenant
        self._now = now
        self._pace = pace
        self._worked = worked
        self.resting: str | None = None
        """A tier whose people leave new offers alone, as others do who do not look at their queue every moment."""
        self._mails = folder / "mails"
        self._password_reset = _password_reset(folder, self._mails)
        self._staff = _load("staff")
        self._vendor = _load("vendor_printer")

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop`."""
        groups = [
            f"{group.tier}/{group.id}"
            for group in self._policy.groups
            if group.vendor is None and group.id not in {SELF_SERVICE, BOT, *self._worked}
        ]
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(
                self._staff.run(
                    self._bus_url,
                    stop,
                    tenant=self._tenant,
                    groups=groups,
                    suppliers=list(ways_to_suppliers(self._policy)),
                    speed=self._pace,
                    now=self._now,
                    accept=lambda offer: offer.tier != self.resting,
                )
            )
            for group in self._policy.groups:
                if group.id == BOT:
                    tasks.create_task(self._reset_passwords(group.tier, stop))
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

    async def _reset_passwords(self, tier: str, stop: asyncio.Event) -> None:
        await serve_tier(
            self._bus_url,
            tenant=self._tenant,
            tier=tier,
            group=BOT,
            worker="password-reset-bot",
            work=self._password_reset.work,
            stop=stop,
            workers=100,
            drain_seconds=1.0,  # conversations go on after the next start
            now=self._now,
        )

    def code_for(self, reference: str) -> str | None:
        """The one-time code that was mailed for a ticket, as its requester reads it; None before the mail."""
        for letter in self._mails.glob("*.eml"):
            text = letter.read_text()
            found = re.search(r"^ {4}(\d{4} \d{4})$", text, re.MULTILINE)
            if found and reference in text:
                return found[1]
        return None


def ways_to_suppliers(policy: Policy) -> Iterator[str]:
    """Which categories a tier may hand straight to a supplier past a tier in between: `tier/category/tier`."""
    for vendor in policy.vendors:
        top = policy.group(vendor.group).tier
        for tier in policy.tiers[: max(policy.height(top) - 1, 0)]:
            if policy.allows(tier.id, top) and not tier.hands_on_incomplete:
                yield from (f"{tier.id}/{category}/{top}" for category in vendor.covers)


def _password_reset(folder: Path, mails: Path) -> PasswordReset:
    """The bot with a directory of its own, which is kept over a restart with the rest of the folder."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    people, secret = folder / "people.json", folder / "secret"
    if not people.exists():
        people.write_text(json.dumps({"accounts": [{"name": name, "mail": name} for name in PEOPLE]}, indent=1))
    if not secret.exists():
        secret.touch(mode=0o600)
        secret.write_bytes(secrets.token_bytes(32))
    return PasswordReset(
        directory=FileDirectory(people),
        outbox=FolderOutbox(mails, sender="desk@example.org"),
        secret=secret.read_bytes(),
        journals=Journals(folder / "journals"),
    )
