"""The desk that the browser tests share: what it promises, who works there, and how a ticket comes to its board."""

from __future__ import annotations

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Self
from uuid import uuid4

from e2e.whole_desk import OWN, QUICK, WholeDesk, wait_until
from tierdesk_desk.accounts import Accounts
from tierdesk_desk.domain.accounts import read_grant
from tierdesk_desk.hashing import PasswordHashing
from tierdesk_runtime.clock import SystemClock
from tierdesk_runtime.identifiers import Identifiers
from tierdesk_store import Database, service_url

POLICY: dict[str, Any] = {
    "name": "A desk of people",
    "tiers": [
        {"id": "l1", "name": "Service desk"},
        {"id": "l2", "name": "Specialists"},
        {"id": "l3", "name": "Makers"},
    ],
    "groups": [
        {"id": "front", "tier": "l1", "name": "Front desk"},
        {"id": "given", "tier": "l1", "name": "Given out", "assign": "push"},
        {"id": "networks", "tier": "l2", "name": "Networks"},
        {"id": "makers", "tier": "l3", "vendor": "acme"},
    ],
    "vendors": [
        {
            "id": "acme",
            "name": "Acme <img src=x onerror=alert(8)>",
            "group": "makers",
            "contract": {"reference": "C-7 <svg/onload=alert(9)>", "ends": "2099-01-01"},
        }
    ],
    "edges": [["l1", "l2"], ["l2", "l1"], ["l2", "l3"]],
    "categories": [
        {"id": "hardware", "name": "Hardware", "tier": "l1", "group": "front"},
        {"id": "urgent", "name": "Urgent", "tier": "l1", "group": "given"},
    ],
    "targets": [{"kind": "first_response", "within": "6h"}, {"kind": "resolution", "within": "8h"}],
}
EVERYTHING = ("agent", "lead", "publisher", "operator", "administrator")
PEOPLE = {
    "ann": ("agent:l1", "agent:l2"),
    "ben": ("agent:l1",),
    "lea": ("lead", "agent"),
    "rita": ("requester",),
    "mia": ("moderator",),
    "pia": ("publisher",),
    "aux": ("author",),
    "all": EVERYTHING,
}
"""Who works there, and what they may do."""


@dataclass
class Desk:
    """A running desk. `passwords` are those of its people."""

    whole: WholeDesk
    passwords: dict[str, str]
    _cookies: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    @classmethod
    def furnish(cls, whole: WholeDesk) -> Self:
        """Apply the policy, make the accounts, and wait until the desk knows both."""
        with whole.client(OWN) as client:
            assert client.put("/v1/policy", content=json.dumps(POLICY)).status_code == 200
        desk = cls(whole, asyncio.run(_add_people(whole)))
        wait_until(
            lambda: whole.query("SELECT FROM desk.policy_in_force"), "the desk knows its policy"
        )  # no browser yet
        return desk

    @property
    def url(self) -> str:
        return self.whole.url

    def cookies_of(self, name: str) -> list[dict[str, Any]]:
        """The cookies of a session of this person, which begins at the first call."""
        if name not in self._cookies:
            (account,) = self.query("SELECT id FROM desk.account WHERE tenant = $1 AND name = $2", OWN, name)
            with ThreadPoolExecutor(1) as thread:
                headers = thread.submit(self.whole.new_session, OWN, str(account["id"])).result()
            token = headers["Cookie"].partition("=")[2]
            self._cookies[name] = [{"name": "tierdesk", "value": token, "url": self.url}]
        return self._cookies[name]

    def forget_cookies_of(self, name: str) -> None:
        """Begin a new session for this person at the next call: the one before has ended."""
        self._cookies.pop(name, None)

    def report(self, title: str, **fields: Any) -> str:
        """A problem that somebody reports; answers the path of its work, once that stands on the board."""
        event = {
            "type": "problem_reported",
            "title": title,
            "category": "hardware",
            "requester": {"party": f"r-{uuid4()}", "name": "Rita", "phone": "+44 20 7946 0123"},
            "affected": "One person cannot print",
            **fields,
        }
        with self.whole.client(OWN) as client:
            answer = client.post("/v1/events", json=event)
        assert answer.status_code == 202, answer.text
        return f"/works/{self.work_of(answer.json()['ticket'])['assignment_id']}"

    def query(self, statement: str, *arguments: object) -> list[Any]:
        """Rows of the database. In a thread: the browser's driver has an event loop in the one of the test."""
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(self.whole.query, statement, *arguments).result()

    def work_of(self, ticket: str) -> Any:
        """The newest work on a ticket."""
        statement = "SELECT * FROM desk.work WHERE ticket = $1 ORDER BY token DESC LIMIT 1"
        return wait_until(lambda: self.query(statement, ticket), "the work stands on the board")[0]

    def row(self, path: str) -> Any:
        """What the board knows of the work of this path."""
        return self.query("SELECT * FROM desk.work WHERE assignment_id = $1", path.rpartition("/")[2])[0]

    def wait_for_stage(self, path: str, stage: str) -> Any:
        """Wait until the work of this path stands there."""
        return wait_until(lambda: (row := self.row(path))["stage"] == stage and row, f"{path} is {stage}")


async def _add_people(whole: WholeDesk) -> dict[str, str]:
    url = service_url(whole.database_url, "desk", whole.secrets.database_password("desk"))
    database = Database(url, schema="desk", name="the tests' accounts")
    hashing = PasswordHashing(QUICK)
    accounts = Accounts(database, hashing, SystemClock(), Identifiers())
    try:
        return {
            name: (
                await accounts.add(OWN, name, by="desk", grants=[read_grant(one) for one in grants], must_change=False)
            )[1]
            for name, grants in PEOPLE.items()
        }
    finally:
        hashing.close()
        await database.close()
