"""A real desk, the bots as programs beside it, and a requester."""

import contextlib
import email
import email.policy
import itertools
import json
import os
import re
import secrets
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from e2e.whole_desk import WholeDesk, migrated_database
from faults.nursery import Child
from faults.processes import common_nursery

PATIENCE_SECONDS = 60.0
TENANT = "main"
POLICY = {
    "name": "A desk with bots",
    "tiers": [
        {"id": "l0", "name": "Self-service", "hands_on_incomplete": True},
        {"id": "l1", "name": "Service desk"},
        {"id": "top", "name": "Top"},
    ],
    "edges": [["l0", "l1"]],
    "groups": [
        {"id": "password-reset", "tier": "l0", "name": "Password reset"},
        {"id": "diagnostics", "tier": "l0", "name": "Diagnostics"},
        {"id": "service-desk", "tier": "l1", "name": "Service desk"},
        {"id": "nobody-above", "tier": "top", "name": "Nobody above"},
    ],
    "categories": [
        {"id": "password", "tier": "l0", "group": "password-reset", "description_facts": ["requester"]},
        {"id": "badge", "tier": "l0", "group": "password-reset", "description_facts": ["requester", "location"]},
        {"id": "slow", "tier": "l0", "group": "diagnostics", "description_facts": ["requester"]},
        {"id": "stuck", "tier": "top", "group": "nobody-above", "description_facts": ["requester"]},
        {"id": "other", "tier": "l1", "group": "service-desk", "description_facts": ["requester"]},
    ],
    "default_category": "other",
}
ACCOUNTS = [
    {"name": "ann", "mail": "ann.archer@example.org"},
    {"name": "root", "mail": "root.admin@example.org", "privileged": True},
    {"name": "gone", "mail": "gone@example.org", "enabled": False},
    {"name": "twin", "mail": "twin@example.org"},
    {"name": "twin", "mail": "other.twin@example.org"},
    {"name": "mute"},
]
_numbers = itertools.count(1)


def wait_until(look: Callable[[], Any], what: str) -> Any:
    """The first true answer of `look`."""
    end = time.monotonic() + PATIENCE_SECONDS
    while not (found := look()):
        assert time.monotonic() < end, f"not within {PATIENCE_SECONDS:.0f} s: {what}"
        time.sleep(0.05)
    return found


class Requester:
    """Reports a problem through the portal, replies, and reads the mail of one outbox."""

    def __init__(self, client: httpx2.Client, outbox: Path) -> None:
        self._client = client
        self._outbox = outbox

    def report(self, party: str = "ann", *, category: str = "password", **fields: Any) -> str:
        event = {
            "type": "problem_reported", "category": category, "title": "I cannot sign in",
            "requester": {"party": party, "name": "Ann Archer"}, **fields,
        }  # fmt: skip
        return self._post(event)["ticket"]

    def reply(self, ticket: str, text: str) -> None:
        self._post({"type": "requester_replied", "ticket": ticket, "text": text})

    def story(self, ticket: str) -> dict[str, Any]:
        answer = self._client.get(f"/v1/tickets/{ticket}")
        return answer.json() if answer.status_code == 200 else {"ticket": {"status": "not opened"}, "log": []}

    def log(self, ticket: str, kind: str) -> list[dict[str, Any]]:
        return [event for event in self.story(ticket)["log"] if event["kind"] == kind]

    def wait_for(self, ticket: str, kind: str, count: int = 1) -> list[dict[str, Any]]:
        return wait_until(
            lambda: found if len(found := self.log(ticket, kind)) >= count else None, f"{count} {kind} in the log"
        )

    def wait_for_handing_on(self, ticket: str) -> dict[str, Any]:
        """The escalation to people, once they have the offer."""
        (escalated,) = self.wait_for(ticket, "escalated")
        story = self.story(ticket)
        assert (escalated["to_tier"], escalated["to_group"]) == ("l1", "service-desk")
        assert story["ticket"]["group"] == "service-desk"
        return escalated

    def letters(self) -> list[email.message.EmailMessage]:
        found = [
            email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
            for path in sorted(self._outbox.glob("*.eml"), key=lambda path: path.stat().st_mtime_ns)
        ]
        return [letter for letter in found if isinstance(letter, email.message.EmailMessage)]

    def code(self, number: int = 1) -> str:
        """The code of the `number`-th letter that holds one."""
        codes = wait_until(
            lambda: found if len(found := self._codes()) >= number else None, f"{number} letters with a code"
        )
        return codes[number - 1]

    def _codes(self) -> list[str]:
        texts = [letter.get_content() for letter in self.letters()]
        return [
            found.group().strip() for text in texts if (found := re.search(r"^ {4}\d{4} \d{4}$", text, re.MULTILINE))
        ]

    def _post(self, event: dict[str, Any]) -> dict[str, Any]:
        answer = self._client.post("/v1/events", json=event, headers={"Idempotency-Key": f"bots-{next(_numbers)}"})
        assert answer.status_code == 202, answer.text
        return answer.json()


