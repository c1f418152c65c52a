"""Mail of a desk, sent to a real server."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterator
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
import trustme
from prometheus_client import CollectorRegistry

from servers.mail import MailServer, mail_server
from tierdesk_contracts import ticket as events
from tierdesk_contracts.notice import PolicyApplied
from tierdesk_contracts.ticket import KnownRequester, TicketChanged
from tierdesk_contracts.vocabulary import Actor, ActorKind, Channel, Status
from tierdesk_desk.mailing.letters import LetterWriter
from tierdesk_desk.mailing.sender import MailMetrics, Sender
from tierdesk_desk.mailing.settings import MailSettings
from tierdesk_desk.mailing.smtp import SmtpTransport
from tierdesk_policy import load_policy

REQUESTER = Actor(kind=ActorKind.REQUESTER, id="ann")
WORKER = Actor(kind=ActorKind.WORKER, id="amy")
SENDER = "Service desk <desk@example.org>"
DESK = """
name: A desk of people
tiers: [{id: l1}, {id: l2}]
groups: [{id: front, tier: l1}, {id: networks, tier: l2}]
edges: [[l1, l2]]
categories: [{id: hardware, tier: l1, group: front}]
default_calendar: office
calendars:
  - id: office
    tz: Europe/London
    weekly: {mon: [09:00-17:00], tue: [09:00-17:00], wed: [09:00-17:00], thu: [09:00-17:00], fri: [09:00-17:00]}
"""


class Story:
    """A ticket, told to the desk as the router tells it. `known` is how its requester is reached."""

    def __init__(self, post: "Post", *, party: str = "ann", tenant: str = "main", reference: str = "TD-TEST-0001"):
        self.post, self.party, self.tenant, self.reference = post, party, tenant, reference
        self.ticket = str(uuid4())
        self.known: dict[str, Any] = {"email": f"{party}@example.com"}
        self.sequence = 0

    def changed(self, *kinds: tuple[type, dict[str, Any]], status: Status = Status.OFFERED, by: Actor = WORKER) -> Any:
        happened = []
        for model, fields in kinds:
            self.sequence += 1
            given = {"sequence": self.sequence, "at": self.post.now, "actor": by} | fields
            if "assignment_id" in model.model_fields:
                given.setdefault("assignment_id", uuid4())
            happened.append(model(**given))
        data = TicketChanged(
            reference=self.reference, policy_version="v1", status=status, tier="l1", group="front",
            first_sequence=happened[0].sequence, sequence=self.sequence, events=tuple(happened),
            requester=KnownRequester(party=self.party, **self.known),
        )  # fmt: skip
        return self.post.message_of(data, subject=self.ticket, sequence=self.sequence, tenant=self.tenant)

    async def tell(self, *kinds: tuple[type, dict[str, Any]], **fields: Any) -> None:
        await self.post.receive(self.changed(*kinds, **fields))

    async def open(self, *, requester: dict[str, Any] | None = None, **fields: Any) -> "Story":
        self.known |= requester or {}
        await self.tell(self.opening(**fields), by=REQUESTER, status=Status.NEW)
        return self

    def opening(
        self, channel: Channel = Channel.PORTAL, title: str = "The printer smokes", text: str = "A lot."
    ) -> tuple[type, dict[str, Any]]:
        return events.Opened, {"channel": channel, "requester_id": uuid4(), "title": title, "text": text}

    async def answer(self, text: str = "Turn it off.") -> None:
        await self.tell((events.Progressed, {"answer": text}))

    async def resolve(self, how: str = "A new fuser.") -> None:
        await self.tell((events.Resolved, {"how": how}), status=Status.RESOLVED)


class Post:
    """A desk whose mail goes to `server`, driven by hand."""

    def __init__(self, desk: Any, server: MailServer, admin: asyncpg.Connection, message_of: Any) -> None:
        self.desk, self.server, self._admin, self.message_of = desk, server, admin, message_of
        self.settings = MailSettings(url=server.url, sender=SENDER, timeout_seconds=20.0, per_minute=6_000)
        self.transport = SmtpTransport(self.settings)
        self.metrics = MailMetrics(CollectorRegistry())
        self.sender = self.new_sender()
        self.stop = asyncio.Event()

    @property
    def now(self) -> datetime:
        return self.desk.clock.now()

    def new_sender(self) -> Sender:
        return Sender(
            self.desk.database,
            self.desk.shelf,
            LetterWriter(self.settings, "https://desk.example.org"),
            self.transport,
            self.metrics,
            domain="example.org",
            per_minute=6_000,
            draw=lambda: 0.5,
        )

    def story(self, **fields: Any) -> Story:
        return Story(self, **fields)

    async def receive(self, *envelopes: Any) -> None:
        assert await self.desk.receive(self.desk.tickets, *envelopes) == []

    async def apply(self, mail: str, tenant: str = "main") -> None:
        """Put a policy in force with this part about mail."""
        policy = load_policy(f"{DESK}\nmail: {mail}\n")
        data = PolicyApplied(version=policy.version, name=policy.name, document=policy.document(), applied_at=self.now)
        await self.receive(self.message_of(data, subject=policy.version, tenant=tenant))

    async def send(self) -> int:
        """Send what is due, until nothing more is; answers how many were claimed."""
        claimed = 0
        while found := await self.sender.send_some(self.transport, self.stop):
            claimed += found
        return claimed

    async def sql(self, statement: str, *arguments: Any) -> list[Any]:
        """As the administrator of the database."""
        return list(await self._admin.fetch(statement, *arguments))

    async def mails(self, *columns: str) -> list[tuple[Any, ...]]:
        rows = await self.sql(f"SELECT {', '.join(columns)} FROM desk.mail ORDER BY added_at, id")
        return [tuple(row) for row in rows]

    async def pass_time(self, seconds: float) -> None:
        """As if so much time had passed for mails."""
        past = timedelta(seconds=seconds)
        await self.sql(
            "UPDATE desk.mail SET due_at = due_at - $1::interval, leased_until = leased_until - $1::interval", past
        )
        await self.sql(
            "UPDATE desk.mail_box SET sent = ARRAY(SELECT one - $1::interval FROM unnest(sent) AS one)", past
        )


@pytest.fixture(scope="session")
def one_server() -> Iterator[MailServer]:
    with mail_server() as server:
        yield server


@pytest.fixture
def server(one_server: MailServer) -> MailServer:
    one_server.taken.clear()
    one_server.connections = 0
    for answers in (one_server.script.mail, one_server.script.rcpt, one_server.script.data):
        answers.clear()
    return one_server


@pytest.fixture
async def post(
    desk: Any, server: MailServer, postgres_url: str, message_of: Any, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Post]:
    """It leaves a server that fails in peace for no time."""
    monkeypatch.setattr("tierdesk_desk.mailing.sender.rest_after", lambda *_: 0.0)
    admin = await asyncpg.connect(postgres_url)
    post = Post(desk, server, admin, message_of)
    await post.apply("{trusted_domains: [example.com]}")
    yield post
    await post.transport.close()
    await admin.close()


@pytest.fixture(scope="session")
def certificate() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """What a server of this machine shows, and what trusts it."""
    authority = trustme.CA()
    server, client = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH), ssl.create_default_context()
    authority.issue_cert("127.0.0.1").configure_cert(server)
    authority.configure_trust(client)
    return server, client
