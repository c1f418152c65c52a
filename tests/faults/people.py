"""People who work tickets at the desk: several, each signed in, at whichever replica answers."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import httpx2

from tierdesk_desk.accounts import Accounts
from tierdesk_desk.domain.roles import Grant, Role
from tierdesk_desk.hashing import PasswordHashing
from tierdesk_runtime.clock import SystemClock
from tierdesk_runtime.identifiers import Identifiers
from tierdesk_runtime.secrets import Secrets
from tierdesk_store import Database, service_url

from .field import Field
from .scale import SEED
from .workers import GROUPS, run_workers

WORKED: Final = {tier: group for tier, group in GROUPS.items() if tier != "l0"}
"""The groups that people work here; bots have the lowest tier, a vendor the highest."""
AGENTS: Final = 8
_ANSWER_SECONDS: Final = 15.0
_PAUSE_SECONDS: Final = 0.2


@dataclass(frozen=True, slots=True)
class Office:
    """Where people work: the desk at any of `urls`, its database, and the groups by tier. The bus is for who works the others."""

    urls: Sequence[str]
    database_url: str
    bus_url: str
    namespace_prefix: str = ""
    groups: Mapping[str, str] = field(default_factory=lambda: dict(WORKED))


def office_of(desk: Field) -> Office:
    """All replicas of a field."""
    secrets = Secrets.load(desk.ground.folder / "secrets.json")
    url = service_url(desk.ground.database_url, "desk", secrets.database_password("desk"))
    urls = [process.url for process in desk.replicas["desk"]]
    return Office(urls, url, desk.ground.amqp_url, desk.namespace_prefix)


async def run_people(office: Office, stop: asyncio.Event, *, careful: bool = True, takes: bool = True) -> None:
    """Work the groups of people until `stop`. Who is `careful` says with each step what was seen; who is not repeats blindly.

    Who `takes` nothing is available, and works what is handed out.
    """
    passwords = await _add_accounts(office)
    others = {tier: name for tier, name in GROUPS.items() if tier not in office.groups}
    async with asyncio.TaskGroup() as group:
        group.create_task(run_workers(office.bus_url, office.namespace_prefix, stop, groups=others))
        for name, password in passwords.items():
            group.create_task(_Agent(name, password, office.urls, careful=careful, takes=takes).work(stop))


async def _add_accounts(office: Office) -> dict[str, str]:
    database, hashing = Database(office.database_url, schema="desk", name="people", pool_size=1), PasswordHashing()
    accounts = Accounts(database, hashing, SystemClock(), Identifiers())
    grants = [Grant(Role.AGENT, tier, group) for tier, group in office.groups.items()]
    try:
        made = [
            await accounts.add("main", f"agent-{number}", by="test", grants=grants, must_change=False)
            for number in range(AGENTS)
        ]
    finally:
        hashing.close()
        await database.close()
    return {account.name: password for account, password in made}


class _Agent:
    """Somebody at the console: takes the next, notes, resolves or hands on, and asks again when no answer came."""

    def __init__(self, name: str, password: str, urls: Sequence[str], *, careful: bool, takes: bool) -> None:
        self._name = name
        self._password = password
        self._urls = urls
        self._careful = careful
        self._takes = takes
        self._dice = random.Random(f"{SEED} {name}")
        self._headers: dict[str, str] = {}

    async def work(self, stop: asyncio.Event) -> None:
        async with httpx2.AsyncClient(timeout=_ANSWER_SECONDS, trust_env=False) as self._http:
            await self._sign_in()
            if not self._takes:
                await self._ask("PUT", "presence", {"state": "available"})
            while not stop.is_set():
                held = (await self._ask("GET", "mine")).get("works", ())
                taken = held[0] if held else (await self._ask("POST", "next") if self._takes else None)
                if not taken:
                    await asyncio.sleep(_PAUSE_SECONDS)
                    continue
                await self._see_through(taken["assignment_id"], stop)

    async def _see_through(self, assignment_id: str, stop: asyncio.Event) -> None:
        """Take one step after the other, each from what the desk says that stands now."""
        while not stop.is_set():
            work = await self._ask("GET", f"works/{assignment_id}")
            if work["stage"] in {"left", "gone"} or work["worker"] != self._name:
                return
            number = int(work["title"].rsplit(" ", 1)[1])
            last = (work["said"] or {}).get("kind")
            every = 4 if work["tier"] == "l2" else 2
            if last == "accepted":
                step, body = "progress", {"note": f"looked at {number} as {assignment_id}"}
            elif number % every == 0:
                findings = f"{number} is not for us"
                step, body = (
                    "escalate",
                    {"reason": "beyond_scope", "findings": findings, "override": "The load asks for nothing."},
                )
            else:
                step, body = "resolve", {"how": f"solved {number}"}
            based_on = f"?based_on={work['ordinal']}" if self._careful else ""
            await self._ask("POST", f"works/{assignment_id}/{step}{based_on}", body, again=not self._careful)

    async def _sign_in(self) -> None:
        answer = await self._ask("POST", "sessions", {"name": self._name, "password": self._password})
        self._headers = {"X-CSRF-Token": answer["csrf"]}

    async def _ask(self, method: str, path: str, body: Any = None, *, again: bool = True) -> dict[str, Any]:
        """The answer, from whichever replica gives one; nothing for 204 and 409. Without `again` a lost answer is nothing too."""
        while True:
            url = f"{self._dice.choice(self._urls)}/v1/desk/{path}"
            try:
                answer = await self._http.request(method, url, json=body, headers=self._headers)
            except httpx2.TransportError:
                if not again:
                    return {}
                await asyncio.sleep(_PAUSE_SECONDS)
                continue
            if answer.status_code == 503:
                await asyncio.sleep(_PAUSE_SECONDS)
            elif answer.status_code in {204, 409}:
                return {}
            else:
                assert answer.status_code in {200, 201}, (method, path, answer.status_code, answer.text)
                found: dict[str, Any] = answer.json()
                return found