class BotProcess:
    """A bot as the program that an operator starts."""

    def __init__(self, folder: Path, bus_url: str, *arguments: str | Path) -> None:
        self.folder = folder
        (folder / "bus").write_text(bus_url)
        secret = folder / "secret"
        if not secret.exists():
            secret.write_bytes(secrets.token_bytes(32))
        self._arguments = [
            *arguments, "--bus-file", folder / "bus", "--tenant", TENANT,
            "--state", folder / "state", "--secret-file", secret,
        ]  # fmt: skip
        self._process: Child | None = None

    def start(self) -> None:
        arguments = [str(argument) for argument in self._arguments]
        environment = {"PATH": os.environ["PATH"]}
        self._process = common_nursery().start("tierdesk_bots", arguments, environment, self.folder / "bot.log")

    def kill9(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        self._process.wait(10)
        self._process = None

    def stop(self) -> int:
        """SIGTERM, and the exit code."""
        assert self._process is not None
        self._process.terminate()
        code = self._process.wait(40)
        self._process = None
        return code

    def close(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait(10)

    @property
    def log(self) -> str:
        return (self.folder / "bot.log").read_text()

    def state(self) -> str:
        """All that it keeps."""
        return "".join(path.read_text() for path in sorted((self.folder / "state").glob("*")))


@contextlib.contextmanager
def running_desk(folder: Path, database_url: str, **settings: Any) -> Iterator[WholeDesk]:
    desk = WholeDesk(folder, database_url, tenants=(TENANT,), services=("intake", "router"), **settings)
    desk.start()
    try:
        with desk.client(TENANT) as client:
            assert client.put("/v1/policy", content=json.dumps(POLICY)).status_code == 200
        yield desk
    finally:
        desk.stop()


@pytest.fixture(scope="session")
def postgres_desk(database_server, tmp_path_factory) -> Iterator[WholeDesk]:
    """Intake and router on one database, which is the bus too."""
    with migrated_database(database_server) as url, running_desk(tmp_path_factory.mktemp("desk"), url) as desk:
        yield desk


@pytest.fixture
def desk(postgres_desk: WholeDesk) -> WholeDesk:
    return postgres_desk


@pytest.fixture
def requester(desk: WholeDesk, tmp_path: Path) -> Iterator[Requester]:
    with desk.client(TENANT) as client:
        yield Requester(client, tmp_path / "outbox")


@pytest.fixture
def make_bot(desk: WholeDesk, tmp_path: Path) -> Iterator[Callable[..., BotProcess]]:
    """Makes bots that are ended with the test; `make_bot(*arguments)` has started it."""
    made: list[BotProcess] = []

    def make(*arguments: str | Path) -> BotProcess:
        bot = BotProcess(tmp_path, desk.settings.bus, *arguments)
        made.append(bot)
        bot.start()
        return bot

    yield make
    for bot in made:
        bot.close()


@pytest.fixture
def make_password_bot(make_bot: Callable[..., BotProcess], tmp_path: Path) -> Callable[..., BotProcess]:
    """A password reset bot with a directory in a file and mails in a folder; further flags win."""

    def make(*arguments: str | Path) -> BotProcess:
        people = tmp_path / "people.json"
        people.write_text(json.dumps({"accounts": ACCOUNTS}))
        mail = () if "--smtp-url" in arguments else ("--outbox", tmp_path / "outbox")
        return make_bot(
            "password-reset", "--directory-file", people, "--from", "desk@example.org", *mail, *arguments
        )  # fmt: skip

    return make
